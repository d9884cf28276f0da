// ReadSet: what a transaction has read, so that the writer can check that it is still so.

import { VarveError } from '../errors.ts'
import type { Check, KeyCheck, RangeCheck } from './checks.ts'

/** A scan that may still go on: what it has consumed so far, in one check a stretch. */
export interface Scanned {
  checks(): readonly RangeCheck[]
}

export class ReadSet {
  readonly #keys = new Map<string, KeyCheck>()
  readonly #scans: Scanned[] = []
  readonly #entriesMax: number
  #entries = 0
  #hasExpiring = false

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  /** Entries and absent keys that were read. */
  get entries(): number {
    return this.#entries
  }

  /** Nothing of it changes by time alone. */
  get isTimeless(): boolean {
    return !this.#hasExpiring && this.#scans.length === 0
  }

  /** A key was looked up; `sequence` is that of its entry, undefined where there was none. */
  noteKey(space: number, text: string, key: Uint8Array, sequence: number | undefined, isExpiring: boolean): void {
    const name = `${space}:${text}`
    if (this.#keys.has(name)) return
    this.noteEntries(1)
    if (isExpiring) this.#hasExpiring = true
    this.#keys.set(name, { type: 'key', space, key, expected: sequence === undefined ? 'absent' : { sequence } })
  }

  noteEntries(count: number): void {
    this.#entries += count
    if (this.#entries <= this.#entriesMax) return
    throw new VarveError(
      'VARVE_TRANSACTION_TOO_LARGE',
      `A transaction may read ${this.#entriesMax} entries (limits.checkedEntriesMax). Split it, or read at a snapshot outside of it.`
    )
  }

  noteScan(scan: Scanned): void {
    this.#scans.push(scan)
  }

  *checks(): Generator<Check> {
    yield* this.#keys.values()
    for (const scan of this.#scans) yield* scan.checks()
  }
}
