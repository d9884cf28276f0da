// Crashes: what was acknowledged as synced is there after any of them.
import { expect, test } from 'vitest'
import native from '#native'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { failureOf, openMemory } from './support/databases.ts'

test('a crash loses nothing that was acknowledged after a sync', async () => {
  const random = randomOf(seedOf('library crashes'))
  const { below } = drawsOf(random)
  const fs = native.memoryFileSystem()
  const synced = new Map<string, string>()
  for (let crash = 0; crash < 12; crash++) {
    const db = await openMemory(fs, { memtableBytes: 16 << 10, tableBytes: 32 << 10, syncIntervalMs: 1 })
    for (const [key, value] of synced) expect(await db.get(key), key).toBe(value)
    for (let i = 0; i < 150; i++) {
      const key = `k${below(200)}`
      const value = `${crash}.${i}${'v'.repeat(below(300))}`
      await db.put(key, value, { sync: true })
      synced.set(key, value)
      if (i % 10 === 0) void db.put(`unsynced${i}`, 'v').catch(() => undefined)
      if (below(60) === 0) await db.flush()
    }
    native.memoryCrash(fs, crash === 0 ? 0 : 1 + below(2 ** 31))
    await db.close().catch(() => undefined)
  }
  await using db = await openMemory(fs)
  expect(await db.getMany([...synced.keys()])).toEqual([...synced.values()])
})

test('a process that dies loses nothing that was written', async () => {
  const fs = native.memoryFileSystem()
  for (let round = 0; round < 5; round++) {
    const db = await openMemory(fs, { durability: 'os', memtableBytes: 16 << 10 })
    expect((await db.keys().all()).length).toBe(round * 200)
    for (let i = 0; i < 200; i++) await db.put(`${round}.${i}`, 'v'.repeat(100))
    native.memoryKill(fs)
    await db.close().catch(() => undefined)
  }
})

test('a cold disk is read off the loop', async () => {
  const fs = native.memoryFileSystem()
  await using db = await openMemory(fs, { blockCacheBytes: 0 })
  const entries = Array.from({ length: 500 }, (_, i): [string, string] => [
    `k${String(i).padStart(3, '0')}`,
    'v'.repeat(i % 100 === 0 ? 9000 : 50)
  ])
  for (const entry of entries) void db.put(...entry)
  await db.flush()
  native.memoryCold(fs, true)
  const cold = { fillCache: false }
  expect(await db.iterator(cold).all()).toEqual(entries)
  expect(await db.keys({ ...cold, reverse: true, limit: 2 }).all()).toEqual(['k499', 'k498'])
  expect((await db.values({ ...cold, limit: 2 }).all()).map((value) => value.length)).toEqual([9000, 50])
  const seeking = db.keys(cold)
  const first = seeking.next()
  expect((await failureOf(() => seeking.seek('k100'))).message).toContain('under way')
  expect(await Promise.all([first, seeking.next()])).toEqual(['k000', 'k001'])
  await seeking.close()
  expect(await db.get('k100')).toBe('v'.repeat(9000))
  expect(await db.get('k101')).toBe('v'.repeat(50))
  expect(await db.has('k102')).toBe(true)
  expect(await db.has('none')).toBe(false)
  expect(await db.getMany(entries.map(([key]) => key))).toEqual(entries.map(([, value]) => value))
  expect(await db.iterator().all()).toEqual(entries)
  expect(await db.keys({ reverse: true, limit: 2 }).all()).toEqual(['k499', 'k498'])
  expect(await db.values({ limit: 2 }).all()).toEqual(['v'.repeat(9000), 'v'.repeat(50)])
  const iterator = db.iterator(cold)
  const under = iterator.next()
  await iterator.close()
  await under.catch((error: { code: string }) => expect(error.code).toBe('VARVE_CLOSED'))
  expect([...db.iterator()]).toEqual(entries)
  expect(db.getSync('k400')).toBe('v'.repeat(9000))
})

test('an open that fails gives everything back', async () => {
  const fs = native.memoryFileSystem()
  const db = await openMemory(fs)
  for (let i = 0; i < 3; i++) {
    await db.put(`k${i}`, 'v')
    await db.flush()
  }
  await db.close()
  // A slot that is given back rests until a thousand others were: so many show how many there are.
  const slots = (): number => {
    let most = 0
    for (let i = 0; i < 1100; i++) {
      const handle = native.memoryFileSystem()
      native.release(handle)
      most = Math.max(most, handle & 0xffff)
    }
    return most
  }
  const before = slots()
  for (let i = 0; i < 400; i++) {
    native.memoryFaults(fs, { atCall: 12 + (i % 30) })
    await openMemory(fs).then(
      (opened) => opened.close().catch(() => undefined),
      () => undefined
    )
    native.memoryFaults(fs, null)
  }
  expect(slots() - before).toBeLessThan(100)
})
