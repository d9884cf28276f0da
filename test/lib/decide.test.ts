// decide: reads of several entries and what is written because of them, with nothing between.
import { expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { OpenOptions } from '../../lib/index.ts'
import { failureOf, openMemory } from './support/databases.ts'

const opened = (options: OpenOptions = {}): Promise<Database> => openMemory(native.memoryFileSystem(), options)

const transfer = (db: Database, from: string, to: string, amount: number): Promise<boolean> =>
  db.decide([from, to], ([source, target]) => {
    const left = Number(source?.value ?? 0) - amount
    if (left < 0) return { result: false }
    const operations = [
      { type: 'put' as const, key: from, value: String(left) },
      { type: 'put' as const, key: to, value: String(Number(target?.value ?? 0) + amount) }
    ]
    return { operations, result: true }
  })

test('nothing comes between: many at once leave a sum that is exact', async () => {
  await using db = await opened()
  await db.put('a', '100')
  const moves = Array.from({ length: 300 }, (_, i) =>
    i % 3 === 0 ? transfer(db, 'b', 'a', 1) : transfer(db, 'a', 'b', 1)
  )
  const done = await Promise.all(moves)
  const [a, b] = (await db.getMany(['a', 'b'])).map(Number)
  expect((a ?? 0) + (b ?? 0)).toBe(100)
  const back = done.filter((isDone, i) => isDone && i % 3 === 0).length
  const forth = done.filter((isDone, i) => isDone && i % 3 !== 0).length
  expect(b).toBe(forth - back)
  expect(done).toContain(false)
})

test('it sees what was called before it, and not what is called after', async () => {
  await using db = await opened()
  void db.put('key', '1')
  const seen = db.decide(['key', 'absent'], (entries) => ({ result: entries.map((entry) => entry?.value) }))
  void db.put('key', '2')
  expect(await seen).toEqual(['1', undefined])
})

test('what it throws is thrown, and nothing is written; without operations nothing is logged', async () => {
  await using db = await opened()
  await db.put('key', '1')
  const before = db.stats().log.lastIndex
  const thrown = db.decide(['key'], () => {
    throw new RangeError('no')
  })
  await expect(thrown).rejects.toBeInstanceOf(RangeError)
  expect(await db.decide(['key'], ([entry]) => ({ result: entry?.sequence, operations: [] }))).toBeGreaterThan(0)
  expect(db.stats().log.lastIndex).toBe(before)
})

test('an operation that is none rejects, and undoes those before it', async () => {
  await using db = await opened()
  const operations = [{ type: 'put' as const, key: 'a', value: '1' }, { type: 'nothing' } as never]
  const fault = await failureOf(() => db.decide([], () => ({ operations, result: 1 })))
  expect(fault.message).toMatch(/type must be/)
  expect(await db.get('a')).toBeUndefined()
})

test('entries have their expiry, and one that is over is not there', async () => {
  const clock = { nowMs: 1_700_000_000_000 }
  await using db = await opened({ clock: () => clock.nowMs })
  await db.put('key', '1', { ttl: 1_000 })
  const look = () => db.decide(['key'], ([entry], nowMs) => ({ result: [entry?.expiresAt, nowMs] }))
  expect(await look()).toEqual([1_700_000_001_000, 1_700_000_000_000])
  clock.nowMs += 1_000
  expect(await look()).toEqual([undefined, 1_700_000_001_000])
})

test('ranges are removed, and encodings are those of the space', async () => {
  await using db = await opened()
  const users = db.space('users', { valueEncoding: 'json' })
  await users.put('u1', { n: 1 })
  await users.put('u2', { n: 2 })
  const sum = await users.decide(['u1', 'u2'], (entries) => {
    const n = entries.reduce((total, entry) => total + ((entry?.value as { n: number } | undefined)?.n ?? 0), 0)
    return {
      operations: [
        { type: 'deleteRange', range: { prefix: 'u' } },
        { type: 'put', key: 'sum', value: { n } }
      ],
      result: n
    }
  })
  expect(sum).toBe(3)
  expect(await users.iterator().all()).toEqual([['sum', { n: 3 }]])
})

test('from the disk it decides the same, and what is written meanwhile counts', async () => {
  const fs = native.memoryFileSystem()
  native.memoryCold(fs, true)
  const small: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0 }
  const first = await openMemory(fs, small)
  for (let i = 0; i < 300; i++) void first.put(`k${i}`, `${i} ${'v'.repeat(300)}`)
  await first.flush()
  await first.close()
  await using db = await openMemory(fs, small)
  const keys = ['k0', 'k150', 'k299', 'nothing']
  const decided = db.decide(keys, (entries) => ({
    operations: [{ type: 'put', key: 'seen', value: entries.map((entry) => entry?.value.split(' ')[0] ?? '-').join() }],
    result: entries.length
  }))
  void db.put('k150', 'new one')
  expect(await decided).toBe(4)
  expect(['0,150,299,-', '0,new,299,-']).toContain(await db.get('seen'))
})

test('arguments that are none, and a database that is closed', async () => {
  const db = await opened()
  const bad = db.decide as (...args: unknown[]) => Promise<unknown>
  for (const args of [[], ['key', () => ({ result: 1 })], [['key'], undefined], [[1], () => ({ result: 1 })]]) {
    expect((await failureOf(() => bad.apply(db, args))).message).toMatch(/decide takes|key must be/)
  }
  await db.close()
  expect(await failureOf(() => db.decide([], () => ({ result: 1 })))).toMatchObject({ code: 'VARVE_CLOSED' })
})
