// Conditional: writes of one entry that depend on what is there: putIf, delIf, increment, touch, persist. Each is decided
// by the writer in log order; what is logged is a put or a tombstone.

import { invalid, VarveError } from '../errors.ts'
import type { Time } from '../log/time.ts'
import type { EntryReader, StoredEntry } from '../read/entry.ts'
import { diskNeeded, type Tier } from '../read/reader.ts'
import type { KeyCheck } from './checks.ts'
import { type Decisions, Fetch } from './decisions.ts'
import { never } from './expiry.ts'
import type { Writer } from './writer.ts'

export interface ConditionalContext {
  readonly writer: Writer
  readonly decisions: Decisions
  readonly entries: EntryReader
  readonly time: Time
}

/** A key of a space, as bytes or text. */
export interface Place {
  readonly space: number
  readonly key: string | Uint8Array
}

interface Decided<Result> {
  readonly result: Result
  readonly done?: Promise<void>
}

export class Conditional {
  readonly #context: ConditionalContext

  constructor(context: ConditionalContext) {
    this.#context = context
  }

  /** Whether the check held, and so the put was made. */
  putIf(check: KeyCheck, value: string | Uint8Array, expiresAtMs: number, sync: boolean): Promise<boolean> {
    const { space, key } = check
    return this.#writeIf(check, (batch) => batch.put(space, key, value, expiresAtMs), sync)
  }

  /** Whether the check held, and so the key was removed. */
  delIf(check: KeyCheck, sync: boolean): Promise<boolean> {
    return this.#writeIf(check, (batch) => batch.del(check.space, check.key), sync)
  }

  async #writeIf(check: KeyCheck, layDown: Parameters<Writer['batch']>[0], sync: boolean): Promise<boolean> {
    const { decisions, writer } = this.#context
    return settled(
      await decisions.run((tier): Fetch | Decided<boolean> => {
        const failed = decisions.firstFailed([check], tier)
        if (failed instanceof Fetch) return failed
        if (failed !== undefined) return { result: false }
        return { result: true, done: writer.batch(layDown, sync) }
      })
    )
  }

  /** Adds to the whole number at a key, 0 where there is none; its expiry stays. The sum. */
  async increment(place: Place, by: number, sync: boolean): Promise<number> {
    if (!Number.isSafeInteger(by)) throw invalid(`increment takes a whole number, not ${String(by)}.`)
    return settled(
      await this.#onEntry(place, (entry): Decided<number> => {
        const sum = (entry === undefined ? 0 : wholeNumber(entry.value)) + by
        if (!Number.isSafeInteger(sum)) throw invalid(`The sum ${sum} is beyond what a number holds exactly.`)
        return { result: sum, done: this.#put(place, String(sum), entry?.expiresAt ?? never, sync) }
      })
    )
  }

  /** Gives the entry another expiry (`never`: none). Whether there is one. */
  async expireAt(place: Place, expiresAtMs: number, sync: boolean): Promise<boolean> {
    return settled(
      await this.#onEntry(place, (entry): Decided<boolean> => {
        if (entry === undefined) return { result: false }
        if (entry.expiresAt === expiresAtMs) return { result: true }
        return { result: true, done: this.#put(place, entry.value, expiresAtMs, sync) }
      })
    )
  }

  #put({ space, key }: Place, value: string | Uint8Array, expiresAtMs: number, sync: boolean): Promise<void> {
    return this.#context.writer.batch((batch) => batch.put(space, key, value, expiresAtMs), sync)
  }

  #onEntry<Result>({ space, key }: Place, decide: (entry: StoredEntry | undefined) => Result): Promise<Result> {
    const { decisions, entries, time } = this.#context
    return decisions.run((tier: Tier): Fetch | Result => {
      const entry = entries.get(space, key, -1, time.now(), tier, true)
      if (entry === diskNeeded) return new Fetch(() => entries.getFromDisk(space, key, -1, time.now()))
      return decide(entry)
    })
  }
}

async function settled<Result>({ result, done }: Decided<Result>): Promise<Result> {
  await done
  return result
}

function wholeNumber(value: Buffer): number {
  const text = value.latin1Slice(0, Math.min(value.length, 20))
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(number)) return number
  throw new VarveError('VARVE_INVALID_ARGUMENT', 'The value at this key is not a whole number that can be added to.')
}
