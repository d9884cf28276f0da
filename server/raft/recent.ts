// RecentEntries: the end of the log in memory, so that what was just appended is sent and applied without reading it back.
// Bounded by bytes; the oldest go first.

import { entryBytes } from './core/entry.ts'
import type { Entry, LogIndex } from './core/types.ts'

export class RecentEntries {
  readonly #bytesMax: number
  #entries: Entry[] = []
  /** Of these the first so many are gone; cut off now and then. */
  #gone = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get #first(): LogIndex {
    return this.#entries[this.#gone]?.index ?? Number.POSITIVE_INFINITY
  }

  /** These follow what is here, or take its place from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const [first] = entries
    if (first === undefined) return
    this.#cutFrom(first.index)
    for (const entry of entries) {
      this.#entries.push(entry)
      this.#bytes += entryBytes(entry)
    }
    this.#shrink()
  }

  /** Those from `first` to before `end`; undefined unless the first of them is here. */
  slice(first: LogIndex, end: LogIndex): readonly Entry[] | undefined {
    const from = this.#first
    if (first < from) return undefined
    const offset = this.#gone - from
    return this.#entries.slice(first + offset, end + offset)
  }

  clear(): void {
    this.#entries = []
    this.#gone = 0
    this.#bytes = 0
  }

  // From this index on they are gone; all, if these are not the next ones.
  #cutFrom(index: LogIndex): void {
    const next = (this.#entries.at(-1)?.index ?? Number.NEGATIVE_INFINITY) + 1
    if (index < this.#first || index > next) {
      this.clear()
      return
    }
    for (let last = this.#entries.at(-1); last !== undefined && last.index >= index; last = this.#entries.at(-1)) {
      this.#bytes -= entryBytes(last)
      this.#entries.pop()
    }
  }

  #shrink(): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#entries[this.#gone]
      if (oldest === undefined) break
      this.#bytes -= entryBytes(oldest)
      this.#gone++
    }
    if (this.#gone < 64 || this.#gone * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#gone)
    this.#gone = 0
  }
}
