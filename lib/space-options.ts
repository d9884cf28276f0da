// What the calls of a space take and give.

import type { CallEncodings, KeyEncoding, ValueEncoding } from './bytes/encodings.ts'
import type { RangeOptions } from './read/iterator.ts'
import type { Snapshot } from './read/snapshot.ts'
import type { ExpiryOptions } from './write/expiry.ts'
import type { BatchOperation } from './write/operations.ts'

export interface WriteOptions<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends CallEncodings<AskedKey, AskedValue> {
  /** Resolve when it is on disk, whatever the database's durability. */
  readonly sync?: boolean
}

export interface PutOptions<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends WriteOptions<AskedKey, AskedValue>,
    ExpiryOptions {}

export interface ReadOptions<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends CallEncodings<AskedKey, AskedValue> {
  readonly snapshot?: Snapshot
}

/** What must be so for a conditional write: no entry, an entry of that sequence, or an entry of that value. */
export type Condition<Value> = { readonly absent: true } | { readonly sequence: number } | { readonly value: Value }

/** An entry and what is known about it. */
export interface Entry<Value> {
  readonly value: Value
  readonly sequence: number
  /** Milliseconds since 1970; undefined: it stays. */
  readonly expiresAt: number | undefined
}

/** What a decision makes of the entries it was given: what is written (left out: nothing), and what its caller is told. */
export interface Decided<Key, Value, Result> {
  readonly operations?: readonly BatchOperation<Key, Value>[]
  readonly result: Result
}

export interface ClearOptions<Key, AskedKey extends KeyEncoding = never> extends RangeOptions<Key> {
  /** Entries at most, the first of the range. */
  readonly limit?: number
  /** With a limit: the last of the range. */
  readonly reverse?: boolean
  /** Resolve when it is on disk, whatever the database's durability. */
  readonly sync?: boolean
  readonly keyEncoding?: AskedKey
}

export interface CountOptions<Key, AskedKey extends KeyEncoding = never> extends RangeOptions<Key> {
  readonly snapshot?: Snapshot
  readonly signal?: AbortSignal
  readonly keyEncoding?: AskedKey
}

export interface FirstOptions<Key, AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends RangeOptions<Key>,
    CallEncodings<AskedKey, AskedValue> {
  readonly snapshot?: Snapshot
}
