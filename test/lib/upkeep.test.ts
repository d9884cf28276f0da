// What happens while nothing is written: space comes back that no write would bring back, and where nothing is to be done
// nothing is.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { OpenOptions } from '../../lib/index.ts'
import { filesOf, type Machine, useMachineTime } from './support/machine.ts'
import { type Running, running } from './support/running.ts'

beforeAll(useMachineTime)
afterAll(() => {
  vi.useRealTimers()
})

const options: OpenOptions = { memtableBytes: 64 << 10, tableBytes: 64 << 10, durability: 'os' }
const keys = 2000
const valueBytes = 100
const keyOf = (i: number): string => `key${String(i).padStart(6, '0')}`
const textOf = (round: number, i: number): string => `${round}.${i}.`.padEnd(valueBytes, 'v')
const liveBytes = keys * (keyOf(0).length + valueBytes)

async function writeAll({ machine, db }: Running, round: number, ttl?: number): Promise<void> {
  const written: Promise<void>[] = []
  for (let i = 0; i < keys; i++)
    written.push(db.put(keyOf((i * 7919) % keys), textOf(round, i), ttl === undefined ? {} : { ttl }))
  await machine.run(Promise.all(written))
}

async function tableBytes(machine: Machine): Promise<number> {
  let bytes = 0
  for (const [name, content] of await filesOf(machine)) if (name.endsWith('.sst')) bytes += content.length
  return bytes
}

async function checkRound({ machine, db }: Running, round: number): Promise<void> {
  const entries = await machine.run(db.iterator().all())
  expect(entries.length).toBe(keys)
  for (const [, value] of entries) expect(value.startsWith(`${round}.`)).toBe(true)
}

const amplification = (db: Database): number => db.stats().writes.amplification

test('what only a closed snapshot kept is given back', async () => {
  const old: unknown[] = []
  const events = { 'snapshot-old': (event: unknown) => old.push(event) }
  const one = await running({ ...options, limits: { snapshotAgeMaxMs: 5000 }, events })
  const { machine, db, sleep } = one
  await writeAll(one, 1)
  const snapshot = db.snapshot()
  const iterator = db.iterator({ snapshot })
  for (let round = 2; round < 6; round++) await writeAll(one, round)
  await sleep(20_000)
  expect(await tableBytes(machine)).toBeGreaterThan(1.7 * liveBytes)
  expect(db.stats()).toMatchObject({ snapshots: { count: 1 }, iterators: { count: 1 } })
  expect(db.stats().snapshots.oldestAgeMs).toBeGreaterThanOrEqual(20_000)
  expect(old).toMatchObject([{ kind: 'snapshot' }, { kind: 'iterator' }])
  snapshot.close()
  await sleep(20_000)
  // The iterator still reads at it.
  expect(await tableBytes(machine)).toBeGreaterThan(1.7 * liveBytes)
  expect((await machine.run(iterator.next()))?.[1].startsWith('1.')).toBe(true)
  await iterator.close()
  await sleep(10_000)
  expect(await tableBytes(machine)).toBeLessThan(1.3 * liveBytes)
  await checkRound(one, 5)
  await machine.run(db.close())
})

test('what was overwritten is given back without any snapshot', async () => {
  const one = await running({ ...options, memtableBytes: 256 << 10 })
  const { machine, db, sleep } = one
  for (let round = 1; round < 4; round++) {
    await writeAll(one, round)
    await machine.run(db.flush())
  }
  expect(await tableBytes(machine)).toBeGreaterThan(2.5 * liveBytes)
  await sleep(10_000)
  expect(await tableBytes(machine)).toBeLessThan(1.3 * liveBytes)
  await checkRound(one, 3)
  await machine.run(db.close())
})

test.each([1, 3])('entries that have all expired shrink to nothing (%i rounds)', async (rounds) => {
  const one = await running(options)
  const { machine, db, sleep } = one
  for (let round = 1; round <= rounds; round++) await writeAll(one, round, 20_000)
  await sleep(15_000)
  expect((await machine.run(db.keys().all())).length).toBe(keys)
  expect(await tableBytes(machine)).toBeGreaterThan(0.8 * liveBytes)
  await sleep(75_000)
  expect(await machine.run(db.keys().all())).toEqual([])
  expect(await tableBytes(machine)).toBeLessThan(10_000)
  const { emptyRecords } = db.stats().upkeep
  expect(emptyRecords).toBeGreaterThan(0)
  expect(emptyRecords).toBeLessThanOrEqual(2)
  await sleep(300_000)
  expect(db.stats().upkeep.emptyRecords).toBe(emptyRecords)
  expect(vi.getTimerCount()).toBe(0)
  await machine.run(db.close())
})

test('expired entries wait for the snapshot that sees them', async () => {
  const one = await running(options)
  const { machine, db, sleep } = one
  await writeAll(one, 1, 20_000)
  const snapshot = db.snapshot()
  await sleep(120_000)
  expect(await machine.run(db.keys().all())).toEqual([])
  expect((await machine.run(db.keys({ snapshot }).all())).length).toBe(keys)
  expect(await tableBytes(machine)).toBeGreaterThan(0.8 * liveBytes)
  snapshot.close()
  await sleep(70_000)
  expect(await tableBytes(machine)).toBeLessThan(10_000)
  await machine.run(db.close())
})

test.each(['one by one', 'as a range'])('what was deleted %s is given back', async (how) => {
  const one = await running(options)
  const { machine, db, sleep } = one
  await writeAll(one, 1)
  await machine.run(db.compact())
  if (how === 'as a range') await machine.run(db.deleteRange({ gte: 'key', lt: 'kez' }))
  else await machine.run(Promise.all(Array.from({ length: keys }, (_, i) => db.del(keyOf(i)))))
  await sleep(10_000)
  expect(await tableBytes(machine)).toBeLessThan(10_000)
  expect(await machine.run(db.keys().all())).toEqual([])
  await machine.run(db.close())
})

test('with nothing to reclaim nothing is rewritten, looked at or waited for', async () => {
  const one = await running(options)
  const { machine, db, sleep } = one
  await writeAll(one, 1)
  await machine.run(db.drain())
  const before = amplification(db)
  await sleep(20_000)
  expect(amplification(db)).toBe(before)
  expect(db.stats().upkeep).toMatchObject({ reclaims: 0, emptyRecords: 0 })
  expect(vi.getTimerCount()).toBe(0)
  const calls = native.memoryCalls(machine.fs)
  await sleep(600_000)
  expect(native.memoryCalls(machine.fs)).toBe(calls)
  // Reading and snapshots change nothing about that.
  db.snapshot().close()
  await machine.run(db.keys().all())
  await sleep(20_000)
  expect(db.stats().upkeep.reclaims).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
  await machine.run(db.close())
})

test('a trickle of writes is no reason to rewrite anything, nor to estimate all the time', async () => {
  const one = await running(options)
  const { machine, db, sleep } = one
  await writeAll(one, 1)
  await machine.run(db.drain())
  for (let i = 0; i < 200; i++) {
    await machine.run(db.put('trickle', `${i}`))
    await sleep(1000)
  }
  expect(db.stats().upkeep.reclaims).toBe(0)
  expect(db.stats().upkeep.estimates).toBeLessThan(4)
  await machine.run(db.close())
})
