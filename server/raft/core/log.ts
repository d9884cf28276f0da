// The log as the core sees it: what the storage holds, and after it, or over it, what is unstable.
//
// Invariants: applied ≤ applying ≤ committed ≤ last index, and committed never falls. `applying` is what was handed out to
// the state machine, `applied` what it has acknowledged; entries between them make `applyingBytesMax` together, or one
// entry that is larger. What is committed is never replaced.

import { entryBytes, limitEntries, totalEntryBytes } from './entry.ts'
import { invariant } from './invariant.ts'
import type { Append, Entry, LogIndex, LogStorage, Snapshot, Term } from './types.ts'
import { Unstable } from './unstable.ts'

export class RaftLog {
  readonly unstable: Unstable
  readonly #storage: LogStorage
  readonly #applyingBytesMax: number
  #applyingBytes = 0
  #isApplyingPaused = false
  #committed: LogIndex
  #applying: LogIndex
  #applied: LogIndex

  constructor(storage: LogStorage, applyingBytesMax: number) {
    this.#storage = storage
    this.#applyingBytesMax = applyingBytesMax
    this.unstable = new Unstable(storage.lastIndex() + 1)
    // What was cut from the front was applied.
    const cut = storage.firstIndex() - 1
    this.#committed = cut
    this.#applying = cut
    this.#applied = cut
  }

  get committed(): LogIndex {
    return this.#committed
  }

  get applied(): LogIndex {
    return this.#applied
  }

  firstIndex(): LogIndex {
    const { snapshot } = this.unstable
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.index + 1
  }

  lastIndex(): LogIndex {
    return this.unstable.lastIndex() ?? this.#storage.lastIndex()
  }

  /** Of any entry from the one before the first to the last; undefined outside. */
  term(index: LogIndex): Term | undefined {
    const term = this.unstable.term(index)
    if (term !== undefined) return term
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined
    return this.#storage.term(index)
  }

  lastTerm(): Term {
    const last = this.lastIndex()
    const term = this.term(last)
    invariant(term !== undefined, `the storage has no term for its last entry, ${last}`)
    return term
  }

  matches(index: LogIndex, term: Term): boolean {
    return this.term(index) === term
  }

  /** Whether a log that ends so has all that is committed: no log of this group is committed past a less recent end. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    const term = this.lastTerm()
    return lastTerm > term || (lastTerm === term && lastIndex >= this.lastIndex())
  }

  /** The newest snapshot; undefined while there is none to send. */
  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.#storage.snapshot()
  }

  /** Appends entries that follow the last one, or replace what is not committed. */
  append(entries: readonly Entry[]): void {
    const first = entries[0]?.index ?? this.#committed + 1
    invariant(first > this.#committed, `entry ${first} would replace one that is committed (up to ${this.#committed})`)
    this.unstable.truncateAndAppend(entries)
  }

  /**
   * Takes what a leader sent, if the logs meet before it: returns the last index that is now the leader's. Entries that
   * are here already stay as they are, and what follows them too: the append may be an old one.
   */
  accept({ index, logTerm, entries, commit }: Append): LogIndex | undefined {
    if (!this.matches(index, logTerm)) return undefined
    const last = index + entries.length
    const known = this.#knownAtFront(entries)
    if (known < entries.length) this.append(known === 0 ? entries : entries.slice(known))
    this.commitTo(Math.min(commit, last))
    return last
  }

  /**
   * The highest index, from the given one down, whose term is not above the given one: where this log may meet another
   * that has `term` there. Term 0 when it is not known.
   */
  meetingPoint(index: LogIndex, term: Term): { readonly index: LogIndex; readonly term: Term } {
    for (let at = index; at > 0; at--) {
      const own = this.term(at)
      if (own === undefined) return { index: at, term: 0 }
      if (own <= term) return { index: at, term: own }
    }
    return { index: 0, term: 0 }
  }

  commitTo(index: LogIndex): void {
    if (index <= this.#committed) return
    invariant(
      index <= this.lastIndex(),
      `entry ${index} is committed, but the log ends at ${this.lastIndex()}: entries that were acknowledged are gone`
    )
    this.#committed = index
  }

  /** The state machine has acknowledged everything up to `index`, which was that many bytes. */
  appliedTo(index: LogIndex, bytes: number): void {
    invariant(
      index >= this.#applied && index <= this.#committed,
      `entry ${index} was applied, which is not between ${this.#applied} and the committed ${this.#committed}`
    )
    this.#applied = index
    this.#applying = Math.max(this.#applying, index)
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes)
    this.#isApplyingPaused = this.#applyingBytes >= this.#applyingBytesMax
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    return (
      !this.#isApplyingPaused &&
      this.unstable.snapshot === undefined &&
      this.#applying < this.#appliableIndex(allowUnstable)
    )
  }

  /** The committed entries to hand out next. None while a snapshot is on its way to the storage. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return []
    const end = this.#appliableIndex(allowUnstable) + 1
    const entries = this.slice(this.#applying + 1, end, this.#applyingBytesMax - this.#applyingBytes)
    invariant(entries !== undefined, `entry ${this.#applying + 1} is to be applied, but was cut from the log`)
    return entries
  }

  /** These committed entries were handed out. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries.at(-1)?.index
    if (last === undefined) return
    this.#applying = last
    this.#applyingBytes += totalEntryBytes(entries)
    // Fewer than there are: the next one goes over the limit.
    this.#isApplyingPaused = this.#applyingBytes >= this.#applyingBytesMax || last < this.#appliableIndex(allowUnstable)
  }

  /** Entries from `first` on; undefined when it was cut. */
  entriesFrom(first: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    const last = this.lastIndex()
    return first > last ? [] : this.slice(first, last + 1, bytesMax)
  }

  /** Entries from `first` to before `end` that make `bytesMax` together, at least one; undefined when it was cut. */
  slice(first: LogIndex, end: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    if (first < this.firstIndex()) return undefined
    const { offset } = this.unstable
    if (first >= offset) return limitEntries(this.unstable.slice(first, end), bytesMax)
    const cut = Math.min(end, offset)
    const stable = this.#storage.entries(first, cut, bytesMax)
    if (stable === undefined || stable.length < cut - first || cut === end) return stable
    const bytesLeft = bytesMax - totalEntryBytes(stable)
    const rest = this.unstable.slice(offset, end)
    const [next] = rest
    if (next === undefined || entryBytes(next) > bytesLeft) return stable
    return [...stable, ...limitEntries(rest, bytesLeft)]
  }

  /** A snapshot replaces the log. */
  restore(snapshot: Snapshot): void {
    this.#committed = snapshot.index
    this.unstable.restore(snapshot)
  }

  // How many entries from the first on are in the log as they are.
  #knownAtFront(entries: readonly Entry[]): number {
    const last = this.lastIndex()
    let known = 0
    for (const { index, term } of entries) {
      if (index > last || !this.matches(index, term)) break
      known++
    }
    return known
  }

  #appliableIndex(allowUnstable: boolean): LogIndex {
    return allowUnstable ? this.#committed : Math.min(this.#committed, this.unstable.offset - 1)
  }
}
