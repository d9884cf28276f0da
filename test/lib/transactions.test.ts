// Transactions beside each other: they are serializable, none is lost, and none starves.
import { expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { OpenOptions } from '../../lib/index.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { openMemory } from './support/databases.ts'
import { type Effect, type Recorded, record, recordPlain, replay, type Step } from './support/transaction-replay.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const tiny = { memtableBytes: 16 << 10, tableBytes: 32 << 10, durability: 'os' } as const

const counting = campaign('transaction increments', {
  short: { increments: 100_000 },
  long: { increments: 400_000 },
  instrumented: { increments: 2_000 }
})

// Three conflicts, and a transaction is alone, for a second at most: so the fourth attempt is the last one, unless the
// machine stood still meanwhile.
const attemptsMax = 4
const aloneMs = 900

test('64 transactions that increment 10 keys lose nothing, and none starves', { timeout: 300_000 }, async () => {
  const workers = 64
  const { below } = drawsOf(randomOf(seedOf('transaction increments')))
  const db = await openMemory(native.memoryFileSystem(), tiny)
  const done = new Array<number>(workers).fill(0)
  const attemptsOf: Record<number, number> = {}
  let left = counting.increments
  let tooOften = 0
  const began = performance.now()
  const increment = async (): Promise<void> => {
    let [attempts, aloneSince] = [0, 0]
    const key = `counter${below(10)}`
    await db.transaction(async (tx) => {
      if (++attempts === attemptsMax) aloneSince = performance.now()
      if (attempts > attemptsMax && performance.now() - aloneSince < aloneMs) tooOften++
      const count = Number((await tx.get(key)) ?? 0)
      if (below(4) === 0) await turn()
      tx.put(key, String(count + 1))
    })
    attemptsOf[attempts] = (attemptsOf[attempts] ?? 0) + 1
  }
  const work = async (_: number, worker: number): Promise<void> => {
    for (; left > 0; done[worker] = (done[worker] ?? 0) + 1) {
      left--
      await increment()
    }
  }
  await Promise.all(done.map(work))
  const ms = performance.now() - began
  const values = await db.values().all()
  const [least, most] = [Math.min(...done), Math.max(...done)]
  const perSecond = Math.round((counting.increments * 1000) / ms)
  const { transactions } = db.stats()
  const figures = { ...counting, perSecond, attempts: attemptsOf, least, most, ...transactions }
  console.log(`transaction increments: ${JSON.stringify(figures)}`)
  report('transaction increments', figures)
  expect(values.reduce((sum, value) => sum + Number(value), 0)).toBe(counting.increments)
  expect(done.reduce((sum, count) => sum + count, 0)).toBe(counting.increments)
  expect(transactions.conflicts).toBeGreaterThan(counting.increments / 10)
  expect(tooOften).toBe(0)
  expect(least).toBeGreaterThan(counting.increments / workers / 4)
  await db.close()
})

const mixing = campaign('transaction replay', {
  short: { transactions: 500 },
  long: { transactions: 20_000 },
  instrumented: { transactions: 200 }
})
type Environment = readonly [name: string, options: OpenOptions, isCold: boolean]
const environments: readonly Environment[] = [
  ['tiny memtables and tables', tiny, false],
  ['every read from the disk', { ...tiny, blockCacheBytes: 0 }, true],
  ['writes on disk before they are told', { ...tiny, durability: 'sync' }, false],
  ['defaults', {}, false]
]

/** A run of transactions and plain writers over 40 keys, on a clock of its own. */
class Mix {
  readonly db: Database
  readonly all: Recorded[] = []
  readonly times: number[]
  readonly clock: () => number
  readonly #below: (n: number) => number
  #left: number
  #names = 0
  attempts = 0

  constructor(db: Database, times: number[], seed: number, transactions: number) {
    this.db = db
    this.times = times
    this.clock = () => times.at(-1) ?? 0
    this.#below = drawsOf(randomOf(seed)).below
    this.#left = transactions
  }

  #key(): string {
    return `k${String(this.#below(40)).padStart(2, '0')}`
  }

  #range(): { readonly gte: string; readonly lt: string } {
    const [a, b] = [this.#key(), this.#key()]
    return a < b ? { gte: a, lt: b } : { gte: b, lt: a }
  }

  #effect(): Effect {
    const die = this.#below(20)
    if (die < 11) {
      const ttl = this.#below(3) === 0 ? 1 + this.#below(60) : undefined
      return { do: 'put', key: this.#key(), value: `${this.#names}.${this.#below(1000)}`, ttl }
    }
    return die < 18 ? { do: 'del', key: this.#key() } : { do: 'deleteRange', ...this.#range() }
  }

  #step(): Step {
    const die = this.#below(20)
    if (die < 9) return { do: die < 7 ? 'get' : 'has', key: this.#key() }
    if (die < 14) return this.#effect()
    const [limit, take] = [1 + this.#below(30), 1 + this.#below(30)]
    return { do: 'scan', ...this.#range(), reverse: this.#below(2) === 0, limit, take }
  }

  readonly #pause = async (): Promise<void> => {
    const die = this.#below(30)
    if (die === 0) this.times.push(this.clock() + 1 + this.#below(20))
    if (die < 6) await turn()
  }

  async #transactions(): Promise<void> {
    while (this.#left-- > 0) {
      const steps = Array.from({ length: 1 + this.#below(8) }, () => this.#step())
      const onAttempt = (): void => {
        this.attempts++
      }
      const marker = `m/${this.#names++}`
      this.all.push(await record(this.db, marker, steps, this.clock, this.#pause, onAttempt))
    }
  }

  async #plain(): Promise<void> {
    while (this.#left > 0) {
      const effects = Array.from({ length: 1 + this.#below(3) }, () => this.#effect())
      this.all.push(await recordPlain(this.db, `m/${this.#names++}`, effects, this.clock))
      for (let i = 0; i < 6; i++) await turn()
    }
  }

  // Batches that are applied on the write lane, beside everything else.
  async #large(): Promise<void> {
    while (this.#left > 0) {
      const filler = Array.from({ length: 1_100 }, (_, i) => ({ type: 'put', key: `x${i}`, value: 'v' }) as const)
      const put = { type: 'put', key: 'k00', value: `large ${this.#names}` } as const
      const marker = `m/${this.#names++}`
      const firstMs = this.clock()
      await this.db.batch([...filler, put, { type: 'put', key: marker, value: 'm' }])
      const effects = [
        { effect: { do: 'put', key: put.key, value: put.value, ttl: undefined } as const, nowMs: firstMs }
      ]
      this.all.push({ marker, steps: undefined, reads: [], effects, startMs: firstMs, firstMs, lastMs: this.clock() })
      for (let i = 0; i < 40; i++) await turn()
    }
  }

  async run(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: 16 }, () => this.#transactions()),
      ...Array.from({ length: 3 }, () => this.#plain()),
      this.#large()
    ])
  }
}

test.each(environments)(
  'mixed transactions replay in the order of their sequences: %s',
  async (name, options, isCold) => {
    const fs = native.memoryFileSystem()
    native.memoryCold(fs, isCold)
    const times = [1_700_000_000_000]
    const db = await openMemory(fs, { ...options, clock: () => times.at(-1) ?? 0 })
    const mix = new Mix(db, times, seedOf('transaction replay'), mixing.transactions)
    await mix.run()
    const reads = await replay(db, mix.all, times)
    const { conflicts, alone } = db.stats().transactions
    const figures = {
      transactions: mixing.transactions,
      batches: mix.all.length - mixing.transactions,
      reads,
      conflicts,
      alone
    }
    console.log(`transaction replay, ${name}: ${JSON.stringify(figures)}`)
    report(`transaction replay, ${name}`, figures)
    expect(mix.attempts).toBe(mixing.transactions + conflicts)
    expect(conflicts).toBeGreaterThan(mixing.transactions / 20)
    expect(reads).toBeGreaterThan(mixing.transactions)
    await db.close()
  }
)

test('a replay that lacks what was written is not accepted', async () => {
  const times = [1_700_000_000_000]
  const db = await openMemory(native.memoryFileSystem(), { ...tiny, clock: () => times.at(-1) ?? 0 })
  const mix = new Mix(db, times, seedOf('transaction replay'), 200)
  await mix.run()
  await replay(db, mix.all, times)
  const transactionsOnly = mix.all.filter(({ steps }) => steps !== undefined)
  await expect(replay(db, transactionsOnly, times)).rejects.toThrow('at sequence')
  await db.close()
})
