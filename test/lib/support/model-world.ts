// A database and the sorted map it must agree with. The keys are a fixed, ordered universe, so the map is an array: what
// key i holds. Beside it stands what may be missing after a crash: the writes in order, and how far they were
// acknowledged as written and as durable.
import { expect } from 'vitest'
import native from '#native'
import type { Database } from '../../../lib/database.ts'
import type { BatchOperation, IteratorOptions, OpenOptions } from '../../../lib/index.ts'
import { randomOf } from '../../support/random.mjs'
import { openMemory } from './databases.ts'

export type State = (string | undefined)[]
type Change = readonly [key: number, value: string | undefined]
type Entry = [string, string]

const KiB = 1024

/** Options that one database is opened with in turn: none of them may change what it holds. */
export const optionSets: readonly OpenOptions[] = [
  { memtableBytes: 16 * KiB, tableBytes: 32 * KiB, durability: 'os' },
  { memtableBytes: 16 * KiB, tableBytes: 32 * KiB, syncIntervalMs: 1, blockCacheBytes: 0 },
  { memtableBytes: 16 * KiB, tableBytes: 64 * KiB, durability: 'sync' },
  { memtableBytes: 16 * KiB, tableBytes: 1024 * KiB, durability: 'os', blockCacheBytes: 64 * KiB },
  { memtableBytes: 32 * KiB, tableBytes: 32 * KiB, memoryBytes: 1024 * KiB, blockCacheBytes: 16 * KiB },
  { memtableBytes: 48 * KiB, tableBytes: 128 * KiB, durability: 'os' },
  { memtableBytes: 256 * KiB, tableBytes: 64 * KiB }
]

/** Keys that are written anywhere, and after them those that are written in ascending order only. */
export const scattered = 6000
export const ascending = 4000
export const keyCount = scattered + ascending

const keys = Array.from({ length: keyCount }, (_, i) => {
  const number = String(i).padStart(5, '0')
  return i % 97 === 0 ? `k${number}${'é'.repeat(i % 50)}` : `k${number}`
})
const indexes = new Map(keys.map((key, i) => [key, i]))
export const keyOf = (i: number): string => keys[i] ?? `l${i}`

/** Entries of the keys from `first` up to before `end`, in the iterator's order. */
export function entriesOf(state: State, first: number, end: number, reverse: boolean): Entry[] {
  const found: Entry[] = []
  for (let i = first; i < end; i++) {
    const value = state[i]
    if (value !== undefined) found.push([keyOf(i), value])
  }
  return reverse ? found.reverse() : found
}

/** As toEqual, for the many times that they are equal. */
export function expectSame(found: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) expect(found, what).toEqual(wanted)
}

export class World {
  readonly fs = native.memoryFileSystem()
  readonly random: () => number
  readonly tally = { operations: 0, flushes: 0, compactions: 0, moves: 0, reopens: 0, crashes: 0, levelsMost: 0 }
  state: State = new Array<string | undefined>(keyCount).fill(undefined)
  #db: Database | undefined
  /** What is certainly on disk, and what was written since. */
  #base: State = this.state.slice()
  #changes: (readonly Change[])[] = []
  #written = 0
  #durable = 0
  #life = 0

  constructor(seed: number) {
    this.random = randomOf(seed)
  }

  get db(): Database {
    if (this.#db === undefined) throw new Error('The database is not open.')
    return this.#db
  }

  below(n: number): number {
    return Math.floor(this.random() * n)
  }

  async open(options: OpenOptions): Promise<void> {
    this.#db = await openMemory(this.fs, options)
    this.#isSync = options.durability === 'sync'
  }

  #isSync = false

  /** Writes to database and model; the promise is the database's. One change is a put or del, others a batch. */
  write(changes: readonly Change[], sync: boolean, asBatch: boolean): Promise<void> {
    const [only] = changes
    this.tally.operations += changes.length
    const written = asBatch || only === undefined ? this.#batch(changes, sync) : this.#put(only, sync)
    for (const [key, value] of changes) this.state[key] = value
    this.#changes.push(changes)
    this.#acknowledge(written, sync || this.#isSync)
    return written
  }

  #put([key, value]: Change, sync: boolean): Promise<void> {
    return value === undefined ? this.db.del(keyOf(key), { sync }) : this.db.put(keyOf(key), value, { sync })
  }

  #batch(changes: readonly Change[], sync: boolean): Promise<void> {
    const operations = changes.map(
      ([key, value]): BatchOperation<string, string> =>
        value === undefined ? { type: 'del', key: keyOf(key) } : { type: 'put', key: keyOf(key), value }
    )
    return this.db.batch(operations, { sync })
  }

  flush(): Promise<void> {
    const flushed = this.db.flush()
    this.#acknowledge(flushed, true)
    return flushed
  }

  /** When it resolves, all writes up to now are written, or even durable. */
  #acknowledge(written: Promise<void>, isDurable: boolean): void {
    const [upTo, life] = [this.#changes.length, this.#life]
    const note = (): void => {
      if (life !== this.#life) return
      this.#written = Math.max(this.#written, upTo)
      if (isDurable) this.#durable = Math.max(this.#durable, upTo)
    }
    written.then(note, () => undefined)
  }

  /** The numbers of the database that is about to be closed. */
  note(): void {
    const { background, levels } = this.db.stats()
    this.tally.flushes += background.flushes
    this.tally.compactions += background.compactions
    this.tally.moves += background.moves
    this.noteLevels(levels)
  }

  noteLevels(levels: readonly { readonly tables: number }[]): void {
    this.tally.levelsMost = Math.max(this.tally.levelsMost, levels.filter(({ tables }) => tables > 0).length)
  }

  async close(): Promise<void> {
    this.note()
    await this.db.close()
    this.#settle(this.state)
  }

  async reopen(options: OpenOptions): Promise<void> {
    await this.close()
    this.tally.reopens++
    await this.open(options)
  }

  /** Power fails, or only the process dies; then opens again and checks what is left. */
  async crash(options: OpenOptions, kind: 'power' | 'process'): Promise<void> {
    this.note()
    this.tally.crashes++
    // Nothing that the dead process still tries reaches the disk.
    native.memoryFaults(this.fs, { atCall: 1, forever: true })
    if (kind === 'process') native.memoryKill(this.fs)
    else native.memoryCrash(this.fs, this.below(8) === 0 ? 0 : 1 + this.below(2 ** 31))
    await this.db.close().catch(() => undefined)
    native.memoryFaults(this.fs, null)
    await this.open(options)
    const found = await this.contents()
    const least = kind === 'process' ? Math.max(this.#written, this.#durable) : this.#durable
    const whole = this.#wholeWritesIn(found)
    expect(
      whole.some((count) => count >= least),
      `writes ${whole} are there, ${least} were acknowledged`
    ).toBe(true)
    this.#settle(found)
  }

  #settle(state: State): void {
    this.#life++
    this.state = state
    this.#base = state.slice()
    this.#changes = []
    this.#written = 0
    this.#durable = 0
  }

  /** How many of the writes make what was found; none: it is no state that ever was. */
  #wholeWritesIn(found: State): number[] {
    const state = this.#base
    let wrong = 0
    for (let i = 0; i < keyCount; i++) if (state[i] !== found[i]) wrong++
    const whole = wrong === 0 ? [0] : []
    this.#changes.forEach((changes, at) => {
      for (const [key, value] of changes) {
        wrong += Number(value !== found[key]) - Number(state[key] !== found[key])
        state[key] = value
      }
      if (wrong === 0) whole.push(at + 1)
    })
    return whole
  }

  /** All that the database holds. */
  async contents(): Promise<State> {
    const found = new Array<string | undefined>(keyCount).fill(undefined)
    let last = ''
    for (const [key, value] of await this.db.iterator().all()) {
      const i = indexes.get(key)
      if (i === undefined || key <= last) throw new Error(`"${key}" after "${last}" was never written`)
      found[i] = value
      last = key
    }
    return found
  }

  /** A range, and what it must give: options for an iterator and the entries of `state`. */
  range(
    state: State,
    mostKeys: number
  ): { options: IteratorOptions<string>; wanted: Entry[]; first: number; end: number } {
    const first = this.below(keyCount)
    const end = Math.min(keyCount, first + this.below(mostKeys))
    const reverse = this.below(2) === 0
    const low = this.below(2) === 0 || first === 0 ? { gte: keyOf(first) } : { gt: keyOf(first - 1) }
    const high = this.below(2) === 0 || end === 0 ? { lt: keyOf(end) } : { lte: keyOf(end - 1) }
    return { options: { ...low, ...high, reverse }, wanted: entriesOf(state, first, end, reverse), first, end }
  }
}
