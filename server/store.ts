// What the server stands on: a database of its own, a member of a cluster, or another server (`varve/client`). The server
// cannot tell which; test/server/support/store-contract.ts holds all of them to the same.
//
// 1. A read that begins after a write resolved sees it. So does a decision.
// 2. `write` and each decision are atomic: nothing comes between what a decision sees and what it writes.
// 3. A rejected write or decision has an unknown outcome unless its error's code says that nothing was written (see
//    `writtenNothing`). It is not half done: either all of it is there or nothing.
// 4. Writes and decisions happen in the order of their calls. One that is refused or that throws rejects itself alone.
import type { Stats } from '../lib/index.ts'
import type { ClusterView } from './cluster/view.ts'

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
  /** Pure: a store that is elsewhere may ask it again. What it throws rejects this decision alone, and undoes what it did. */
  readonly decide: (view: DecisionView) => Result
}

export interface PageLimits {
  readonly entriesMax: number
  /** Of keys and values together; a page ends with the entry that reaches it. */
  readonly bytesMax: number
}

/** A view of the store that does not change, unless the store says that it has none (`varve/client`). Closing it is the holder's duty. */
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

/** How reads of a member of a cluster are made. */
export interface ReadConsistency {
  /**
   * `linearizable`: promise 1 holds over all members. `lease`: the leader trusts its clock not to be deposed. `local`: what this
   * member has, however old.
   */
  readonly reads: 'linearizable' | 'lease' | 'local'
  /** Of local reads: what was committed longer ago is seen; where that is not known, the leader is asked. Undefined: no bound. */
  readonly maxStalenessMs?: number
}

/** What the server itself keeps beside the entries, out of their reach: users. Values are JSON. */
export interface SystemRecords {
  /** All whose key begins so, in order. */
  list(prefix: string): Promise<readonly (readonly [key: string, value: unknown])[]>
  /** The same as it is here, within the call: for stores that have to ask others first. Left out: `list` is as new. */
  listApplied?(prefix: string): readonly (readonly [key: string, value: unknown])[]
  /** Resolves when it is on disk, as `del` does. */
  put(key: string, value: unknown): Promise<void>
  del(key: string): Promise<void>
  /** Calls whenever something of it may have changed elsewhere; left out: nobody else changes it. */
  onChange?(listener: () => void): void
}

/** What is at hand, read within the call. */
export interface ReadsNow {
  /** @see Store.getFramed */
  getFramed(source: Uint8Array, places: Uint32Array, from: number, count: number, framed: Framed): number | undefined
}

export interface Store {
  /** Of a member of a cluster; left out: the store stands alone. */
  readonly cluster?: ClusterView | undefined
  /** The same store, its reads made so. Closing it closes nothing. Left out: all reads are linearizable anyway. */
  reading?(consistency: ReadConsistency): Store
  /** Undefined: this store keeps none. */
  readonly records?: SystemRecords
  /**
   * The values in the keys' order, `undefined` where there is none. With `bytesMax` a store may stop at the value that
   * reaches it: the answer is then of the first keys, of one at least.
   */
  getMany(keys: readonly Key[], bytesMax?: number): Promise<readonly (Uint8Array | undefined)[]>
  /**
   * The same within this call, up to the first value that is long (several KiB): none, where that is the first of all.
   * Undefined: it is not at hand, ask `getMany`.
   */
  getManyNow?(keys: readonly Key[], bytesMax: number): readonly (Uint8Array | undefined)[] | undefined
  /**
   * Answers keys where they stand in `source` as RESP says values: the number of the first item not answered, for want of room
   * or because it is not at hand. Undefined: none can be answered within this call. Left out: the store cannot.
   */
  getFramed?(source: Uint8Array, places: Uint32Array, from: number, count: number, framed: Framed): number | undefined
  /**
   * Resolves once what is at hand is no older than the call. For stores that have to ask others first, in the place of
   * `getFramed` and `getManyNow`; it rejects as their reads do.
   */
  freshen?(): Promise<ReadsNow>
  /** Puts of keys and values where they stand in `source`, each a write of its own; left out: the store cannot. */
  putPlaced?(source: Uint8Array, places: Uint32Array, from: number, count: number): Promise<void>
  /** The same with sequence and expiry. */
  getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]>
  /** Frees a long value, or other bytes of many, that nobody will look at any more; left out: the garbage collector does. */
  discard?(bytes: Uint8Array): void
  /** All of the operations or none; resolves when they are as durable as the store promises. */
  write(operations: readonly Operation[], options?: WriteOptions): Promise<void>
  /** Reads and writes with nothing between; resolves as a write does. */
  decide<Result>(decision: Decision<Result>, options?: WriteOptions): Promise<Result>
  pin(): Pinned
  status(): StoreStatus
  /** About how many entries there are, at once. */
  estimateCount?(): number
  /** Of an engine in this process; left out where there is none. */
  engineStats?(): Stats
  close(): Promise<void>
}

/** Where answers are laid down one after the other. */
export interface Framed {
  readonly target: Uint8Array
  /** How a miss is said. */
  readonly missing: Uint8Array
  /** A number for each key that is asked for: where its answer ends. */
  readonly ends: Uint32Array
}

/** The longest key a store takes, in bytes. */
export const keyBytesMax = 65_535

/** What a store says of itself and not of a database under it, as `code` of an error. */
export type StoreErrorCode =
  /** It went into the log, and whether it stays there is not known. Whoever asked must not be told to ask again. */
  | 'OUTCOME_UNKNOWN'
  /** Nothing was written: a key or a value is over its limit. */
  | 'TOO_LARGE'
  /** Nothing was written: another member leads. Reads are never refused so. */
  | 'NOT_LEADER'
  /** Nothing was written: nobody came to be known to lead for as long as a call is held (store/hold.ts). */
  | 'NO_LEADER'

export class StoreError extends Error {
  readonly code: StoreErrorCode
  /** Where clients reach the leader, with NOT_LEADER: host:port. */
  readonly leader: string | undefined

  constructor(code: StoreErrorCode, message: string, leader?: string) {
    super(message)
    this.name = 'StoreError'
    this.code = code
    this.leader = leader
  }
}

const nothingWritten = new Set([
  'VARVE_INVALID_ARGUMENT',
  'VARVE_TOO_LARGE',
  'VARVE_READ_ONLY',
  'VARVE_DISK_FULL',
  'VARVE_CLOSED',
  'TOO_LARGE',
  'NOT_LEADER',
  'NO_LEADER',
  // Of varve/client.
  'INVALID_ARGUMENT',
  'CLOSED',
  'BUSY',
  'UNREACHABLE',
  'TIMEOUT',
  'ABORTED',
  'DENIED'
])

/** Whether an error that a write or a decision was rejected with says that nothing of it was written. */
export const writtenNothing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && nothingWritten.has(String(error.code))
