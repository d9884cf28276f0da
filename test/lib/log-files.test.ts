// Files of the log: dropped segments become next ones, and there are never many.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import native from '#native'
import { open } from '../../lib/index.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { openMemory, scratch } from './support/databases.ts'

const small = { memtableBytes: 128 << 10, tableBytes: 64 << 10 } as const

const segmentsIn = (path: string): { bytes: number; file: number }[] =>
  readdirSync(path)
    .filter((name) => name.endsWith('.wal'))
    // A segment may go between the two calls.
    .map((name) => statSync(join(path, name), { throwIfNoEntry: false }))
    .filter((stat) => stat !== undefined)
    .map(({ size, ino }) => ({ bytes: size, file: ino }))

test('dropped segments are written again, within two memtables', async () => {
  const path = scratch()
  const db = await open(path, small)
  const files = new Set<number>()
  let most = 0
  for (let i = 0; i < 12_000; i++) {
    await db.put(`key${i}`, 'v'.repeat(100))
    if (i % 500 !== 0) continue
    if (i % 4000 === 0) {
      await db.compact()
      most = Math.max(
        most,
        segmentsIn(path).reduce((sum, { bytes }) => sum + bytes, 0)
      )
    }
    for (const { file } of segmentsIn(path)) files.add(file)
  }
  expect(most).toBeLessThanOrEqual(2 * small.memtableBytes)
  // 12 000 records fill more than 30 segments.
  expect(db.stats().log.bytesAppended).toBeGreaterThan(30 * (small.memtableBytes / 2))
  expect(files.size).toBeLessThan(20)
  await db.close()
  // What is not in tables yet, and nothing in reserve.
  expect(segmentsIn(path).length).toBeLessThanOrEqual(3)
  await using again = await open(path, small)
  expect((await again.keys().all()).length).toBe(12_000)
})

test('a long segment is not kept', async () => {
  const path = scratch()
  await using db = await open(path, small)
  await db.put('long', 'v'.repeat(1 << 20))
  for (let i = 0; i < 4000; i++) await db.put(`key${i}`, 'v'.repeat(100))
  await db.compact()
  expect(Math.max(...segmentsIn(path).map(({ bytes }) => bytes))).toBeLessThanOrEqual(small.memtableBytes)
})

test('a crash at any time finds the records of the last use, and only these', async () => {
  const random = randomOf(seedOf('recycled segments'))
  const { below } = drawsOf(random)
  const fs = native.memoryFileSystem()
  const synced = new Map<string, string>()
  for (let crash = 0; crash < 10; crash++) {
    const db = await openMemory(fs, { ...small, syncIntervalMs: 1 })
    expect(new Map(await db.iterator().all())).toEqual(synced)
    const crashAt = 1000 + below(2500)
    for (let i = 0; i < crashAt; i++) {
      const key = `k${below(500)}`
      const value = `${crash}.${i}${'v'.repeat(below(400))}`
      synced.set(key, value)
      await db.put(key, value, { sync: i === crashAt - 1 })
    }
    native.memoryCrash(fs, 1 + below(2 ** 31))
    await db.close().catch(() => undefined)
  }
})

test('without syncs of its own, the log is cut all the same', async () => {
  const path = scratch()
  await using db = await open(path, { ...small, durability: 'os' })
  for (let i = 0; i < 4000; i++) await db.put(`key${i}`, 'v'.repeat(100))
  await db.compact()
  const bytes = segmentsIn(path).reduce((sum, segment) => sum + segment.bytes, 0)
  expect(bytes).toBeLessThanOrEqual(2 * small.memtableBytes)
})
