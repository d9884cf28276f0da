// The operations of a batch, as types: each is held against the keys and values of the space it goes to and of the
// encodings it asks for.

import type { Input } from '../bytes/buffer.ts'
import type { KeyEncoding, KeyOf, ValueEncoding, ValueOf } from '../bytes/encodings.ts'
import type { RangeOptions } from '../read/iterator.ts'
import type { ExpiryOptions } from './expiry.ts'

/** What a Space is to types: its name, and what it holds. */
export interface InSpace<Key, Value> {
  readonly name: string
  /** Never there: it carries the types. */
  readonly phantom?: readonly [Key, Value]
}

interface Destination {
  /** Left out: the space whose batch it is. */
  readonly space?: InSpace<unknown, unknown>
  /** Left out: the encodings of that space. */
  readonly keyEncoding?: KeyEncoding
  readonly valueEncoding?: ValueEncoding
}

export interface AnyPut extends Destination, ExpiryOptions {
  readonly type: 'put'
  readonly key: unknown
  readonly value: unknown
}

export interface AnyDel extends Destination {
  readonly type: 'del'
  readonly key: unknown
}

export interface AnyDeleteRange extends Destination {
  readonly type: 'deleteRange'
  readonly range: RangeOptions<unknown>
}

export type AnyOperation = AnyPut | AnyDel | AnyDeleteRange

/** An operation of one key, on the space whose batch it is, with its encodings. */
export type KeyOperation<Key, Value> =
  | ({ readonly type: 'put'; readonly key: Input<Key>; readonly value: Input<Value> } & ExpiryOptions)
  | { readonly type: 'del'; readonly key: Input<Key> }

/** An operation on the space whose batch it is, with its encodings. */
export type BatchOperation<Key, Value> =
  | KeyOperation<Key, Value>
  | { readonly type: 'deleteRange'; readonly range: RangeOptions<Input<Key>> }

type AskedKey<Operation> = Operation extends { readonly keyEncoding: infer Asked extends KeyEncoding } ? Asked : never
type AskedValue<Operation> = Operation extends { readonly valueEncoding: infer Asked extends ValueEncoding }
  ? Asked
  : never

type CheckedIn<Operation, Key, Value> = Operation extends { readonly type: 'del' }
  ? Destination & { readonly type: 'del'; readonly key: Input<KeyOf<AskedKey<Operation>, Key>> }
  : Operation extends { readonly type: 'deleteRange' }
    ? Destination & {
        readonly type: 'deleteRange'
        readonly range: RangeOptions<Input<KeyOf<AskedKey<Operation>, Key>>>
      }
    : Destination &
        ExpiryOptions & {
          readonly type: 'put' | 'del'
          readonly key: Input<KeyOf<AskedKey<Operation>, Key>>
          readonly value: Input<ValueOf<AskedValue<Operation>, Value>>
        }

type Checked<Operation, Key, Value> = Operation extends { readonly space: InSpace<infer ItsKey, infer ItsValue> }
  ? CheckedIn<Operation, ItsKey, ItsValue>
  : CheckedIn<Operation, Key, Value>

/** The operations, where each fits the space it goes to. */
export type CheckedOperations<Operations extends readonly AnyOperation[], Key, Value> = Operations & {
  readonly [Index in keyof Operations]: Checked<Operations[Index], Key, Value>
}
