// Transaction: reads at a snapshot, sees its own writes, and writes all or nothing: if what it read is still so.
//
// It is serializable: of keys it remembers the sequence it saw (or none), of ranges the part that was consumed and how many
// entries were in it. At the end the writer checks that all this still holds and writes in the same go, so the
// transaction might as well have happened at that instant. One that only reads happened when its snapshot was taken.

import type { Batch } from '../bytes/batch.ts'
import type { Input } from '../bytes/buffer.ts'
import { decodeBytes, encodeValue, keyBytes, nameOf } from '../bytes/codec.ts'
import { invalid, VarveError } from '../errors.ts'
import { boundsOf, type IteratorOptions, type RangeOptions } from '../read/iterator.ts'
import type { Snapshot } from '../read/snapshot.ts'
import type { Access, Accessible } from './access.ts'
import { type ExpiryOptions, expiresAtOf } from './expiry.ts'
import { type Pending, PendingWrites, textOf } from './pending.ts'
import type { ReadSet } from './read-set.ts'
import { type KnownSpace, notOurs, type Spaces } from './spaces.ts'
import { TransactionIterator, type TransactionReads } from './transaction-iterator.ts'

/** One attempt of a transaction: what its views of all spaces share. */
export class Attempt implements TransactionReads {
  readonly readSet: ReadSet
  readonly sequence: number
  readonly timeMs: number
  readonly now: () => number
  readonly #snapshot: Snapshot
  readonly #spaces: Spaces
  readonly #pending = new Map<KnownSpace, PendingWrites>()
  readonly #iterators = new Set<{ close(): Promise<void> }>()
  #isOver = false

  constructor(readSet: ReadSet, snapshot: Snapshot, spaces: Spaces, now: () => number) {
    this.#spaces = spaces
    this.readSet = readSet
    this.#snapshot = snapshot
    this.sequence = snapshot.sequence
    this.timeMs = snapshot.timeMs
    this.now = now
  }

  accessOf(space: Accessible): Access {
    if (typeof (space as Partial<Accessible> | undefined)?.access !== 'function') throw notOurs()
    const access = space.access(this.#snapshot)
    if (access.space.owner !== this.#spaces) throw notOurs()
    return access
  }

  check(): void {
    if (this.#isOver) throw new VarveError('VARVE_CLOSED', 'The transaction is over: its function has returned.')
  }

  pendingOf(space: KnownSpace): PendingWrites {
    let pending = this.#pending.get(space)
    if (pending === undefined) {
      pending = new PendingWrites()
      this.#pending.set(space, pending)
    }
    return pending
  }

  get hasWrites(): boolean {
    return [...this.#pending.values()].some((pending) => !pending.isEmpty)
  }

  layDown(batch: Batch, into: (space: KnownSpace) => void): void {
    for (const [space, pending] of this.#pending) {
      if (pending.isEmpty) continue
      into(space)
      pending.layDown(batch, space.id)
    }
  }

  track(iterator: { close(): Promise<void> }): void {
    this.#iterators.add(iterator)
  }

  /** Its function has returned: nothing more may be read or written through it. */
  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all([...this.#iterators].map((iterator) => iterator.close()))
  }
}

/** What the function given to `db.transaction` reads and writes through. */
export class Transaction<Key = string, Value = string> {
  readonly #attempt: Attempt
  readonly #access: Access
  readonly #pending: PendingWrites

  /** @internal */
  constructor(attempt: Attempt, space: Accessible) {
    this.#attempt = attempt
    this.#access = attempt.accessOf(space)
    this.#pending = attempt.pendingOf(this.#access.space)
  }

  /** The value, or undefined: as it was when the transaction began, under its own writes. */
  async get(key: Input<Key>): Promise<Value | undefined> {
    const bytes = this.#keyBytes(key)
    const value = await this.#stored(bytes, textOf(bytes))
    return value === undefined ? undefined : (decodeBytes(this.#access.valueEncoding, value) as Value)
  }

  /** Values in the order of the keys, undefined for each miss. */
  async getMany(keys: readonly Input<Key>[]): Promise<(Value | undefined)[]> {
    if (!Array.isArray(keys)) throw invalid(`getMany takes an array of keys, not ${nameOf(keys)}.`)
    const values: (Value | undefined)[] = []
    for (const key of keys) values.push(await this.get(key))
    return values
  }

  async has(key: Input<Key>): Promise<boolean> {
    const bytes = this.#keyBytes(key)
    return (await this.#stored(bytes, textOf(bytes))) !== undefined
  }

  async #stored(key: Uint8Array, text: string): Promise<Buffer | undefined> {
    this.#attempt.check()
    const own = this.#pending.get(text)
    if (own !== undefined) return this.#ownValue(own)
    const entry = await this.#access.entry(key)
    this.#attempt.check()
    this.#attempt.readSet.noteKey(
      this.#access.space.id,
      text,
      key,
      entry?.sequence,
      entry !== undefined && entry.expiresAt > 0
    )
    return entry?.value
  }

  #ownValue(own: Pending): Buffer | undefined {
    if (own.type === 'del') return undefined
    const isGone = own.expiresAtMs !== 0 && own.expiresAtMs <= this.#attempt.timeMs
    // A copy: the caller may write into what it gets.
    return isGone ? undefined : Buffer.from(own.value as Uint8Array)
  }

  /** Stores a value under a key, when the transaction succeeds. */
  put(key: Input<Key>, value: Input<Value>, options?: ExpiryOptions): void {
    this.#attempt.check()
    const encoded = encodeValue(this.#access.valueEncoding, value)
    // The caller may write into its bytes before the end.
    const kept = typeof encoded === 'string' ? encoded : Uint8Array.prototype.slice.call(encoded)
    const expiresAtMs = expiresAtOf(options, this.#attempt.now)
    this.#pending.set(textOf(this.#keyBytes(key)), { type: 'put', value: kept, expiresAtMs })
  }

  /** Removes a key, when the transaction succeeds. */
  del(key: Input<Key>): void {
    this.#attempt.check()
    this.#pending.set(textOf(this.#keyBytes(key)), { type: 'del' })
  }

  /** Removes all keys of the range, when the transaction succeeds. */
  deleteRange(range: RangeOptions<Input<Key>>): void {
    this.#attempt.check()
    const { start, end } = boundsOf(range, this.#access.keyEncoding)
    this.#pending.deleteRange({
      start: start === null ? '' : textOf(start),
      end: end === null ? undefined : textOf(end)
    })
  }

  /** Entries in key order within the bounds. */
  iterator(options: TransactionIteratorOptions<Input<Key>> = {}): TransactionIterator<[Key, Value]> {
    return this.#iterate(options)
  }

  /** The same, keys only. */
  keys(options: TransactionIteratorOptions<Input<Key>> = {}): TransactionIterator<Key> {
    return this.#iterate({ ...options, values: false })
  }

  /** The same, values only. */
  values(options: TransactionIteratorOptions<Input<Key>> = {}): TransactionIterator<Value> {
    return this.#iterate({ ...options, keys: false })
  }

  #iterate<Item>(options: IteratorOptions<unknown>): TransactionIterator<Item> {
    this.#attempt.check()
    const iterator = new TransactionIterator<Item>(this.#attempt, this.#access, this.#pending, options)
    this.#attempt.track(iterator)
    return iterator
  }

  /** The same transaction, in another space of the database. */
  space<OtherKey, OtherValue>(space: SpaceOf<OtherKey, OtherValue>): Transaction<OtherKey, OtherValue> {
    this.#attempt.check()
    return new Transaction<OtherKey, OtherValue>(this.#attempt, space)
  }

  #keyBytes(key: Input<Key>): Uint8Array {
    return keyBytes(this.#access.keyEncoding, key)
  }
}

export interface TransactionIteratorOptions<Key> extends RangeOptions<Key> {
  readonly reverse?: boolean
  /** Entries at most; -1 or Infinity for all. */
  readonly limit?: number
}

/** A space, for its types. */
export interface SpaceOf<Key, Value> extends Accessible {
  get(key: Input<Key>): Promise<Value | undefined>
}
