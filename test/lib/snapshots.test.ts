// Snapshots and iterators keep what they saw, whatever is written, flushed and compacted.
import { expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { failureOf, scratch } from './support/databases.ts'

const operations = (count: number, value: string) =>
  Array.from({ length: count }, (_, i) => ({ type: 'put' as const, key: `k${String(i).padStart(4, '0')}`, value }))

test('a snapshot stays under overwriting, deleting, flush and compaction', async () => {
  await using db = await open(scratch())
  await db.batch(operations(200, 'old'))
  const snapshot = db.snapshot()
  const check = async (): Promise<void> => {
    expect(await db.get('k0001', { snapshot })).toBe('old')
    expect(db.getSync('k0150', { snapshot })).toBe('old')
    expect(await db.has('k0199', { snapshot })).toBe(true)
    expect(await db.getMany(['k0000', 'new'], { snapshot })).toEqual(['old', undefined])
    expect(await db.hasMany(['k0000', 'new'], { snapshot })).toEqual([true, false])
    expect(new Set(await db.values({ snapshot }).all())).toEqual(new Set(['old']))
    expect([...db.keys({ snapshot })].length).toBe(200)
  }
  await check()
  await db.batch(operations(100, 'mid'))
  await db.put('new', 'new')
  await check()
  await db.flush()
  await check()
  for (let i = 100; i < 200; i++) void db.del(`k${String(i).padStart(4, '0')}`)
  await db.compact()
  await check()
  expect(db.stats().snapshots.count).toBe(1)
  expect(db.stats().background.compactions).toBeGreaterThan(0)
  expect((await db.keys().all()).length).toBe(101)
  snapshot.close()
  snapshot.close()
  expect(db.stats().snapshots.count).toBe(0)
  for (const read of [
    () => db.get('a', { snapshot }),
    () => db.getSync('a', { snapshot }),
    () => db.iterator({ snapshot }),
    () => db.has('a', { snapshot }),
    () => db.getMany(['a'], { snapshot })
  ])
    expect((await failureOf(read)).code).toBe('VARVE_CLOSED')
  await db.compact()
  expect((await db.keys().all()).length).toBe(101)
})

test('a snapshot is disposed of by using', async () => {
  await using db = await open(scratch())
  {
    using snapshot = db.snapshot()
    expect(await db.get('a', { snapshot })).toBeUndefined()
  }
  expect(db.stats().snapshots.count).toBe(0)
})

test.each([0, 1, 130])('an iterator that gave %i entries stays under flush and compaction', async (given) => {
  await using db = await open(scratch())
  await db.batch(operations(900, 'old'))
  await using iterator = db.iterator()
  const seen = given === 0 ? [] : await iterator.nextv(given)
  await db.batch(operations(900, 'new'))
  await db.put('k00005', 'between')
  await db.flush()
  await db.compact()
  seen.push(...(await iterator.nextv(2000)))
  expect(seen.length).toBe(900)
  expect(seen.filter(([, value]) => value !== 'old')).toEqual([])
})

test('an iterator that seeks back after a compaction sees what it saw', async () => {
  await using db = await open(scratch())
  await db.batch(operations(900, 'old'))
  await using iterator = db.values()
  await iterator.nextv(300)
  await db.batch(operations(900, 'new'))
  await db.compact()
  iterator.seek('k0000')
  expect(new Set(await iterator.nextv(2000))).toEqual(new Set(['old']))
})
