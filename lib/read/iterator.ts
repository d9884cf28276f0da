// Iterator: entries in key order, in pages: one native call a page of up to 8 KiB of values. It reads at the sequence and
// time of its opening, which flush and compaction honour as a snapshot's, over the view of its opening or, once that is old,
// over a newer one: so it keeps files and memtables for a while only.

import native from '#native'
import { type Encoding, keyBytes, nameOf, prefixBytes } from '../bytes/codec.ts'
import type { CallEncodings, KeyEncoding, ValueEncoding } from '../bytes/encodings.ts'
import { attempt } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { invalid, VarveError } from '../errors.ts'
import { decodePage, type Entry, type Sides } from './page.ts'
import { holdDuring, type Pin, type Pinned, viewMsMax } from './pins.ts'
import { tiers } from './reader.ts'
import { newSlab, type Slabs, slabBytes } from './slabs.ts'
import type { Snapshot } from './snapshot.ts'
import type { Turn } from './turn.ts'

/** Bounds as abstract-level words them. */
export interface RangeOptions<Key> {
  readonly gt?: Key
  readonly gte?: Key
  readonly lt?: Key
  readonly lte?: Key
  readonly prefix?: Key
}

export interface IteratorOptions<Key, AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>
  extends RangeOptions<Key>,
    CallEncodings<AskedKey, AskedValue> {
  readonly reverse?: boolean
  /** Entries at most; -1 or Infinity for all. */
  readonly limit?: number
  readonly snapshot?: Snapshot
  readonly signal?: AbortSignal
  /** false: keys or values are not read out. */
  readonly keys?: boolean
  readonly values?: boolean
  readonly fillCache?: boolean
}

export interface Bounds {
  readonly start: Uint8Array | null
  readonly end: Uint8Array | null
}

/** The first key behind `key`. */
export const after = (key: Uint8Array): Uint8Array => {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** The first key behind all that start with `prefix`; null when there is none. */
function behind(prefix: Uint8Array): Uint8Array | null {
  const last = prefix.findLastIndex((byte) => byte !== 255)
  if (last < 0) return null
  // Not prefix.slice: a Buffer's shares memory.
  const next = new Uint8Array(prefix.subarray(0, last + 1))
  next[last] = (next[last] ?? 0) + 1
  return next
}

/** [start, end) of a range in bytes of user keys. */
export function boundsOf(range: RangeOptions<unknown>, encoding: Encoding): Bounds {
  const bytes = (key: unknown): Uint8Array => keyBytes(encoding, key)
  const prefix = range.prefix === undefined ? undefined : prefixBytes(encoding, range.prefix)
  let start = range.gte !== undefined ? bytes(range.gte) : range.gt !== undefined ? after(bytes(range.gt)) : null
  let end = range.lt !== undefined ? bytes(range.lt) : range.lte !== undefined ? after(bytes(range.lte)) : null
  if (prefix !== undefined) {
    if (start === null || Buffer.compare(start, prefix) < 0) start = prefix
    const last = behind(prefix)
    if (last !== null && (end === null || Buffer.compare(end, last) > 0)) end = last
  }
  return { start, end }
}

export interface IteratorContext {
  readonly engine: native.Engine
  readonly space: number
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  readonly turn: Turn
  readonly slabs: Slabs
  readonly clock: () => number
  /** The number of the view in force. */
  readonly view: () => number
  readonly settle: () => Promise<unknown> | undefined
  readonly settleSync: () => void
  readonly onClose: (iterator: EntryIterator) => void
}

const entriesMax = 1024
// A page of so few entries goes onto the slab that point reads share.
const shortPageMax = 32
const keysBytes = 64 << 10
const done = 1
const keysAscii = 2
const valuesAscii = 4
const blocked = 8

// Pages are taken apart before the next call, so these serve all iterators.
const pageKeys = Buffer.allocUnsafeSlow(keysBytes)
const pageSizes = new Uint32Array(entriesMax * 2)
const pageInfo = new Uint32Array(5)

/** Iterates over entries; every call but the synchronous ones answers by promise. */
export class EntryIterator implements Pinned {
  readonly #context: IteratorContext
  readonly #options: IteratorOptions<unknown, KeyEncoding, ValueEncoding>
  readonly #sequence: number
  readonly #sides: Sides
  readonly #timeMs: number
  #bounds: Bounds
  #scan: native.Scan | undefined
  #entries: Entry[] = []
  #at = 0
  /** What reading the entry behind #entries threw: told once those are taken. */
  #failure: { readonly error: unknown } | undefined
  #left: number
  #pageMax: number
  #isDone = false
  #closed = false
  #busy: Promise<unknown> | undefined
  #view = 0
  #viewMs = 0
  /** Its view is the only one that has what it reads. */
  #isKept = false
  /** The last answer was not at hand. */
  #isAsync = false
  pin: Pin | undefined

  constructor(
    context: IteratorContext,
    options: IteratorOptions<unknown, KeyEncoding, ValueEncoding>,
    at: { readonly sequence: number; readonly timeMs: number }
  ) {
    this.#context = context
    this.#options = options
    this.#sequence = at.sequence
    this.#timeMs = at.timeMs
    this.#sides = {
      key: options.keys === false ? undefined : context.keyEncoding,
      value: options.values === false ? undefined : context.valueEncoding
    }
    this.#bounds = boundsOf(options, context.keyEncoding)
    this.#left = limitOf(options.limit)
    // Most iterators are short: the first page is small, later ones grow.
    this.#pageMax = Math.min(this.#left, 128)
    this.#open()
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** The next entry, or undefined at the end. */
  async next(): Promise<Entry | undefined> {
    const entries = await this.nextv(1)
    return entries[0]
  }

  /** Up to `count` entries; an empty array at the end. */
  /** `holder`: what the user has in hand. It is not given up while a call is under way, even if he has let go of it. */
  nextv(count: number, holder?: object): Promise<Entry[]> {
    if (!Number.isSafeInteger(count) || count < 1)
      return Promise.reject(invalid(`nextv takes a count from 1 on, not ${String(count)}.`))
    try {
      const waiting = this.#busy ?? (this.#at < this.#entries.length ? undefined : this.#context.settle())
      if (waiting !== undefined) return this.#holding(this.#after(waiting, count), holder)
      this.#check()
      const gathered = this.#gather([], count)
      return this.#isAsync ? this.#holding(gathered, holder) : gathered
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #after(waiting: Promise<unknown>, count: number): Promise<Entry[]> {
    await waiting.catch(() => undefined)
    this.#check()
    return this.#gather([], count)
  }

  #holding(answer: Promise<Entry[]>, holder: object | undefined): Promise<Entry[]> {
    if (this.pin !== undefined && holder !== undefined) holdDuring(this.pin, holder, answer)
    return answer
  }

  #gather(taken: Entry[], count: number): Promise<Entry[]> {
    this.#isAsync = false
    while (taken.length < count && this.#has()) {
      if (this.#at >= this.#entries.length && this.#failure !== undefined) {
        if (taken.length > 0) break
        throw this.#failure.error
      }
      if (this.#at >= this.#entries.length && !this.#page(tiers.noWait)) {
        this.#isAsync = true
        return this.#gatherFromDisk(taken, count)
      }
      this.#take(taken, count)
      // An entry of a page costs about a quarter of a point read.
      const pause = this.#at >= this.#entries.length ? this.#context.turn.breath(this.#entries.length >>> 2) : undefined
      if (pause !== undefined && taken.length < count) {
        this.#isAsync = true
        return pause.then(() => {
          this.#check()
          return this.#gather(taken, count)
        })
      }
    }
    return this.#context.turn.answer(taken)
  }

  #has(): boolean {
    return this.#at < this.#entries.length || this.#failure !== undefined || (!this.#isDone && this.#left > 0)
  }

  #take(taken: Entry[], count: number): void {
    const end = Math.min(this.#entries.length, this.#at + count - taken.length)
    if (taken.length === 0 && this.#at === 0 && end === this.#entries.length && count === end) {
      // The whole page is what was asked for.
      for (const entry of this.#entries) taken.push(entry)
      this.#at = end
      return
    }
    while (this.#at < end) taken.push(this.#entries[this.#at++] as Entry)
  }

  async #gatherFromDisk(taken: Entry[], count: number): Promise<Entry[]> {
    const work = this.#pageFromDisk()
    this.#busy = work
    try {
      await work
    } finally {
      this.#busy = undefined
    }
    this.#check()
    this.#take(taken, count)
    return this.#gather(taken, count)
  }

  #open(): native.Scan {
    if (this.#scan !== undefined) return this.#scan
    const { engine, space, view } = this.#context
    const flags = (this.#options.reverse === true ? 1 : 0) | (this.#options.fillCache === false ? 2 : 0)
    const { start, end } = this.#bounds
    this.#scan = attempt(() => native.openScan(engine, space, flags, start, end, this.#sequence, this.#timeMs))
    this.#view = view()
    this.#viewMs = this.#timeMs
    return this.#scan
  }

  /** Goes on over the present view if its own is another one, of before that moment. */
  refresh(beforeMs: number): 'fresh' | 'stale' | 'refreshed' {
    const { view, clock } = this.#context
    if (this.#scan === undefined || this.#isKept || this.#view === view()) return 'fresh'
    if (this.#viewMs > beforeMs || this.#busy !== undefined) return 'stale'
    native.scanRefresh(this.#scan)
    this.#view = view()
    this.#viewMs = clock()
    return 'refreshed'
  }

  /** Its scan holds its view. */
  keep(): void {
    this.#isKept = true
  }

  /** Closes it, when nobody can any more. */
  release(): void {
    void this.close()
  }

  // Fills #entries; false when the disk is needed first.
  #page(tier: number): boolean {
    const scan = this.#open()
    if (this.#view !== this.#context.view()) this.refresh(this.#context.clock() - viewMsMax)
    const wantsKeys = this.#options.keys !== false
    const wantsValues = this.#options.values !== false
    const most = Math.min(this.#left, this.#pageMax, entriesMax)
    const shared = wantsValues && most <= shortPageMax ? this.#context.slabs : undefined
    shared?.make(slabBytes / 4)
    let slab = shared?.slab ?? (wantsValues ? newSlab() : empty)
    let start = shared?.offset ?? 0
    for (;;) {
      const count = attempt(() =>
        native.scanPage(scan, tier, wantsKeys ? pageKeys : empty, slab, start, pageSizes, most, pageInfo)
      )
      const flags = pageInfo[2] ?? 0
      if (count > 0 || (flags & done) !== 0) {
        this.#isDone = (flags & done) !== 0
        this.#pageMax = entriesMax
        if (shared?.slab === slab) shared.offset += pageInfo[1] ?? 0
        this.#decode(count, pageKeys, slab, start, pageSizes, flags)
        return true
      }
      if ((flags & blocked) !== 0) return false
      const valueBytes = pageInfo[4] ?? 0
      if ((pageInfo[3] ?? 0) > keysBytes) return false
      if (valueBytes > slab.length - start) {
        slab = valueBytes > slabBytes ? Buffer.allocUnsafeSlow(valueBytes) : newSlab()
        start = 0
      }
    }
  }

  async #pageFromDisk(): Promise<void> {
    const scan = this.#open()
    if (this.#view !== this.#context.view()) this.refresh(this.#context.clock() - viewMsMax)
    const most = Math.min(this.#left, this.#pageMax, entriesMax)
    let valuesBytes = this.#options.values === false ? 0 : slabBytes
    let keyRoom = this.#options.keys === false ? 0 : keysBytes
    for (;;) {
      const page = await outcome(attempt(() => native.scanPageJob(scan, keyRoom, valuesBytes, most)))
      const flags = page.info[2] ?? 0
      if (page.entries > 0 || (flags & done) !== 0) {
        this.#isDone = (flags & done) !== 0
        this.#decode(page.entries, page.keys, page.values, 0, page.sizes, flags)
        return
      }
      if (keyRoom > 0) keyRoom = Math.max(keyRoom, page.info[3] ?? 0)
      if (valuesBytes > 0) valuesBytes = Math.max(valuesBytes, page.info[4] ?? 0)
    }
  }

  #decode(count: number, keys: Buffer, slab: Buffer, start: number, sizes: Uint32Array, flags: number): void {
    const keysAreAscii = (flags & keysAscii) !== 0
    const valuesAreAscii = (flags & valuesAscii) !== 0
    const page = { count, keys, slab, start, sizes, keysAreAscii, valuesAreAscii }
    const { entries, failure } = decodePage(page, this.#sides)
    this.#entries = entries
    this.#failure = failure
    this.#at = 0
    this.#left -= count
  }

  /** All entries that are left. */
  async all(): Promise<Entry[]> {
    const all: Entry[] = []
    try {
      for (;;) {
        const some = await this.nextv(1000)
        if (some.length === 0) return all
        for (const entry of some) all.push(entry)
      }
    } finally {
      await this.close()
    }
  }

  /** Goes on from `key` (at or after it; at or before it in reverse). */
  seek(key: unknown): void {
    this.#check()
    if (this.#busy !== undefined) throw invalid('seek while a next is under way.')
    const bytes = keyBytes(this.#context.keyEncoding, key)
    this.#context.settleSync()
    const scan = this.#open()
    attempt(() => native.scanSeek(scan, bytes))
    // What was read ahead does not count against the limit.
    this.#left += this.#entries.length - this.#at
    this.#entries = []
    this.#failure = undefined
    this.#at = 0
    this.#isDone = false
  }

  #check(): void {
    if (this.#closed) throw new VarveError('VARVE_CLOSED', 'The iterator is closed.')
    if (this.#options.signal?.aborted === true) {
      throw new VarveError('VARVE_ABORTED', 'The iteration was aborted by its signal.', {
        cause: this.#options.signal.reason
      })
    }
  }

  /** Lets go of what it pins; calls after it reject with VARVE_CLOSED. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#closed = true
    this.#context.onClose(this)
    const busy = this.#busy
    const release = (): void => {
      if (this.#scan !== undefined) native.release(this.#scan)
      this.#scan = undefined
    }
    if (busy === undefined) {
      release()
      return Promise.resolve()
    }
    return busy.then(release, release)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Entry> {
    try {
      for (;;) {
        const entries = await this.nextv(256)
        if (entries.length === 0) return
        for (const entry of entries) yield entry
      }
    } finally {
      await this.close()
    }
  }

  *[Symbol.iterator](): Generator<Entry> {
    try {
      this.#context.settleSync()
      for (;;) {
        this.#check()
        if (this.#at >= this.#entries.length) {
          if (this.#failure !== undefined) throw this.#failure.error
          if (this.#isDone || this.#left <= 0) return
          this.#page(tiers.mayBlock)
          continue
        }
        yield this.#entries[this.#at++] as Entry
      }
    } finally {
      void this.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

const empty = Buffer.alloc(0)

export function limitOf(limit: unknown): number {
  if (limit === undefined || limit === -1 || limit === Number.POSITIVE_INFINITY) return Number.MAX_SAFE_INTEGER
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0) {
    throw invalid(
      `limit must be a whole number from 0 on, or -1 for all, not ${typeof limit === 'number' ? limit : nameOf(limit)}.`
    )
  }
  return limit
}
