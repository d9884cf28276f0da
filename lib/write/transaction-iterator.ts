// TransactionIterator: the entries of a snapshot under a transaction's own writes, in key order, one way or the other.
//
// It remembers which part of its range was consumed, and how many entries of the snapshot were in that part: what comes
// behind the last entry that was handed out may change without harm.

import { decodeBytes, keyBytes } from '../bytes/codec.ts'
import { invalid } from '../errors.ts'
import { after, type Bounds, boundsOf, type EntryIterator, type IteratorOptions, limitOf } from '../read/iterator.ts'
import type { Access } from './access.ts'
import type { RangeCheck } from './checks.ts'
import { bytesOf, type PendingWrites, textOf } from './pending.ts'
import type { ReadSet } from './read-set.ts'

const pageEntries = 64

export interface TransactionReads {
  readonly readSet: ReadSet
  readonly sequence: number
  readonly timeMs: number
  /** Throws once the transaction is over. */
  check(): void
}

type Found = readonly [key: string, value: string | Uint8Array]

export class TransactionIterator<Item> {
  readonly #reads: TransactionReads
  readonly #access: Access
  readonly #pending: PendingWrites
  readonly #options: IteratorOptions<unknown>
  readonly #bounds: Bounds
  readonly #stretches: RangeCheck[] = []
  #base: EntryIterator
  #page: readonly (readonly [Buffer, Buffer])[] = []
  #at = 0
  /** The snapshot has no more. */
  #isDry = false
  #loading: Promise<void> | undefined
  /** Where this stretch began, and the last key it passed. */
  #start: string | undefined
  #passed: string | undefined
  #entries = 0
  #isAtEnd = false
  #left: number
  #closed = false

  constructor(reads: TransactionReads, access: Access, pending: PendingWrites, options: IteratorOptions<unknown>) {
    this.#reads = reads
    this.#access = access
    this.#pending = pending
    this.#options = options
    this.#bounds = boundsOf(options, access.keyEncoding)
    this.#left = limitOf(options.limit)
    this.#base = access.scan(this.#bounds, options.reverse === true)
    reads.readSet.noteScan(this)
  }

  /** The next item, or undefined at the end. */
  async next(): Promise<Item | undefined> {
    this.#reads.check()
    if (this.#isOver()) return undefined
    for (;;) {
      while (this.#at >= this.#page.length && !this.#isDry) {
        this.#loading ??= this.#load()
        await this.#loading
      }
      // Another call may have come to the end, or to the limit, meanwhile.
      if (this.#isOver()) return undefined
      const found = this.#step()
      if (found === undefined) return undefined
      if (found === hidden) continue
      this.#left--
      return this.#itemOf(found)
    }
  }

  // What is written behind the end afterwards does not bring it back.
  #isOver(): boolean {
    return this.#closed || this.#left <= 0 || this.#isAtEnd
  }

  async #load(): Promise<void> {
    try {
      this.#page = (await this.#base.nextv(pageEntries)) as [Buffer, Buffer][]
      this.#at = 0
      this.#isDry = this.#page.length === 0
    } finally {
      this.#loading = undefined
    }
    this.#reads.check()
  }

  // Passes one key: an entry, `hidden` where the transaction deleted it, undefined at the end.
  #step(): Found | typeof hidden | undefined {
    const entry = this.#page[this.#at]
    const stored = entry === undefined ? undefined : textOf(entry[0])
    const own = this.#nextOwn()
    const key = this.#nearer(stored, own)
    if (key === undefined) {
      this.#isAtEnd = true
      return undefined
    }
    if (key === stored) {
      this.#at++
      this.#entries++
      this.#reads.readSet.noteEntries(1)
    }
    this.#passed = key
    const write = this.#pending.get(key)
    if (write === undefined) return entry === undefined ? hidden : [key, entry[1]]
    const isGone = write.type === 'del' || (write.expiresAtMs !== 0 && write.expiresAtMs <= this.#reads.timeMs)
    return isGone ? hidden : [key, write.value]
  }

  #nearer(a: string | undefined, b: string | undefined): string | undefined {
    if (a === undefined || b === undefined) return a ?? b
    return a < b === (this.#options.reverse === true) ? b : a
  }

  #nextOwn(): string | undefined {
    const isReverse = this.#options.reverse === true
    const { start, end } = this.#bounds
    const from = this.#passed ?? this.#start
    let key: string | undefined
    if (from !== undefined) key = this.#pending.seek(from, isReverse, this.#passed === undefined)
    else if (!isReverse) key = this.#pending.seek(start === null ? '' : textOf(start), false, true)
    else key = end === null ? this.#pending.last() : this.#pending.seek(textOf(end), true, false)
    if (key === undefined) return undefined
    const isInside = (start === null || key >= textOf(start)) && (end === null || key < textOf(end))
    return isInside ? key : undefined
  }

  #itemOf([text, stored]: Found): Item {
    const { keyEncoding, valueEncoding } = this.#access
    const key = (): unknown => decodeBytes(keyEncoding, bytesOf(text))
    const value = (): unknown => decodeBytes(valueEncoding, Buffer.from(stored as Uint8Array))
    if (this.#options.values === false) return key() as Item
    if (this.#options.keys === false) return value() as Item
    return [key(), value()] as Item
  }

  /** Up to `count` items; an empty array at the end. */
  async nextv(count: number): Promise<Item[]> {
    if (!Number.isSafeInteger(count) || count < 1) throw invalid(`nextv takes a count from 1 on, not ${String(count)}.`)
    const items: Item[] = []
    while (items.length < count) {
      const item = await this.next()
      if (item === undefined) break
      items.push(item)
    }
    return items
  }

  async all(): Promise<Item[]> {
    const items: Item[] = []
    for await (const item of this) items.push(item)
    return items
  }

  /** Goes on from `key` (at or after it; at or before it in reverse). */
  seek(key: unknown): void {
    this.#reads.check()
    if (this.#loading !== undefined) throw invalid('seek while a next is under way.')
    const bytes = keyBytes(this.#access.keyEncoding, key)
    this.#endStretch()
    const { start, end } = this.#bounds
    const isBefore =
      this.#options.reverse === true
        ? end !== null && Buffer.compare(bytes, end) >= 0
        : start !== null && Buffer.compare(bytes, start) < 0
    // From before its range it goes on where the range begins.
    this.#start = isBefore ? undefined : textOf(bytes)
    this.#base.seek(bytes)
    this.#page = []
    this.#at = 0
    this.#isDry = false
  }

  #endStretch(): void {
    const check = this.#stretch()
    if (check !== undefined) this.#stretches.push(check)
    this.#passed = undefined
    this.#start = undefined
    this.#entries = 0
    this.#isAtEnd = false
  }

  // What this stretch consumed: nothing until it moved.
  #stretch(): RangeCheck | undefined {
    if (this.#passed === undefined && !this.#isAtEnd) return undefined
    let { start, end } = this.#bounds
    const { sequence } = this.#reads
    if (this.#options.reverse === true) {
      if (this.#start !== undefined) end = earlier(after(bytesOf(this.#start)), end)
      if (!this.#isAtEnd && this.#passed !== undefined) start = bytesOf(this.#passed)
    } else {
      if (this.#start !== undefined) start = later(bytesOf(this.#start), start)
      if (!this.#isAtEnd && this.#passed !== undefined) end = after(bytesOf(this.#passed))
    }
    return { type: 'range', space: this.#access.space.id, start, end, sequence, entries: this.#entries }
  }

  checks(): readonly RangeCheck[] {
    const last = this.#stretch()
    return last === undefined ? this.#stretches : [...this.#stretches, last]
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#base.close()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    try {
      for (let item = await this.next(); item !== undefined; item = await this.next()) yield item
    } finally {
      await this.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

const hidden = Symbol('hidden')

const later = (a: Uint8Array, b: Uint8Array | null): Uint8Array => (b !== null && Buffer.compare(b, a) > 0 ? b : a)
const earlier = (a: Uint8Array, b: Uint8Array | null): Uint8Array => (b !== null && Buffer.compare(b, a) < 0 ? b : a)
