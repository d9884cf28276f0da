// ProductionNode: a process that runs the server's ClusterMember over the engine's Member, on a host whose disk is in memory.
// What the server's shell does around a member is done here with virtual time and the virtual network (raft/node.ts).
//
// A life begins with opening the directory, which takes time, and ends with the power, with the process, or with a disk that
// fails: what a life has begun does not reach the next one. A paused process does nothing, and finds all that came meanwhile.
import type { FlushedState } from '../../../lib/member.ts'
import { becomeMember, type Member, openMember } from '../../../lib/member.ts'
import { emptyMembership } from '../../raft/core/membership.ts'
import type { InstallSnapshot, LogIndex, NodeId, PeerMessage, SoftState, Status } from '../../raft/core/types.ts'
import type { KeptMembership } from '../../raft/log.ts'
import { ClusterMember } from '../../raft/member.ts'
import { StoreError, writtenNothing } from '../../store.ts'
import type { Command } from '../machine.ts'
import type { Answer } from '../node.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { Violation } from '../violation.ts'
import { leavesReceipt, perform, receiptOf } from './commands.ts'
import type { Host } from './host.ts'
import { Promises } from './promises.ts'
import type { NodeSettings } from './settings.ts'
import { receiveTables, type ShippedVersion, shippedOf } from './shipping.ts'

/** What the nodes of a run share. */
export interface Surroundings {
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly settings: NodeSettings
  readonly voters: readonly NodeId[]
  send(messages: readonly PeerMessage[]): void
  /** Resolves once the peer has installed what it was sent, or is about to. */
  ship(message: InstallSnapshot, version: ShippedVersion): Promise<void>
  leads(id: NodeId, status: Status): void
  applied(id: NodeId, applied: FlushedState): void
  acknowledged(receipt: string): void
  /** A node stopped by itself; it has to be started again. */
  stopped(node: ProductionNode): void
  broken(violation: Violation): void
  /** What has to be over before anything else happens. */
  chore(work: () => Promise<void>): void
}

export const directory = '/data'
const clusterId = 'lakes'
const epochMs = 1_700_000_000_000
const clockSkewMsMax = 500

export class ProductionNode {
  readonly id: NodeId
  readonly host: Host
  readonly #around: Surroundings
  readonly #random: Random
  readonly #clockSkewMs: number
  readonly #promises: Promises
  #life = 0
  #isRunning = false
  #isPaused = false
  #inbox: (() => void)[] = []
  #opening: Promise<Member> | undefined
  #member: Member | undefined
  #store: ClusterMember | undefined
  #isReceiving = false
  #notedIndex = 0

  constructor(id: NodeId, host: Host, around: Surroundings, random: Random) {
    this.id = id
    this.host = host
    this.#around = around
    this.#random = random
    this.#clockSkewMs = random.between(-clockSkewMsMax, clockSkewMsMax)
    this.#promises = new Promises(id)
  }

  /** Its directory becomes a member's, in no time. */
  async found(): Promise<void> {
    const membership: KeptMembership = { membership: { ...emptyMembership, voters: this.#around.voters } }
    const member = { clusterId, memberId: this.id, membership }
    await this.host.drain(becomeMember(directory, member, this.#options(), this.host.environment))
  }

  /** Its process runs; it may still be opening its directory. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Undefined while it does not serve. */
  get store(): ClusterMember | undefined {
    return this.#store
  }

  get member(): Member | undefined {
    return this.#member
  }

  get isLeader(): boolean {
    return this.#store?.leadership.isReady === true
  }

  get term(): number {
    return this.#store?.raftStatus.term ?? 0
  }

  get applied(): LogIndex {
    return this.#store?.status().commitIndex ?? 0
  }

  start(): void {
    if (this.#isRunning) return
    const life = ++this.#life
    this.#isRunning = true
    this.host.begin()
    this.#around.trace.note('start', this.id, life)
    const opening = openMember(directory, this.#options(), this.host.environment)
    this.#opening = opening
    this.host.wake()
    opening.then(
      (member) => {
        if (life === this.#life) this.#later(0, () => this.#serve(member))
      },
      (error: Error) => {
        if (life === this.#life) this.#fail(error)
      }
    )
  }

  /** The process ends: without a word, with the power, or as kill -9 ends it. */
  crash(how: 'power' | 'kill'): void {
    if (!this.#isRunning) return
    this.#around.trace.note(how, this.id, this.#life)
    const [opening, store] = [this.#opening, this.#store]
    this.#life++
    this.#isRunning = false
    this.#isPaused = false
    this.#isReceiving = false
    this.#inbox = []
    this.#opening = undefined
    this.#member = undefined
    this.#store = undefined
    if (how === 'power') this.host.cutPower()
    else this.host.kill()
    store?.halt()
    this.#around.chore(() => this.host.bury(giveBack(opening, store)))
  }

  pause(): void {
    if (!this.#isRunning) return
    this.#isPaused = true
    this.host.isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.host.isPaused = false
    const inbox = this.#inbox
    this.#inbox = []
    for (const task of inbox) this.#later(0, task)
    this.host.wake()
  }

  receive(message: PeerMessage): void {
    this.#now(() => {
      this.#around.trace.note(message.kind, message.to, message.from, 'term' in message ? message.term : 0)
      this.#store?.receive([message])
    })
  }

  /** Something of the transport's or an operator's. */
  operate(task: (store: ClusterMember) => void): void {
    this.#now(() => {
      if (this.#store !== undefined) task(this.#store)
    })
  }

  /** A client asks, and may never hear an answer. */
  ask(command: Command, _isRead: boolean, respond: (answer: Answer) => void): void {
    // Nobody listens: it knows that nothing was done.
    if (this.#store === undefined) respond({ kind: 'refused', leader: 0 })
    else this.#now(() => this.#perform(command, respond))
  }

  #perform(command: Command, respond: (answer: Answer) => void): void {
    const store = this.#store
    if (store === undefined) return
    const life = this.#life
    perform(store, command, this.#around.settings).then(
      (reply) => {
        if (life !== this.#life) return
        if (leavesReceipt(command, reply)) this.#around.acknowledged(receiptOf(command))
        respond({ kind: 'done', reply })
      },
      (error: unknown) => {
        const isRead = command.call.kind === 'get'
        if (life === this.#life && (isRead || writtenNothing(error))) {
          respond({ kind: 'refused', leader: leaderOf(error) })
        }
      }
    )
  }

  /** What another node's tables are, for this one: resolves once it goes on from them. */
  async receiveSnapshot(message: InstallSnapshot, shipped: ShippedVersion): Promise<void> {
    const [life, member, store] = [this.#life, this.#member, this.#store]
    const isTaken = this.#isReceiving || store?.isInstalling === true
    if (member === undefined || store === undefined || isTaken) throw new Error('It cannot take a snapshot.')
    this.#isReceiving = true
    try {
      this.host.wake()
      const incoming = await receiveTables(member, this.host, shipped)
      if (life !== this.#life) throw new Error('Its process is gone.')
      this.#around.trace.note('snapshot', this.id, incoming.flushed.index)
      this.#now(() => {
        this.#isReceiving = false
        store.receive([{ ...message, snapshot: { ...message.snapshot, ref: incoming } }])
      })
    } catch (error) {
      if (life === this.#life) this.#isReceiving = false
      throw error
    }
  }

  #options(): Parameters<typeof openMember>[1] {
    const { scheduler, settings } = this.#around
    const { memtableBytes, tableBytes, blockCacheBytes } = settings
    const clock = (): number => epochMs + scheduler.nowMs + this.#clockSkewMs
    return { memtableBytes, tableBytes, blockCacheBytes, clock }
  }

  #serve(member: Member): void {
    const { scheduler, settings } = this.#around
    this.#promises.check(member)
    const { tickMs, driftPercent, electionTicks, heartbeatTicks, messageBytesMax, inflightMessagesMax } = settings
    this.#member = member
    member.keepFrom(1)
    const life = this.#life
    this.#store = new ClusterMember({
      member,
      config: {
        electionTicks,
        heartbeatTicks,
        messageBytesMax,
        inflightMessagesMax,
        electionSeed: this.#random.next(),
        readIdStart: this.#random.next() * 2 ** 20,
        checkQuorum: true,
        preVote: true,
        reads: 'safe',
        stepDownOnRemoval: true,
        forwardProposals: false,
        validateMembership: true,
        applyUnstable: false
      },
      send: (messages) => {
        if (life === this.#life) this.#send(messages)
      },
      sendSnapshot: (message) => this.#sendSnapshot(member, message),
      addressOf: (id) => `node-${id}:6379`,
      nowMs: () => scheduler.nowMs,
      atEnd: (call) => this.#later(0, call),
      onFailure: (error) => {
        if (life === this.#life) this.#fail(error)
      },
      onRole: (state) => this.#noteRole(state)
    })
    this.#notedIndex = 0
    const drift = Math.round((tickMs * this.#random.between(-driftPercent, driftPercent)) / 100)
    this.#tickAfter(this.#random.between(1, tickMs), Math.max(1, tickMs + drift))
  }

  #tickAfter(delayMs: number, tickMs: number): void {
    const life = this.#life
    this.#around.scheduler.after(delayMs, () => {
      if (life !== this.#life) return
      // Missed ticks are not made up for.
      if (!this.#isPaused) this.#now(() => this.#tick())
      this.#tickAfter(tickMs, tickMs)
    })
  }

  #tick(): void {
    this.#store?.tick()
    // Less than a server keeps, so that some come to lack what is gone.
    this.#member?.keepFrom(Math.max(1, this.applied - this.#around.settings.keepEntries))
  }

  #send(messages: readonly PeerMessage[]): void {
    for (const message of messages) this.#promises.note(message)
    this.#around.send(messages)
  }

  async #sendSnapshot(member: Member, message: InstallSnapshot): Promise<void> {
    const life = this.#life
    const pinned = member.pin()
    try {
      const { flushed } = pinned.version
      const { membership } = flushed.membership as KeptMembership
      const snapshot = { index: flushed.index, term: flushed.term, membership, ref: undefined }
      const shipped = shippedOf(this.host, member, pinned.version, () => life === this.#life)
      await this.#around.ship({ ...message, snapshot }, shipped)
    } finally {
      pinned.unpin()
      this.host.wake()
    }
  }

  #noteRole({ role, leader }: SoftState): void {
    const status = this.#store?.raftStatus
    if (status === undefined) return
    this.#around.trace.note(role, this.id, status.term, leader)
    if (role === 'leader') this.#around.leads(this.id, status)
  }

  #fail(error: Error): void {
    this.#around.trace.note('stopped', this.id, this.#life)
    if (error instanceof Violation) this.#around.broken(error)
    else if (!this.host.isFaulty) {
      this.#around.broken(new Violation('the core goes on', `Node ${this.id} stops: ${error.stack ?? error.message}`))
    }
    const life = this.#life
    // The process sees to that within its turn.
    this.#around.scheduler.after(0, () => {
      if (life !== this.#life) return
      this.crash(this.#random.chance(70) ? 'kill' : 'power')
      this.#around.stopped(this)
    })
  }

  #later(delayMs: number, task: () => void): void {
    const life = this.#life
    this.#around.scheduler.after(delayMs, () => {
      if (life === this.#life) this.#now(task)
    })
  }

  // Everything that happens to a node goes through here.
  #now(task: () => void): void {
    if (!this.#isRunning) return
    if (this.#isPaused) {
      this.#inbox.push(task)
      return
    }
    this.#noteApplied()
    task()
    this.host.wake()
  }

  #noteApplied(): void {
    const applied = this.#member?.applied
    if (applied === undefined || applied.index === this.#notedIndex) return
    this.#notedIndex = applied.index
    this.#around.trace.note('applied', this.id, applied.index, applied.sequence)
    this.#around.applied(this.id, applied)
  }
}

// What a dead process held in this one is given back.
async function giveBack(opening: Promise<Member> | undefined, store: ClusterMember | undefined): Promise<void> {
  try {
    const member = await opening
    await (store ?? member)?.close()
  } catch {
    // It was not open, or could not write any more.
  }
}

function leaderOf(error: unknown): NodeId {
  const leader = error instanceof StoreError ? error.leader : undefined
  return Number(leader?.match(/^node-(\d+):/)?.[1] ?? 0)
}
