// The end of the log that is not known to be durable: new entries, and a snapshot that is to replace what is before them.
//
// entries[i] has index offset + i. Those before `#offsetInProgress` were handed to the storage already; all stay here
// until the storage has acknowledged them, because until then it may still answer with what they replace. `offset` may be
// at or below the storage's last index: the next write truncates there.

import { invariant } from './invariant.ts'
import type { Entry, LogIndex, Snapshot, Term } from './types.ts'

export class Unstable {
  #entries: Entry[] = []
  #offset: LogIndex
  #offsetInProgress: LogIndex
  #snapshot: Snapshot | undefined
  #isSnapshotInProgress = false

  constructor(offset: LogIndex) {
    this.#offset = offset
    this.#offsetInProgress = offset
  }

  get offset(): LogIndex {
    return this.#offset
  }

  get count(): number {
    return this.#entries.length
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  /** The snapshot that was not handed to the storage yet. */
  get nextSnapshot(): Snapshot | undefined {
    return this.#isSnapshotInProgress ? undefined : this.#snapshot
  }

  get hasNextEntries(): boolean {
    return this.#offset + this.#entries.length > this.#offsetInProgress
  }

  /** The entries that were not handed to the storage yet. */
  nextEntries(): readonly Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset)
  }

  /** Undefined when the storage knows. */
  lastIndex(): LogIndex | undefined {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1
    return this.#snapshot?.index
  }

  /** Undefined when the storage may know. */
  term(index: LogIndex): Term | undefined {
    if (index >= this.#offset) return this.#entries[index - this.#offset]?.term
    return this.#snapshot?.index === index ? this.#snapshot.term : undefined
  }

  slice(first: LogIndex, end: LogIndex): readonly Entry[] {
    invariant(
      first >= this.#offset && first <= end && end <= this.#offset + this.#entries.length,
      `entries ${first} to before ${end} are not all in the unstable log from ${this.#offset} on`
    )
    return this.#entries.slice(first - this.#offset, end - this.#offset)
  }

  /** Appends, over whatever stood at the first entry's index and after it. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0]?.index
    if (first === undefined) return
    invariant(first <= this.#offset + this.#entries.length, `entry ${first} would leave a gap in the log`)
    if (first < this.#offset) {
      this.#entries = []
      this.#offset = first
    }
    this.#offsetInProgress = Math.min(this.#offsetInProgress, first)
    this.#entries.length = first - this.#offset
    for (const entry of entries) this.#entries.push(entry)
  }

  /** Everything here was handed to the storage. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.#offset + this.#entries.length
    if (this.#snapshot !== undefined) this.#isSnapshotInProgress = true
  }

  /**
   * The storage has everything up to (index, term), and no write that is under way can still replace it. An entry that
   * was replaced here meanwhile stays.
   */
  stableTo(index: LogIndex, term: Term): void {
    if (index < this.#offset || this.term(index) !== term) return
    this.#entries = this.#entries.slice(index + 1 - this.#offset)
    this.#offset = index + 1
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset)
  }

  stableSnapshotTo(index: LogIndex): void {
    if (this.#snapshot?.index !== index) return
    this.#snapshot = undefined
    this.#isSnapshotInProgress = false
  }

  /** A snapshot replaces everything. */
  restore(snapshot: Snapshot): void {
    this.#entries = []
    this.#offset = snapshot.index + 1
    this.#offsetInProgress = this.#offset
    this.#snapshot = snapshot
    this.#isSnapshotInProgress = false
  }
}
