// MemberStore: one of three members in memory as a Store, as a member of a cluster is one: it writes only while it leads and says
// who does else, it reads what is committed wherever it is asked, it holds calls while it knows of no leader. What happens to
// leadership reaches the others some turns later.
import type { ClusterMember, ClusterView, MemberNotes, MemberRole, PeerProgress } from '../../../server/cluster/view.ts'
import { placeOf } from '../../../server/cluster/view.ts'
import { Hold } from '../../../server/store/hold.ts'
import {
  type Decision,
  type Entry,
  type Key,
  type Operation,
  type Pinned,
  type Store,
  StoreError,
  type StoreStatus
} from '../../../server/store.ts'
import type { Member } from './member.ts'
import { PinnedEntries, type ThreeMembers } from './three-members.ts'

export interface Place {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** What all members have from their configuration. Places come once servers listen. */
export interface Group {
  readonly members: ThreeMembers
  readonly places: Place[]
  /** Who hears what members say to each other; by the member that hears it. */
  readonly noteListeners: Map<string, Set<(from: string, note: Buffer) => void>>
  /** "from to": nothing of that gets through. */
  readonly cutNotes: Set<string>
}

export interface MemberClock {
  readonly nowMs: () => number
  readonly after: (ms: number, call: () => void) => () => void
}

const systemClock: MemberClock = {
  nowMs: Date.now,
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  }
}

const readTriesMax = 1_000

export class MemberStore implements Store, ClusterView {
  readonly clusterId = 'c0ffee00c0ffee00c0ffee00c0ffee00'
  readonly #group: Group
  readonly #at: number
  readonly #clock: MemberClock
  readonly #hold: Hold
  readonly #listeners = new Set<() => void>()
  /** Who is known to lead. */
  #known: number | undefined
  #last: number | undefined
  #epoch = 0

  constructor(group: Group, at: number, clock: MemberClock = systemClock) {
    this.#group = group
    this.#at = at
    this.#clock = clock
    this.#hold = new Hold({ ...clock, isReady: () => this.#isReady })
    this.#learn(group.members.leaderAt)
    group.members.onChange(() => this.#hear())
  }

  get cluster(): ClusterView {
    return this
  }

  // What is to be known of the cluster.

  get ownId(): string {
    return idOf(this.#at)
  }

  get members(): readonly ClusterMember[] {
    return this.#group.places.map((place, at) => ({
      ...place,
      id: idOf(at),
      name: `node${at + 1}`,
      role: this.#roleOf(at)
    }))
  }

  get lastLeaderId(): string | undefined {
    return this.#last === undefined ? undefined : idOf(this.#last)
  }

  get term(): number {
    return this.#group.members.term
  }

  get epoch(): number {
    return this.#epoch
  }

  get lastIndex(): number {
    return this.#member.log.length
  }

  get commitIndex(): number {
    return Math.min(this.#group.members.commitIndex, this.lastIndex)
  }

  get appliedIndex(): number {
    return this.#member.applied
  }

  get peers(): readonly PeerProgress[] {
    const { members } = this.#group
    return members.members.flatMap(({ log }, at) => {
      if (at === this.#at) return []
      const matchIndex = this.#leads ? log.length : undefined
      return [{ id: idOf(at), isConnected: !members.isStopped(at), matchIndex }]
    })
  }

  readonly notes: MemberNotes = {
    send: (to, note) => {
      const { members, noteListeners, cutNotes } = this.#group
      if (cutNotes.has(`${this.ownId} ${to}`)) return false
      const bytes = Buffer.from(note)
      members.later(() => {
        for (const listener of noteListeners.get(to) ?? []) listener(this.ownId, bytes)
      })
      return true
    },
    onNote: (listener) => {
      const { noteListeners } = this.#group
      const listeners = noteListeners.get(this.ownId) ?? new Set()
      noteListeners.set(this.ownId, listeners.add(listener))
      return () => listeners.delete(listener)
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async transferLeadership(to?: string): Promise<string> {
    const others = [0, 1, 2].filter((at) => at !== this.#at && !this.#group.members.isStopped(at))
    const target = to === undefined ? others[0] : others.find((at) => idOf(at) === to)
    if (target === undefined || !this.#leads) throw new StoreError('NO_LEADER', 'it cannot be handed over')
    this.#group.members.transfer(target)
    return idOf(target)
  }

  // The store.

  write(operations: readonly Operation[]): Promise<void> {
    return this.#asLeader(() => this.#group.members.write(operations))
  }

  decide<Result>(decision: Decision<Result>): Promise<Result> {
    return this.#asLeader(() => this.#group.members.decide(decision))
  }

  async getMany(keys: readonly Key[]): Promise<readonly (Buffer | undefined)[]> {
    return (await this.getEntries(keys)).map((entry) => entry?.value)
  }

  async getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    await this.#confirmRead()
    return keys.map((key) => this.#member.entries.get(key, this.#clock.nowMs()))
  }

  /** At the leader as of now; elsewhere as of the first page, for what is committed has to be asked for. */
  pin(): Pinned {
    if (this.#leads) return new PinnedEntries(this.#member.entries.copy(), this.#clock.nowMs())
    let pinned: Promise<PinnedEntries> | undefined
    const begin = async () => {
      await this.#confirmRead()
      return new PinnedEntries(this.#member.entries.copy(), this.#clock.nowMs())
    }
    return {
      page: async (range, limits) => {
        pinned ??= begin()
        return (await pinned).page(range, limits)
      },
      close: async () => {}
    }
  }

  /** Calls that wait for a leader. */
  get held(): number {
    return this.#hold.count
  }

  status(): StoreStatus {
    return { role: this.#leads ? 'LEADER' : 'FOLLOWER', term: this.term, commitIndex: this.commitIndex }
  }

  async close(): Promise<void> {
    if (this.#leads) await this.#group.members.quiet()
    this.#hold.close()
  }

  get #member(): Member {
    const member = this.#group.members.members[this.#at]
    if (member === undefined) throw new Error(`there is no member ${this.#at}`)
    return member
  }

  get #leads(): boolean {
    return this.#group.members.leaderAt === this.#at
  }

  get #isReady(): boolean {
    return this.#known !== undefined && (this.#known !== this.#at || this.#group.members.isReady)
  }

  #roleOf(at: number): MemberRole {
    return this.#known === at ? 'leader' : 'follower'
  }

  /** Its own part at once, that of others as messages are. */
  #hear(): void {
    const { members } = this.#group
    if (this.#leads !== (this.#known === this.#at)) this.#learn(members.leaderAt)
    else if (this.#leads) this.#hold.release()
    else members.later(() => this.#learn(members.leaderAt))
  }

  #learn(leaderAt: number | undefined): void {
    if (this.#group.members.isStopped(this.#at)) return
    if (this.#known !== leaderAt) {
      this.#known = leaderAt
      if (leaderAt !== undefined) {
        this.#last = leaderAt
        this.#epoch = this.term
      }
      for (const listener of this.#listeners) listener()
    }
    this.#hold.release()
  }

  #asLeader<T>(call: () => Promise<T>): Promise<T> {
    return this.#hold.run(() => {
      if (this.#leads) return call()
      const leader = this.#group.places[this.#known ?? -1]
      return Promise.reject(new StoreError('NOT_LEADER', 'another member leads', leader && placeOf(leader)))
    })
  }

  /** Asks again where the leader was lost meanwhile: a read that was not answered has done nothing. */
  async #confirmRead(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#hold.run(() => this.#group.members.confirmRead(this.#at))
      } catch (error) {
        if (tries === readTriesMax || this.#known === undefined) throw error
      }
    }
  }
}

const idOf = (at: number): string => `member-${at + 1}`
