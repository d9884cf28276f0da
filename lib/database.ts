// Database: what a user holds: its default space, and the life of all its parts.

import { closeParts } from './closing.ts'
import { type Backup, type BackupOptions, backup } from './copies/backup.ts'
import { type Checkpoint, checkpoint } from './copies/checkpoint.ts'
import type { CopyOptions } from './copies/stop.ts'
import { describeTree } from './inspect.ts'
import type { Parts } from './parts.ts'
import type { Snapshot } from './read/snapshot.ts'
import { Space } from './space.ts'
import { type Stats, statsOf } from './stats.ts'

/** 0 is the system's, 1 the users' default space. */
const defaultSpace = 1

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
    super(parts, defaultSpace, parts.settings)
    this.#parts = parts
  }

  /** The directory it lives in. */
  get path(): string {
    return this.#parts.directory
  }

  /** What is visible now stays readable through it, until it is closed. */
  snapshot(): Snapshot {
    return this.#parts.snapshot()
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
    return describeTree(this.#parts.tree, this.#parts.log.state())
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
