// EntryReader: an entry with what is known about it: its sequence and when it expires.

import native from '#native'
import { attempt } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { diskNeeded, missing, type Tier, wouldBlock } from './reader.ts'

export interface StoredEntry {
  /** Its own memory; empty where it was not asked for. */
  readonly value: Buffer
  readonly sequence: number
  /** Milliseconds since 1970; 0: it stays. */
  readonly expiresAt: number
}

const left = -16
const scratchBytes = 4096
const none = Buffer.alloc(0)

export class EntryReader {
  readonly #engine: native.Engine
  readonly #facts = new Float64Array(2)
  // Values are copied out of it before the next call.
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes)

  constructor(engine: native.Engine) {
    this.#engine = engine
  }

  /** The entry, undefined on a miss, or `diskNeeded` where the tier does not reach. */
  get(
    space: number,
    key: string | Uint8Array,
    sequence: number,
    nowMs: number,
    tier: Tier,
    wantsValue: boolean
  ): StoredEntry | undefined | typeof diskNeeded {
    let room = wantsValue ? this.#scratch : none
    for (;;) {
      const facts = this.#facts
      const into = room
      const size = attempt(() => native.getEntry(this.#engine, space, key, sequence, nowMs, tier, facts, into, 0))
      if (size === missing) return undefined
      if (size === wouldBlock) return diskNeeded
      const isWhole = size >= 0
      if (isWhole || !wantsValue) {
        const value = isWhole && wantsValue ? Buffer.from(room.subarray(0, size)) : none
        return { value, sequence: facts[0] as number, expiresAt: facts[1] as number }
      }
      room = Buffer.allocUnsafeSlow(left - size)
    }
  }

  /** The same, on a read thread. */
  async getFromDisk(
    space: number,
    key: string | Uint8Array,
    sequence: number,
    nowMs: number
  ): Promise<StoredEntry | undefined> {
    const job = attempt(() => native.getEntryJob(this.#engine, space, key, sequence, nowMs, true))
    const entry = await outcome(job)
    return entry === undefined ? undefined : { ...entry, value: entry.value ?? none }
  }
}
