// What the server stands on: a database of its own, a member of a cluster, or another server (`varve/client`). The server
// cannot tell which; test/server/store-contract.ts holds all of them to the same.
//
// 1. A read that begins after a write resolved sees it. So does a decision.
// 2. `write` and each decision are atomic: nothing comes between what a decision sees and what it writes.
// 3. A rejected write or decision has an unknown outcome unless its error's code says that nothing was written.
import type { Stats } from '../lib/index.ts'

export interface Entry {
  readonly value: Buffer
  /** Of the write that made it; another write of the same key has another one. */
  readonly sequence: number
  /** Milliseconds since 1970; undefined: it stays. */
  readonly expiresAt: number | undefined
}

export type Key = Uint8Array

/** From `gte` on, below `lt`; left out: unbounded. */
export interface Range {
  readonly gte?: Key
  readonly lt?: Key
}

export type Operation =
  | { readonly type: 'put'; readonly key: Key; readonly value: Uint8Array; readonly expiresAt?: number }
  | { readonly type: 'del'; readonly key: Key }
  | { readonly type: 'deleteRange'; readonly range: Range }

/** What a decision sees and does: entries as they are at its place in the log, its own writes among them. */
export interface DecisionView {
  /** The store's time, in milliseconds since 1970. */
  readonly nowMs: number
  /** The entry at a key that the decision named; an expired one is not there. */
  get(key: Key): Entry | undefined
  put(key: Key, value: Uint8Array, expiresAt?: number): void
  del(key: Key): void
  deleteRange(range: Range): void
}

export interface Decision<Result = unknown> {
  /** All keys that it may look at. */
  readonly keys: readonly Key[]
  /** Pure, and called once. What it throws rejects this decision alone, and undoes what it did. */
  readonly decide: (view: DecisionView) => Result
}

export interface PageLimits {
  readonly entriesMax: number
  /** Of keys and values together; a page ends with the entry that reaches it. */
  readonly bytesMax: number
}

/** A view of the store that does not change. Closing it is the holder's duty. */
export interface Pinned {
  /** The next entries of a range in order, backwards with `reverse`; fewer than asked for, or none, at its end. */
  page(
    range: Range & { readonly reverse?: boolean; readonly values?: boolean },
    limits: PageLimits
  ): Promise<readonly (readonly [key: Buffer, value: Buffer])[]>
  close(): Promise<void>
}

export interface StoreStatus {
  readonly role: 'LEADER' | 'FOLLOWER'
  readonly term: number
  /** Index of the last applied record. */
  readonly commitIndex: number
}

export interface WriteOptions {
  /** Resolve when it is on disk, whatever the store's durability. */
  readonly sync?: boolean
}

/** What the server itself keeps beside the entries, out of their reach: users. Values are JSON. */
export interface SystemRecords {
  /** All whose key begins so, in order. */
  list(prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>
  /** Resolves when it is on disk, as `del` does. */
  put(key: string, value: unknown): Promise<void>
  del(key: string): Promise<void>
}

export interface Store {
  /** Undefined: this store keeps none. */
  readonly records?: SystemRecords
  /**
   * The values in the keys' order, `undefined` where there is none. With `bytesMax` a store may stop at the value that
   * reaches it: the answer is then of the first keys, of one at least.
   */
  getMany(keys: readonly Key[], bytesMax?: number): Promise<readonly (Uint8Array | undefined)[]>
  /** The same with sequence and expiry. */
  getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]>
  /** All of the operations or none; resolves when they are as durable as the store promises. */
  write(operations: readonly Operation[], options?: WriteOptions): Promise<void>
  /** Reads and writes with nothing between; resolves as a write does. */
  decide<Result>(decision: Decision<Result>, options?: WriteOptions): Promise<Result>
  pin(): Pinned
  status(): StoreStatus
  /** Of an engine in this process; left out where there is none. */
  engineStats?(): Stats
  close(): Promise<void>
}

/** The longest key a store takes, in bytes. */
export const keyBytesMax = 65_535
