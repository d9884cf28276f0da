// SpaceReads: the reads of one key space of a database. A Space is its reads and writes.

import native from '#native'
import type { Input } from './bytes/buffer.ts'
import { decodeBytes, type Encoding, encodeKey, nameOf, spaceEnd, storedKey } from './bytes/codec.ts'
import {
  type Encodings,
  encodingsOf,
  type KeyEncoding,
  type KeyOf,
  keyEncodingOf,
  type ValueEncoding,
  type ValueOf,
  valueEncodingOf
} from './bytes/encodings.ts'
import { invalid } from './errors.ts'
import { limits } from './options.ts'
import type { Parts } from './parts.ts'
import { countEntries, countIn, estimateEntries } from './read/counting.ts'
import { EntryReader, type StoredEntry } from './read/entry.ts'
import { Iterator, identity } from './read/items.ts'
import { type Bounds, boundsOf, EntryIterator, type IteratorOptions, type RangeOptions } from './read/iterator.ts'
import { diskNeeded, type Framed, longValue, Reader, tiers } from './read/reader.ts'
import type { Snapshot } from './read/snapshot.ts'
import type { CountOptions, Entry, FirstOptions, ReadOptions } from './space-options.ts'
import type { Access } from './write/access.ts'
import { never } from './write/expiry.ts'
import { checkThere, type KnownSpace } from './write/spaces.ts'

/** Reads of one key space. */
export class SpaceReads<Key = string, Value = string> {
  declare readonly phantom?: readonly [Key, Value]
  readonly #parts: Parts
  readonly #space: KnownSpace
  readonly #encodings: Encodings
  readonly #reader: Reader

  /** @internal */
  constructor(parts: Parts, space: KnownSpace, encodings: Encodings) {
    this.#parts = parts
    this.#space = space
    this.#encodings = encodings
    const { engine, slabs, time } = parts
    this.#reader = new Reader({ engine, space: space.id, clock: time.now, slabs })
  }

  /** The name it was made with; '' for the default space. */
  get name(): string {
    return this.#space.name
  }

  // Point reads make both checks in place: the brand check of a private method shows in them.
  #checkReadable(): void {
    this.#parts.checkOpen()
    checkThere(this.#space)
  }

  /** The value, or undefined. Answers from memory and page cache without leaving the thread. */
  get<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, AskedValue>
  ): Promise<ValueOf<AskedValue, Value> | undefined> {
    try {
      this.#parts.checkOpen()
      checkThere(this.#space)
      const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
      const keyed = encodeKey(keyEncoding, key)
      const snapshot = options?.snapshot
      const sequence = snapshot === undefined ? -1 : snapshot.check()
      const nowMs = snapshot === undefined ? 0 : snapshot.timeMs
      const waiting = this.#parts.writer.settle()
      if (waiting !== undefined) {
        return waiting.then(() => this.#getSettled(this.#readerAt(snapshot), keyed, valueEncoding, sequence, nowMs))
      }
      return this.#getSettled(this.#readerAt(snapshot), keyed, valueEncoding, sequence, nowMs)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Where a snapshot is read; mostly where everything is. */
  #readerAt(snapshot: Snapshot | undefined): Reader {
    const engine = snapshot?.engine
    if (engine === undefined) return this.#reader
    const { slabs, time } = this.#parts
    return new Reader({ engine, space: this.#space.id, clock: time.now, slabs })
  }

  #getSettled<Found>(
    reader: Reader,
    key: string | Uint8Array,
    encoding: Encoding,
    sequence: number,
    nowMs: number
  ): Promise<Found | undefined> {
    const value = reader.get(key, encoding, sequence, nowMs, tiers.noWait)
    if (value === diskNeeded) {
      return reader.getFromDisk(key, encoding, sequence, nowMs) as Promise<Found | undefined>
    }
    return this.#parts.turn.answer(value as Found | undefined)
  }

  /** The same, at once; waits for the disk on this thread where it must. */
  getSync<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, AskedValue>
  ): ValueOf<AskedValue, Value> | undefined {
    this.#parts.checkOpen()
    checkThere(this.#space)
    const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
    const keyed = encodeKey(keyEncoding, key)
    const snapshot = options?.snapshot
    const sequence = snapshot === undefined ? -1 : snapshot.check()
    const nowMs = snapshot === undefined ? 0 : snapshot.timeMs
    this.#parts.writer.settleSync()
    return this.#readerAt(snapshot).get(keyed, valueEncoding, sequence, nowMs, tiers.mayBlock) as
      | ValueOf<AskedValue, Value>
      | undefined
  }

  /** Values in the order of the keys, undefined for each miss. */
  async getMany<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    keys: readonly Input<KeyOf<AskedKey, Key>>[],
    options?: ReadOptions<AskedKey, AskedValue>
  ): Promise<(ValueOf<AskedValue, Value> | undefined)[]> {
    this.#checkReadable()
    const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
    const keyed = encodeKeys('getMany', keyEncoding, keys)
    const { sequence, nowMs } = pointOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const values: unknown[] = []
    for (let from = 0; from < keyed.length; from += limits.slicedOperations) {
      const slice = keyed.slice(from, from + limits.slicedOperations)
      const reader = this.#readerAt(options?.snapshot)
      const some = reader.getMany(slice, valueEncoding, sequence, nowMs, tiers.noWait)
      for (const value of some) values.push(value)
      const pause = this.#parts.turn.breath(some.length)
      if (pause !== undefined) await pause
    }
    await Promise.all(
      keyed.map(async (key, i) => {
        if (values[i] !== diskNeeded) return
        values[i] = await this.#readerAt(options?.snapshot).getFromDisk(key, valueEncoding, sequence, nowMs)
      })
    )
    return values as (ValueOf<AskedValue, Value> | undefined)[]
  }

  /**
   * The values of the first keys, at least one of them, up to the one that reaches `bytesMax`. Long values are read one after
   * the other, so what is read beyond the limit is one of them, or a few where they are on the disk. For values of bytes.
   * @internal
   */
  async getSome(keys: readonly Input<Key>[], bytesMax: number): Promise<(Value | undefined)[]> {
    this.#checkReadable()
    const keyed = encodeKeys('getSome', this.#encodings.keyEncoding, keys.slice(0, limits.slicedOperations))
    const { turn } = this.#parts
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    // Before the reading: who waits holds nothing yet.
    for (let pause = turn.breath(keyed.length); pause !== undefined; pause = turn.breath(0)) await pause
    const { sequence, nowMs } = pointOf(undefined)
    const values = this.#reader.getMany(keyed, this.#encodings.valueEncoding, sequence, nowMs, tiers.noWait, true)
    let bytes = 0
    for (let i = 0; i < values.length; i++) {
      if (values[i] === diskNeeded || values[i] === longValue) await this.#readLater(keyed, values, i)
      const value = values[i] as Uint8Array | undefined
      bytes += value?.length ?? 0
      if (bytes >= bytesMax) return values.slice(0, i + 1) as (Value | undefined)[]
    }
    return values as (Value | undefined)[]
  }

  /**
   * The same within this call, up to the first that is long: none, where that is the first of all. Undefined: it needs the disk.
   * @internal
   */
  getSomeNow(keys: readonly Input<Key>[], bytesMax: number): (Value | undefined)[] | undefined {
    this.#checkReadable()
    const { keyEncoding, valueEncoding } = this.#encodings
    const keyed = encodeKeys('getSomeNow', keyEncoding, keys.slice(0, limits.slicedOperations))
    if (this.#parts.writer.settle() !== undefined) return undefined
    const { sequence, nowMs } = pointOf(undefined)
    const values = this.#reader.getMany(keyed, valueEncoding, sequence, nowMs, tiers.noWait, true)
    let bytes = 0
    let count = 0
    for (; count < values.length && bytes < bytesMax; count++) {
      const value = values[count] as Uint8Array | undefined | typeof diskNeeded | typeof longValue
      if (value === diskNeeded || value === longValue) break
      bytes += value?.length ?? 0
    }
    if (count === 0 && values[0] === diskNeeded) return undefined
    return (count === values.length ? values : values.slice(0, count)) as (Value | undefined)[]
  }

  /**
   * Answers keys where they stand in `source`, as they are sent: the number of the first not answered, for want of room or
   * because it needs the disk. Undefined: nothing can be answered within this call.
   * @internal
   */
  getFramed(source: Uint8Array, places: Uint32Array, from: number, count: number, framed: Framed): number | undefined {
    this.#checkReadable()
    if (this.#parts.writer.settle() !== undefined) return undefined
    return this.#reader.getFramed(source, places, from, count, framed)
  }

  /** One value that was left for later, with the next of its kind where the disk is needed. */
  async #readLater(keys: readonly (Uint8Array | string)[], values: unknown[], at: number): Promise<void> {
    const { sequence, nowMs } = pointOf(undefined)
    const { valueEncoding } = this.#encodings
    const here = this.#reader.get(keys[at] as Uint8Array | string, valueEncoding, sequence, nowMs, tiers.noWait)
    values[at] = here
    if (here !== diskNeeded) return
    const window: Promise<void>[] = []
    for (let i = at; i < values.length && window.length < readAheadMax; i++) {
      if (values[i] !== diskNeeded) continue
      const key = keys[i] as Uint8Array | string
      const put = (value: unknown): void => {
        values[i] = value
      }
      window.push(this.#reader.getFromDisk(key, valueEncoding, sequence, nowMs).then(put))
    }
    await Promise.all(window)
  }

  async has<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, ValueEncoding>
  ): Promise<boolean> {
    this.#checkReadable()
    const keyed = encodeKey(encodingsOf(options, this.#encodings).keyEncoding, key)
    const { sequence, nowMs } = pointOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const reader = this.#readerAt(options?.snapshot)
    const answer = reader.has(keyed, sequence, nowMs, tiers.noWait)
    return answer === diskNeeded ? reader.hasOnDisk(keyed, sequence, nowMs) : this.#parts.turn.answer(answer)
  }

  async hasMany<AskedKey extends KeyEncoding = never>(
    keys: readonly Input<KeyOf<AskedKey, Key>>[],
    options?: ReadOptions<AskedKey, ValueEncoding>
  ): Promise<boolean[]> {
    this.#checkReadable()
    if (!Array.isArray(keys)) throw invalid(`hasMany takes an array of keys, not ${nameOf(keys)}.`)
    return Promise.all((keys as typeof keys).map((key) => this.has(key, options)))
  }

  /** The entry with its sequence and expiry, or undefined. */
  async getEntry<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, AskedValue>
  ): Promise<Entry<ValueOf<AskedValue, Value>> | undefined> {
    const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
    const entry = await this.#stored(encodeKey(keyEncoding, key), options?.snapshot, true)
    return entry && shownEntry<ValueOf<AskedValue, Value>>(entry, valueEncoding)
  }

  /** Milliseconds until the entry expires: Infinity when it stays, undefined when there is none. */
  async ttl<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, ValueEncoding>
  ): Promise<number | undefined> {
    const { keyEncoding } = encodingsOf(options, this.#encodings)
    const entry = await this.#stored(encodeKey(keyEncoding, key), options?.snapshot, false)
    if (entry === undefined) return undefined
    return entry.expiresAt === never ? Number.POSITIVE_INFINITY : entry.expiresAt - this.#parts.time.now()
  }

  async #stored(
    key: string | Uint8Array,
    snapshot: Snapshot | undefined,
    wantsValue: boolean
  ): Promise<StoredEntry | undefined> {
    const { writer, time, turn } = this.#parts
    this.#checkReadable()
    const sequence = snapshot === undefined ? -1 : snapshot.check()
    const { id } = this.#space
    const waiting = writer.settle()
    if (waiting !== undefined) await waiting
    const nowMs = snapshot === undefined ? time.now() : snapshot.timeMs
    const own = snapshot?.engine
    const entries = own === undefined ? this.#parts.entries : new EntryReader(own)
    const entry = entries.get(id, key, sequence, nowMs, tiers.noWait, wantsValue)
    return entry === diskNeeded ? entries.getFromDisk(id, key, sequence, nowMs) : turn.answer(entry)
  }

  /** How many entries are in the range. Reads all of them; see estimateCount. */
  async count<AskedKey extends KeyEncoding = never>(
    options: CountOptions<Input<KeyOf<AskedKey, Key>>, AskedKey> = {}
  ): Promise<number> {
    const { writer, turn, time } = this.#parts
    this.#checkReadable()
    const bounds = boundsOf(options, encodingsOf(options, this.#encodings).keyEncoding)
    const { sequence, nowMs } = pointOf(options)
    const waiting = writer.settle()
    if (waiting !== undefined) await waiting
    const atMs = nowMs === 0 ? time.now() : nowMs
    const engine = options.snapshot?.engine ?? this.#parts.engine
    return countEntries({ engine, space: this.#space.id, bounds, sequence, nowMs: atMs, turn, signal: options.signal })
  }

  /** About how many entries are in the range: exact for a few that are at hand, else from the sizes of tables. */
  estimateCount(range: RangeOptions<Input<Key>> = {}): number {
    const { engine, writer, time, tree } = this.#parts
    this.#checkReadable()
    writer.settleSync()
    const bounds = boundsOf(range, this.#encodings.keyEncoding)
    const some = { space: this.#space.id, ...bounds, nowMs: time.now(), entriesMax: limits.slicedOperations }
    const counted = countIn(engine, some, tiers.noWait)
    if (counted !== diskNeeded && counted.entries <= some.entriesMax) return counted.entries
    const { first, last } = this.storedSpan(range)
    return Math.max(limits.slicedOperations, estimateEntries(tree, first, last))
  }

  /** The first entry of the range, or undefined. */
  first<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: FirstOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Promise<[KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>] | undefined> {
    return this.#one(options, false)
  }

  /** The last entry of the range, or undefined. */
  last<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: FirstOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Promise<[KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>] | undefined> {
    return this.#one(options, true)
  }

  async #one<Found>(
    options: IteratorOptions<unknown, KeyEncoding, ValueEncoding>,
    reverse: boolean
  ): Promise<Found | undefined> {
    const iterator = this.#entriesOf(
      { ...options, reverse, limit: 1 },
      encodingsOf(options, this.#encodings),
      this.first
    )
    try {
      return (await iterator.next()) as Found | undefined
    } finally {
      await iterator.close()
    }
  }

  /** Entries in key order within the bounds, as they are now (or at the snapshot). */
  iterator<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: IteratorOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Iterator<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>, [KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>]> {
    return this.#iterate(options, identity, this.iterator)
  }

  /** The same, keys only. */
  keys<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: IteratorOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Iterator<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>, KeyOf<AskedKey, Key>> {
    return this.#iterate({ ...options, values: false }, (entry) => entry[0], this.keys)
  }

  /** The same, values only. */
  values<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: IteratorOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Iterator<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>, ValueOf<AskedValue, Value>> {
    return this.#iterate({ ...options, keys: false }, (entry) => entry[1], this.values)
  }

  #iterate<ItsKey, ItsValue, Item>(
    options: IteratorOptions<unknown, KeyEncoding, ValueEncoding>,
    pick: (entry: [never, never]) => unknown,
    opened: Opened
  ): Iterator<ItsKey, ItsValue, Item> {
    const entries = this.#entriesOf(options, encodingsOf(options, this.#encodings), opened)
    const items = new Iterator<ItsKey, ItsValue, Item>(entries, pick)
    if (entries.pin !== undefined) entries.pin.holder = items
    return items
  }

  // `opened`: the public call that is under way.
  #entriesOf(
    options: IteratorOptions<unknown, KeyEncoding, ValueEncoding>,
    encodings: Encodings,
    opened: Opened
  ): EntryIterator {
    const parts = this.#parts
    const { turn, slabs, writer, tree, pins, sweeper, time } = parts
    this.#checkReadable()
    const { snapshot } = options
    snapshot?.check()
    const at = snapshot ?? parts.now()
    // The view of a snapshot's own engine is never another one.
    const own = snapshot?.engine
    const iterator = new EntryIterator(
      {
        engine: own ?? parts.engine,
        space: this.#space.id,
        ...encodings,
        clock: time.now,
        view: own === undefined ? () => tree.viewNumber : () => 0,
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

  /** Keys and values as Buffers. @internal */
  scan({ start, end }: Bounds, reverse: boolean, snapshot?: Snapshot): EntryIterator {
    const range = { ...(start === null ? {} : { gte: start }), ...(end === null ? {} : { lt: end }) }
    return this.#entriesOf({ ...range, reverse, ...(snapshot === undefined ? {} : { snapshot }) }, asBuffers, this.scan)
  }

  /** What a transaction needs of the space, at its snapshot. @internal */
  access(snapshot: Snapshot): Access {
    return {
      space: this.#space,
      ...this.#encodings,
      entry: (key) => this.#stored(key, snapshot, true),
      scan: (bounds, reverse) => this.scan(bounds, reverse, snapshot)
    }
  }

  /** About how many bytes of tables the range takes. */
  approximateSize(range: RangeOptions<Input<Key>> = {}): number {
    this.#checkReadable()
    const { tree } = this.#parts
    const { first, last } = this.storedSpan(range)
    let bytes = 0
    for (const file of tree.version.levels.flat()) {
      const { handle } = tree.table(file.number)
      bytes += native.tableOffset(handle, last) - native.tableOffset(handle, first)
    }
    return Math.max(0, bytes)
  }

  /** @internal */
  storedSpan(range: RangeOptions<Input<Key>>): { first: Buffer; last: Buffer } {
    const { start, end } = boundsOf(range, this.#encodings.keyEncoding)
    const last = storedKey(this.#space.id, end ?? noBytes)
    return { first: storedKey(this.#space.id, start ?? noBytes), last: end === null ? spaceEnd(last) : last }
  }
}

/** A public method, from whose caller on a stack is of interest. */
type Opened = (...options: never[]) => unknown

const noBytes = new Uint8Array(0)
const asBuffers: Encodings = { keyEncoding: keyEncodingOf('buffer'), valueEncoding: valueEncodingOf('buffer') }

function encodeKeys(method: string, encoding: Encoding, keys: unknown): (string | Uint8Array)[] {
  if (!Array.isArray(keys)) throw invalid(`${method} takes an array of keys, not ${nameOf(keys)}.`)
  return keys.map((key) => encodeKey(encoding, key))
}

// What to read at: a snapshot's sequence and time; -1 and 0 for what is there now.
function pointOf(options: { readonly snapshot?: Snapshot } | undefined): typeof latest {
  const snapshot = options?.snapshot
  return snapshot === undefined ? latest : { sequence: snapshot.check(), nowMs: snapshot.timeMs }
}

/** Long values that are read from the disk at a time, of one call. */
const readAheadMax = 4

const latest: { readonly sequence: number; readonly nowMs: number } = { sequence: -1, nowMs: 0 }

/** An entry as callers see it. */
export function shownEntry<Value>({ value, sequence, expiresAt }: StoredEntry, encoding: Encoding): Entry<Value> {
  const decoded = decodeBytes(encoding, value) as Value
  return { value: decoded, sequence, expiresAt: expiresAt === never ? undefined : expiresAt }
}
