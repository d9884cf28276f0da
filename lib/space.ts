// Space: one ordered key space of a database: its reads and writes. A database is its default space and more.

import type { Batch } from './bytes/batch.ts'
import type { Input } from './bytes/buffer.ts'
import { encodeKey, encodeValue, nameOf } from './bytes/codec.ts'
import {
  type Encodings,
  encodingsOf,
  type KeyEncoding,
  type KeyOf,
  type ValueEncoding,
  type ValueOf
} from './bytes/encodings.ts'
import { invalid } from './errors.ts'
import { limits } from './options.ts'
import type { Parts } from './parts.ts'
import { type Bounds, boundsOf, limitOf, type RangeOptions } from './read/iterator.ts'
import type { ClearOptions, Condition, Decided, Entry, PutOptions, WriteOptions } from './space-options.ts'
import { SpaceReads, shownEntry } from './space-reads.ts'
import { pickManual } from './tree/compaction/leveled.ts'
import type { Expected } from './write/checks.ts'
import type { Place } from './write/conditional.ts'
import { expiresAtOf, never } from './write/expiry.ts'
import type { AnyOperation, CheckedOperations } from './write/operations.ts'
import { checkThere, type KnownSpace, notOurs } from './write/spaces.ts'

/** Reads and writes of one key space. Made by `db.space(name)`; the database itself is one. */
export class Space<Key = string, Value = string> extends SpaceReads<Key, Value> {
  readonly #parts: Parts
  readonly #space: KnownSpace
  readonly #encodings: Encodings

  /** @internal */
  constructor(parts: Parts, space: KnownSpace, encodings: Encodings) {
    super(parts, space, encodings)
    this.#parts = parts
    this.#space = space
    this.#encodings = encodings
  }

  // One write, on the short path where the space's name is stored.
  #write(each: (batch: Batch) => void, sync: boolean): Promise<void> {
    return this.#parts.spaces.write((batch, into) => {
      into(this.#space)
      each(batch)
    }, sync)
  }

  /** Stores a value under a key. Resolves when the durability asked for is reached. */
  put<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    value: Input<ValueOf<AskedValue, Value>>,
    options?: PutOptions<AskedKey, AskedValue>
  ): Promise<void> {
    try {
      this.#parts.checkWritable()
      const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
      const keyed = encodeKey(keyEncoding, key)
      const valued = encodeValue(valueEncoding, value)
      const sync = options?.sync === true
      const expiresAtMs = options === undefined ? never : expiresAtOf(options, this.#parts.time.now)
      const { id, state } = this.#space
      if (state === 'stored') return this.#parts.writer.put(id, keyed, valued, sync, expiresAtMs)
      return this.#write((batch) => batch.put(id, keyed, valued, expiresAtMs), sync)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Puts of keys and values where they stand in bytes: of each an offset and a length. Each is a write of its own.
   * @internal
   */
  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number, sync: boolean): Promise<void> {
    try {
      this.#parts.checkWritable()
      const { id, state } = this.#space
      if (state === 'stored') return this.#parts.writer.putPlaced(id, source, places, from, count, sync)
      return this.#write((batch) => batch.putPlaced(id, source, places, from, count), sync)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Removes a key; one that is not there is no error. */
  del<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: WriteOptions<AskedKey, ValueEncoding>
  ): Promise<void> {
    try {
      this.#parts.checkWritable()
      const keyed = encodeKey(encodingsOf(options, this.#encodings).keyEncoding, key)
      const sync = options?.sync === true
      const { id, state } = this.#space
      if (state === 'stored') return this.#parts.writer.del(id, keyed, sync)
      return this.#write((batch) => batch.del(id, keyed), sync)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** All operations or none, visible at once. An operation may go to another space of the database. */
  batch<Operations extends readonly AnyOperation[]>(
    operations: CheckedOperations<Operations, Key, Value>,
    options?: WriteOptions
  ): Promise<void> {
    try {
      this.#parts.checkWritable()
      if (!Array.isArray(operations)) throw invalid(`batch takes an array of operations, not ${nameOf(operations)}.`)
      return this.#parts.spaces.write((batch, into) => {
        for (const operation of operations as readonly AnyOperation[]) this.#layDown(batch, into, operation)
      }, options?.sync === true)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #layDown(batch: Batch, into: (space: KnownSpace) => void, operation: AnyOperation): void {
    const space = operation.space === undefined ? this : this.#sister(operation.space)
    const { keyEncoding, valueEncoding } = encodingsOf(operation, space.#encodings)
    const { id } = space.#space
    into(space.#space)
    if (operation.type === 'put') {
      const key = encodeKey(keyEncoding, operation.key)
      batch.put(id, key, encodeValue(valueEncoding, operation.value), expiresAtOf(operation, this.#parts.time.now))
    } else if (operation.type === 'del') batch.del(id, encodeKey(keyEncoding, operation.key))
    else if (operation.type === 'deleteRange') {
      const { start, end } = boundsOfSome(operation.range, keyEncoding)
      batch.deleteRange(id, start ?? noBytes, end)
    } else {
      const { type } = operation as { type: unknown }
      throw invalid(`An operation's type must be 'put', 'del' or 'deleteRange', not ${String(type)}.`)
    }
  }

  // Another space of the same database.
  #sister(space: unknown): Space<unknown, unknown> {
    if (typeof space === 'object' && space !== null && #parts in space && space.#parts === this.#parts) return space
    throw notOurs()
  }

  /** Removes all keys of a range, whatever their number, in one small write. At least one bound must be given. */
  async deleteRange<AskedKey extends KeyEncoding = never>(
    range: RangeOptions<Input<KeyOf<AskedKey, Key>>>,
    options?: WriteOptions<AskedKey, ValueEncoding>
  ): Promise<void> {
    this.#parts.checkWritable()
    const { start, end } = boundsOfSome(range, encodingsOf(options, this.#encodings).keyEncoding)
    return this.#write((batch) => batch.deleteRange(this.#space.id, start ?? noBytes, end), options?.sync === true)
  }

  /** Removes all keys of a range (of the space, without bounds); with a limit the first (reverse: last) of them. */
  async clear<AskedKey extends KeyEncoding = never>(
    options: ClearOptions<Input<KeyOf<AskedKey, Key>>, AskedKey> = {}
  ): Promise<void> {
    const { limit, reverse, sync, ...range } = options
    this.#parts.checkWritable()
    const { keyEncoding } = encodingsOf(options, this.#encodings)
    const { start, end } = boundsOf(range, keyEncoding)
    const { id } = this.#space
    if (limitOf(limit) === Number.MAX_SAFE_INTEGER) {
      return this.#write((batch) => batch.deleteRange(id, start ?? noBytes, end), sync === true)
    }
    const scan = this.scan({ start, end }, reverse === true)
    try {
      for (let left = limitOf(limit); left > 0; ) {
        const some = await scan.nextv(Math.min(left, limits.slicedOperations))
        if (some.length === 0) return
        await this.#write((batch) => {
          for (const [key] of some) batch.del(id, key as Buffer)
        }, sync === true)
        left -= some.length
      }
    } finally {
      await scan.close()
    }
  }

  /** Puts when the condition holds, decided in the order of all writes. Whether it did. */
  async putIf<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    value: Input<ValueOf<AskedValue, Value>>,
    condition: Condition<Input<ValueOf<AskedValue, Value>>>,
    options?: PutOptions<AskedKey, AskedValue>
  ): Promise<boolean> {
    this.#parts.checkWritable()
    const encodings = encodingsOf(options, this.#encodings)
    const encoded = kept(encodeValue(encodings.valueEncoding, value))
    const expiresAtMs = expiresAtOf(options, this.#parts.time.now)
    const place = this.#place(key, encodings)
    const expected = expectedOf(condition, encodings)
    return this.#parts.conditional.putIf(place, expected, encoded, expiresAtMs, options?.sync === true)
  }

  /** Removes when the condition holds, decided in the order of all writes. Whether it did. */
  async delIf<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    condition: Condition<Input<ValueOf<AskedValue, Value>>>,
    options?: WriteOptions<AskedKey, AskedValue>
  ): Promise<boolean> {
    this.#parts.checkWritable()
    const encodings = encodingsOf(options, this.#encodings)
    const expected = expectedOf(condition, encodings)
    return this.#parts.conditional.delIf(this.#place(key, encodings), expected, options?.sync === true)
  }

  /** Adds to the whole number at a key (0 where there is none) and gives the sum. The entry's expiry stays. */
  async increment<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    by = 1,
    options?: WriteOptions<AskedKey, ValueEncoding>
  ): Promise<number> {
    this.#parts.checkWritable()
    const place = this.#place(key, encodingsOf(options, this.#encodings))
    return this.#parts.conditional.increment(place, by, options?.sync === true)
  }

  /** Gives the entry another expiry; its value stays. Whether there is one. */
  async touch<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options: PutOptions<AskedKey, ValueEncoding>
  ): Promise<boolean> {
    this.#parts.checkWritable()
    if (options?.ttl === undefined && options?.expiresAt === undefined) {
      throw invalid('touch takes { ttl } or { expiresAt }; persist(key) makes an entry stay.')
    }
    const expiresAtMs = expiresAtOf(options, this.#parts.time.now)
    const place = this.#place(key, encodingsOf(options, this.#encodings))
    return this.#parts.conditional.expireAt(place, expiresAtMs, options.sync === true)
  }

  /** The entry stays from now on. Whether there is one. */
  async persist<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: WriteOptions<AskedKey, ValueEncoding>
  ): Promise<boolean> {
    this.#parts.checkWritable()
    const place = this.#place(key, encodingsOf(options, this.#encodings))
    return this.#parts.conditional.expireAt(place, never, options?.sync === true)
  }

  /**
   * Reads the entries of some keys and writes what depends on them, with nothing between: no other write of anybody.
   * `decide` runs once, gets the entries in the keys' order and the database's time, and must not wait. What it throws is
   * thrown here, and then nothing is written.
   *
   * @example
   * const taken = await db.decide(['stock', 'sold'], ([stock, sold]) => {
   *   const left = Number(stock?.value ?? 0)
   *   if (left === 0) return { result: false }
   *   const operations = [
   *     { type: 'put' as const, key: 'stock', value: String(left - 1) },
   *     { type: 'put' as const, key: 'sold', value: String(Number(sold?.value ?? 0) + 1) }
   *   ]
   *   return { operations, result: true }
   * })
   */
  async decide<Result>(
    keys: readonly Input<Key>[],
    decide: (entries: readonly (Entry<Value> | undefined)[], nowMs: number) => Decided<Key, Value, Result>,
    options?: WriteOptions
  ): Promise<Result> {
    this.#parts.checkWritable()
    if (!Array.isArray(keys)) throw invalid(`decide takes an array of keys, not ${nameOf(keys)}.`)
    if (typeof decide !== 'function') throw invalid(`decide takes a function, not ${nameOf(decide)}.`)
    const { keyEncoding, valueEncoding } = this.#encodings
    const keyed = (keys as typeof keys).map((key) => kept(encodeKey(keyEncoding, key)))
    return this.#parts.conditional.decide(
      this.#space,
      keyed,
      (stored, nowMs) => {
        const entries = stored.map((entry) => entry && shownEntry<Value>(entry, valueEncoding))
        const { operations, result } = decide(entries, nowMs)
        if (operations === undefined || operations.length === 0) return { result, layDown: undefined }
        return {
          result,
          layDown: (batch, into) => {
            for (const operation of operations) this.#layDown(batch, into, operation)
          }
        }
      },
      options?.sync === true
    )
  }

  #place(key: unknown, { keyEncoding }: Encodings): Place {
    return { space: this.#space, key: kept(encodeKey(keyEncoding, key)) }
  }

  /** Merges all tables of the range into one run: the least space, the quickest reads. */
  async compact(range: RangeOptions<Input<Key>> = {}): Promise<void> {
    const { scheduler, log, tree, sweeper } = this.#parts
    this.#parts.checkOwner()
    checkThere(this.#space)
    await this.#parts.flush()
    await log.shrink(tree.version.flushed.index)
    const { first, last } = this.storedSpan(range)
    await scheduler.runExclusive(() => pickManual(tree.version, first, last))
    await sweeper.sweep()
  }
}

const noBytes = new Uint8Array(0)

// Of a range with a bound: a forgotten one must not delete everything.
function boundsOfSome(range: RangeOptions<unknown>, keyEncoding: Encodings['keyEncoding']): Bounds {
  if (typeof range !== 'object' || range === null) throw invalid(`A range must be an object, not ${nameOf(range)}.`)
  if ([range.gt, range.gte, range.lt, range.lte, range.prefix].every((bound) => bound === undefined)) {
    throw invalid('deleteRange takes at least one bound; clear() removes everything.')
  }
  return boundsOf(range, keyEncoding)
}

function expectedOf(condition: unknown, { valueEncoding }: Encodings): Expected {
  const given = (typeof condition === 'object' && condition !== null ? condition : {}) as Record<string, unknown>
  if (Object.keys(given).length === 1) {
    if (given['absent'] === true) return 'absent'
    if (Number.isSafeInteger(given['sequence'])) return { sequence: given['sequence'] as number }
    if ('value' in given) return { value: Buffer.from(encodeValue(valueEncoding, given['value']) as Uint8Array) }
  }
  throw invalid('A condition is { absent: true }, { sequence } or { value }.')
}

// The caller may write into its bytes once its call has returned.
const kept = (bytes: string | Uint8Array): string | Uint8Array =>
  typeof bytes === 'string' ? bytes : Uint8Array.prototype.slice.call(bytes)
