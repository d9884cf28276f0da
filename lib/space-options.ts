// What the calls of a space take and give.

import type { Input } from './bytes/buffer.ts'
import type { KeyEncoding, ValueEncoding } from './bytes/codec.ts'
import type { RangeOptions } from './read/iterator.ts'
import type { Snapshot } from './read/snapshot.ts'
import type { ExpiryOptions } from './write/expiry.ts'

export interface WriteOptions {
  /** Resolve when it is on disk, whatever the database's durability. */
  readonly sync?: boolean
}

export interface ReadOptions {
  readonly snapshot?: Snapshot
}

export interface PutOptions extends WriteOptions, ExpiryOptions {}

/** One key's part of a batch. */
export type KeyOperation<Key, Value> =
  | ({ readonly type: 'put'; readonly key: Input<Key>; readonly value: Input<Value> } & ExpiryOptions)
  | { readonly type: 'del'; readonly key: Input<Key> }

export type BatchOperation<Key, Value> =
  | KeyOperation<Key, Value>
  | { readonly type: 'deleteRange'; readonly range: RangeOptions<Input<Key>> }

/** What must be so for a conditional write: no entry, an entry of that sequence, or an entry of that value. */
export type Condition<Value> =
  | { readonly absent: true }
  | { readonly sequence: number }
  | { readonly value: Input<Value> }

/** An entry and what is known about it. */
export interface Entry<Value> {
  readonly value: Value
  readonly sequence: number
  /** Milliseconds since 1970; undefined: it stays. */
  readonly expiresAt: number | undefined
}

export interface ClearOptions<Key> extends RangeOptions<Key>, WriteOptions {
  /** Entries at most, the first of the range. */
  readonly limit?: number
  /** With a limit: the last of the range. */
  readonly reverse?: boolean
}

export interface CountOptions<Key> extends RangeOptions<Key> {
  readonly snapshot?: Snapshot
  readonly signal?: AbortSignal
}

export interface FirstOptions<Key> extends RangeOptions<Key>, ReadOptions {}

export interface Encodings {
  readonly keyEncoding: KeyEncoding
  readonly valueEncoding: ValueEncoding
}
