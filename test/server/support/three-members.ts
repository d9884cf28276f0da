// ThreeMembers: a cluster as a Store, in memory: a log on three members that is committed once two have it. It delays every
// message and every answer by a random number of turns, so that calls complete in another order than they were made, and it
// loses its leader when it is told to: what was proposed and not committed may come to stand or not, and whoever asked is
// told OUTCOME_UNKNOWN. The same seed and the same calls give the same run.
//
// Calls of the group itself go to whoever leads. member-store.ts makes a store of each member, for servers that share the group.
import { Overlay } from '../../../server/store/overlay.ts'
import {
  type Decision,
  type Entry,
  type Key,
  keyBytesMax,
  type Operation,
  type PageLimits,
  type Pinned,
  type Range,
  type Store,
  StoreError,
  type StoreStatus
} from '../../../server/store.ts'
import { Entries, Member } from './member.ts'
import { type Random, randomOf } from './random.ts'

interface Proposal {
  /** Its outcome may be told once the log is committed up to here. */
  readonly index: number
  readonly isWritten: boolean
  readonly tell: () => void
  readonly reject: (error: Error) => void
}

/** A call that is to be made to a leader. */
interface Held {
  readonly sinceTurn: number
  readonly make: () => void
  readonly reject: (error: Error) => void
}

const heldTurnsMax = 40
const delayTurnsMax = 6

export class ThreeMembers implements Store {
  readonly #random: Random
  readonly #nowMs: () => number
  readonly members: readonly Member[] = [new Member(), new Member(), new Member()]
  #term = 1
  #leader: Member | undefined
  /** Who led last: its applied entries are what local reads see. */
  #lastLeader: Member
  /** The leader's entries with its whole log applied: what decisions see. */
  #ahead = new Entries()
  #commit = 0
  #proposals: Proposal[] = []
  #held: Held[] = []
  #actions: { readonly turn: number; readonly run: () => void }[] = []
  #turn = 0
  #isTurning = false
  #onQuiet: (() => void)[] = []
  readonly #listeners = new Set<() => void>()
  readonly #stopped = new Set<Member>()

  constructor(seed: number, nowMs: () => number = Date.now) {
    this.#random = randomOf(seed)
    this.#nowMs = nowMs
    this.#lastLeader = this.members[0] as Member
    this.#lead(this.#lastLeader)
  }

  write(operations: readonly Operation[]): Promise<void> {
    return this.#onLeader((resolve, reject) => {
      for (const operation of operations) checkKey(operation.type === 'deleteRange' ? undefined : operation.key)
      this.#propose(operations, () => resolve(undefined), reject)
    }) as Promise<void>
  }

  decide<Result>(decision: Decision<Result>): Promise<Result> {
    return this.#onLeader((resolve, reject) => {
      for (const key of decision.keys) checkKey(key)
      const nowMs = this.#nowMs()
      const entries = decision.keys.map((key) => this.#ahead.get(key, nowMs))
      const overlay = new Overlay(decision.keys, entries, nowMs)
      const outcome = overlay.run(decision)
      const tell = () => ('error' in outcome ? reject(outcome.error as Error) : resolve(outcome.result))
      this.#propose(overlay.operations, tell, reject)
    }) as Promise<Result>
  }

  async getMany(keys: readonly Key[]): Promise<readonly (Buffer | undefined)[]> {
    return (await this.getEntries(keys)).map((entry) => entry?.value)
  }

  /** After one round of messages, from a leader that led all the while. */
  getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    return this.#onLeader((resolve, reject) => {
      const term = this.#term
      this.later(() => {
        const leader = this.#leader
        if (leader === undefined || term !== this.#term) {
          reject(new StoreError('NO_LEADER', 'the leader was lost while it was asked'))
          return
        }
        resolve(keys.map((key) => leader.entries.get(key, this.#nowMs())))
      })
    }) as Promise<readonly (Entry | undefined)[]>
  }

  pin(): Pinned {
    return new PinnedEntries(this.#lastLeader.entries.copy(), this.#nowMs())
  }

  status(): StoreStatus {
    const role = this.#leader === undefined ? 'FOLLOWER' : 'LEADER'
    return { role, term: this.#term, commitIndex: this.#commit }
  }

  async close(): Promise<void> {
    await this.quiet()
  }

  get leaderAt(): number | undefined {
    return this.#leader && this.members.indexOf(this.#leader)
  }

  get term(): number {
    return this.#term
  }

  get commitIndex(): number {
    return this.#commit
  }

  isStopped(at: number): boolean {
    return this.#stopped.has(this.#memberAt(at))
  }

  /** Calls, within the turn, when somebody begins or ends to lead, or is stopped. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** A member's process ends: no message reaches it. If it led, nobody leads until `elect`. */
  stop(at: number): void {
    this.#stopped.add(this.#memberAt(at))
    if (this.leaderAt === at) this.loseLeader({ keepsNone: true })
    this.#tellChange()
  }

  start(at: number): void {
    this.#stopped.delete(this.#memberAt(at))
    this.#tellChange()
  }

  /** Hands leadership over, to a member that has the leader's whole log by then. */
  transfer(to: number): void {
    const leader = this.#leader
    const target = this.#memberAt(to)
    if (leader === undefined || this.#stopped.has(target)) throw new StoreError('NO_LEADER', 'it cannot be handed over')
    target.log = leader.log
    this.loseLeader({ keepsNone: true })
    this.#lead(target)
  }

  /** A read at a member may begin: it has all that was committed when it was asked for. */
  confirmRead(at: number): Promise<void> {
    const term = this.#term
    return new Promise((resolve, reject) => {
      this.later(() => {
        const leader = this.#leader
        const member = this.#memberAt(at)
        if (leader === undefined || term !== this.#term || !this.isReady || this.#stopped.has(member)) {
          reject(new StoreError('NO_LEADER', 'the leader was lost while it was asked'))
          return
        }
        member.log = leader.log
        member.applyTo(this.#commit)
        resolve()
      })
    })
  }

  /** Some turns from now, as a message. */
  later(run: () => void): void {
    this.#actions.push({ turn: this.#turn + 1 + this.#random.below(delayTurnsMax), run })
    this.#keepTurning()
  }

  #memberAt(at: number): Member {
    const member = this.members[at]
    if (member === undefined) throw new Error(`there is no member ${at}`)
    return member
  }

  #tellChange(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Takes the leader away; another comes after some turns, or none as long as `keepsNone`. */
  loseLeader({ keepsNone = false } = {}): void {
    if (this.#leader === undefined) return
    this.#leader = undefined
    this.#term++
    const lost = this.#proposals
    this.#proposals = []
    for (const { isWritten, reject } of lost) {
      const error = isWritten
        ? new StoreError('OUTCOME_UNKNOWN', 'the leader was lost before it was committed')
        : new StoreError('NO_LEADER', 'the leader was lost')
      this.later(() => reject(error))
    }
    this.#tellChange()
    if (!keepsNone) this.later(() => this.elect())
  }

  /** A member whose log no majority is ahead of leads: that one, if it is such and is named. */
  elect(at?: number): void {
    if (this.#leader !== undefined) return
    const there = this.members.filter((member) => !this.#stopped.has(member))
    const fit = there.filter((member) => there.filter((other) => member.isUpToDateWith(other)).length >= 2)
    const named = at === undefined ? fit : fit.filter((member) => member === this.members[at])
    if (named.length > 0) this.#lead(this.#random.pick(named))
  }

  /** Resolves when no message is on its way and no call is held. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#onQuiet.push(resolve)
      this.#keepTurning()
    })
  }

  #lead(member: Member): void {
    this.#leader = member
    this.#lastLeader = member
    this.#ahead = new Entries()
    for (const record of member.log) this.#ahead.apply(record)
    // What is of earlier terms is committed with the first record of this one.
    this.#propose(
      [],
      () => this.#makeHeld(),
      () => {},
      true
    )
    this.#tellChange()
  }

  #makeHeld(): void {
    if (!this.isReady) return
    this.#tellChange()
    const held = this.#held
    this.#held = []
    for (const { make } of held) make()
  }

  /** Makes a call now, or when somebody leads and knows what is committed; in order. */
  #onLeader(make: (resolve: (result: unknown) => void, reject: (error: Error) => void) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          make(resolve, reject)
        } catch (error) {
          reject(error as Error)
        }
      }
      if (this.isReady && this.#held.length === 0) run()
      else {
        this.#held.push({ sinceTurn: this.#turn, make: run, reject })
        this.#keepTurning()
      }
    })
  }

  /** Somebody leads and knows what is committed. */
  get isReady(): boolean {
    return this.#leader !== undefined && this.#leader.log[this.#commit - 1]?.term === this.#term
  }

  /** `tell` is called once all that the outcome rests on is committed. */
  #propose(operations: readonly Operation[], tell: () => void, reject: (error: Error) => void, always = false): void {
    const leader = this.#leader as Member
    const isWritten = operations.length > 0 || always
    if (isWritten) {
      const record = { term: this.#term, operations: operations.map(taken), timeMs: this.#nowMs() }
      leader.log = [...leader.log, record]
      this.#ahead.apply(record)
    }
    this.#proposals.push({ index: leader.log.length, isWritten, tell, reject })
    if (!isWritten) this.#tellCommitted()
    for (const follower of isWritten ? this.members : []) if (follower !== leader) this.#send(leader, follower)
  }

  /** The leader's log as it is, to arrive later; an older one that comes after a newer one is nothing new. */
  #send(leader: Member, follower: Member): void {
    const term = this.#term
    const { log } = leader
    this.later(() => {
      if (term !== this.#term || this.#stopped.has(follower)) return
      if (follower.lastTerm < term || follower.log.length < log.length) follower.log = log
      follower.applyTo(Math.min(this.#commit, follower.log.length))
      const held = follower.log.length
      this.later(() => {
        if (term === this.#term) this.#commitTo(held)
      })
    })
  }

  #commitTo(index: number): void {
    const leader = this.#leader
    if (leader === undefined || index <= this.#commit) return
    this.#commit = index
    leader.applyTo(index)
    this.#tellCommitted()
  }

  #tellCommitted(): void {
    const committed = this.#proposals.filter(({ index }) => index <= this.#commit)
    this.#proposals = this.#proposals.filter(({ index }) => index > this.#commit)
    for (const { tell } of committed) this.later(tell)
  }

  #keepTurning(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => this.#next())
  }

  #next(): void {
    this.#isTurning = false
    this.#turn++
    const due = this.#actions.filter(({ turn }) => turn <= this.#turn)
    this.#actions = this.#actions.filter(({ turn }) => turn > this.#turn)
    for (const { run } of due) run()
    const late = this.#held.filter(({ sinceTurn }) => this.#turn - sinceTurn > heldTurnsMax)
    this.#held = this.#held.filter(({ sinceTurn }) => this.#turn - sinceTurn <= heldTurnsMax)
    for (const { reject } of late) reject(new StoreError('NO_LEADER', 'nobody leads'))
    if (this.#actions.length + this.#held.length > 0) this.#keepTurning()
    else for (const resolve of this.#onQuiet.splice(0)) resolve()
  }
}

export class PinnedEntries implements Pinned {
  readonly #entries: Entries
  readonly #nowMs: number

  constructor(entries: Entries, nowMs: number) {
    this.#entries = entries
    this.#nowMs = nowMs
  }

  async page(
    { reverse = false, values = true, ...range }: Range & { readonly reverse?: boolean; readonly values?: boolean },
    { entriesMax, bytesMax }: PageLimits
  ): Promise<readonly (readonly [Buffer, Buffer])[]> {
    const all = this.#entries.in(range, this.#nowMs)
    const page: (readonly [Buffer, Buffer])[] = []
    let bytes = 0
    for (const [key, value] of reverse ? all.reverse() : all) {
      if (page.length >= entriesMax || bytes >= bytesMax) break
      page.push([key, values ? value : Buffer.alloc(0)])
      bytes += key.length + (values ? value.length : 0)
    }
    return page
  }

  async close(): Promise<void> {}
}

function checkKey(key: Key | undefined): void {
  if (key === undefined || key.length <= keyBytesMax) return
  throw Object.assign(new Error('the key is too long'), { code: 'VARVE_TOO_LARGE' })
}

/** The caller may write into its bytes later. */
function taken(operation: Operation): Operation {
  return operation.type === 'put' ? { ...operation, value: Buffer.from(operation.value) } : operation
}
