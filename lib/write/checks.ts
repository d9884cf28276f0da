// Checks: what must hold for a write to happen, decided by the one writer in log order. They speak of what is visible:
// an entry that expired meanwhile is absent, and one that compaction rewrote keeps its sequence.

import type native from '#native'
import type { Time } from '../log/time.ts'
import { countIn, countInFromDisk } from '../read/counting.ts'
import type { EntryReader } from '../read/entry.ts'
import { diskNeeded, type Tier } from '../read/reader.ts'

export type Expected = 'absent' | 'present' | { readonly sequence: number } | { readonly value: Uint8Array }

export interface KeyCheck {
  readonly type: 'key'
  readonly space: number
  readonly key: string | Uint8Array
  readonly expected: Expected
}

/** In [start, end) no visible entry is newer than `sequence`, and there are exactly `entries` of them. */
export interface RangeCheck {
  readonly type: 'range'
  readonly space: number
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
  readonly sequence: number
  readonly entries: number
}

export type Check = KeyCheck | RangeCheck

export class Checker {
  readonly #engine: native.Engine
  readonly #entries: EntryReader
  readonly #time: Time

  constructor(engine: native.Engine, entries: EntryReader, time: Time) {
    this.#engine = engine
    this.#entries = entries
    this.#time = time
  }

  /** Whether it holds now; `diskNeeded` where the tier does not reach. */
  holds(check: Check, tier: Tier): boolean | typeof diskNeeded {
    const nowMs = this.#time.now()
    if (check.type === 'range') {
      const { space, start, end, sequence, entries } = check
      const counted = countIn(this.#engine, { space, start, end, nowMs, entriesMax: entries }, tier)
      if (counted === diskNeeded) return diskNeeded
      return counted.entries === entries && counted.sequenceLast <= sequence
    }
    const { expected } = check
    const wantsValue = typeof expected === 'object' && 'value' in expected
    const found = this.#entries.get(check.space, check.key, -1, nowMs, tier, wantsValue)
    if (found === diskNeeded) return diskNeeded
    if (expected === 'absent') return found === undefined
    if (expected === 'present') return found !== undefined
    if (found === undefined) return false
    return 'value' in expected ? found.value.equals(expected.value) : found.sequence === expected.sequence
  }

  /** Brings into memory what the check needs from the disk. */
  async fetch(check: Check): Promise<void> {
    const nowMs = this.#time.now()
    if (check.type === 'key') await this.#entries.getFromDisk(check.space, check.key, -1, nowMs)
    else {
      const { space, start, end, entries } = check
      await countInFromDisk(this.#engine, { space, start, end, nowMs, entriesMax: entries })
    }
  }
}
