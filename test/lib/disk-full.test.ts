// A disk that fills up, again and again: puts are refused, deletes and reads go on, nothing acknowledged is lost, nothing
// is left lying about, and writing goes on by itself once there is space.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { OpenOptions } from '../../lib/index.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { failureOf } from './support/databases.ts'
import { filesOf, Machine, useMachineTime } from './support/machine.ts'

beforeAll(useMachineTime)
afterAll(() => {
  vi.useRealTimers()
})

const cycles = campaign('disk full in memory', { short: 6, long: 200, instrumented: 3 })
const seed = seedOf('disk full in memory')
const small: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0, durability: 'os' }

/** A database on a machine whose disk fills up, and what must be in it. */
class Filling {
  readonly machine: Machine
  readonly model = new Map<string, string>()
  readonly #draws
  readonly capacity: number
  db: Database
  counts = { puts: 0, refused: 0, stops: 0, deletes: 0 }

  private constructor(machine: Machine, capacity: number, db: Database) {
    this.machine = machine
    this.capacity = capacity
    this.db = db
    this.#draws = drawsOf(randomOf(seed))
  }

  static async open(capacity: number, options: OpenOptions): Promise<Filling> {
    const machine = new Machine(seed)
    const db = await machine.run(machine.open({ ...small, ...options }))
    native.memoryCapacity(machine.fs, capacity)
    return new Filling(machine, capacity, db)
  }

  async #refusedFor(write: Promise<void>): Promise<boolean> {
    try {
      await this.machine.run(write)
      return false
    } catch (error) {
      expect(error).toMatchObject({ code: 'VARVE_DISK_FULL' })
      return true
    }
  }

  /** Puts until one is refused. */
  async fill(): Promise<void> {
    const { below } = this.#draws
    for (;;) {
      const key = `key${below(2000)}`
      const value = `${this.counts.puts++}.`.padEnd(200 + below(3000), 'v')
      if (await this.#refusedFor(this.db.put(key, value))) break
      this.model.set(key, value)
      if (below(50) === 0) await this.check(2)
    }
    this.counts.refused++
    expect(this.db.health).toBe('stopped')
  }

  async delete(share: number): Promise<void> {
    const { below } = this.#draws
    for (const key of [...this.model.keys()]) {
      if (below(100) >= share * 100) continue
      if (await this.#refusedFor(this.db.del(key))) continue
      this.model.delete(key)
      this.counts.deletes++
    }
  }

  async check(keysMax: number): Promise<void> {
    const { below } = this.#draws
    for (let i = 0; i < keysMax; i++) {
      const key = `key${below(2000)}`
      expect(await this.machine.run(this.db.get(key))).toBe(this.model.get(key))
    }
  }

  async checkAll(): Promise<void> {
    const entries = new Map(await this.machine.run(this.db.iterator().all()))
    expect(entries.size).toBe(this.model.size)
    for (const [key, value] of this.model) expect(entries.get(key)).toBe(value)
  }

  sleep(ms: number): Promise<void> {
    return this.machine.run(new Promise((resolve) => setTimeout(resolve, ms)))
  }

  /** Until it takes puts again; for a minute. */
  async untilResumed(): Promise<void> {
    for (let i = 0; i < 600 && this.db.health === 'stopped'; i++) await this.sleep(100)
    expect(this.db.health, JSON.stringify(this.db.stats())).not.toBe('stopped')
  }

  /** No file is there that the state does not name. */
  async checkFiles(): Promise<void> {
    await this.machine.run(this.db.drain())
    await this.sleep(100)
    const names = [...(await filesOf(this.machine)).keys()]
    const tables = this.db.stats().levels.reduce((sum, level) => sum + level.tables, 0)
    expect(names.filter((name) => name.endsWith('.sst')).length, names.join(' ')).toBe(tables)
    expect(names.filter((name) => name.startsWith('MANIFEST')).length, names.join(' ')).toBe(1)
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([])
    // The active one, the next one, two spares and what the memtable still needs.
    expect(names.filter((name) => name.endsWith('.wal')).length, names.join(' ')).toBeLessThan(7)
  }

  async reopen(options: OpenOptions): Promise<void> {
    const { machine } = this
    await machine.run(this.db.close())
    expect(await machine.run(machine.verify())).toMatchObject({ ok: true })
    native.memoryCapacity(machine.fs, 0)
    this.db = await machine.run(machine.open({ ...small, ...options }))
    await this.checkAll()
    await machine.run(this.db.close())
    machine.release()
  }
}

const reserves = [
  { name: 'no reserve', limits: { diskReserveBytes: 0 } },
  { name: 'a reserve', limits: { diskReserveBytes: 300 << 10 } },
  { name: 'the usual reserve', limits: {} }
]

test.each(reserves)('$name: it fills, is refused, gets space and goes on, many times', async ({ name, limits }) => {
  const filling = await Filling.open(3 << 20, { limits })
  for (let cycle = 1; cycle <= cycles; cycle++) {
    await filling.fill()
    await filling.checkAll()
    native.memoryCapacity(filling.machine.fs, filling.capacity * 2)
    await filling.untilResumed()
    await filling.checkFiles()
    await filling.delete(cycle % 3 === 0 ? 1 : 0.5)
    await filling.checkAll()
    await filling.machine.run(filling.db.compact())
    native.memoryCapacity(filling.machine.fs, filling.capacity)
  }
  const { stops } = filling.db.stats().disk
  expect(stops).toBeGreaterThanOrEqual(cycles)
  console.log(`disk full, ${name}: ${JSON.stringify({ ...filling.counts, stops })}`)
  report(`disk full in memory, ${name}`, { ...filling.counts, stops })
  await filling.reopen({ limits })
})

test.each([1, 0.5, 0.2])('what is deleted on a full disk (%d of it) makes room by itself', async (share) => {
  const filling = await Filling.open(2 << 20, {})
  for (let cycle = 1; cycle <= Math.ceil(cycles / 3); cycle++) {
    await filling.fill()
    await filling.delete(share)
    await filling.untilResumed()
    await filling.checkAll()
    await filling.checkFiles()
  }
  await filling.reopen({})
})

test('the reserve is left to deletes and flush; nothing of a refused batch is written; resume() waits for nothing', async () => {
  const events: unknown[] = []
  const note = (event: unknown): void => {
    events.push(event)
  }
  const options = { limits: { diskReserveBytes: 400 << 10 }, events: { stall: note, recovered: note, health: note } }
  const filling = await Filling.open(2 << 20, options)
  const { machine, db } = filling
  await filling.fill()
  // What the spares give back is not enough.
  native.memoryCapacity(machine.fs, filling.capacity - (200 << 10))
  expect(events.slice(-2)).toMatchObject([
    { reason: 'disk', reserveBytes: 400 << 10, error: { code: 'VARVE_DISK_FULL' } },
    { before: 'ok', health: 'stopped' }
  ])
  events.length = 0
  const { lastIndex } = db.stats().log
  const mixed = [
    { type: 'del' as const, key: 'key1' },
    { type: 'put' as const, key: 'new', value: '1' }
  ]
  for (const write of [() => db.put('new', '1'), () => db.batch(mixed)])
    expect(await failureOf(() => machine.run(write()))).toMatchObject({
      code: 'VARVE_DISK_FULL',
      message: expect.stringContaining('limits.diskReserveBytes')
    })
  expect(db.stats().log.lastIndex).toBe(lastIndex)
  await machine.run(db.batch([{ type: 'del', key: 'key1' }]))
  filling.model.delete('key1')
  await machine.run(db.flush())
  native.memoryCapacity(machine.fs, 1)
  expect((await failureOf(() => machine.run(db.resume()))).code).toBe('VARVE_DISK_FULL')
  expect(db.health).toBe('stopped')
  native.memoryCapacity(machine.fs, 4 << 20)
  await machine.run(db.resume())
  expect(db.health).toBe('ok')
  expect(events).toMatchObject([{ reason: 'disk' }, { before: 'stopped', health: 'ok' }])
  await machine.run(db.put('new', '1'))
  filling.model.set('new', '1')
  await filling.checkAll()
  await filling.checkFiles()
  await filling.reopen(options)
})

test.each([false, true])('a manifest that met a full disk is written anew (short writes: %s)', async (shortWrite) => {
  let renewed = 0
  for (let atCall = 1; atCall < 12; atCall++) {
    const filling = await Filling.open(0, { limits: { diskReserveBytes: 0 } })
    const { machine, db, model } = filling
    const manifest = async (): Promise<string | undefined> =>
      [...(await filesOf(machine)).keys()].find((file) => file.startsWith('MANIFEST'))
    const before = await manifest()
    const put = async (key: string): Promise<void> => {
      await machine.run(db.put(key, 'v'.repeat(3000)))
      model.set(key, 'v'.repeat(3000))
    }
    await put('first')
    native.memoryFaults(machine.fs, { atCall, errno: 28, shortWrite, operations: 4 })
    for (let i = 0; i < 3; i++) {
      await put(`key${i}`).catch(() => undefined)
      await machine.run(db.flush()).catch(() => undefined)
    }
    native.memoryFaults(machine.fs, null)
    await machine.run(db.resume())
    await put('last')
    await machine.run(db.flush())
    await filling.checkFiles()
    if ((await manifest()) !== before) renewed++
    await filling.reopen({})
  }
  expect(renewed).toBeGreaterThan(1)
})

test('a segment that could not be made leaves no file', async () => {
  for (let atCall = 1; atCall < 5; atCall++) {
    const filling = await Filling.open(0, { limits: { diskReserveBytes: 0 } })
    const { machine, db, model } = filling
    native.memoryFaults(machine.fs, { atCall, errno: 28, operations: 1 | 16 })
    for (let i = 0; i < 60; i++) {
      const written = db.put(`key${i}`, 'v'.repeat(3000)).then(() => model.set(`key${i}`, 'v'.repeat(3000)))
      await machine.run(written.catch(() => undefined))
    }
    native.memoryFaults(machine.fs, null)
    await machine.run(db.resume())
    await filling.checkFiles()
    await filling.reopen({})
  }
})
