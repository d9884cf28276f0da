// ClusterMember: a member of a cluster as a Store. Writes and decisions go into the group's log, by whoever leads; they are
// answered once they are applied here. Reads are linearizable on every member.
//
//   write, decide ─▶ DecisionQueue ─▶ batch ─▶ Driver (RawNode) ─▶ wal and peers ─▶ committed ─▶ applied ─▶ answered
//   get, page     ─▶ Reads ─▶ an index of the leader's ─▶ applied ─▶ database
//
// 1. Decisions are made by the leader of a term alone, once the first entry of the term is applied: on what is applied and,
//    over that, what it proposed itself (in-flight.ts), which is dropped with leadership.
// 2. What was proposed and not applied when leadership is lost rejects with OUTCOME_UNKNOWN, everything else that is rejected
//    was not proposed.
// 3. A decision that writes nothing is answered once what it saw is committed, by a leader that still was one then.
import { type Batch, batchesOf, emptyBody, type Member } from '../../lib/member.ts'
import type { ClusterView } from '../cluster/view.ts'
import { type Deciding, DecisionQueue, isPlaced, type Write } from '../store/queue.ts'
import {
  type Decision,
  type Entry,
  type Key,
  type Operation,
  type Pinned,
  type ReadConsistency,
  type ReadsNow,
  type Store,
  StoreError,
  type StoreStatus,
  type SystemRecords
} from '../store.ts'
import { RawNode } from './core/node.ts'
import {
  type InstallSnapshot,
  type Entry as LogEntry,
  type MembershipEntry,
  type NodeId,
  none,
  type PeerMessage,
  type RaftConfig,
  type SoftState
} from './core/types.ts'
import { Driver } from './driver.ts'
import { isOfSystem } from './entries.ts'
import { InFlight } from './in-flight.ts'
import { Leadership } from './leadership.ts'
import { LeaseClock } from './lease-clock.ts'
import { LocalReads } from './local-reads.ts'
import { type KeptMembership, MemberLog } from './log.ts'
import { PinnedMember } from './pinned.ts'
import { Proposals } from './proposals.ts'
import { Reads } from './reads.ts'

export interface ClusterMemberOptions {
  /** Open; it is closed with the store. */
  readonly member: Member
  /** What of the core's configuration differs: seeds, and times in ticks. */
  readonly config: Omit<RaftConfig, 'id' | 'applied'>
  readonly send: (messages: readonly PeerMessage[]) => void
  /** Resolves once the peer has all of the tables; rejects where it has not. */
  readonly sendSnapshot: (message: InstallSnapshot) => Promise<void>
  /** Where clients reach a member. */
  readonly addressOf: (id: NodeId) => string | undefined
  readonly nowMs: () => number
  /** What a tick stands for; where reads rest on leases it must be so. */
  readonly tickMs?: number
  /** Calls back once this turn has brought all that it brings. */
  readonly atEnd: (call: () => void) => void
  /** Nothing is written or applied any more: the node has to stop. */
  readonly onFailure: (error: Error) => void
  readonly onRole?: (state: SoftState) => void
}

/** The others may not be members yet when it asks them for the first time. */
const firstEveryTicks = 4

const defaultTickMs = 25

/** How often it is looked which entries others may need. */
const keepEveryTicks = 40
/** Who lacks more than this gets a snapshot. */
const keptEntriesMax = 100_000
/** Entries below what is applied that a follower keeps. */
const keptBehind = 10_000

/** The spaces of a member's database: that of its users, and its own. */
const userSpace = 1
const systemSpace = 0

export class ClusterMember implements Store {
  readonly records: SystemRecords
  /** What it tells of its cluster; its owner knows the others. */
  cluster?: ClusterView
  readonly #options: ClusterMemberOptions
  readonly #member: Member
  readonly #log: MemberLog
  readonly #driver: Driver
  readonly #leadership: Leadership
  readonly #reads: Reads
  readonly #proposals = new Proposals()
  readonly #inFlight = new InFlight()
  readonly #queue: DecisionQueue
  readonly #readsNow: ReadsNow
  /** Undefined: reads rest on no lease. */
  readonly #leaseClock: LeaseClock | undefined
  #applied: number
  /** Of the last proposal of this term. */
  #proposed = 0
  /** In this turn. */
  #received: PeerMessage[] = []
  readonly #systemListeners: (() => void)[] = []
  #isFirst = false
  #ticks = 0
  #isClosing = false
  #closed: Promise<void> | undefined

  constructor(options: ClusterMemberOptions) {
    const { member, config, nowMs, atEnd, tickMs = defaultTickMs } = options
    const { memberId } = member.identity
    const log = new MemberLog(member)
    this.#options = options
    this.#member = member
    this.#log = log
    this.#applied = log.applied
    this.#leadership = new Leadership({ id: memberId, nowMs, addressOf: options.addressOf })
    this.#leaseClock = config.reads === 'lease' ? new LeaseClock(nowMs, tickMs) : undefined
    this.#reads = new Reads({ ask: () => this.#askIndex(), nowMs, atEnd }, log.applied)
    this.#driver = new Driver(new RawNode({ ...config, id: memberId, applied: log.applied }, log), log, {
      send: options.send,
      sendSnapshot: options.sendSnapshot,
      applyMembership: (entry, kept) => this.#applyMembership(entry, kept),
      onApplied: (entries) => this.#onApplied(entries),
      onInstalled: (index) => this.#reached(index, true),
      onReads: (reads) => this.#reads.answered(reads),
      onRole: (state) => this.#onRole(state),
      onFailure: (error) => this.#fail(error),
      atEnd
    })
    const deciding: Deciding = {
      batch: (operations) => this.#propose(userSpace, [operations]),
      putPlaced: (source, places, from, count) => this.#propose(userSpace, [{ source, places, from, count }]),
      together: (writes) => this.#propose(userSpace, writes),
      decide: (keys, decide) => this.#decide(keys, decide)
    }
    this.#queue = new DecisionQueue(deciding, { atEnd, isAlwaysSynced: true })
    this.#readsNow = { getFramed: (...asked) => member.database.getFramed(...asked) }
    this.records = this.#systemRecords()
    member.database.on('time-wanted', (event) => this.#passTime(event as { readonly timeMs: number }))
  }

  /** Time goes on by a tick: to be called once sockets are read, and never twice to make up for one. */
  tick(): void {
    this.#takeReceived()
    this.#tellMissed()
    this.#leaseClock?.tick()
    this.#driver.tick()
    this.#leadership.tick()
    if (this.#leadership.leader !== 0) this.#isFirst = false
    else if (this.#isFirst && this.#ticks % firstEveryTicks === 0 && this.#driver.status.role === 'follower') {
      this.#driver.campaign()
    }
    if (++this.#ticks % keepEveryTicks === 0) this.#keepLog()
    if (this.#driver.writingTicks >= this.#options.config.electionTicks) this.#leaveToOthers()
    this.#reads.tick()
  }

  /** What a turn brings is looked at together, at its end: one write, one sync and one answer serve for several messages. */
  receive(messages: readonly PeerMessage[]): void {
    if (this.#received.length === 0) this.#options.atEnd(() => this.#takeReceived())
    for (const message of messages) this.#received.push(message)
  }

  #takeReceived(): void {
    const messages = this.#received
    if (messages.length === 0) return
    this.#received = []
    this.#tellMissed()
    this.#driver.receive(messages)
  }

  /** Tables that came lie ready and are not its own yet: no others may come into their place. */
  get isInstalling(): boolean {
    return this.#log.isInstalling || this.#received.some(({ kind }) => kind === 'snapshot')
  }

  /** Tables have come with it. Resolves once they are in force, or not wanted: until then nobody may touch their files. */
  install(message: InstallSnapshot): Promise<void> {
    // It said something before.
    this.#takeReceived()
    this.#tellMissed()
    return this.#driver.install(message)
  }

  /** The connection to a member's process broke. */
  lost(peer: NodeId): void {
    // It said something before.
    this.#takeReceived()
    this.#driver.lost(peer)
  }

  /** What was said to a peer may not have got there. */
  unreachable(peer: NodeId): void {
    this.#driver.unreachable(peer)
  }

  /** At the beginning of a cluster: tries to lead again and again, until somebody does. */
  campaignFirst(): void {
    this.#isFirst = true
    this.#driver.campaign()
  }

  /** At the beginning of a cluster: lets another try for so many ticks. */
  waitForFirst(ticks: number): void {
    this.#driver.setElectionTimeout(ticks)
  }

  transferLeader(to: NodeId): void {
    this.#driver.transferLeader(to)
  }

  get raftStatus(): ReturnType<RawNode['status']> {
    return this.#driver.status
  }

  get database(): Member['database'] {
    return this.#member.database
  }

  get leadership(): Leadership {
    return this.#leadership
  }

  async getMany(keys: readonly Key[], bytesMax?: number): Promise<readonly (Uint8Array | undefined)[]> {
    await this.#reads.wait()
    const { database } = this.#member
    if (bytesMax !== undefined) return database.getSome(keys as readonly Buffer[], bytesMax)
    return database.getMany(keys) as Promise<(Uint8Array | undefined)[]>
  }

  async getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    await this.#reads.wait()
    return this.#appliedEntries(keys)
  }

  discard(bytes: Uint8Array): void {
    this.#member.database.discard(bytes)
  }

  /** `lease` is a matter of the whole cluster (`config.reads`): how leaders answer, and what followers promise them. */
  reading({ reads, maxStalenessMs }: ReadConsistency): Store {
    return reads === 'local' ? new LocalReads(this, maxStalenessMs) : this
  }

  /** For how long, at most, what is applied here may not have been the newest. */
  get stalenessMs(): number {
    return this.#reads.stalenessMs
  }

  /** Resolves once what was committed at the call is applied here. */
  refresh(): Promise<number> {
    return this.#reads.wait()
  }

  /** @see Store.freshen */
  async freshen(): Promise<ReadsNow> {
    await this.#reads.wait()
    return this.#readsNow
  }

  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number): Promise<void> {
    return this.#whenReady(() => this.#queue.putPlaced(source, places, from, count))
  }

  write(operations: readonly Operation[]): Promise<void> {
    return this.#whenReady(() => this.#queue.write(operations, false))
  }

  decide<Result>(decision: Decision<Result>): Promise<Result> {
    return this.#whenReady(() => this.#queue.decide(decision, false))
  }

  pin(): Pinned {
    return new PinnedMember(this.#member.database, this.#applied, this.#reads.wait())
  }

  status(): StoreStatus {
    const { term } = this.#driver.status
    return { role: this.#leadership.isLeader ? 'LEADER' : 'FOLLOWER', term, commitIndex: this.#applied }
  }

  estimateCount(): number {
    return this.#member.database.estimateCount()
  }

  engineStats(): ReturnType<Member['database']['stats']> {
    return this.#member.database.stats()
  }

  /**
   * What was accepted is answered, as far as the group can be asked: time has to go on meanwhile. Then the directory is given
   * back.
   */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async #close(): Promise<void> {
    this.#isClosing = true
    await this.#queue.idle()
    this.halt()
    await this.#member.close()
  }

  /** Takes part no more, at once: what is under way is rejected. The directory is given back by `close`. */
  halt(): void {
    this.#end(new StoreError('NO_LEADER', stopping))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Nothing is written, and what has expired could go if only the log's time went on. */
  #passTime({ timeMs }: { readonly timeMs: number }): void {
    if (this.#leadership.isReady) this.#driver.propose({ ...emptyBody, timeMs })
  }

  /** Its disk holds everybody up: whoever is furthest leads from here on, whose disk need not wait for this one. */
  #leaveToOthers(): void {
    const { id, role, transferee, progress } = this.#driver.status
    if (role !== 'leader' || transferee !== none) return
    const able = progress.filter((peer) => peer.id !== id && peer.isActive && !peer.isLearner)
    const heir = able.sort((a, b) => b.match - a.match)[0]
    if (heir !== undefined) this.#driver.transferLeader(heir.id)
  }

  /** The leader keeps what those need who are not far behind; the others what they would need who are, if they led. */
  #keepLog(): void {
    const { progress, lastIndex } = this.#driver.status
    const floor = Math.max(1, lastIndex - keptEntriesMax)
    const needed = progress.map(({ match }) => match + 1).filter((index) => index > floor)
    const isLeader = this.#leadership.isLeader
    this.#member.keepFrom(
      isLeader ? Math.min(...needed, Math.max(1, this.#applied)) : Math.max(floor, this.#applied - keptBehind)
    )
  }

  #askIndex(): number | undefined {
    this.#tellMissed()
    return this.#driver.readIndex()
  }

  /** Before anything that came while this member stood still: its lease may be over. */
  #tellMissed(): void {
    const missed = this.#leaseClock?.takeMissed() ?? 0
    if (missed > 0) this.#driver.passUnticked(missed)
  }

  #fail(error: Error): void {
    this.#end(error)
    this.#options.onFailure(error)
  }

  #end(error: Error): void {
    this.#isClosing = true
    this.#driver.stop()
    this.#leadership.close(error)
    this.#reads.close(error)
    this.#proposals.lose()
  }

  #onRole(state: SoftState): void {
    this.#leadership.roleChanged(state)
    if (state.role !== 'leader') {
      this.#inFlight.clear()
      this.#proposals.lose()
    } else this.#proposed = 0
    this.#reads.leaderChanged()
    this.#options.onRole?.(state)
  }

  #onApplied(entries: readonly LogEntry[]): void {
    const last = entries.at(-1)
    if (last === undefined) return
    if (!this.#leadership.isReady && last.term === this.#driver.status.term) this.#leadership.ready()
    this.#proposals.applied(entries)
    this.#reached(last.index, entries.some(isOfSystem))
  }

  /** Entry by entry, or by a snapshot: what is applied ends there. */
  #reached(index: number, changesSystem: boolean): void {
    this.#applied = index
    this.#inFlight.applied(index)
    if (changesSystem) for (const listener of this.#systemListeners) listener()
    this.#reads.applied(index)
  }

  #applyMembership({ change }: MembershipEntry, kept: KeptMembership): KeptMembership {
    return { ...kept, membership: this.#driver.applyMembership(change) }
  }

  async #appliedEntries(keys: readonly Key[]): Promise<(Entry | undefined)[]> {
    return Promise.all(keys.map((key) => this.#member.database.getEntry(key as Buffer)))
  }

  /** Resolves when it is applied. */
  async #propose(space: number, writes: readonly Write[]): Promise<void> {
    await this.#proposals.wait(this.#append(space, writes))
  }

  /** Answers the index; throws where nothing was proposed. */
  #append(space: number, writes: readonly Write[]): number {
    const { refusal } = this.#member
    if (refusal !== undefined && writes.some(hasPut)) throw refusal
    if (!this.#leadership.isReady) throw this.#notReady()
    const body = batchesOf((batch) => {
      for (const write of writes) layDown(batch, space, write)
    }, this.#member.nowMs())
    if (this.#driver.isStopped) throw this.#notReady()
    const result = this.#driver.propose(body)
    // A failure in the middle of it: it may be in the log.
    if (this.#driver.isStopped) throw new StoreError('OUTCOME_UNKNOWN', 'This member failed while it wrote.')
    if (result?.status !== 'appended') throw this.#notReady()
    this.#proposed = result.lastIndex
    if (space === userSpace) this.#inFlight.add(result.lastIndex, writes)
    return result.lastIndex
  }

  /** Calls keep their order: whoever is held is let go before those who come then. */
  #whenReady<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isClosing) return Promise.reject(new StoreError('NO_LEADER', stopping))
    const held = this.#leadership.whenReady()
    return held === undefined ? work() : held.then(work)
  }

  #notReady(): StoreError {
    if (this.#leadership.leader !== 0 && !this.#leadership.isLeader) return this.#leadership.notLeader()
    return new StoreError('NO_LEADER', 'Nobody leads just now, ask again.')
  }

  async #decide<Result>(
    keys: readonly Key[],
    decide: (
      entries: readonly (Entry | undefined)[],
      nowMs: number
    ) => { readonly operations: readonly Operation[]; readonly result: Result }
  ): Promise<Result> {
    const { term } = this.#driver.status
    this.#checkLeads(term)
    const nowMs = this.#member.nowMs()
    const entries = await this.#inFlight.read(keys, nowMs, (some) => this.#appliedEntries(some))
    // What was in flight is gone with the leadership it was seen in.
    this.#checkLeads(term)
    const { operations, result } = decide(entries, nowMs)
    if (operations.length > 0) {
      await this.#propose(userSpace, [operations])
      return result
    }
    // It wrote nothing: what it saw has to be committed, and a quorum to say that this one led when it was asked.
    const seen = this.#proposed > this.#applied ? this.#proposals.wait(this.#proposed) : undefined
    await Promise.all([seen, this.#reads.wait()])
    this.#checkLeads(term)
    return result
  }

  #checkLeads(term: number): void {
    if (!this.#leadership.isReady || this.#driver.status.term !== term) throw this.#notReady()
  }

  #systemRecords(): SystemRecords {
    const write = (operation: Operation) => this.#whenReady(() => this.#propose(systemSpace, [[operation]]))
    const { system } = this.#member.database
    const under = (prefix: string) => system.iterator({ gte: prefix, lt: `${prefix}\u{10ffff}` })
    return {
      list: async (prefix) => {
        await this.#reads.wait()
        return under(prefix).all()
      },
      listApplied: (prefix) => [...under(prefix)],
      put: (key, value) => write({ type: 'put', key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)) }),
      del: (key) => write({ type: 'del', key: Buffer.from(key) }),
      onChange: (listener) => void this.#systemListeners.push(listener)
    }
  }
}

function layDown(batch: Batch, space: number, write: Write): void {
  if (isPlaced(write)) {
    batch.putPlaced(space, write.source, write.places, write.from, write.count)
    return
  }
  for (const operation of write) {
    if (operation.type === 'put') batch.put(space, operation.key, operation.value, operation.expiresAt ?? 0)
    else if (operation.type === 'del') batch.del(space, operation.key)
    else batch.deleteRange(space, operation.range.gte ?? noBytes, operation.range.lt ?? null)
  }
}

const hasPut = (write: Write): boolean => isPlaced(write) || write.some(({ type }) => type === 'put')

const stopping = 'This member is stopping.'
const noBytes = Buffer.alloc(0)
