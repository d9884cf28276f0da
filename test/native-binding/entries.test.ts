// Entries with their facts, and counts of ranges, as checks and transactions ask for them.
// asan: yes
import { expect, test } from 'vitest'
import native from '#native'
import { Database } from './support/database.ts'
import { done, failure, rejection } from './support/jobs.ts'

const executor = native.threadExecutor(2, 1)
const wouldBlock = -2
const needsTime = -3

const nameOf = (i: number): string => `key ${String(i).padStart(4, '0')}`

async function open(): Promise<Database> {
  const fs = native.memoryFileSystem()
  await done(native.makeDirectory(executor, fs, '/db'))
  const database = new Database(executor, fs, '/db')
  database.openWal()
  await database.addSegment(1)
  return database
}

function entry(database: Database, key: string, { sequence = -1, nowMs = 0, tier = 2, slab = Buffer.alloc(20) } = {}) {
  const facts = new Float64Array(2)
  const size = native.getEntry(database.engine, 0, key, sequence, nowMs, tier, facts, slab, 0)
  return { size, facts: [...facts], text: slab.toString('utf8', 0, Math.max(0, size)) }
}

test('an entry comes with its sequence and its expiry, its value only where there is a slab', async () => {
  const database = await open()
  database.write({ put: 'a', value: 'first' }, { put: 'b', value: 'soon gone', expiresAt: 1000 })
  database.write({ put: 'a', value: 'second' }, { del: 'c' })
  const check = (): void => {
    expect(entry(database, 'a')).toEqual({ size: 6, facts: [3, 0], text: 'second' })
    expect(entry(database, 'a', { sequence: 2 })).toEqual({ size: 5, facts: [1, 0], text: 'first' })
    expect(entry(database, 'a', { slab: Buffer.alloc(0) })).toEqual({ size: 6, facts: [3, 0], text: '' })
    expect(entry(database, 'a', { slab: Buffer.alloc(5) })).toMatchObject({ size: -16 - 6, facts: [3, 0] })
    expect(entry(database, 'c')).toMatchObject({ size: -1, facts: [0, 0] })
    expect(entry(database, 'b')).toMatchObject({ size: needsTime, facts: [0, 0] })
    expect(entry(database, 'b', { nowMs: 999 })).toEqual({ size: 9, facts: [2, 1000], text: 'soon gone' })
    expect(entry(database, 'b', { nowMs: 1000 })).toMatchObject({ size: -1, facts: [0, 0] })
  }
  check()
  await database.flush(10, [2])
  check()
})

test('an entry on disk is answered by a job', async () => {
  const database = await open()
  database.write({ put: 'a', value: 'value' }, { put: 'b', value: 'x', expiresAt: 1000 })
  await database.flush(10)
  native.memoryCold(database.fs, true)
  const { engine } = database
  expect(entry(database, 'a', { tier: 1 })).toMatchObject({ size: wouldBlock, facts: [0, 0] })
  expect(await done(native.getEntryJob(engine, 0, 'a', -1, 5, true))).toEqual({
    value: Buffer.from('value'),
    sequence: 1,
    expiresAt: 0
  })
  expect(await done(native.getEntryJob(engine, 0, 'b', -1, 5, false))).toEqual({ sequence: 2, expiresAt: 1000 })
  expect(await done(native.getEntryJob(engine, 0, 'b', -1, 1000, true))).toBe(undefined)
  expect((await rejection(native.getEntryJob(engine, 0, 'b', -1, 0, true))).code).toBe('INVALID_ARGUMENT')
  const facts = new Float64Array(1)
  const slab = Buffer.alloc(1)
  expect(failure(() => native.getEntry(engine, 0, 'a', -1, 1, 2, facts, slab, 0)).message).toMatch(/2 elements/)
})

async function openCounted(): Promise<Database> {
  const database = await open()
  for (let i = 0; i < 1000; i++) {
    database.write(i % 10 === 0 ? { put: nameOf(i), value: 'v', expiresAt: 500 } : { put: nameOf(i), value: 'v' })
  }
  await database.flush(10)
  database.write({ delRange: [nameOf(200), nameOf(300)] }, { put: nameOf(250), value: 'back' })
  return database
}

test('a range is counted up to a most, with the highest sequence in it', async () => {
  const database = await openCounted()
  const { engine } = database
  const facts = new Float64Array(2)
  const bound = (i: number): Uint8Array => Buffer.from(nameOf(i))
  const check = (from: Uint8Array | null, to: Uint8Array | null, countMax: number, sequence = -1, nowMs = 1) => {
    const answer = native.checkRange(engine, 0, from, to, sequence, nowMs, 2, countMax, facts)
    return [answer, ...facts]
  }
  expect(check(bound(0), bound(100), 1000)).toEqual([0, 100, 100])
  expect(check(bound(0), bound(100), 1000, -1, 500)).toEqual([0, 90, 100])
  expect(check(bound(0), bound(100), 1000, 50)).toEqual([0, 50, 50])
  expect(check(null, null, 5000)).toEqual([0, 901, 1002])
  expect(check(null, null, 5000, 1000)).toEqual([0, 1000, 1000])
  expect(check(bound(200), bound(300), 10)).toEqual([0, 1, 1002])
  expect(check(bound(250), bound(250), 10)).toEqual([0, 0, 0])
  expect(check(null, null, 10)).toEqual([0, 11, 11])
  expect(check(null, null, 0)).toEqual([0, 1, 1])
  expect(await done(native.checkRangeJob(engine, 0, null, null, -1, 500, 5000))).toEqual({
    entries: 811,
    sequenceLast: 1002
  })
  expect(await done(native.checkRangeJob(engine, 0, null, null, -1, 1, 10))).toEqual({ entries: 11, sequenceLast: 11 })
})

test('a check of a range that is on disk, or full of deleted entries, is left to a job', async () => {
  const database = await openCounted()
  const facts = new Float64Array(2)
  const check = (tier: number): number => native.checkRange(database.engine, 0, null, null, -1, 1, tier, 5000, facts)
  native.memoryCold(database.fs, true)
  expect(check(1)).toBe(wouldBlock)
  native.memoryCold(database.fs, false)
  for (let i = 0; i < 30_000; i++) database.write({ del: `m${i}` })
  expect(check(1)).toBe(wouldBlock)
  expect(check(2), 'who waits for the disk waits for all of it').toBe(0)
  const job = native.checkRangeJob(database.engine, 0, null, null, -1, 1, 5000)
  expect(await done(job)).toEqual({ entries: 901, sequenceLast: 1002 })
})

test('a scan counts in slices, and goes on where the last one ended', async () => {
  const database = await openCounted()
  const facts = new Float64Array(2)
  for (const flags of [0, 1]) {
    const scan = native.openScan(database.engine, 0, flags, Buffer.from(nameOf(100)), null, -1, 500)
    let entries = 0
    let last = 0
    for (facts[1] = 0; facts[1] !== 1; ) {
      const some = native.scanCount(scan, 2, 7, facts)
      expect(some).toBeLessThanOrEqual(7)
      entries += some
      last = Math.max(last, facts[0] ?? 0)
      native.scanRefresh(scan)
    }
    expect([entries, last]).toEqual([811 - 90, 1002])
    native.release(scan)
  }
})

test('a scan that would wait is counted by a job, which has it to itself', async () => {
  const database = await openCounted()
  const facts = new Float64Array(2)
  native.memoryCold(database.fs, true)
  const scan = native.openScan(database.engine, 0, 0, null, null, -1, 500)
  expect([native.scanCount(scan, 1, 100, facts), ...facts]).toEqual([0, 0, 8])
  const job = native.scanCountJob(scan, 500)
  expect(failure(() => native.scanCount(scan, 1, 100, facts)).message).toMatch(/before its job is over/)
  expect(await done(job)).toEqual({ entries: 500, sequenceLast: 1002, done: false })
  expect(await done(native.scanCountJob(scan, 500))).toEqual({ entries: 311, sequenceLast: 1000, done: true })
  expect([native.scanCount(scan, 1, 100, facts), ...facts]).toEqual([0, 0, 1])
  native.release(scan)
})
