// A group of nodes whose logs are those of production: RawNode over MemberLog, each on a machine with a disk of its own that
// loses power when the test says so. The network is a list of messages.
import { expect } from 'vitest'
import native from '#native'
import { batchesOf, becomeMember, type Member, type MemberOptions, openMember } from '../../../lib/member.ts'
import { emptyMembership } from '../../../server/raft/core/membership.ts'
import { RawNode } from '../../../server/raft/core/node.ts'
import type {
  Entry,
  InstallSnapshot,
  Membership,
  MembershipChange,
  Message,
  PeerMessage,
  ProposeResult,
  Ready
} from '../../../server/raft/core/types.ts'
import { payloadOf, toLogEntry } from '../../../server/raft/entries.ts'
import { type KeptMembership, MemberLog } from '../../../server/raft/log.ts'
import { directory, Machine } from '../../lib/support/machine.ts'
import { ship } from '../../lib/support/members.ts'
import { defaults, voters } from './group.ts'

const options: MemberOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0, clock: () => 1e12 }

export interface Life {
  readonly member: Member
  readonly log: MemberLog
  readonly node: RawNode
}

export class LogNode {
  readonly id: number
  readonly machine: Machine
  /** Undefined while it is down. */
  life: Life | undefined
  lives = 0
  /** The highest term and the last vote that left in a message. */
  promised = { term: 0, vote: 0 }

  constructor(id: number, seed: number) {
    this.id = id
    this.machine = new Machine(seed + id, seed % 2 === 0 ? 0 : seed + id)
  }
}

/** Without the caller's part, which is another object once it was read back. */
const textOf = (entry: Entry): string => {
  const { index, term, kind, payload, operations } = toLogEntry(entry)
  return `${index}/${term} ${kind} ${operations} ${native.crc32c(payload)}`
}

export class LogGroup {
  readonly nodes: readonly LogNode[]
  wire: PeerMessage[] = []
  /** What some node has applied, by index: the same everywhere, for ever. */
  readonly #decided = new Map<number, string>()
  readonly #leaders = new Map<number, number>()
  readonly #membership: Membership
  readonly counts = { applied: 0, appliedAgain: 0, powerCuts: 0, memberships: 0, snapshots: 0 }

  readonly #keepsLogs: boolean

  /** Where logs are not kept, who is behind them gets a snapshot. */
  constructor(count: number, seed: number, keepsLogs: boolean) {
    this.#keepsLogs = keepsLogs
    this.nodes = Array.from({ length: count }, (_, i) => new LogNode(i + 1, seed))
    this.#membership = voters(...this.nodes.map(({ id }) => id))
  }

  async begin(): Promise<void> {
    for (const { id, machine } of this.nodes) await this.become(id, machine, this.#membership)
    for (const node of this.nodes) await this.start(node)
  }

  /** Node 1 has data that it had alone; the others are empty and know of nobody. */
  async beginWith(entries: readonly (readonly [string, string])[]): Promise<void> {
    for (const { id, machine } of this.nodes) {
      if (id === 1) {
        const db = await machine.run(machine.open(options))
        for (const [key, value] of entries) void db.put(key, value)
        await machine.run(db.close())
      }
      await this.become(id, machine, id === 1 ? this.#membership : emptyMembership)
    }
    for (const node of this.nodes) await this.start(node)
  }

  async become(id: number, machine: Machine, membership: Membership): Promise<void> {
    const kept: KeptMembership = { membership, details: { changes: 0 } }
    const member = { clusterId: 'lakes', memberId: id, membership: kept }
    await machine.run(becomeMember(directory, member, options, machine.environment))
  }

  async start(node: LogNode): Promise<void> {
    const { id, machine } = node
    const member = await machine.run(openMember(directory, options, machine.environment))
    if (this.#keepsLogs) member.keepFrom(1)
    const log = new MemberLog(member)
    node.lives++
    const config = {
      ...defaults,
      id,
      electionSeed: id * 1000 + node.lives,
      applied: log.applied,
      messageBytesMax: 4000
    }
    const { hardState } = log.initialState()
    // What has left in a message was on disk.
    expect(hardState?.term ?? 0).toBeGreaterThanOrEqual(node.promised.term)
    if (hardState?.term === node.promised.term && node.promised.vote > 0)
      expect(hardState.vote).toBe(node.promised.vote)
    node.life = { member, log, node: new RawNode({ ...config, readIdStart: node.lives * 1e6 }, log) }
  }

  /** The power of one machine fails. */
  async cut(node: LogNode, seed: number): Promise<void> {
    const { life, machine } = node
    node.life = undefined
    this.counts.powerCuts++
    for (const message of this.wire.filter(({ to }) => to === node.id)) this.lose(message)
    native.memoryCrash(machine.fs, seed)
    await machine.run(life?.member.close().catch(() => undefined) ?? Promise.resolve())
  }

  propose(node: LogNode, key: string, value: string): ProposeResult | undefined {
    const body = batchesOf((batch) => batch.put(1, key, value), 1000 + this.#decided.size)
    return node.life?.node.propose([payloadOf(body)])
  }

  proposeMembership(node: LogNode, change: MembershipChange): ProposeResult | undefined {
    return node.life?.node.proposeMembership(change)
  }

  get leader(): LogNode | undefined {
    return this.nodes.find(({ life }) => life?.node.status().role === 'leader')
  }

  /** One Ready of a node, if it has one. */
  process(node: LogNode): boolean {
    const { life } = node
    if (life === undefined || !life.node.hasReady()) return false
    const { messages, append, apply, softState } = life.node.ready()
    if (softState?.role === 'leader') this.#noteLeader(node, life)
    this.#send(node, messages)
    if (append !== undefined) {
      this.#whenDone(node, life, life.log.append(append), () => this.#deliverOwn(node, life, append))
    }
    if (apply !== undefined) {
      const applied = life.log.apply(apply.entries, (entry, kept) => this.#applyMembership(life, entry.change, kept))
      this.#whenDone(node, life, applied, () => {
        for (const entry of apply.entries) this.#decide(entry)
        life.node.step(apply.response)
      })
    }
    return true
  }

  #whenDone(node: LogNode, life: Life, work: Promise<void>, then: () => void): void {
    work.then(
      () => {
        if (node.life === life) then()
      },
      (error: unknown) => {
        // The power was cut meanwhile.
        if (node.life === life) this.failures.push(error)
      }
    )
  }

  readonly failures: unknown[] = []

  #deliverOwn(node: LogNode, life: Life, { responses }: NonNullable<Ready['append']>): void {
    for (const message of responses) {
      if (message.to === node.id) life.node.step(message as Message)
      else if (message.kind !== 'storageAppendDone') this.#send(node, [message])
    }
  }

  #applyMembership({ node }: Life, change: MembershipChange, kept: KeptMembership): KeptMembership {
    const { changes } = kept.details as { readonly changes: number }
    this.counts.memberships++
    return { membership: node.applyMembership(change), details: { changes: changes + 1 } }
  }

  #noteLeader({ id }: LogNode, { node }: Life): void {
    const { term } = node.status()
    expect(this.#leaders.get(term) ?? id, `leaders of term ${term}`).toBe(id)
    this.#leaders.set(term, id)
  }

  #decide(entry: Entry): void {
    const text = textOf(entry)
    const known = this.#decided.get(entry.index)
    if (known === undefined) this.counts.applied++
    else this.counts.appliedAgain++
    expect(known ?? text).toBe(text)
    this.#decided.set(entry.index, text)
  }

  /** Whatever was ever applied by anybody stands in this node's log, or was cut from it. */
  checkDecided({ life }: LogNode): void {
    if (life === undefined) throw new Error('it is down')
    const first = life.log.firstIndex()
    const all = life.log.entries(first, life.log.lastIndex() + 1, Number.POSITIVE_INFINITY)
    const texts = new Map(all?.map((entry) => [entry.index, textOf(entry)]))
    for (const [index, text] of this.#decided) {
      expect(index).toBeLessThanOrEqual(life.log.lastIndex())
      if (index >= first) expect(texts.get(index), `entry ${index}`).toBe(text)
    }
  }

  /** Whether the entry of that term at that index was applied by somebody. */
  isDecided(index: number, term: number): boolean {
    return this.#decided.get(index)?.startsWith(`${index}/${term} `) === true
  }

  #send(node: LogNode, messages: readonly PeerMessage[]): void {
    for (const message of messages) {
      this.#notePromise(node, message)
      this.wire.push(message.kind === 'snapshot' ? this.#shipped(node, message) : message)
    }
  }

  // What travels is what the tables are now.
  #shipped(node: LogNode, message: InstallSnapshot): InstallSnapshot {
    const to = this.nodes.find(({ id }) => id === message.to)
    if (node.life === undefined || to === undefined) return message
    const incoming = ship(node.life.member, node.machine, to.machine)
    const { index, term, membership } = incoming.flushed
    const { membership: ofGroup } = membership as KeptMembership
    return { ...message, snapshot: { index, term, membership: ofGroup, ref: incoming } }
  }

  #notePromise(node: LogNode, message: PeerMessage): void {
    if (message.kind === 'voteResponse' && !message.reject) node.promised = { term: message.term, vote: message.to }
    else if (message.kind === 'vote') node.promised = { term: message.term, vote: node.id }
    else if (message.kind === 'appendResponse' && message.term > node.promised.term) {
      node.promised = { term: message.term, vote: 0 }
    }
  }

  /** Delivers the message that stands there. */
  deliver(at: number): void {
    const [message] = this.wire.splice(at, 1)
    if (message === undefined) return
    const life = this.#lifeOf(message.to)
    if (message.kind === 'snapshot') {
      if (life !== undefined) this.counts.snapshots++
      this.#lifeOf(message.from)?.node.reportSnapshot(message.to, life !== undefined)
    }
    life?.node.step(message)
  }

  #lifeOf(id: number): Life | undefined {
    return this.nodes.find((node) => node.id === id)?.life
  }

  /** It does not get there. */
  lose(message: PeerMessage): void {
    this.wire = this.wire.filter((one) => one !== message)
    if (message.kind === 'snapshot') this.#lifeOf(message.from)?.node.reportSnapshot(message.to, false)
  }

  /** Everything that can happen without time passing, until nothing can. */
  async settle(): Promise<void> {
    for (let idle = 0, rounds = 0; idle < 4; rounds++) {
      if (rounds > 20_000) throw new Error('the group does not come to rest')
      let isBusy = false
      for (const node of this.nodes) {
        if (this.process(node)) isBusy = true
        if (await node.machine.advance()) isBusy = true
      }
      while (this.wire.length > 0) {
        this.deliver(0)
        isBusy = true
      }
      idle = isBusy ? 0 : idle + 1
    }
    expect(this.failures).toEqual([])
  }

  /** Faults are over: there must be one leader, and everybody comes to the same state. */
  async heal(): Promise<LogNode> {
    for (const node of this.nodes) if (node.life === undefined) await this.start(node)
    for (let ticks = 0; ticks < 300; ticks++) {
      await this.settle()
      const { leader } = this
      if (leader !== undefined && this.#isEqual()) return leader
      for (const { life } of this.nodes) life?.node.tick()
    }
    throw new Error(`no rest: ${JSON.stringify(this.nodes.map(({ life }) => life?.node.status()))}`)
  }

  #isEqual(): boolean {
    const ends = this.nodes.map(({ life }) => JSON.stringify([life?.member.applied, life?.log.lastIndex()]))
    const [first] = this.nodes
    return new Set(ends).size === 1 && first?.life?.member.applied.index === first?.life?.log.lastIndex()
  }

  /** What a node has visible, with the sequences. */
  async contentOf({ life, machine }: LogNode): Promise<Map<string, readonly [value: string, sequence: number]>> {
    if (life === undefined) throw new Error('it is down')
    const { database } = life.member
    const keys = await machine.run(database.keys().all())
    const entries = await machine.run(Promise.all(keys.map((key) => database.getEntry(key))))
    return new Map(
      keys.map((key, i) => [key.toString(), [entries[i]?.value.toString() ?? '', entries[i]?.sequence ?? 0]])
    )
  }

  async end(): Promise<void> {
    for (const { life, machine } of this.nodes) {
      await machine.run(life?.member.close() ?? Promise.resolve())
      machine.release()
    }
  }
}
