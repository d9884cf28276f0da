// What the server stands on: a database of its own, or a member of a cluster. The server cannot tell which.
import type { Database } from '../lib/index.ts'
import { open } from '../lib/index.ts'

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export interface StoreStatus {
  readonly role: 'LEADER' | 'FOLLOWER'
  readonly term: number
  /** Index of the last applied record. */
  readonly commitIndex: number
}

export interface Store {
  /** The values in the keys' order, `undefined` where there is none. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
  /** All of the operations or none; resolves when they are as durable as the store promises. */
  write(operations: readonly Operation[]): Promise<void>
  status(): StoreStatus
  close(): Promise<void>
}

/** The longest key a store takes, in bytes. */
export const keyBytesMax = 65_535

export interface DatabaseStoreOptions {
  /** The block cache; the rest of the memory budget stays as it is by default. */
  readonly cacheBytes?: number
}

// The engine's default budget without its block cache: memtables, pinned indexes and filters.
const memoryBesideCacheBytes = 192 * 2 ** 20

/** A database in this process, alone: always the leader, always in term 1. */
export class DatabaseStore implements Store {
  readonly #database: Database<Buffer, Buffer>

  private constructor(database: Database<Buffer, Buffer>) {
    this.#database = database
  }

  static async open(path: string, { cacheBytes }: DatabaseStoreOptions = {}): Promise<DatabaseStore> {
    const memory =
      cacheBytes === undefined ? {} : { blockCacheBytes: cacheBytes, memoryBytes: cacheBytes + memoryBesideCacheBytes }
    return new DatabaseStore(await open(path, { keyEncoding: 'buffer', valueEncoding: 'buffer', ...memory }))
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return (await this.#database.getMany(keys)) as (Uint8Array | undefined)[]
  }

  write(operations: readonly Operation[]): Promise<void> {
    return this.#database.batch(operations)
  }

  status(): StoreStatus {
    return { role: 'LEADER', term: 1, commitIndex: this.#database.stats().log.lastIndex }
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
