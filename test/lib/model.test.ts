// The library against a sorted map: random writes, flushes, compactions and reopenings.
import { expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { BatchOperation } from '../../lib/index.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { openMemory, randomOf } from './support/databases.ts'

const operationsMax = campaign('model', { short: 20_000, long: 1_000_000, instrumented: 5_000 })
const options = { memtableBytes: 16 << 10, tableBytes: 32 << 10, durability: 'os' } as const

class Run {
  readonly model = new Map<string, string>()
  readonly counts = { operations: 0, flushes: 0, compactions: 0, reopens: 0 }
  readonly #random: () => number
  readonly #fs: native.FileSystem
  db: Database

  private constructor(db: Database, random: () => number, fs: native.FileSystem) {
    this.db = db
    this.#random = random
    this.#fs = fs
  }

  static async start(seed: number): Promise<Run> {
    const fs = native.memoryFileSystem()
    return new Run(await openMemory(fs, options), randomOf(seed), fs)
  }

  below(n: number): number {
    return Math.floor(this.#random() * n)
  }

  key(): string {
    return `key${String(this.below(2000)).padStart(4, '0')}`
  }

  #write(): BatchOperation<string, string> {
    const key = this.key()
    this.counts.operations++
    if (this.below(4) === 0) {
      this.model.delete(key)
      return { type: 'del', key }
    }
    const value = `${this.counts.operations}${'v'.repeat(this.below(100) === 0 ? 5000 : this.below(40))}`
    this.model.set(key, value)
    return { type: 'put', key, value }
  }

  async step(): Promise<void> {
    const die = this.below(1000)
    if (die < 300) {
      const operation = this.#write()
      const written =
        operation.type === 'put' ? this.db.put(operation.key, operation.value) : this.db.del(operation.key)
      if (this.below(20) === 0) await written
    } else if (die < 500) await this.db.batch(Array.from({ length: this.below(40) }, () => this.#write()))
    else if (die < 502) void this.db.batch(Array.from({ length: 1500 }, () => this.#write()))
    else if (die < 510) await this.db.flush()
    else if (die < 512) await this.db.compact(this.below(2) === 0 ? {} : { gte: this.key(), lt: this.key() })
    else if (die < 514) await this.reopen()
    else if (die < 520) await this.range()
    else await this.point()
  }

  async point(): Promise<void> {
    const key = this.key()
    expect(this.below(2) === 0 ? await this.db.get(key) : this.db.getSync(key), key).toBe(this.model.get(key))
  }

  async range(): Promise<void> {
    const [gte, lt, reverse, limit] = [this.key(), this.key(), this.below(2) === 0, 1 + this.below(100)]
    const found = this.sorted().filter(([key]) => key >= gte && key < lt)
    if (reverse) found.reverse()
    expect(await this.db.iterator({ gte, lt, reverse, limit }).all()).toEqual(found.slice(0, limit))
  }

  sorted(): [string, string][] {
    return [...this.model].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  async reopen(): Promise<void> {
    await this.end()
    this.counts.reopens++
    this.db = await openMemory(this.#fs, options)
  }

  async end(): Promise<void> {
    const { background } = this.db.stats()
    this.counts.flushes += background.flushes
    this.counts.compactions += background.compactions
    await this.db.close()
  }
}

test('agrees with a sorted map', { timeout: isLong ? 3_600_000 : 60_000 }, async () => {
  const run = await Run.start(seedOf('library model'))
  while (run.counts.operations < operationsMax) await run.step()
  const same = async () =>
    expect(JSON.stringify(await run.db.iterator().all()) === JSON.stringify(run.sorted())).toBe(true)
  await same()
  await run.db.drain()
  await same()
  await run.reopen()
  await same()
  await run.end()
  report('library model', run.counts)
  expect(run.counts.flushes).toBeGreaterThan(0)
  expect(run.counts.compactions).toBeGreaterThan(0)
  expect(run.counts.reopens).toBeGreaterThan(0)
})
