// What readers keep: every snapshot and iterator is counted with its age, reported when it is old, and given up when it is
// collected; an iterator keeps what it saw, but neither files nor memtables for long.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { OpenOptions } from '../../lib/index.ts'
import { failureOf, openMemory } from './support/databases.ts'
import { filesOf, type Machine, useMachineTime } from './support/machine.ts'
import { running as runningWith } from './support/running.ts'

beforeAll(useMachineTime)
afterAll(() => {
  vi.useRealTimers()
})

const small: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, durability: 'os' }
const running = (options: OpenOptions = {}) => runningWith({ ...small, ...options })

const keyOf = (i: number): string => `k${String(i).padStart(4, '0')}`

async function write(machine: Machine, db: Database, value: string): Promise<void> {
  for (let i = 0; i < 900; i++) void db.put(keyOf(i), value.padEnd(60, '.'))
  await machine.run(db.flush())
}

test('they are counted, with the age of the oldest', async () => {
  const { machine, db, sleep } = await running()
  const none = { count: 0, oldestAgeMs: 0, collected: 0 }
  expect(db.stats()).toMatchObject({ snapshots: none, iterators: none })
  const first = db.snapshot()
  await sleep(3000)
  const second = db.snapshot()
  const iterator = db.iterator()
  await sleep(1000)
  expect(db.stats()).toMatchObject({
    snapshots: { count: 2, oldestAgeMs: 4000 },
    iterators: { count: 1, oldestAgeMs: 1000 }
  })
  first.close()
  await iterator.close()
  expect(db.stats()).toMatchObject({ snapshots: { count: 1, oldestAgeMs: 1000 }, iterators: none })
  await machine.run(db.close())
  expect(() => second.check()).toThrow('closed')
})

function openedByName(db: Database): { close(): void } {
  return db.snapshot()
}

test('one that is too old is reported once, with the stack of who opened it', async () => {
  const events: { kind: string; ageMs: number; stack: string }[] = []
  const warnings: string[] = []
  const logger = { info: () => {}, warn: (text: string) => warnings.push(text), error: () => {} }
  const { machine, db, sleep } = await running({
    limits: { snapshotAgeMaxMs: 20_000 },
    events: { 'snapshot-old': (event) => events.push(event as (typeof events)[0]) },
    logger
  })
  const young = db.snapshot()
  await sleep(10_000)
  young.close()
  const snapshot = openedByName(db)
  await sleep(5000)
  const iterator = db.values({ gte: 'k' })
  await sleep(14_000)
  expect(events).toEqual([])
  await sleep(2000)
  expect(events).toMatchObject([{ kind: 'snapshot' }])
  await sleep(20_000)
  expect(events).toMatchObject([{ kind: 'snapshot' }, { kind: 'iterator' }])
  for (const { ageMs } of events) {
    expect(ageMs).toBeGreaterThanOrEqual(20_000)
    expect(ageMs).toBeLessThan(22_000)
  }
  const [opened, iterated] = events.map(({ stack }) => stack.split('\n')[0])
  expect(opened).toContain('openedByName')
  expect(iterated).toContain('pins.test.ts')
  expect(warnings[0]).toMatch(/snapshot has been open for 2\d s[\s\S]*openedByName/)
  // It only warns.
  expect(await machine.run(iterator.next())).toBeUndefined()
  snapshot.close()
  await machine.run(db.close())
})

test('no age is reported with snapshotAgeMaxMs 0, and nothing is looked after once nothing is to be done', async () => {
  const events: unknown[] = []
  const { machine, db, sleep } = await running({
    limits: { snapshotAgeMaxMs: 0 },
    events: { 'snapshot-old': (event) => events.push(event) }
  })
  db.snapshot()
  await sleep(60 * 60_000 - 3_000_000)
  await sleep(5000)
  expect(vi.getTimerCount()).toBe(0)
  expect(events).toEqual([])
  await machine.run(db.close())
})

test.each([false, true])('an old iterator sees what it saw and keeps no files (reverse: %s)', async (reverse) => {
  const { machine, db, sleep } = await running()
  await write(machine, db, 'old')
  await machine.run(db.compact())
  const iterator = db.iterator({ reverse })
  const seen = await machine.run(iterator.nextv(5))
  const files = async (): Promise<string[]> =>
    [...(await filesOf(machine)).keys()].filter((name) => name.endsWith('.sst'))
  const before = await files()
  for (const value of ['new', 'newer']) await write(machine, db, value)
  await machine.run(db.compact())
  expect(await files()).toEqual(expect.arrayContaining(before))
  const held = (): number => db.stats().levels.reduce((sum, level) => sum + level.tables, 0)
  await sleep(10_000)
  expect((await files()).length).toBe(held())
  for (const name of before) expect(await files()).not.toContain(name)
  for (const value of ['newest', 'last']) await write(machine, db, value)
  await machine.run(db.compact())
  seen.push(...(await machine.run(iterator.nextv(2000))))
  expect(seen.length).toBe(900)
  expect(new Set(seen.map(([, value]) => value))).toEqual(new Set(['old'.padEnd(60, '.')]))
  const keys = seen.map(([key]) => key)
  expect(keys).toEqual(reverse ? [...keys].sort().reverse() : [...keys].sort())
  await iterator.close()
  await machine.run(db.compact())
  expect(db.stats().levels.reduce((sum, level) => sum + level.bytes, 0)).toBeLessThan(2 * 900 * 70)
  await machine.run(db.close())
})

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

test('those that are collected are given up, but for an answer that is awaited', async () => {
  const fs = native.memoryFileSystem()
  const db = await openMemory(fs, { ...small, blockCacheBytes: 0 })
  for (let i = 0; i < 100; i++) void db.put(keyOf(i), 'v'.repeat(i < 50 ? 1 : 4000))
  await db.flush()
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  }
  const open = async (): Promise<void> => {
    db.snapshot()
    const iterator = db.iterator()
    expect((await iterator.nextv(3)).length).toBe(3)
  }
  await open()
  const kept = db.snapshot()
  const walked = db.keys()
  vi.advanceTimersByTime(5000)
  // From the disk: the answer comes after the garbage was collected.
  native.memoryCold(fs, true)
  const awaited = db.iterator({ gte: keyOf(60) }).nextv(100)
  vi.advanceTimersByTime(5000)
  collectGarbage()
  expect((await awaited).length).toBe(40)
  native.memoryCold(fs, false)
  await turns()
  expect(db.stats()).toMatchObject({
    snapshots: { count: 1, collected: 1 },
    iterators: { count: 2, collected: 1 }
  })
  vi.advanceTimersByTime(5000)
  await turns()
  collectGarbage()
  await turns()
  expect(db.stats()).toMatchObject({ iterators: { count: 1, collected: 2 } })
  expect(kept.check()).toBe(100)
  expect((await walked.all()).length).toBe(100)
  kept.close()
  await db.close()
})

test('using closes snapshots and iterators', async () => {
  const { machine, db } = await running()
  {
    using snapshot = db.snapshot()
    await using iterator = db.iterator({ snapshot })
    using keys = db.keys()
    expect(await machine.run(iterator.next())).toBeUndefined()
    expect(await machine.run(keys.next())).toBeUndefined()
    expect(db.stats()).toMatchObject({ snapshots: { count: 1 }, iterators: { count: 2 } })
  }
  expect(db.stats()).toMatchObject({ snapshots: { count: 0 }, iterators: { count: 0 } })
  const snapshot = db.snapshot()
  await machine.run(db[Symbol.asyncDispose]())
  expect((await failureOf(() => snapshot.check())).code).toBe('VARVE_CLOSED')
})
