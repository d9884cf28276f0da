// DatabaseStore: a database in this process, alone: always the leader, always in term 1.
//
// What arrives within one turn of the event loop is written together: one batch, one record of the log, whoever asked for
// it. A turn's reads of sockets all come before its `setImmediate`, so nobody waits longer for that.
import type { Database, Stats } from '../../lib/index.ts'
import { open } from '../../lib/index.ts'
import type {
  Decision,
  Entry,
  Framed,
  Key,
  Operation,
  Pinned,
  Store,
  StoreStatus,
  SystemRecords,
  WriteOptions
} from '../store.ts'
import { turn } from '../turn.ts'
import { PinnedDatabase } from './pinned.ts'
import { DecisionQueue } from './queue.ts'

export interface DatabaseStoreOptions {
  /** The block cache; the rest of the memory budget stays as it is by default. */
  readonly cacheBytes?: number | undefined
  readonly durability?: 'interval' | 'sync' | 'os'
  readonly diskReserveBytes?: number | undefined
  /** Threads for reads that have to wait for the disk. */
  readonly readThreads?: number
}

// The engine's default budget without its block cache: memtables, pinned indexes and filters.
const memoryBesideCacheBytes = 192 * 2 ** 20

const entriesAtOnce = 16

export class DatabaseStore implements Store {
  readonly database: Database<Buffer, Buffer>
  readonly records: SystemRecords
  readonly #queue: DecisionQueue

  private constructor(database: Database<Buffer, Buffer>, isAlwaysSynced: boolean) {
    this.database = database
    this.records = recordsOf(database)
    this.#queue = new DecisionQueue(database, { atEnd: (call) => turn.atEnd(call), isAlwaysSynced })
  }

  static async open(path: string, options: DatabaseStoreOptions = {}): Promise<DatabaseStore> {
    const { cacheBytes, diskReserveBytes, ...others } = options
    const memory =
      cacheBytes === undefined ? {} : { blockCacheBytes: cacheBytes, memoryBytes: cacheBytes + memoryBesideCacheBytes }
    const limits = diskReserveBytes === undefined ? {} : { limits: { diskReserveBytes } }
    return new DatabaseStore(
      await open(path, { keyEncoding: 'buffer', valueEncoding: 'buffer', ...memory, ...limits, ...others }),
      options.durability === 'sync'
    )
  }

  getMany(keys: readonly Key[], bytesMax?: number): Promise<readonly (Uint8Array | undefined)[]> {
    if (bytesMax !== undefined) return this.database.getSome(keys as readonly Buffer[], bytesMax)
    return this.database.getMany(keys) as Promise<(Uint8Array | undefined)[]>
  }

  getFramed(source: Uint8Array, places: Uint32Array, from: number, count: number, framed: Framed): number | undefined {
    return this.database.getFramed(source, places, from, count, framed)
  }

  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number): Promise<void> {
    return this.#queue.putPlaced(source, places, from, count)
  }

  discard(bytes: Uint8Array): void {
    this.database.discard(bytes)
  }

  getManyNow(keys: readonly Key[], bytesMax: number): readonly (Uint8Array | undefined)[] | undefined {
    return this.database.getSomeNow(keys as readonly Buffer[], bytesMax)
  }

  async getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    const entries: (Entry | undefined)[] = []
    // Some at a time: their values come along, and may be long.
    for (let at = 0; at < keys.length; at += entriesAtOnce) {
      const some = keys.slice(at, at + entriesAtOnce)
      for (const entry of await Promise.all(some.map((key) => this.database.getEntry(key)))) entries.push(entry)
    }
    return entries
  }

  write(operations: readonly Operation[], { sync = false }: WriteOptions = {}): Promise<void> {
    return this.#queue.write(operations, sync)
  }

  decide<Result>(decision: Decision<Result>, { sync = false }: WriteOptions = {}): Promise<Result> {
    return this.#queue.decide(decision, sync)
  }

  pin(): Pinned {
    return new PinnedDatabase(this.database)
  }

  status(): StoreStatus {
    return { role: 'LEADER', term: 1, commitIndex: this.database.stats().log.lastIndex }
  }

  estimateCount(): number {
    return this.database.estimateCount()
  }

  engineStats(): Stats {
    return this.database.stats()
  }

  async close(): Promise<void> {
    await this.#queue.idle()
    await this.database.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function recordsOf({ system }: Database<Buffer, Buffer>): SystemRecords {
  return {
    list: (prefix) => system.iterator({ gte: prefix, lt: `${prefix}\u{10ffff}` }).all(),
    put: (key, value) => system.put(key, value, { sync: true }),
    del: (key) => system.del(key, { sync: true })
  }
}
