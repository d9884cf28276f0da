// Entries that expire: gone at once for every way to read, in every place an entry can lie, and for good.
import { describe, expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import { failureOf, openMemory } from './support/databases.ts'

const start = 1_700_000_000_000

class Clock {
  nowMs = start
  readonly read = (): number => this.nowMs
}

async function opened(options = {}): Promise<{ db: Database; clock: Clock; fs: native.FileSystem }> {
  const clock = new Clock()
  const fs = native.memoryFileSystem()
  return { db: await openMemory(fs, { clock: clock.read, ...options }), clock, fs }
}

/** What each way to read says of the keys that are there. */
async function waysToRead(db: Database, keys: readonly string[]): Promise<Record<string, readonly string[]>> {
  const there = (flags: readonly unknown[]): string[] =>
    keys.filter((_, i) => flags[i] !== undefined && flags[i] !== false)
  const [first, last] = [await db.first(), await db.last()]
  return {
    get: there(await Promise.all(keys.map((key) => db.get(key)))),
    getSync: there(keys.map((key) => db.getSync(key))),
    getMany: there(await db.getMany(keys)),
    has: there(await Promise.all(keys.map((key) => db.has(key)))),
    hasMany: there(await db.hasMany(keys)),
    getEntry: there(await Promise.all(keys.map((key) => db.getEntry(key)))),
    ttl: there(await Promise.all(keys.map((key) => db.ttl(key)))),
    iterator: (await db.iterator().all()).map(([key]) => key),
    keys: await db.keys().all(),
    reversed: (await db.keys({ reverse: true }).all()).reverse(),
    synchronous: [...db.keys()],
    ends: keys.filter((key) => key === first?.[0] || key === last?.[0]),
    counted: keys.slice(0, await db.count())
  }
}

const all = ['a', 'b', 'c']
const everyWay = (keys: readonly string[], counted: readonly string[]): Record<string, unknown> => {
  const ends = keys.filter((_, i) => i === 0 || i === keys.length - 1)
  const names = [
    'get',
    'getSync',
    'getMany',
    'has',
    'hasMany',
    'getEntry',
    'ttl',
    'iterator',
    'keys',
    'reversed',
    'synchronous'
  ]
  return { ...Object.fromEntries(names.map((name) => [name, keys])), ends, counted }
}

const places: readonly [string, (db: Database) => Promise<unknown>][] = [
  ['the memtable', () => Promise.resolve()],
  ['a table of level 0', (db) => db.flush()],
  ['a table of a deeper level', (db) => db.compact()]
]

test.each(places)('an expired entry in %s is gone for every way to read', async (_, settle) => {
  const { db, clock } = await opened()
  await db.put('a', '1')
  await db.put('b', '2', { ttl: 1000 })
  await db.put('c', '3', { expiresAt: new Date(start + 2000) })
  await settle(db)
  expect(await waysToRead(db, all)).toEqual(everyWay(['a', 'b', 'c'], ['a', 'b', 'c']))
  clock.nowMs = start + 999
  expect(await waysToRead(db, all)).toEqual(everyWay(['a', 'b', 'c'], ['a', 'b', 'c']))
  clock.nowMs = start + 1000
  expect(await waysToRead(db, all)).toEqual(everyWay(['a', 'c'], ['a', 'b']))
  clock.nowMs = start + 2000
  expect(await waysToRead(db, all)).toEqual(everyWay(['a'], ['a']))
  await db.close()
})

test('what expired stays gone: after the clock went back, a flush, a compaction, and opened again', async () => {
  const { db, clock, fs } = await opened()
  await db.put('a', 'old')
  await db.flush()
  await db.put('a', 'new', { ttl: 10 })
  await db.put('b', '1', { ttl: 50 })
  clock.nowMs += 10
  expect(await db.get('a'), 'the older value does not come back').toBeUndefined()
  await db.put('z', 'moves the log on')
  clock.nowMs = start - 100_000
  expect(await db.get('a')).toBeUndefined()
  await db.flush()
  expect(await db.get('a')).toBeUndefined()
  await db.compact()
  expect(await db.get('a')).toBeUndefined()
  expect(await db.get('b')).toBe('1')
  await db.close()
  const again = await openMemory(fs, { clock: clock.read })
  expect(await again.get('a')).toBeUndefined()
  expect(await again.ttl('b'), 'the time of the log counts').toBe(40)
  await again.close()
})

test('compaction gives the space of expired entries back', async () => {
  const { db, clock } = await opened({ memtableBytes: 64 << 10 })
  for (let i = 0; i < 2000; i++) void db.put(`k${i}`, 'v'.repeat(100), { ttl: 1000 })
  await db.put('stays', 'v')
  await db.flush()
  await db.compact()
  const full = db.approximateSize()
  expect(full).toBeGreaterThan(100_000)
  clock.nowMs += 1000
  await db.put('moves the log on', 'v')
  await db.compact()
  expect(db.approximateSize()).toBeLessThan(1000)
  expect(await db.keys().all()).toEqual(['moves the log on', 'stays'])
  await db.close()
})

test('a snapshot keeps the time of its making, through flush and compaction', async () => {
  const { db, clock } = await opened()
  await db.put('a', '1', { ttl: 1000 })
  clock.nowMs += 500
  const snapshot = db.snapshot()
  clock.nowMs += 5000
  await db.put('b', '2')
  for (const settle of [() => Promise.resolve(), () => db.flush(), () => db.compact()]) {
    await settle()
    expect(await db.get('a', { snapshot })).toBe('1')
    expect(db.getSync('a', { snapshot })).toBe('1')
    expect(await db.getMany(['a', 'b'], { snapshot })).toEqual(['1', undefined])
    expect(await db.has('a', { snapshot })).toBe(true)
    expect(await db.iterator({ snapshot }).all()).toEqual([['a', '1']])
    expect(await db.count({ snapshot })).toBe(1)
    expect(await db.getEntry('a', { snapshot })).toEqual({ value: '1', sequence: 1, expiresAt: start + 1000 })
    expect(await db.get('a')).toBeUndefined()
  }
  snapshot.close()
  await db.compact()
  expect(await db.count()).toBe(1)
  await db.close()
})

describe('touch, persist and ttl', () => {
  test('change when an entry goes, not what it holds', async () => {
    const { db, clock } = await opened()
    await db.put('a', '1', { ttl: 1000 })
    expect(await db.ttl('a')).toBe(1000)
    expect(await db.touch('a', { ttl: 5000 })).toBe(true)
    expect(await db.ttl('a')).toBe(5000)
    clock.nowMs += 4999
    expect(await db.get('a')).toBe('1')
    expect(await db.persist('a')).toBe(true)
    expect(await db.ttl('a')).toBe(Number.POSITIVE_INFINITY)
    clock.nowMs += 100_000
    expect(await db.get('a')).toBe('1')
    expect(await db.touch('a', { expiresAt: clock.nowMs })).toBe(true)
    expect(await db.get('a')).toBeUndefined()
    expect(await db.touch('a', { ttl: 1 }), 'an expired one is not there').toBe(false)
    expect(await db.persist('a')).toBe(false)
    expect(await db.ttl('a')).toBeUndefined()
    await db.close()
  })

  test('a later put without expiry stays, one with another time goes then', async () => {
    const { db, clock } = await opened()
    await db.put('a', '1', { ttl: 10 })
    await db.put('a', '2')
    await db.batch([{ type: 'put', key: 'b', value: '1', ttl: 20 }])
    clock.nowMs += 10
    expect(await db.getMany(['a', 'b'])).toEqual(['2', '1'])
    clock.nowMs += 10
    expect(await db.getMany(['a', 'b'])).toEqual(['2', undefined])
    await db.close()
  })

  test('increment keeps the expiry, and begins at 0 once it has passed', async () => {
    const { db, clock } = await opened()
    await db.put('n', '41', { ttl: 10 })
    expect(await db.increment('n')).toBe(42)
    expect(await db.ttl('n')).toBe(10)
    clock.nowMs += 10
    expect(await db.increment('n', -3)).toBe(-3)
    expect(await db.ttl('n')).toBe(Number.POSITIVE_INFINITY)
    await db.close()
  })

  test('an expired entry is absent to conditions', async () => {
    const { db, clock } = await opened()
    await db.put('a', '1', { ttl: 10 })
    expect(await db.putIf('a', '2', { absent: true })).toBe(false)
    clock.nowMs += 10
    expect(await db.delIf('a', { value: '1' })).toBe(false)
    expect(await db.putIf('a', '2', { absent: true }, { ttl: 5 })).toBe(true)
    expect(await db.ttl('a')).toBe(5)
    await db.close()
  })
})

test.each([
  [{ ttl: 0 }, /ttl must be a number of milliseconds above 0/],
  [{ ttl: Number.NaN }, /ttl must be/],
  [{ ttl: '5' as unknown as number }, /ttl must be/],
  [{ expiresAt: Number.NaN }, /expiresAt must be a time/],
  [{ expiresAt: new Date(Number.NaN) }, /expiresAt must be a time/],
  [{ ttl: 5, expiresAt: 5 }, /either ttl or expiresAt/]
])('refuses %j', async (options, message) => {
  const { db } = await opened()
  const error = await failureOf(() => db.put('a', '1', options))
  expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
  expect(error.message).toMatch(message)
  expect(await db.count()).toBe(0)
  await db.close()
})
