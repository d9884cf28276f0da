// Conditional: writes that depend on what is there: of one entry (putIf, delIf, increment, touch, persist) or of several
// (decide). Each is decided by the writer in log order; what is logged are puts and tombstones.

import type { Batch } from '../bytes/batch.ts'
import { invalid, VarveError } from '../errors.ts'
import type { Time } from '../log/time.ts'
import type { EntryReader, StoredEntry } from '../read/entry.ts'
import { diskNeeded, type Tier } from '../read/reader.ts'
import type { Expected } from './checks.ts'
import { type Decisions, Fetch } from './decisions.ts'
import { never } from './expiry.ts'
import { checkThere, type KnownSpace, type Spaces } from './spaces.ts'

export interface ConditionalContext {
  readonly spaces: Spaces
  readonly decisions: Decisions
  readonly entries: EntryReader
  readonly time: Time
}

/** A key of a space, as bytes or text. */
export interface Place {
  readonly space: KnownSpace
  readonly key: string | Uint8Array
}

/** What the entries of some keys make of them: the operations, laid down in a batch, and what the caller is told. */
export interface Outcome<Result> {
  readonly result: Result
  /** Undefined: nothing is written. */
  readonly layDown: ((batch: Batch, into: (space: KnownSpace) => void) => void) | undefined
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

  /** Whether it was as expected, and so the put was made. */
  putIf(
    place: Place,
    expected: Expected,
    value: string | Uint8Array,
    expiresAtMs: number,
    sync: boolean
  ): Promise<boolean> {
    return this.#writeIf(place, expected, () => this.#put(place, value, expiresAtMs, sync))
  }

  /** Whether it was as expected, and so the key was removed. */
  delIf(place: Place, expected: Expected, sync: boolean): Promise<boolean> {
    const { space, key } = place
    return this.#writeIf(place, expected, () =>
      this.#context.spaces.write((batch, into) => {
        into(space)
        batch.del(space.id, key)
      }, sync)
    )
  }

  async #writeIf({ space, key }: Place, expected: Expected, write: () => Promise<void>): Promise<boolean> {
    const { decisions } = this.#context
    const check = { type: 'key', space: space.id, key, expected } as const
    return settled(
      await decisions.run((tier): Fetch | Decided<boolean> => {
        checkThere(space)
        const failed = decisions.firstFailed([check], tier)
        if (failed instanceof Fetch) return failed
        return failed === undefined ? { result: true, done: write() } : { result: false }
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

  /** Reads the entries of the keys and writes what `decide`, called once, makes of them; nothing comes between. */
  async decide<Result>(
    space: KnownSpace,
    keys: readonly (string | Uint8Array)[],
    decide: (entries: readonly (StoredEntry | undefined)[], nowMs: number) => Outcome<Result>,
    sync: boolean
  ): Promise<Result> {
    const { spaces, decisions, time } = this.#context
    return settled(
      await decisions.run((tier): Fetch | Decided<Result> => {
        checkThere(space)
        const nowMs = time.now()
        const entries = this.#entriesOf(space, keys, nowMs, tier)
        if (entries instanceof Fetch) return entries
        const { result, layDown } = decide(entries, nowMs)
        return layDown === undefined ? { result } : { result, done: spaces.write(layDown, sync) }
      })
    )
  }

  #entriesOf(
    { id }: KnownSpace,
    keys: readonly (string | Uint8Array)[],
    nowMs: number,
    tier: Tier
  ): (StoredEntry | undefined)[] | Fetch {
    const { entries } = this.#context
    const found: (StoredEntry | undefined)[] = []
    const absent: (string | Uint8Array)[] = []
    for (const key of keys) {
      const entry = entries.get(id, key, -1, nowMs, tier, true)
      if (entry === diskNeeded) absent.push(key)
      else found.push(entry)
    }
    if (absent.length === 0) return found
    return new Fetch(() => Promise.all(absent.map((key) => entries.getFromDisk(id, key, -1, nowMs))))
  }

  #put({ space, key }: Place, value: string | Uint8Array, expiresAtMs: number, sync: boolean): Promise<void> {
    return this.#context.spaces.write((batch, into) => {
      into(space)
      batch.put(space.id, key, value, expiresAtMs)
    }, sync)
  }

  #onEntry<Result>({ space, key }: Place, decide: (entry: StoredEntry | undefined) => Result): Promise<Result> {
    const { decisions, entries, time } = this.#context
    return decisions.run((tier: Tier): Fetch | Result => {
      checkThere(space)
      const entry = entries.get(space.id, key, -1, time.now(), tier, true)
      if (entry === diskNeeded) return new Fetch(() => entries.getFromDisk(space.id, key, -1, time.now()))
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
