// A node's storage for tests, in memory: hard state, entries after the newest compaction, and snapshots to send.

import { limitEntries } from '../../../server/raft/core/entry.ts'
import { emptyMembership } from '../../../server/raft/core/membership.ts'
import type {
  Entry,
  HardState,
  LogIndex,
  LogStorage,
  Membership,
  Snapshot,
  StorageAppend,
  Term
} from '../../../server/raft/core/types.ts'

export class MemoryStorage implements LogStorage {
  hardState: HardState | undefined
  membership: Membership = emptyMembership
  /** What `snapshot` answers. */
  offer: () => Snapshot | undefined = () => undefined
  #cutIndex: LogIndex = 0
  #cutTerm: Term = 0
  #entries: Entry[] = []

  initialState(): { hardState: HardState | undefined; membership: Membership } {
    return { hardState: this.hardState, membership: this.membership }
  }

  firstIndex(): LogIndex {
    return this.#cutIndex + 1
  }

  lastIndex(): LogIndex {
    return this.#cutIndex + this.#entries.length
  }

  term(index: LogIndex): Term | undefined {
    return index === this.#cutIndex ? this.#cutTerm : this.#entries[index - this.#cutIndex - 1]?.term
  }

  entries(first: LogIndex, end: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    if (first <= this.#cutIndex) return undefined
    if (end > this.lastIndex() + 1)
      throw new Error(`entries up to ${end} were asked for, ${this.lastIndex()} is the last`)
    return limitEntries(this.#entries.slice(first - this.#cutIndex - 1, end - this.#cutIndex - 1), bytesMax)
  }

  snapshot(): Snapshot | undefined {
    return this.offer()
  }

  /** Does what a Ready asks for; all of it is durable at once. */
  write({ hardState, snapshot, entries }: Pick<StorageAppend, 'hardState' | 'snapshot' | 'entries'>): void {
    if (hardState !== undefined) this.hardState = hardState
    if (snapshot !== undefined) this.install(snapshot)
    const [first] = entries
    if (first === undefined) return
    if (first.index > this.lastIndex() + 1) throw new Error(`entry ${first.index} leaves a gap in the log`)
    this.#entries.length = first.index - this.#cutIndex - 1
    this.#entries.push(...entries)
  }

  install(snapshot: Snapshot): void {
    this.#cutIndex = snapshot.index
    this.#cutTerm = snapshot.term
    this.#entries = []
    this.membership = snapshot.membership
  }

  /** Forgets entries up to `index`. */
  compact(index: LogIndex): void {
    const term = this.term(index)
    if (index <= this.#cutIndex || term === undefined) throw new Error(`entry ${index} is not in the log`)
    this.#entries = this.#entries.slice(index - this.#cutIndex)
    this.#cutIndex = index
    this.#cutTerm = term
  }
}
