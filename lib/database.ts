// Database: what a user holds. It encodes, hands to the writer or the readers, and owns the life of all the parts.

import { EventEmitter } from 'node:events'
import native from '#native'
import type { Batch } from './bytes/batch.ts'
import type { Input } from './bytes/buffer.ts'
import { checkKey, encodeValue, type KeyEncoding, nameOf, type ValueEncoding } from './bytes/codec.ts'
import { invalid, VarveError } from './errors.ts'
import { describeTree } from './inspect.ts'
import { Log } from './log/log.ts'
import { type Environment, limits, type OpenOptions, realEnvironment, type Settings, settingsOf } from './options.ts'
import { Iterator, identity } from './read/items.ts'
import { boundsOf, EntryIterator, type IteratorOptions, type RangeOptions } from './read/iterator.ts'
import { diskNeeded, Reader, tiers } from './read/reader.ts'
import { Slabs } from './read/slabs.ts'
import { type Snapshot, Snapshots } from './read/snapshot.ts'
import { Turn } from './read/turn.ts'
import { type Recovered, recover } from './recovery.ts'
import type { Stats } from './stats.ts'
import { LeveledPicker, pickManual } from './tree/compaction/leveled.ts'
import type { Manifest } from './tree/manifest.ts'
import { Scheduler } from './tree/scheduler.ts'
import { Sweeper } from './tree/sweeper.ts'
import { Tree } from './tree/tree.ts'
import { Writer } from './write/writer.ts'

/** 0 is the system's, 1 the users' default space. */
const defaultSpace = 1
/** A memtable below this is left to the wal at close; above it is flushed, so that the next open is quick. */
const closeFlushBytes = 3 << 20

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

interface Parts {
  readonly recovered: Recovered
  readonly environment: Environment
  readonly settings: Settings
  readonly directory: string
}

/**
 * An open database. Made by `open`.
 *
 * @example
 * import { open } from 'varve'
 * const db = await open('./data')
 * await db.put('hello', 'world')
 * console.log(await db.get('hello')) // world
 * await db.close()
 */
export class Database<Key = string, Value = string> {
  readonly #parts: Parts
  readonly #engine: native.Engine
  readonly #settings: Settings
  readonly #tree: Tree
  readonly #log: Log
  readonly #scheduler: Scheduler
  readonly #sweeper: Sweeper
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #turn = new Turn()
  readonly #slabs = new Slabs()
  readonly #snapshots = new Snapshots()
  readonly #iterators = new Set<EntryIterator>()
  readonly #events = new EventEmitter()
  #nextNumber: number
  #closing: Promise<void> | undefined
  #isClosed = false

  /** @internal */
  constructor(parts: Parts) {
    const { recovered, environment, settings, directory } = parts
    const { engine, disk } = recovered
    this.#parts = parts
    this.#engine = engine
    this.#settings = settings
    this.#nextNumber = recovered.nextNumber
    for (const [name, listener] of Object.entries(settings.events)) this.#events.on(name, listener)
    const { memtableBytes, memoryBytes, blockCacheBytes, tableBytes, clock } = settings
    const { random } = environment
    this.#tree = new Tree(
      { engine, directory, memtableBytes, memoryBytes, blockCacheBytes },
      recovered.version,
      recovered.tables,
      recovered.memtable
    )
    const nextNumber = (): number => this.#nextNumber++
    const onPoison = (error: Error): void => this.#writer.poison(error)
    const { segmentBytes } = recovered
    this.#log = new Log(
      { engine, disk, directory, segmentBytes, syncIntervalMs: settings.syncIntervalMs, nextNumber, random, onPoison },
      0
    )
    this.#sweeper = new Sweeper(disk, directory, this.#tree)
    const emit = (event: string, detail: unknown): void => this.#emit(event, detail)
    this.#scheduler = new Scheduler({
      engine,
      directory,
      tree: this.#tree,
      tableBytes,
      nextNumber,
      random,
      clock,
      emit,
      onPoison,
      log: this.#log,
      sweeper: this.#sweeper,
      picker: new LeveledPicker({ memtableBytes, tableBytes }),
      manifest: recovered.manifest as NonNullable<Recovered['manifest']>,
      snapshots: () => this.#snapshots.sequences(),
      expiredMs: () => Math.min(this.#log.state().timeMs, this.#snapshots.oldestTimeMs()),
      currentNumber: () => this.#nextNumber,
      syncDirectory: () => disk.syncDirectory(directory)
    })
    this.#writer = new Writer({
      engine,
      tree: this.#tree,
      log: this.#log,
      scheduler: this.#scheduler,
      turn: this.#turn,
      durability: settings.durability,
      memtableBytes,
      clock,
      emit
    })
    const { keyEncoding, valueEncoding } = settings
    this.#reader = new Reader({ engine, space: defaultSpace, keyEncoding, valueEncoding, clock, slabs: this.#slabs })
    if (recovered.manifest !== undefined) {
      void this.#log.prepare().catch(() => undefined)
      this.#scheduler.wake()
    }
  }

  /** The directory it lives in. */
  get path(): string {
    return this.#parts.directory
  }

  /** Stores a value under a key. Resolves when the durability asked for is reached. */
  put(key: Input<Key>, value: Input<Value>, options?: WriteOptions): Promise<void> {
    try {
      this.#checkWritable()
      const { keyEncoding, valueEncoding } = this.#settings
      return this.#writer.put(
        defaultSpace,
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
      this.#checkWritable()
      return this.#writer.del(defaultSpace, checkKey(this.#settings.keyEncoding, key), options?.sync === true)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** All operations or none, visible at once. */
  batch(operations: readonly BatchOperation<Key, Value>[], options?: WriteOptions): Promise<void> {
    try {
      this.#checkWritable()
      if (!Array.isArray(operations)) throw invalid(`batch takes an array of operations, not ${nameOf(operations)}.`)
      return this.#writer.batch((batch) => this.#layDown(batch, operations), options?.sync === true)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #layDown(batch: Batch, operations: readonly BatchOperation<Key, Value>[]): void {
    const { keyEncoding, valueEncoding } = this.#settings
    for (const operation of operations) {
      if (operation.type === 'put') {
        batch.put(defaultSpace, checkKey(keyEncoding, operation.key), encodeValue(valueEncoding, operation.value))
      } else if (operation.type === 'del') batch.del(defaultSpace, checkKey(keyEncoding, operation.key))
      else
        throw invalid(
          `An operation's type must be 'put' or 'del', not ${String((operation as { type: unknown }).type)}.`
        )
    }
  }

  /** The value, or undefined. Answers from memory and page cache without leaving the thread. */
  get(key: Input<Key>, options?: ReadOptions): Promise<Value | undefined> {
    try {
      this.#checkOpen()
      const sequence = sequenceOf(options)
      const waiting = this.#writer.settle()
      if (waiting !== undefined) return waiting.then(() => this.#getSettled(key, sequence))
      return this.#getSettled(key, sequence)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #getSettled(key: Input<Key>, sequence: number): Promise<Value | undefined> {
    const value = this.#reader.get(key, sequence, tiers.noWait)
    if (value === diskNeeded) return this.#reader.getFromDisk(key, sequence) as Promise<Value | undefined>
    return this.#turn.answer(value as Value | undefined)
  }

  /** The same, at once; waits for the disk on this thread where it must. */
  getSync(key: Input<Key>, options?: ReadOptions): Value | undefined {
    this.#checkOpen()
    this.#writer.settleSync()
    return this.#reader.get(key, sequenceOf(options), tiers.mayBlock) as Value | undefined
  }

  /** Values in the order of the keys, undefined for each miss. */
  async getMany(keys: readonly Input<Key>[], options?: ReadOptions): Promise<(Value | undefined)[]> {
    this.#checkOpen()
    if (!Array.isArray(keys)) throw invalid(`getMany takes an array of keys, not ${nameOf(keys)}.`)
    const sequence = sequenceOf(options)
    const waiting = this.#writer.settle()
    if (waiting !== undefined) await waiting
    const values: unknown[] = []
    for (let from = 0; from < keys.length; from += limits.slicedOperations) {
      const some = this.#reader.getMany(keys.slice(from, from + limits.slicedOperations), sequence, tiers.noWait)
      for (const value of some) values.push(value)
      const pause = this.#turn.breath(some.length)
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
    this.#checkOpen()
    const sequence = sequenceOf(options)
    const waiting = this.#writer.settle()
    if (waiting !== undefined) await waiting
    const answer = this.#reader.has(key, sequence, tiers.noWait)
    if (answer === diskNeeded) return (await this.#reader.getFromDisk(key, sequence)) !== undefined
    return this.#turn.answer(answer)
  }

  async hasMany(keys: readonly Input<Key>[], options?: ReadOptions): Promise<boolean[]> {
    this.#checkOpen()
    if (!Array.isArray(keys)) throw invalid(`hasMany takes an array of keys, not ${nameOf(keys)}.`)
    return Promise.all(keys.map((key) => this.has(key as Input<Key>, options)))
  }

  /** Entries in key order within the bounds, as they are now (or at the snapshot). */
  iterator(options: IteratorOptions<Input<Key>> = {}): Iterator<Key, Value, [Key, Value]> {
    return this.#iterate(options, identity)
  }

  /** The same, keys only. */
  keys(options: IteratorOptions<Input<Key>> = {}): Iterator<Key, Value, Key> {
    return this.#iterate({ ...options, values: false }, (entry) => entry[0])
  }

  /** The same, values only. */
  values(options: IteratorOptions<Input<Key>> = {}): Iterator<Key, Value, Value> {
    return this.#iterate({ ...options, keys: false }, (entry) => entry[1])
  }

  #iterate<Item>(
    options: IteratorOptions<Input<Key>>,
    pick: (entry: [never, never]) => unknown
  ): Iterator<Key, Value, Item> {
    this.#checkOpen()
    // The sequence is known once what was handed over is in.
    this.#writer.settleSync()
    const sequence = sequenceOf(options)
    const { keyEncoding, valueEncoding, clock } = this.#settings
    const iterator = new EntryIterator(
      {
        engine: this.#engine,
        space: defaultSpace,
        keyEncoding,
        valueEncoding,
        clock,
        turn: this.#turn,
        slabs: this.#slabs,
        settle: () => this.#writer.settle(),
        settleSync: () => this.#writer.settleSync(),
        onClose: (closed) => {
          this.#iterators.delete(closed)
          if (this.#tree.obsolete.size > 0) setImmediate(() => void this.#sweeper.sweep())
        }
      },
      options,
      sequence
    )
    this.#iterators.add(iterator)
    return new Iterator<Key, Value, Item>(iterator, pick)
  }

  /** What is visible now stays readable through it, until it is closed. */
  snapshot(): Snapshot {
    this.#checkOpen()
    this.#writer.settleSync()
    const { sequence, timeMs } = this.#log.state()
    return this.#snapshots.open(sequence, Math.max(timeMs, this.#settings.clock()))
  }

  /** The memtable becomes a table; resolves when it is one. */
  async flush(): Promise<void> {
    this.#checkWritable()
    await this.#writer.settle()
    this.#rotate()
    await this.#scheduler.drainFlushes()
  }

  #rotate(): void {
    const { entries, rangeTombstones } = native.memtableStats(this.#tree.memtable)
    if (entries + rangeTombstones === 0) return
    const { index, term, timeMs, sequence } = this.#log.state()
    this.#tree.rotate({ index, term, timeMs, sequence })
    this.#scheduler.wake()
  }

  /** Merges all tables of the range into one run: the least space, the quickest reads. */
  async compact(range: RangeOptions<Input<Key>> = {}): Promise<void> {
    await this.flush()
    await this.#log.shrink(this.#tree.version.flushed.index)
    const { first, last } = this.#storedSpan(range)
    await this.#scheduler.runExclusive(() => pickManual(this.#tree.version, first, last))
    await this.#sweeper.sweep()
  }

  /** Resolves when no flush or compaction is due any more. */
  async drain(): Promise<void> {
    this.#checkOpen()
    // Nothing is due to one that only reads, whatever its tables look like.
    if (this.#settings.readOnly) return
    await this.#scheduler.drain()
    await this.#sweeper.sweep()
  }

  #storedSpan(range: RangeOptions<Input<Key>>): { first: Buffer; last: Buffer } {
    const { start, end } = boundsOf(range, this.#settings.keyEncoding)
    const stored = (key: Uint8Array): Buffer => Buffer.concat([Buffer.of(defaultSpace), key])
    return { first: stored(start ?? new Uint8Array(0)), last: end === null ? Buffer.of(defaultSpace + 1) : stored(end) }
  }

  /** About how many bytes of tables the range takes. */
  approximateSize(range: RangeOptions<Input<Key>> = {}): number {
    this.#checkOpen()
    const { first, last } = this.#storedSpan(range)
    let bytes = 0
    for (const file of this.#tree.version.levels.flat()) {
      const { handle } = this.#tree.table(file.number)
      bytes += native.tableOffset(handle, last) - native.tableOffset(handle, first)
    }
    return Math.max(0, bytes)
  }

  /** Numbers about everything: plain data, made anew at each call. */
  stats(): Stats {
    this.#checkOpen()
    const engine = native.engineStats(this.#engine)
    const { counts } = this.#scheduler
    const payload = this.#writer.counts.payloadBytes
    const written = engine.walBytesAppended + counts.flushBytes + counts.compactionBytesWritten
    return {
      log: { ...this.#logState(), bytesAppended: engine.walBytesAppended, syncs: engine.walSyncs },
      writes: {
        ...this.#writer.counts,
        isStalled: this.#writer.isStalled,
        bytesWritten: written,
        amplification: payload === 0 ? 0 : written / payload
      },
      background: { ...counts },
      levels: this.#tree.levelSizes(),
      memory: {
        memtableBytes: this.#tree.memtableBytes(),
        frozen: this.#tree.frozen.length,
        pinnedBytes: this.#tree.pinnedBytes(),
        cacheBytes: engine.cacheBytes
      },
      reads: engine,
      snapshots: this.#snapshots.count,
      iterators: this.#iterators.size
    }
  }

  #logState(): { lastIndex: number; lastSequence: number; syncedIndex: number; term: number } {
    const { index, sequence, syncedIndex, term } = this.#log.state()
    return { lastIndex: index, lastSequence: sequence, syncedIndex, term }
  }

  /** The shape of the database as text, for people. */
  describe(): string {
    this.#checkOpen()
    return describeTree(this.#tree, this.#log.state())
  }

  on(event: string, listener: (detail: unknown) => void): this {
    this.#events.on(event, listener)
    return this
  }

  off(event: string, listener: (detail: unknown) => void): this {
    this.#events.off(event, listener)
    return this
  }

  #emit(event: string, detail: unknown): void {
    if (event === 'background-error' || event === 'poisoned')
      this.#settings.logger?.error(`varve ${event}: ${messageOf(detail)}`)
    if (event === 'stall') this.#settings.logger?.warn('varve: writers wait for flush and compaction')
    this.#events.emit(event, detail)
  }

  /**
   * Lets accepted writes finish, syncs, closes iterators and snapshots, gives the directory back. Rejects, closed all the
   * same, when something could not be written and that was not known before.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { recovered, environment } = this.#parts
    this.#isClosed = true
    // A failure from before was told then: by an event, and to every writer since.
    const wasHealthy = this.#writer.failure === undefined
    this.#scheduler.end()
    await this.#writer.close()
    await Promise.all([...this.#iterators].map((iterator) => iterator.close()))
    this.#snapshots.closeAll()
    let failure: unknown
    if (recovered.manifest !== undefined) {
      try {
        const isHealthy = this.#writer.failure === undefined
        if (isHealthy && native.memtableStats(this.#tree.memtable).bytes > closeFlushBytes) this.#rotate()
        if (isHealthy && this.#tree.frozen.length > 0) await this.#scheduler.drainFlushes()
      } catch (error) {
        if (!this.#scheduler.gaveUp) failure = error
      }
      await this.#scheduler.close()
      try {
        await this.#log.close()
        if (this.#writer.failure === undefined) await this.#witness(recovered.manifest)
      } catch (error) {
        failure ??= error
      }
      await recovered.manifest.close()
      await this.#sweeper.sweep()
    }
    this.#tree.close()
    native.release(this.#engine)
    native.release(recovered.lock)
    native.release(environment.executor)
    failure ??= this.#writer.failure
    if (wasHealthy && failure !== undefined) throw failure
  }

  // The manifest says up to where the log is on disk: a log that comes back shorter is damaged, whatever it looks like.
  async #witness(manifest: Manifest): Promise<void> {
    const { syncedIndex } = this.#log.state()
    if (syncedIndex === this.#tree.version.syncedIndex) return
    await manifest.append(
      () => ({ add: [], remove: [], syncedIndex }),
      () => undefined
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new VarveError('VARVE_CLOSED', 'The database is closed.')
  }

  #checkWritable(): void {
    this.#checkOpen()
    if (this.#settings.readOnly) throw new VarveError('VARVE_READ_ONLY', 'The database was opened with readOnly.')
  }
}

function sequenceOf(options: ReadOptions | undefined): number {
  return options?.snapshot === undefined ? -1 : options.snapshot.check()
}

function messageOf(detail: unknown): string {
  const error = (detail as { error?: unknown }).error
  return error instanceof Error ? error.message : String(error)
}

interface Encoded {
  readonly utf8: string
  readonly json: unknown
  readonly buffer: Buffer
  readonly view: Uint8Array
}

/** The type of keys that options ask for. */
export type KeyOf<Options> = Options extends { readonly keyEncoding: infer Encoding extends KeyEncoding }
  ? Encoded[Encoding]
  : string
/** The type of values that options ask for. */
export type ValueOf<Options> = Options extends { readonly valueEncoding: infer Encoding extends ValueEncoding }
  ? Encoded[Encoding]
  : string

/**
 * Opens the database in a directory, creating it if it is missing.
 *
 * @throws VarveError: VARVE_LOCKED, VARVE_NOT_FOUND, VARVE_EXISTS, VARVE_CORRUPTION, VARVE_UNSUPPORTED, VARVE_INVALID_ARGUMENT
 * @example
 * import { open } from 'varve'
 * await using db = await open('./data', { valueEncoding: 'json' })
 * await db.put('lake', { depth: 12 })
 */
export async function open<const Options extends OpenOptions>(
  path: string,
  options?: Options
): Promise<Database<KeyOf<Options>, ValueOf<Options>>> {
  return openIn<KeyOf<Options>, ValueOf<Options>>(path, options, realEnvironment)
}

/** open, on a file system, executor and randomness of the caller's. */
export async function openIn<Key, Value>(
  path: string,
  options: OpenOptions | undefined,
  environmentOf: () => Environment
): Promise<Database<Key, Value>> {
  if (typeof path !== 'string' || path === '') throw invalid('open takes the path of a directory.')
  if (path.includes('\0')) throw invalid('A path must not hold a zero character.')
  const settings = settingsOf(options)
  const environment = environmentOf()
  try {
    const recovered = await recover(path, settings, environment)
    return new Database<Key, Value>({ recovered, environment, settings, directory: path })
  } catch (error) {
    native.release(environment.executor)
    throw error
  }
}
