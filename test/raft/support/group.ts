// A group of nodes for tests: everything happens when the test says so, and messages can be looked at, held and dropped.
//
// Each node's storage is durable at once, unless the node is named in `slow`: then its writes wait, in order, for `sync`.
// A crash loses what waits.

import { emptyMembership } from '../../../server/raft/core/membership.ts'
import { RawNode } from '../../../server/raft/core/node.ts'
import type {
  Entry,
  Membership,
  Message,
  PeerMessage,
  ProgressStatus,
  RaftConfig,
  ReadState,
  Snapshot,
  StepFault,
  StorageAppend
} from '../../../server/raft/core/types.ts'
import { MemoryStorage } from './storage.ts'

export interface Member {
  readonly id: number
  readonly storage: MemoryStorage
  node: RawNode
  /** Writes that are not durable yet. */
  waiting: StorageAppend[]
  /** The applied entries of this run. */
  applied: Entry[]
  appliedIndex: number
  membership: Membership
  reads: ReadState[]
  isDown: boolean
}

export const defaults: Omit<RaftConfig, 'id' | 'electionSeed'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  messageBytesMax: 1 << 20,
  inflightMessagesMax: 256,
  checkQuorum: true,
  preVote: true,
  reads: 'safe',
  stepDownOnRemoval: true,
  forwardProposals: true,
  validateMembership: true,
  applyUnstable: false
}

export const voters = (...ids: number[]): Membership => ({ ...emptyMembership, voters: ids })

export interface GroupOptions {
  readonly membership?: Membership
  readonly config?: Partial<RaftConfig>
}

export class Group {
  readonly slow = new Set<number>()
  /** What is on its way. */
  wire: PeerMessage[] = []
  /** What is lost on its way. */
  isLost: (message: PeerMessage) => boolean = () => false
  readonly sent: PeerMessage[] = []
  readonly faults: StepFault[] = []
  readonly #members = new Map<number, Member>()
  readonly #options: GroupOptions

  constructor(count: number, options: GroupOptions = {}) {
    this.#options = options
    const membership = options.membership ?? voters(...Array.from({ length: count }, (_, i) => i + 1))
    for (let id = 1; id <= count; id++) this.add(id, membership)
  }

  /** A node that begins with a membership, at index 1 and term 1; an empty one knows of nothing. */
  add(id: number, membership: Membership = emptyMembership): Member {
    const storage = new MemoryStorage()
    const isEmpty = membership.voters.length === 0
    if (!isEmpty) storage.install({ index: 1, term: 1, membership, ref: undefined })
    const member: Member = {
      id,
      storage,
      node: new RawNode(this.#configOf(id), storage),
      waiting: [],
      applied: [],
      appliedIndex: isEmpty ? 0 : 1,
      membership,
      reads: [],
      isDown: false
    }
    this.#members.set(id, member)
    storage.offer = () => this.#snapshotOf(member)
    return member
  }

  get members(): Member[] {
    return [...this.#members.values()]
  }

  member(id: number): Member {
    const member = this.#members.get(id)
    if (member === undefined) throw new Error(`there is no node ${id}`)
    return member
  }

  node(id: number): RawNode {
    return this.member(id).node
  }

  /** The nodes that say they lead. */
  get leaders(): number[] {
    return this.members.filter(({ node, isDown }) => !isDown && node.status().role === 'leader').map(({ id }) => id)
  }

  /** Everything that can happen, until nothing can. */
  settle(): this {
    for (let rounds = 0; this.#round(); rounds++)
      if (rounds > 1000) throw new Error(`the group does not come to rest: ${JSON.stringify(this.sent.slice(-4))}`)
    return this
  }

  /** Makes a node the leader. */
  elect(id: number): this {
    this.node(id).campaign()
    this.settle()
    if (this.node(id).status().role !== 'leader') throw new Error(`node ${id} was not elected`)
    return this
  }

  /** Ticks of one node, each followed by what it leads to. */
  tick(id: number, count = 1): this {
    for (let i = 0; i < count; i++) {
      this.node(id).tick()
      this.settle()
    }
    return this
  }

  /** Proposes words at a node. */
  propose(id: number, ...words: string[]): ReturnType<RawNode['propose']> {
    const result = this.node(id).propose(words.map((word) => ({ size: word.length, ref: word })))
    this.settle()
    return result
  }

  /** The words that a node has applied in this run. */
  words(id: number): unknown[] {
    const normal = this.member(id).applied.filter((entry) => entry.kind === 'normal' && entry.payload.size > 0)
    return normal.map((entry) => (entry.kind === 'normal' ? entry.payload.ref : undefined))
  }

  /** What waits at a slow node becomes durable: the first write, or all. */
  sync(id: number, count = Number.POSITIVE_INFINITY): this {
    const member = this.member(id)
    for (const write of member.waiting.splice(0, count)) this.#write(member, write)
    return this
  }

  /** A node stops; what waits to be durable is lost. */
  crash(id: number): this {
    const member = this.member(id)
    member.isDown = true
    member.waiting = []
    return this
  }

  /** It begins again, from its storage. */
  restart(id: number, config: Partial<RaftConfig> = {}): this {
    const member = this.member(id)
    member.storage.membership = member.membership
    const applied = member.appliedIndex
    member.node = new RawNode({ ...this.#configOf(id), electionSeed: 1000 + id, applied, ...config }, member.storage)
    member.applied = []
    member.reads = []
    member.isDown = false
    return this
  }

  /** One Ready of a node. */
  process(id: number): void {
    const member = this.member(id)
    const { messages, append, apply, reads } = member.node.ready()
    this.#send(messages)
    member.reads.push(...reads)
    if (append !== undefined) {
      if (this.slow.has(id)) member.waiting.push(append)
      else this.#write(member, append)
    }
    if (apply === undefined) return
    for (const entry of apply.entries) {
      if (entry.kind === 'membership') member.membership = member.node.applyMembership(entry.change)
      member.applied.push(entry)
      member.appliedIndex = entry.index
    }
    member.node.step(apply.response)
  }

  /** Delivers what is on its way to a node. */
  deliver(id: number, isMeant: (message: PeerMessage) => boolean = () => true): void {
    const meant = this.wire.filter((message) => message.to === id && isMeant(message))
    this.wire = this.wire.filter((message) => !meant.includes(message))
    const member = this.#members.get(id)
    if (member === undefined || member.isDown) return
    for (const message of meant) this.#step(member, message)
  }

  #step(member: Member, message: Message): void {
    const fault = member.node.step(message)
    if (fault !== undefined) this.faults.push(fault)
  }

  #round(): boolean {
    let isBusy = false
    for (const { id, node, isDown } of this.members) {
      if (isDown || !node.hasReady()) continue
      this.process(id)
      isBusy = true
    }
    if (this.wire.length === 0) return isBusy
    for (const id of new Set(this.wire.map(({ to }) => to))) this.deliver(id)
    return true
  }

  #write(member: Member, write: StorageAppend): void {
    member.storage.write(write)
    const { snapshot } = write
    if (snapshot !== undefined) {
      member.appliedIndex = snapshot.index
      member.membership = snapshot.membership
    }
    for (const response of write.responses) {
      if (response.to === member.id) this.#step(member, response)
      else if (response.kind !== 'storageAppendDone') this.#send([response])
    }
  }

  #send(messages: readonly PeerMessage[]): void {
    this.sent.push(...messages)
    this.wire.push(...messages.filter((message) => !this.isLost(message)))
  }

  #snapshotOf({ storage, appliedIndex: index, membership }: Member): Snapshot | undefined {
    const term = storage.term(index)
    return term === undefined ? undefined : { index, term, membership, ref: `to ${index}` }
  }

  #configOf(id: number): RaftConfig {
    return { ...defaults, electionSeed: id, ...this.#options.config, id }
  }
}

/** What a leader knows of a peer. */
export const progressOf = (group: Group, leader: number, id: number): ProgressStatus => {
  const progress = group
    .node(leader)
    .status()
    .progress.find((one) => one.id === id)
  if (progress === undefined) throw new Error(`no progress of ${id}`)
  return progress
}
/** An entry with a word in it. */
export const normal = (term: number, index: number, word: string): Entry => {
  return { kind: 'normal', term, index, payload: { size: word.length, ref: word } }
}
