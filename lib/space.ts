// Space: one ordered key space of a database: its reads and writes. A database is its default space and more.

import native from '#native'
import type { Batch } from './bytes/batch.ts'
import type { Input } from './bytes/buffer.ts'
import { checkKey, decodeBytes, encodeValue, nameOf, spaceEnd, storedKey } from './bytes/codec.ts'
import { invalid } from './errors.ts'
import { limits } from './options.ts'
import type { Parts } from './parts.ts'
import { countEntries, countIn, estimateEntries } from './read/counting.ts'
import type { StoredEntry } from './read/entry.ts'
import { Iterator, identity } from './read/items.ts'
import {
  type Bounds,
  boundsOf,
  EntryIterator,
  type IteratorOptions,
  limitOf,
  type RangeOptions
} from './read/iterator.ts'
import { diskNeeded, Reader, tiers } from './read/reader.ts'
import type { Snapshot } from './read/snapshot.ts'
import type {
  BatchOperation,
  ClearOptions,
  Condition,
  CountOptions,
  Encodings,
  Entry,
  FirstOptions,
  PutOptions,
  ReadOptions,
  WriteOptions
} from './space-options.ts'
import { pickManual } from './tree/compaction/leveled.ts'
import type { Access } from './write/access.ts'
import type { Expected, KeyCheck } from './write/checks.ts'
import type { Place } from './write/conditional.ts'
import { expiresAtOf, never } from './write/expiry.ts'

/** Reads and writes of one key space. Made by `db.space(name)`; the database itself is one. */
export class Space<Key = string, Value = string> {
  readonly #parts: Parts
  readonly #id: number
  readonly #encodings: Encodings
  readonly #reader: Reader

  /** @internal */
  constructor(parts: Parts, id: number, encodings: Encodings) {
    this.#parts = parts
    this.#id = id
    this.#encodings = encodings
    const { engine, slabs, time } = parts
    this.#reader = new Reader({ engine, space: id, ...encodings, clock: time.now, slabs })
  }

  /** Stores a value under a key. Resolves when the durability asked for is reached. */
  put(key: Input<Key>, value: Input<Value>, options?: PutOptions): Promise<void> {
    try {
      this.#parts.checkWritable()
      const { keyEncoding, valueEncoding } = this.#encodings
      return this.#parts.writer.put(
        this.#id,
        checkKey(keyEncoding, key),
        encodeValue(valueEncoding, value),
        options?.sync === true,
        options === undefined ? never : expiresAtOf(options, this.#parts.time.now)
      )
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Removes a key; one that is not there is no error. */
  del(key: Input<Key>, options?: WriteOptions): Promise<void> {
    try {
      this.#parts.checkWritable()
      return this.#parts.writer.del(this.#id, checkKey(this.#encodings.keyEncoding, key), options?.sync === true)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** All operations or none, visible at once. */
  batch(operations: readonly BatchOperation<Key, Value>[], options?: WriteOptions): Promise<void> {
    try {
      this.#parts.checkWritable()
      if (!Array.isArray(operations)) throw invalid(`batch takes an array of operations, not ${nameOf(operations)}.`)
      return this.#parts.writer.batch((batch) => this.#layDown(batch, operations), options?.sync === true)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #layDown(batch: Batch, operations: readonly BatchOperation<Key, Value>[]): void {
    const { keyEncoding, valueEncoding } = this.#encodings
    const { now } = this.#parts.time
    for (const operation of operations) {
      if (operation.type === 'put') {
        const key = checkKey(keyEncoding, operation.key)
        batch.put(this.#id, key, encodeValue(valueEncoding, operation.value), expiresAtOf(operation, now))
      } else if (operation.type === 'del') batch.del(this.#id, checkKey(keyEncoding, operation.key))
      else if (operation.type === 'deleteRange') {
        const { start, end } = this.#someOf(operation.range)
        batch.deleteRange(this.#id, start ?? noBytes, end)
      } else {
        const { type } = operation as { type: unknown }
        throw invalid(`An operation's type must be 'put', 'del' or 'deleteRange', not ${String(type)}.`)
      }
    }
  }

  /** Removes all keys of a range, whatever their number, in one small write. At least one bound must be given. */
  deleteRange(range: RangeOptions<Input<Key>>, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'deleteRange', range }], options)
  }

  /** Removes all keys of a range (of the space, without bounds); with a limit the first (reverse: last) of them. */
  async clear(options: ClearOptions<Input<Key>> = {}): Promise<void> {
    const { limit, reverse, sync, ...range } = options
    this.#parts.checkWritable()
    const { start, end } = boundsOf(range, this.#encodings.keyEncoding)
    const write = { sync: sync === true }
    if (limitOf(limit) === Number.MAX_SAFE_INTEGER) {
      return this.#parts.writer.batch((batch) => batch.deleteRange(this.#id, start ?? noBytes, end), write.sync)
    }
    const keys = this.keys({ ...range, limit: limitOf(limit), reverse: reverse === true })
    for (let some = await keys.nextv(limits.slicedOperations); some.length > 0; ) {
      await this.batch(
        some.map((key) => ({ type: 'del', key: key as Input<Key> })),
        write
      )
      some = await keys.nextv(limits.slicedOperations)
    }
    await keys.close()
  }

  // A range with a bound: a forgotten one must not delete everything.
  #someOf(range: RangeOptions<unknown>): Bounds {
    if (typeof range !== 'object' || range === null) throw invalid(`A range must be an object, not ${nameOf(range)}.`)
    const bounds = boundsOf(range, this.#encodings.keyEncoding)
    const hasBound = range.gt ?? range.gte ?? range.lt ?? range.lte ?? range.prefix
    if (hasBound === undefined) throw invalid('deleteRange takes at least one bound; clear() removes everything.')
    return bounds
  }

  /** Puts when the condition holds, decided in the order of all writes. Whether it did. */
  async putIf(
    key: Input<Key>,
    value: Input<Value>,
    condition: Condition<Value>,
    options?: PutOptions
  ): Promise<boolean> {
    this.#parts.checkWritable()
    const encoded = kept(encodeValue(this.#encodings.valueEncoding, value))
    const expiresAtMs = expiresAtOf(options, this.#parts.time.now)
    return this.#parts.conditional.putIf(this.#check(key, condition), encoded, expiresAtMs, options?.sync === true)
  }

  /** Removes when the condition holds, decided in the order of all writes. Whether it did. */
  async delIf(key: Input<Key>, condition: Condition<Value>, options?: WriteOptions): Promise<boolean> {
    this.#parts.checkWritable()
    return this.#parts.conditional.delIf(this.#check(key, condition), options?.sync === true)
  }

  #check(key: Input<Key>, condition: Condition<Value>): KeyCheck {
    return { type: 'key', space: this.#id, key: this.#key(key), expected: this.#expected(condition) }
  }

  #expected(condition: Condition<Value>): Expected {
    const given = (typeof condition === 'object' && condition !== null ? condition : {}) as Record<string, unknown>
    if (Object.keys(given).length === 1) {
      if (given['absent'] === true) return 'absent'
      if (Number.isSafeInteger(given['sequence'])) return { sequence: given['sequence'] as number }
      if ('value' in given) return { value: bytesOfValue(encodeValue(this.#encodings.valueEncoding, given['value'])) }
    }
    throw invalid('A condition is { absent: true }, { sequence } or { value }.')
  }

  /** Adds to the whole number at a key (0 where there is none) and gives the sum. The entry's expiry stays. */
  async increment(key: Input<Key>, by = 1, options?: WriteOptions): Promise<number> {
    this.#parts.checkWritable()
    return this.#parts.conditional.increment(this.#place(key), by, options?.sync === true)
  }

  /** Milliseconds until the entry expires: Infinity when it stays, undefined when there is none. */
  async ttl(key: Input<Key>): Promise<number | undefined> {
    const entry = await this.#stored(this.#key(key), undefined, false)
    if (entry === undefined) return undefined
    return entry.expiresAt === never ? Number.POSITIVE_INFINITY : entry.expiresAt - this.#parts.time.now()
  }

  /** Gives the entry another expiry; its value stays. Whether there is one. */
  async touch(key: Input<Key>, options: PutOptions): Promise<boolean> {
    this.#parts.checkWritable()
    const expiresAtMs = expiresAtOf(options, this.#parts.time.now)
    if (options?.ttl === undefined && options?.expiresAt === undefined)
      throw invalid('touch takes { ttl } or { expiresAt }.')
    return this.#parts.conditional.expireAt(this.#place(key), expiresAtMs, options.sync === true)
  }

  /** The entry stays from now on. Whether there is one. */
  async persist(key: Input<Key>, options?: WriteOptions): Promise<boolean> {
    this.#parts.checkWritable()
    return this.#parts.conditional.expireAt(this.#place(key), never, options?.sync === true)
  }

  /** The value, or undefined. Answers from memory and page cache without leaving the thread. */
  get(key: Input<Key>, options?: ReadOptions): Promise<Value | undefined> {
    try {
      this.#parts.checkOpen()
      const snapshot = options?.snapshot
      const sequence = snapshot === undefined ? -1 : snapshot.check()
      const nowMs = snapshot === undefined ? 0 : snapshot.timeMs
      const waiting = this.#parts.writer.settle()
      if (waiting !== undefined) return waiting.then(() => this.#getSettled(key, sequence, nowMs))
      return this.#getSettled(key, sequence, nowMs)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #getSettled(key: Input<Key>, sequence: number, nowMs: number): Promise<Value | undefined> {
    const value = this.#reader.get(key, sequence, nowMs, tiers.noWait)
    if (value === diskNeeded) return this.#reader.getFromDisk(key, sequence, nowMs) as Promise<Value | undefined>
    return this.#parts.turn.answer(value as Value | undefined)
  }

  /** The same, at once; waits for the disk on this thread where it must. */
  getSync(key: Input<Key>, options?: ReadOptions): Value | undefined {
    this.#parts.checkOpen()
    const snapshot = options?.snapshot
    const sequence = snapshot === undefined ? -1 : snapshot.check()
    this.#parts.writer.settleSync()
    const nowMs = snapshot === undefined ? 0 : snapshot.timeMs
    return this.#reader.get(key, sequence, nowMs, tiers.mayBlock) as Value | undefined
  }

  /** Values in the order of the keys, undefined for each miss. */
  async getMany(keys: readonly Input<Key>[], options?: ReadOptions): Promise<(Value | undefined)[]> {
    const { turn, writer } = this.#parts
    this.#parts.checkOpen()
    if (!Array.isArray(keys)) throw invalid(`getMany takes an array of keys, not ${nameOf(keys)}.`)
    const { sequence, nowMs } = pointOf(options)
    const waiting = writer.settle()
    if (waiting !== undefined) await waiting
    const values: unknown[] = []
    for (let from = 0; from < keys.length; from += limits.slicedOperations) {
      const slice = keys.slice(from, from + limits.slicedOperations)
      const some = this.#reader.getMany(slice, sequence, nowMs, tiers.noWait)
      for (const value of some) values.push(value)
      const pause = turn.breath(some.length)
      if (pause !== undefined) await pause
    }
    await Promise.all(
      values.map(async (value, i) => {
        if (value === diskNeeded) values[i] = await this.#reader.getFromDisk(keys[i], sequence, nowMs)
      })
    )
    return values as (Value | undefined)[]
  }

  async has(key: Input<Key>, options?: ReadOptions): Promise<boolean> {
    this.#parts.checkOpen()
    const { sequence, nowMs } = pointOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const answer = this.#reader.has(key, sequence, nowMs, tiers.noWait)
    if (answer === diskNeeded) return (await this.#reader.getFromDisk(key, sequence, nowMs)) !== undefined
    return this.#parts.turn.answer(answer)
  }

  async hasMany(keys: readonly Input<Key>[], options?: ReadOptions): Promise<boolean[]> {
    this.#parts.checkOpen()
    if (!Array.isArray(keys)) throw invalid(`hasMany takes an array of keys, not ${nameOf(keys)}.`)
    return Promise.all(keys.map((key) => this.has(key as Input<Key>, options)))
  }

  /** The entry with its sequence and expiry, or undefined. */
  async getEntry(key: Input<Key>, options?: ReadOptions): Promise<Entry<Value> | undefined> {
    const entry = await this.#stored(this.#key(key), options?.snapshot, true)
    if (entry === undefined) return undefined
    const { value, sequence, expiresAt } = entry
    return {
      value: decodeBytes(this.#encodings.valueEncoding, value) as Value,
      sequence,
      expiresAt: expiresAt === never ? undefined : expiresAt
    }
  }

  async #stored(
    key: string | Uint8Array,
    snapshot: Snapshot | undefined,
    wantsValue: boolean
  ): Promise<StoredEntry | undefined> {
    const { writer, entries, time, turn } = this.#parts
    this.#parts.checkOpen()
    const sequence = snapshot === undefined ? -1 : snapshot.check()
    const waiting = writer.settle()
    if (waiting !== undefined) await waiting
    const nowMs = snapshot === undefined ? time.now() : snapshot.timeMs
    const entry = entries.get(this.#id, key, sequence, nowMs, tiers.noWait, wantsValue)
    return entry === diskNeeded ? entries.getFromDisk(this.#id, key, sequence, nowMs) : turn.answer(entry)
  }

  /** How many entries are in the range. Reads all of them; see estimateCount. */
  async count(options: CountOptions<Input<Key>> = {}): Promise<number> {
    const { snapshot, signal, ...range } = options
    const { engine, writer, turn, time } = this.#parts
    this.#parts.checkOpen()
    const bounds = boundsOf(range, this.#encodings.keyEncoding)
    const { sequence, nowMs } = pointOf(options)
    const waiting = writer.settle()
    if (waiting !== undefined) await waiting
    const atMs = nowMs === 0 ? time.now() : nowMs
    return countEntries({ engine, space: this.#id, bounds, sequence, nowMs: atMs, turn, signal })
  }

  /** The first entry of the range, or undefined. */
  first(options: FirstOptions<Input<Key>> = {}): Promise<[Key, Value] | undefined> {
    return this.#one({ ...options, reverse: false })
  }

  /** The last entry of the range, or undefined. */
  last(options: FirstOptions<Input<Key>> = {}): Promise<[Key, Value] | undefined> {
    return this.#one({ ...options, reverse: true })
  }

  async #one(options: IteratorOptions<Input<Key>>): Promise<[Key, Value] | undefined> {
    const iterator = this.iterator({ ...options, limit: 1 })
    try {
      return await iterator.next()
    } finally {
      await iterator.close()
    }
  }

  /** About how many entries are in the range: exact for a few that are at hand, else from the sizes of tables. */
  estimateCount(range: RangeOptions<Input<Key>> = {}): number {
    const { engine, writer, time, tree } = this.#parts
    this.#parts.checkOpen()
    writer.settleSync()
    const bounds = boundsOf(range, this.#encodings.keyEncoding)
    const some = { space: this.#id, ...bounds, nowMs: time.now(), entriesMax: limits.slicedOperations }
    const counted = countIn(engine, some, tiers.noWait)
    if (counted !== diskNeeded && counted.entries <= some.entriesMax) return counted.entries
    const { first, last } = this.#storedSpan(range)
    return Math.max(limits.slicedOperations, estimateEntries(tree, first, last))
  }

  /** Entries in key order within the bounds, as they are now (or at the snapshot). */
  iterator(options: IteratorOptions<Input<Key>> = {}): Iterator<Key, Value, [Key, Value]> {
    return this.#iterate(options, identity, this.iterator)
  }

  /** The same, keys only. */
  keys(options: IteratorOptions<Input<Key>> = {}): Iterator<Key, Value, Key> {
    return this.#iterate({ ...options, values: false }, (entry) => entry[0], this.keys)
  }

  /** The same, values only. */
  values(options: IteratorOptions<Input<Key>> = {}): Iterator<Key, Value, Value> {
    return this.#iterate({ ...options, keys: false }, (entry) => entry[1], this.values)
  }

  #iterate<Item>(
    options: IteratorOptions<Input<Key>>,
    pick: (entry: [never, never]) => unknown,
    opened: (...options: never[]) => unknown
  ): Iterator<Key, Value, Item> {
    const entries = this.#entriesOf(options, this.#encodings, opened)
    const items = new Iterator<Key, Value, Item>(entries, pick)
    if (entries.pin !== undefined) entries.pin.holder = items
    return items
  }

  #entriesOf(
    options: IteratorOptions<unknown>,
    encodings: Encodings,
    opened: (...options: never[]) => unknown
  ): EntryIterator {
    const parts = this.#parts
    const { engine, turn, slabs, writer, tree, pins, sweeper, time } = parts
    parts.checkOpen()
    const { snapshot } = options
    snapshot?.check()
    const at = snapshot ?? parts.now()
    const iterator = new EntryIterator(
      {
        engine,
        space: this.#id,
        ...encodings,
        clock: time.now,
        view: () => tree.viewNumber,
        turn,
        slabs,
        settle: () => writer.settle(),
        settleSync: () => writer.settleSync(),
        onClose: ({ pin }) => {
          if (pin !== undefined) pins.delete(pin)
          if (tree.obsolete.size > 0) setImmediate(() => void sweeper.sweep())
        }
      },
      options,
      at
    )
    iterator.pin = pins.add('iterator', at, iterator, opened)
    return iterator
  }

  /** Merges all tables of the range into one run: the least space, the quickest reads. */
  async compact(range: RangeOptions<Input<Key>> = {}): Promise<void> {
    const { scheduler, log, tree, sweeper } = this.#parts
    await this.#parts.flush()
    await log.shrink(tree.version.flushed.index)
    const { first, last } = this.#storedSpan(range)
    await scheduler.runExclusive(() => pickManual(tree.version, first, last))
    await sweeper.sweep()
  }

  /** About how many bytes of tables the range takes. */
  approximateSize(range: RangeOptions<Input<Key>> = {}): number {
    this.#parts.checkOpen()
    const { tree } = this.#parts
    const { first, last } = this.#storedSpan(range)
    let bytes = 0
    for (const file of tree.version.levels.flat()) {
      const { handle } = tree.table(file.number)
      bytes += native.tableOffset(handle, last) - native.tableOffset(handle, first)
    }
    return Math.max(0, bytes)
  }

  /** What a transaction needs of the space, at its snapshot. @internal */
  access(snapshot: Snapshot): Access {
    const { keyEncoding, valueEncoding } = this.#encodings
    return {
      id: this.#id,
      keyEncoding,
      valueEncoding,
      entry: (key) => this.#stored(key, snapshot, true),
      scan: ({ start, end }, reverse) => {
        const range = { ...(start === null ? {} : { gte: start }), ...(end === null ? {} : { lt: end }) }
        return this.#entriesOf(
          { ...range, reverse, snapshot },
          { keyEncoding: 'buffer', valueEncoding: 'buffer' },
          this.access
        )
      }
    }
  }

  #key(key: Input<Key>): string | Uint8Array {
    return kept(checkKey(this.#encodings.keyEncoding, key))
  }

  #place(key: Input<Key>): Place {
    return { space: this.#id, key: this.#key(key) }
  }

  #storedSpan(range: RangeOptions<Input<Key>>): { first: Buffer; last: Buffer } {
    const { start, end } = boundsOf(range, this.#encodings.keyEncoding)
    const last = storedKey(this.#id, end ?? noBytes)
    return { first: storedKey(this.#id, start ?? noBytes), last: end === null ? spaceEnd(last) : last }
  }
}

const noBytes = new Uint8Array(0)

// What to read at: a snapshot's sequence and time; -1 and 0 for what is there now.
function pointOf(options: ReadOptions | undefined): { readonly sequence: number; readonly nowMs: number } {
  const snapshot = options?.snapshot
  return snapshot === undefined ? latest : { sequence: snapshot.check(), nowMs: snapshot.timeMs }
}

const latest = { sequence: -1, nowMs: 0 } as const

// The caller may write into its bytes once its call has returned.
const kept = (bytes: string | Uint8Array): string | Uint8Array =>
  typeof bytes === 'string' ? bytes : Uint8Array.prototype.slice.call(bytes)

const bytesOfValue = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value) : Uint8Array.prototype.slice.call(value)
