// Space: one ordered key space of a database: its reads and writes. A database is its default space and more.

import native from '#native'
import type { Batch } from './bytes/batch.ts'
import type { Input } from './bytes/buffer.ts'
import {
  checkKey,
  encodeValue,
  type KeyEncoding,
  nameOf,
  spaceEnd,
  storedKey,
  type ValueEncoding
} from './bytes/codec.ts'
import { invalid } from './errors.ts'
import { limits } from './options.ts'
import type { Parts } from './parts.ts'
import { Iterator, identity } from './read/items.ts'
import { boundsOf, EntryIterator, type IteratorOptions, type RangeOptions } from './read/iterator.ts'
import { diskNeeded, Reader, tiers } from './read/reader.ts'
import type { Snapshot } from './read/snapshot.ts'
import { pickManual } from './tree/compaction/leveled.ts'

export interface WriteOptions {
  /** Resolve when it is on disk, whatever the database's durability. */
  readonly sync?: boolean
}

export interface ReadOptions {
  readonly snapshot?: Snapshot
}

export type BatchOperation<Key, Value> =
  | { readonly type: 'put'; readonly key: Input<Key>; readonly value: Input<Value> }
  | { readonly type: 'del'; readonly key: Input<Key> }

export interface Encodings {
  readonly keyEncoding: KeyEncoding
  readonly valueEncoding: ValueEncoding
}

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
    const { engine, slabs, settings } = parts
    this.#reader = new Reader({ engine, space: id, ...encodings, clock: settings.clock, slabs })
  }

  /** Stores a value under a key. Resolves when the durability asked for is reached. */
  put(key: Input<Key>, value: Input<Value>, options?: WriteOptions): Promise<void> {
    try {
      this.#parts.checkWritable()
      const { keyEncoding, valueEncoding } = this.#encodings
      return this.#parts.writer.put(
        this.#id,
        checkKey(keyEncoding, key),
        encodeValue(valueEncoding, value),
        options?.sync === true
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
    for (const operation of operations) {
      if (operation.type === 'put') {
        batch.put(this.#id, checkKey(keyEncoding, operation.key), encodeValue(valueEncoding, operation.value))
      } else if (operation.type === 'del') batch.del(this.#id, checkKey(keyEncoding, operation.key))
      else
        throw invalid(
          `An operation's type must be 'put' or 'del', not ${String((operation as { type: unknown }).type)}.`
        )
    }
  }

  /** The value, or undefined. Answers from memory and page cache without leaving the thread. */
  get(key: Input<Key>, options?: ReadOptions): Promise<Value | undefined> {
    try {
      this.#parts.checkOpen()
      const sequence = sequenceOf(options)
      const waiting = this.#parts.writer.settle()
      if (waiting !== undefined) return waiting.then(() => this.#getSettled(key, sequence))
      return this.#getSettled(key, sequence)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #getSettled(key: Input<Key>, sequence: number): Promise<Value | undefined> {
    const value = this.#reader.get(key, sequence, tiers.noWait)
    if (value === diskNeeded) return this.#reader.getFromDisk(key, sequence) as Promise<Value | undefined>
    return this.#parts.turn.answer(value as Value | undefined)
  }

  /** The same, at once; waits for the disk on this thread where it must. */
  getSync(key: Input<Key>, options?: ReadOptions): Value | undefined {
    this.#parts.checkOpen()
    this.#parts.writer.settleSync()
    return this.#reader.get(key, sequenceOf(options), tiers.mayBlock) as Value | undefined
  }

  /** Values in the order of the keys, undefined for each miss. */
  async getMany(keys: readonly Input<Key>[], options?: ReadOptions): Promise<(Value | undefined)[]> {
    this.#parts.checkOpen()
    if (!Array.isArray(keys)) throw invalid(`getMany takes an array of keys, not ${nameOf(keys)}.`)
    const sequence = sequenceOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const values: unknown[] = []
    for (let from = 0; from < keys.length; from += limits.slicedOperations) {
      const some = this.#reader.getMany(keys.slice(from, from + limits.slicedOperations), sequence, tiers.noWait)
      for (const value of some) values.push(value)
      const pause = this.#parts.turn.breath(some.length)
      if (pause !== undefined) await pause
    }
    await Promise.all(
      values.map(async (value, i) => {
        if (value === diskNeeded) values[i] = await this.#reader.getFromDisk(keys[i], sequence)
      })
    )
    return values as (Value | undefined)[]
  }

  async has(key: Input<Key>, options?: ReadOptions): Promise<boolean> {
    this.#parts.checkOpen()
    const sequence = sequenceOf(options)
    const waiting = this.#parts.writer.settle()
    if (waiting !== undefined) await waiting
    const answer = this.#reader.has(key, sequence, tiers.noWait)
    if (answer === diskNeeded) return (await this.#reader.getFromDisk(key, sequence)) !== undefined
    return this.#parts.turn.answer(answer)
  }

  async hasMany(keys: readonly Input<Key>[], options?: ReadOptions): Promise<boolean[]> {
    this.#parts.checkOpen()
    if (!Array.isArray(keys)) throw invalid(`hasMany takes an array of keys, not ${nameOf(keys)}.`)
    return Promise.all(keys.map((key) => this.has(key as Input<Key>, options)))
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
    const parts = this.#parts
    const { engine, turn, slabs, writer, tree, pins, sweeper, settings } = parts
    parts.checkOpen()
    const { snapshot } = options
    snapshot?.check()
    const at = snapshot ?? parts.now()
    const iterator = new EntryIterator(
      {
        engine,
        space: this.#id,
        ...this.#encodings,
        clock: settings.clock,
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
    const items = new Iterator<Key, Value, Item>(iterator, pick)
    iterator.pin = pins.add('iterator', at, iterator, items, opened)
    return items
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

  #storedSpan(range: RangeOptions<Input<Key>>): { first: Buffer; last: Buffer } {
    const { start, end } = boundsOf(range, this.#encodings.keyEncoding)
    const last = storedKey(this.#id, end ?? noBytes)
    return { first: storedKey(this.#id, start ?? noBytes), last: end === null ? spaceEnd(last) : last }
  }
}

const noBytes = new Uint8Array(0)

function sequenceOf(options: ReadOptions | undefined): number {
  return options?.snapshot === undefined ? -1 : options.snapshot.check()
}
