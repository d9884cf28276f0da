// Database: what a user holds: its default space, and the life of all its parts.

import native from '#native'
import { nameOf } from './bytes/codec.ts'
import {
  type CallEncodings,
  type EncodingsFor,
  encodingsOf,
  type KeyEncoding,
  type KeyOf,
  type OptionsFor,
  type ValueEncoding,
  type ValueOf
} from './bytes/encodings.ts'
import { closeParts } from './closing.ts'
import { type Backup, type BackupOptions, backup } from './copies/backup.ts'
import { type Checkpoint, checkpoint } from './copies/checkpoint.ts'
import type { CopyOptions } from './copies/stop.ts'
import { invalid } from './errors.ts'
import { describeTree } from './inspect.ts'
import type { Parts } from './parts.ts'
import { slabValueBytesMax } from './read/slabs.ts'
import type { Snapshot } from './read/snapshot.ts'
import { Space } from './space.ts'
import { type Stats, statsOf } from './stats.ts'
import type { HealthState } from './tree/health.ts'
import { Transaction } from './write/transaction.ts'
import type { TransactionOptions } from './write/transactions.ts'

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
export class Database<Key = string, Value = string> extends Space<Key, Value> {
  readonly #parts: Parts
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(parts: Parts) {
    super(parts, parts.spaces.default, parts.settings)
    this.#parts = parts
  }

  /** The directory it lives in. */
  get path(): string {
    return this.#parts.directory
  }

  /**
   * A key space of its own, by its name: keys of one never meet those of another. It is there from the first write into it
   * on, and reads as empty before. Encodings are not stored; left out, they are the database's.
   *
   * @throws VarveError: VARVE_INVALID_ARGUMENT, VARVE_MISSING_PACKAGE
   * @example
   * const users = db.space('users', { valueEncoding: 'json' })
   * await users.put('ada', { born: 1815 })
   */
  space<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
    name: string,
    options?: CallEncodings<AskedKey, AskedValue>
  ): Space<KeyOf<AskedKey, Key>, ValueOf<AskedValue, Value>>
  /** The same, with types of keys and values that are known better than an encoding knows them. */
  space<ItsKey, ItsValue>(
    name: string,
    ...options: OptionsFor<EncodingsFor<ItsKey, ItsValue, Key, Value>>
  ): Space<ItsKey, ItsValue>
  space(name: string, options?: CallEncodings<KeyEncoding, ValueEncoding>): Space<unknown, unknown> {
    this.#parts.checkOpen()
    return new Space(this.#parts, this.#parts.spaces.of(name), encodingsOf(options, this.#parts.settings))
  }

  /**
   * Frees the memory of bytes that nobody will look at any more, without waiting for the garbage collector. Those that share
   * their memory, as short values do, are left alone.
   * @internal
   */
  discard({ buffer, byteLength }: Uint8Array): void {
    if (byteLength === buffer.byteLength && byteLength > slabValueBytesMax && buffer instanceof ArrayBuffer) {
      native.discard(buffer)
    }
  }

  /** The space of the system, for what varve itself keeps in a database. @internal */
  get system(): Space<string, unknown> {
    this.#parts.checkOpen()
    return new Space(
      this.#parts,
      this.#parts.spaces.system,
      encodingsOf({ keyEncoding: 'utf8', valueEncoding: 'json' }, this.#parts.settings)
    )
  }

  /** The names of the spaces that something was written into, in order. */
  spaces(): string[] {
    this.#parts.checkOpen()
    return this.#parts.spaces.names()
  }

  /**
   * Removes a space with all that is in it, at once; one that is not there is no error. What was opened on it refuses from
   * now on with VARVE_CLOSED; iterators go on over what they saw.
   */
  async dropSpace(name: string, options?: { readonly sync?: boolean }): Promise<void> {
    this.#parts.checkWritable()
    await this.#parts.spaces.drop(name, options?.sync === true)
  }

  /** What is visible now stays readable through it, until it is closed. */
  snapshot(): Snapshot {
    return this.#parts.snapshot(this.snapshot)
  }

  /** Whether writes are taken: 'ok', 'slowed' by flush and compaction, 'stopped' by a full disk, or 'poisoned'. */
  get health(): HealthState {
    return this.#parts.health.state
  }

  /**
   * Goes on after a full disk, at once instead of after a while; rejects with what stands in the way.
   *
   * @throws VarveError: VARVE_DISK_FULL, VARVE_POISONED
   */
  async resume(): Promise<void> {
    this.#parts.checkOwner()
    await this.#parts.health.resume()
  }

  /**
   * Runs a function whose reads and writes happen all at once or not at all. It reads at a snapshot and sees its own writes;
   * when what it read was changed by others meanwhile, it is run again, so it should do nothing else that counts.
   *
   * @throws VarveError: VARVE_CONFLICT (only where `retries` is given), VARVE_TRANSACTION_TOO_LARGE
   * @example
   * await db.transaction(async (tx) => {
   *   const balance = Number(await tx.get('ada'))
   *   tx.put('ada', String(balance - 10))
   * })
   */
  async transaction<Result>(
    work: (transaction: Transaction<Key, Value>) => Promise<Result> | Result,
    options: TransactionOptions = {}
  ): Promise<Result> {
    this.#parts.checkWritable()
    if (typeof work !== 'function') throw invalid(`transaction takes a function, not ${nameOf(work)}.`)
    checkRetries(options.retries)
    return this.#parts.transactions.run(async (attempt) => work(new Transaction<Key, Value>(attempt, this)), options)
  }

  /** The memtable becomes a table; resolves when it is one. */
  flush(): Promise<void> {
    return this.#parts.flush()
  }

  /** Resolves when no flush or compaction is due any more. */
  async drain(): Promise<void> {
    this.#parts.checkOpen()
    // Nothing is due to one that only reads, whatever its tables look like.
    if (this.#parts.settings.readOnly) return
    await this.#parts.scheduler.drain()
    await this.#parts.sweeper.sweep()
  }

  /**
   * Makes a second database in a directory that is empty or missing: its tables are hard links where the file system
   * allows it. It holds everything that was visible at the call; writing goes on meanwhile.
   *
   * @throws VarveError: VARVE_INVALID_ARGUMENT, VARVE_LOCKED, VARVE_IO_ERROR, VARVE_DISK_FULL, VARVE_ABORTED
   * @example
   * const { bytes, linkMs } = await db.checkpoint('./checkpoint')
   */
  async checkpoint(directory: string, options: CopyOptions = {}): Promise<Checkpoint> {
    return this.#parts.copy((source) => checkpoint(source, directory, options))
  }

  /**
   * Adds a backup to a directory that keeps them, where each table is kept once: only new ones are copied, and each is
   * checked from its first byte to its last. Writing goes on meanwhile.
   *
   * @throws VarveError: VARVE_CORRUPTION, VARVE_LOCKED, VARVE_IO_ERROR, VARVE_DISK_FULL, VARVE_ABORTED
   * @example
   * const { id, tablesCopied } = await db.backup('./backups')
   */
  async backup(dest: string, options: BackupOptions = {}): Promise<Backup> {
    return this.#parts.copy((source) => backup(source, dest, options))
  }

  /** Numbers about everything: plain data, made anew at each call. */
  stats(): Stats {
    this.#parts.checkOpen()
    return statsOf(this.#parts)
  }

  /** The shape of the database as text, for people. */
  describe(): string {
    this.#parts.checkOpen()
    const { tree, log, spaces } = this.#parts
    return describeTree(tree, log.state(), spaces.byId())
  }

  on(event: string, listener: (detail: unknown) => void): this {
    this.#parts.events.on(event, listener)
    return this
  }

  off(event: string, listener: (detail: unknown) => void): this {
    this.#parts.events.off(event, listener)
    return this
  }

  /**
   * Lets accepted writes finish, syncs, closes iterators and snapshots, gives the directory back. Rejects, closed all the
   * same, when something could not be written and that was not known before.
   */
  close(): Promise<void> {
    this.#closing ??= closeParts(this.#parts)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function checkRetries(retries: unknown): void {
  if (retries === undefined || retries === Number.POSITIVE_INFINITY) return
  if (Number.isSafeInteger(retries) && (retries as number) >= 0) return
  throw invalid(`retries must be a whole number from 0 on, not ${String(retries)}.`)
}
