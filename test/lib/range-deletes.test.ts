// deleteRange and clear: one small write removes what a range holds; what is written later stays; snapshots keep theirs.
import { expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import { failureOf, openMemory } from './support/databases.ts'

const keyOf = (i: number): string => `k${String(i).padStart(4, '0')}`

async function filled(count: number, options = {}): Promise<{ db: Database; fs: native.FileSystem }> {
  const fs = native.memoryFileSystem()
  const db = await openMemory(fs, options)
  for (let i = 0; i < count; i++) void db.put(keyOf(i), `${i}`)
  await db.flush()
  return { db, fs }
}

const numbers = async (db: Database, options = {}): Promise<number[]> =>
  (await db.values(options).all()).map((value) => Number(value))
const span = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i)

test.each([
  [{ gte: keyOf(10), lt: keyOf(20) }, [...span(0, 10), ...span(20, 30)]],
  [{ gt: keyOf(10), lte: keyOf(20) }, [...span(0, 11), ...span(21, 30)]],
  [{ prefix: 'k001' }, [...span(0, 10), ...span(20, 30)]],
  [{ gte: keyOf(25) }, span(0, 25)],
  [{ lt: keyOf(5) }, span(5, 30)],
  [{ gte: keyOf(20), lt: keyOf(10) }, span(0, 30)]
])('%j', async (range, left) => {
  const { db } = await filled(30)
  await db.deleteRange(range)
  expect(await numbers(db)).toEqual(left)
  expect(await numbers(db, { reverse: true })).toEqual(left.toReversed())
  expect(await db.count()).toBe(left.length)
  expect((await db.getMany(span(0, 30).map(keyOf))).filter((value) => value !== undefined).map(Number)).toEqual(left)
  await db.close()
})

test('holds through flush, compaction, moves and opening again; what is written later stays', async () => {
  const { db, fs } = await filled(1000, { memtableBytes: 16 << 10, tableBytes: 32 << 10 })
  await db.deleteRange({ gte: keyOf(100), lt: keyOf(900) })
  await db.put(keyOf(500), 'later')
  const wanted = [...span(0, 100).map(String), 'later', ...span(900, 1000).map(String)]
  for (const settle of [() => Promise.resolve(), () => db.flush(), () => db.drain(), () => db.compact()]) {
    await settle()
    expect(await db.values().all()).toEqual(wanted)
    expect(await db.get(keyOf(101))).toBeUndefined()
    expect(await db.get(keyOf(500))).toBe('later')
  }
  await db.close()
  const again = await openMemory(fs)
  expect(await again.values().all()).toEqual(wanted)
  await again.close()
})

test('a snapshot and an iterator from before still see what was deleted', async () => {
  const { db } = await filled(100)
  const snapshot = db.snapshot()
  const iterator = db.values()
  const some = await iterator.nextv(10)
  await db.deleteRange({ gte: keyOf(5), lt: keyOf(95) })
  await db.flush()
  await db.compact()
  expect([...some, ...(await iterator.all())].map(Number)).toEqual(span(0, 100))
  expect(await numbers(db, { snapshot })).toEqual(span(0, 100))
  expect(await db.get(keyOf(50), { snapshot })).toBe('50')
  expect(await numbers(db)).toEqual([...span(0, 5), ...span(95, 100)])
  snapshot.close()
  await db.close()
})

test('in a batch, it deletes what came before it in the batch, not what comes after', async () => {
  const { db } = await filled(3)
  await db.batch([
    { type: 'put', key: keyOf(7), value: 'before' },
    { type: 'deleteRange', range: { prefix: 'k' } },
    { type: 'put', key: keyOf(8), value: 'after' }
  ])
  expect(await db.iterator().all()).toEqual([[keyOf(8), 'after']])
  await db.close()
})

test('clear removes everything, a range, or the first or last of it', async () => {
  const { db } = await filled(3000)
  await db.clear({ gte: keyOf(100), limit: 1500 })
  expect(await numbers(db)).toEqual([...span(0, 100), ...span(1600, 3000)])
  await db.clear({ lt: keyOf(2900), limit: 1250, reverse: true })
  expect(await numbers(db)).toEqual([...span(0, 100), ...span(1600, 1650), ...span(2900, 3000)])
  await db.clear({ prefix: 'k00' })
  expect(await numbers(db)).toEqual([...span(1600, 1650), ...span(2900, 3000)])
  await db.clear()
  expect(await numbers(db)).toEqual([])
  await db.close()
})

test.each([[{}], [undefined], [null], [{ limit: 3 }]])(
  'deleteRange(%j) is refused: a bound may have been forgotten',
  async (range) => {
    const { db } = await filled(3)
    const error = await failureOf(() => db.deleteRange(range as never))
    expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
    expect(await db.count()).toBe(3)
    await db.close()
  }
)
