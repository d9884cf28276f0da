// Space: one ordered key space of a database: its reads and writes. A database is its default space and more.

import native from '#native'
import type { Batch } from './bytes/batch.ts'
import type { Input } from './bytes/buffer.ts'
import { type Encoding, encodeKey, encodeValue, nameOf, spaceEnd, storedKey } from './bytes/codec.ts'
import {
  type CallEncodings,
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
import { Iterator, identity } from './read/items.ts'
import { boundsOf, EntryIterator, type IteratorOptions, type RangeOptions } from './read/iterator.ts'
import { diskNeeded, Reader, tiers } from './read/reader.ts'
import type { Snapshot } from './read/snapshot.ts'
import { pickManual } from './tree/compaction/leveled.ts'
import type { AnyOperation, CheckedOperations } from './write/operations.ts'
import { checkThere, type KnownSpace } from './write/spaces.ts'

export interface WriteOptions<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends CallEncodings<AskedKey, AskedValue> {
  /** Resolve when it is on disk, whatever the database's durability. */
  readonly sync?: boolean
}

export interface ReadOptions<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends CallEncodings<AskedKey, AskedValue> {
  readonly snapshot?: Snapshot
}

/** Reads and writes of one key space. Made by `db.space(name)`; the database itself is one. */
export class Space<Key = string, Value = string> {
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
    const { engine, slabs, settings } = parts
    this.#reader = new Reader({ engine, space: space.id, clock: settings.clock, slabs })
  }

  /** The name it was made with; '' for the default space. */
  get name(): string {
    return this.#space.name
  }

  #checkReadable(): void {
    this.#parts.checkOpen()
    checkThere(this.#space)
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
    options?: WriteOptions<AskedKey, AskedValue>
  ): Promise<void> {
    try {
      this.#parts.checkWritable()
      const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
      const keyed = encodeKey(keyEncoding, key)
      const valued = encodeValue(valueEncoding, value)
      const sync = options?.sync === true
      const { id, state } = this.#space
      if (state === 'stored') return this.#parts.writer.put(id, keyed, valued, sync)
      return this.#write((batch) => batch.put(id, keyed, valued), sync)
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
      batch.put(id, encodeKey(keyEncoding, operation.key), encodeValue(valueEncoding, operation.value))
    } else if (operation.type === 'del') batch.del(id, encodeKey(keyEncoding, operation.key))
    else {
      throw invalid(`An operation's type must be 'put' or 'del', not ${String((operation as { type: unknown }).type)}.`)
    }
  }

  // Another space of the same database.
  #sister(space: unknown): Space<unknown, unknown> {
    if (typeof space === 'object' && space !== null && #parts in space && space.#parts === this.#parts) return space
    throw invalid('The space of an operation must be one of this database: what db.space(name) gives, or db itself.')
  }

  /** The value, or undefined. Answers from memory and page cache without leaving the thread. */
  get<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, AskedValue>
  ): Promise<ValueOf<AskedValue, Value> | undefined> {
    try {
      this.#checkReadable()
      const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
      const keyed = encodeKey(keyEncoding, key)
      const sequence = sequenceOf(options)
      const waiting = this.#parts.writer.settle()
      if (waiting !== undefined) return waiting.then(() => this.#getSettled(keyed, valueEncoding, sequence))
      return this.#getSettled(keyed, valueEncoding, sequence)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #getSettled<Found>(key: string | Uint8Array, encoding: Encoding, sequence: number): Promise<Found | undefined> {
    const value = this.#reader.get(key, encoding, sequence, tiers.noWait)
    if (value === diskNeeded) return this.#reader.getFromDisk(key, encoding, sequence) as Promise<Found | undefined>
    return this.#parts.turn.answer(value as Found | undefined)
  }

  /** The same, at once; waits for the disk on this thread where it must. */
  getSync<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, AskedValue>
  ): ValueOf<AskedValue, Value> | undefined {
    this.#checkReadable()
    const { keyEncoding, valueEncoding } = encodingsOf(options, this.#encodings)
    const keyed = encodeKey(keyEncoding, key)
    this.#parts.writer.settleSync()
    return this.#reader.get(keyed, valueEncoding, sequenceOf(options), tiers.mayBlock) as
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
    const sequence = sequenceOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const values: unknown[] = []
    for (let from = 0; from < keyed.length; from += limits.slicedOperations) {
      const slice = keyed.slice(from, from + limits.slicedOperations)
      const some = this.#reader.getMany(slice, valueEncoding, sequence, tiers.noWait)
      for (const value of some) values.push(value)
      const pause = this.#parts.turn.breath(some.length)
      if (pause !== undefined) await pause
    }
    await Promise.all(
      keyed.map(async (key, i) => {
        if (values[i] === diskNeeded) values[i] = await this.#reader.getFromDisk(key, valueEncoding, sequence)
      })
    )
    return values as (ValueOf<AskedValue, Value> | undefined)[]
  }

  async has<AskedKey extends KeyEncoding = never>(
    key: Input<KeyOf<AskedKey, Key>>,
    options?: ReadOptions<AskedKey, ValueEncoding>
  ): Promise<boolean> {
    this.#checkReadable()
    const keyed = encodeKey(encodingsOf(options, this.#encodings).keyEncoding, key)
    const sequence = sequenceOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const answer = this.#reader.has(keyed, sequence, tiers.noWait)
    return answer === diskNeeded ? this.#reader.hasOnDisk(keyed, sequence) : this.#parts.turn.answer(answer)
  }

  async hasMany<AskedKey extends KeyEncoding = never>(
    keys: readonly Input<KeyOf<AskedKey, Key>>[],
    options?: ReadOptions<AskedKey, ValueEncoding>
  ): Promise<boolean[]> {
    this.#checkReadable()
    if (!Array.isArray(keys)) throw invalid(`hasMany takes an array of keys, not ${nameOf(keys)}.`)
    return Promise.all((keys as typeof keys).map((key) => this.has(key, options)))
  }

  /** Entries in key order within the bounds, as they are now (or at the snapshot). */
  iterator<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: IteratorOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Iterator<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>, [KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>]> {
    return this.#iterate(options, identity)
  }

  /** The same, keys only. */
  keys<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: IteratorOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Iterator<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>, KeyOf<AskedKey, Key>> {
    return this.#iterate({ ...options, values: false }, (entry) => entry[0])
  }

  /** The same, values only. */
  values<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    options: IteratorOptions<Input<KeyOf<AskedKey, Key>>, AskedKey, AskedValue> = {}
  ): Iterator<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>, ValueOf<AskedValue, Value>> {
    return this.#iterate({ ...options, keys: false }, (entry) => entry[1])
  }

  #iterate<ItsKey, ItsValue, Item>(
    options: IteratorOptions<unknown, KeyEncoding, ValueEncoding>,
    pick: (entry: [never, never]) => unknown
  ): Iterator<ItsKey, ItsValue, Item> {
    const parts = this.#parts
    const { engine, turn, slabs, writer, tree, sweeper, settings } = parts
    this.#checkReadable()
    // The sequence is known once what was handed over is in.
    writer.settleSync()
    const sequence = sequenceOf(options)
    const iterator = new EntryIterator(
      {
        engine,
        space: this.#space.id,
        ...encodingsOf(options, this.#encodings),
        clock: settings.clock,
        turn,
        slabs,
        settle: () => writer.settle(),
        settleSync: () => writer.settleSync(),
        onClose: (closed) => {
          parts.iterators.delete(closed)
          if (tree.obsolete.size > 0) setImmediate(() => void sweeper.sweep())
        }
      },
      options,
      sequence
    )
    parts.iterators.add(iterator)
    return new Iterator<ItsKey, ItsValue, Item>(iterator, pick)
  }

  /** Merges all tables of the range into one run: the least space, the quickest reads. */
  async compact(range: RangeOptions<Input<Key>> = {}): Promise<void> {
    const { scheduler, log, tree, sweeper } = this.#parts
    this.#checkReadable()
    await this.#parts.flush()
    await log.shrink(tree.version.flushed.index)
    const { first, last } = this.#storedSpan(range)
    await scheduler.runExclusive(() => pickManual(tree.version, first, last))
    await sweeper.sweep()
  }

  /** About how many bytes of tables the range takes. */
  approximateSize(range: RangeOptions<Input<Key>> = {}): number {
    this.#checkReadable()
    const { tree } = this.#parts
    const { first, last } = this.#storedSpan(range)
    let bytes = 0
    for (const file of tree.version.levels.flat()) {
      const { handle } = tree.table(file.number)
      bytes += native.tableOffset(handle, last) - native.tableOffset(handle, first)
    }
    return Math.max(0, bytes)
  }

  #storedSpan(range: RangeOptions<Input<Key>>): { first: Buffer; last: Buffer } {
    const { start, end } = boundsOf(range, this.#encodings.keyEncoding)
    const last = storedKey(this.#space.id, end ?? noBytes)
    return { first: storedKey(this.#space.id, start ?? noBytes), last: end === null ? spaceEnd(last) : last }
  }
}

const noBytes = new Uint8Array(0)

function encodeKeys(method: string, encoding: Encoding, keys: unknown): (string | Uint8Array)[] {
  if (!Array.isArray(keys)) throw invalid(`${method} takes an array of keys, not ${nameOf(keys)}.`)
  return keys.map((key) => encodeKey(encoding, key))
}

function sequenceOf(options: { readonly snapshot?: Snapshot } | undefined): number {
  return options?.snapshot === undefined ? -1 : options.snapshot.check()
}
