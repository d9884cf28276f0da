// Flush, compact, drain, numbers about them, closing and opening again.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import native from '#native'
import { open } from '../../lib/index.ts'
import { failureOf, openMemory, scratch } from './support/databases.ts'

const small = { memtableBytes: 16 << 10, tableBytes: 32 << 10 } as const

async function fill(db: Awaited<ReturnType<typeof open>>, count: number, value = 'v'.repeat(100)): Promise<void> {
  for (let i = 0; i < count; i++) await db.put(`key${String(i).padStart(6, '0')}`, value)
}

const tablesIn = (path: string): number => readdirSync(path).filter((name) => name.endsWith('.sst')).length

describe('maintenance', () => {
  test('flush, compact, drain and their numbers', async () => {
    const path = scratch()
    await using db = await open(path)
    await db.flush()
    await db.compact()
    expect(db.stats().background.flushes).toBe(0)
    expect(db.stats().writes.amplification).toBe(0)
    expect(db.approximateSize()).toBe(0)
    for (let round = 0; round < 3; round++) {
      await fill(db, 500, `round ${round}`)
      await db.flush()
    }
    expect(db.stats().levels[0]?.tables).toBe(3)
    expect(db.describe()).toContain('level 0: 3 tables')
    const whole = db.approximateSize()
    expect(whole).toBeGreaterThan(db.approximateSize({ gte: 'key000100', lt: 'key000400' }))
    expect(db.approximateSize({ gt: 'z' })).toBe(0)
    await db.compact()
    const stats = db.stats()
    expect(stats.levels.map(({ tables }) => tables)).toEqual([0, 0, 0, 0, 0, 0, 1])
    expect(stats.background).toMatchObject({ flushes: 3, compactions: 1 })
    expect(stats.background.flushBytes).toBeGreaterThan(0)
    expect(stats.background.compactionBytesRead).toBeGreaterThan(stats.background.compactionBytesWritten)
    expect(stats.writes).toMatchObject({ operations: 1500, isStalled: false, stalls: 0 })
    expect(stats.writes.amplification).toBeGreaterThan(1)
    expect(stats.log.lastSequence).toBe(1500)
    expect(stats.memory.pinnedBytes).toBeGreaterThan(0)
    expect(db.approximateSize()).toBeLessThan(whole)
    expect(tablesIn(path)).toBe(1)
    expect(new Set(await db.values().all())).toEqual(new Set(['round 2']))
    expect(db.describe()).toMatch(/^log: index \d+.*\nmemtable: 0 entries/)
  })

  test('many small memtables are flushed and compacted by themselves', async () => {
    const path = scratch()
    const seen: string[] = []
    const note = (event: string) => () => seen.push(event)
    await using db = await open(path, {
      ...small,
      durability: 'os',
      events: { flush: note('flush'), compaction: note('compaction') }
    })
    const gone = note('gone')
    db.on('flush', gone).off('flush', gone)
    const value = 'v'.repeat(100)
    for (let i = 0; i < 6000; i++) {
      const written = db.put(`key${String((i * 7919) % 3000).padStart(6, '0')}`, value)
      if (i % 50 === 0) await written
    }
    await db.drain()
    expect(new Set(seen)).toEqual(new Set(['flush', 'compaction']))
    const { background, levels } = db.stats()
    expect(background.compactions).toBeGreaterThan(0)
    expect(levels.slice(1).some(({ tables }) => tables > 1)).toBe(true)
    expect(levels[0]?.tables).toBeLessThan(4)
    expect((await db.keys().all()).length).toBe(3000)
    await db.compact({ gte: 'key000100', lt: 'key000200' })
    expect((await db.getMany(['key000150', 'nothing']))[0]).toBe(value)
  })

  test('tables that do not overlap are moved', async () => {
    await using db = await open(scratch(), small)
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 50; i++) void db.put(`${round}${i}`, 'v')
      await db.flush()
    }
    await db.drain()
    expect(db.stats().background.moves).toBeGreaterThan(0)
    expect((await db.keys().all()).length).toBe(400)
  })

  test('a small memtable is not full with its first entries', async () => {
    await using db = await openMemory(native.memoryFileSystem(), small)
    for (let i = 0; i < 40; i++) await db.put(`key${i}`, 'v'.repeat(100))
    expect(db.stats().background.flushes + db.stats().memory.frozen).toBe(0)
  })

  test('an open iterator keeps its tables until it is closed', async () => {
    const path = scratch()
    await using db = await open(path)
    await fill(db, 100)
    await db.flush()
    const iterator = db.keys()
    await iterator.next()
    await db.compact()
    expect(tablesIn(path)).toBe(2)
    expect((await iterator.nextv(1000)).length).toBe(99)
    await iterator.close()
    await db.drain()
    expect(tablesIn(path)).toBe(1)
  })
})

describe('closing and opening again', () => {
  test.each(['interval', 'sync', 'os'] as const)('keeps everything (%s)', async (durability) => {
    const path = scratch()
    for (let round = 0; round < 4; round++) {
      await using db = await open(path, { durability })
      expect((await db.keys().all()).length).toBe(round * 2)
      await db.put(`${round}a`, 'v')
      if (round === 1) await db.flush()
      void db.put(`${round}b`, 'v')
    }
    expect(readdirSync(path).filter((name) => name.startsWith('MANIFEST')).length).toBe(1)
  })

  test('a large memtable is flushed by close', async () => {
    const path = scratch()
    const db = await open(path)
    for (let i = 0; i < 40; i++) await db.put(`k${i}`, 'x'.repeat(100_000))
    await db.close()
    expect(tablesIn(path)).toBe(1)
    await using again = await open(path)
    expect((await again.values().all()).join('').length).toBe(4_000_000)
  })

  test('close is said once or often, and everything refuses after it', async () => {
    const db = await open(scratch())
    const iterator = db.iterator()
    const snapshot = db.snapshot()
    await Promise.all([db.close(), db.close()])
    await db.close()
    for (const call of [
      () => db.put('a', 'b'),
      () => db.del('a'),
      () => db.batch([]),
      () => db.get('a'),
      () => db.getSync('a'),
      () => db.getMany(['a']),
      () => db.has('a'),
      () => db.hasMany(['a']),
      () => db.iterator(),
      () => db.snapshot(),
      () => db.flush(),
      () => db.compact(),
      () => db.drain(),
      () => db.stats(),
      () => db.describe(),
      () => db.approximateSize(),
      () => iterator.next(),
      () => snapshot.check()
    ])
      expect((await failureOf(call)).code).toBe('VARVE_CLOSED')
  })

  test('directories above are made, foreign files are left, leftovers removed', async () => {
    const path = join(scratch(), 'a', 'b', 'c')
    await (await open(path)).close()
    for (const name of ['notes.txt', '000900.sst', 'CURRENT.tmp', 'MANIFEST-000800'])
      writeFileSync(join(path, name), 'x')
    await using db = await open(path)
    await db.put('a', '1')
    const names = readdirSync(path)
    expect(names).toContain('notes.txt')
    for (const gone of ['000900.sst', 'CURRENT.tmp', 'MANIFEST-000800']) expect(names).not.toContain(gone)
  })
})

describe('readOnly', () => {
  test('reads, and writes no byte', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      await fill(db, 200)
      await db.flush()
      await db.put('last', 'in the log')
    }
    const before = readdirSync(path).sort()
    {
      await using one = await open(path, { readOnly: true })
      await using two = await open(path, { readOnly: true })
      expect(await one.get('last')).toBe('in the log')
      expect((await two.keys().all()).length).toBe(201)
      using snapshot = one.snapshot()
      expect(await one.has('key000001', { snapshot })).toBe(true)
      expect(one.describe()).toContain('level 0: 1 tables')
      await one.drain()
      for (const call of [
        () => one.put('a', 'b'),
        () => one.del('a'),
        () => one.batch([]),
        () => one.flush(),
        () => one.compact()
      ])
        expect((await failureOf(call)).code).toBe('VARVE_READ_ONLY')
      expect((await failureOf(() => open(path))).code).toBe('VARVE_LOCKED')
    }
    expect(readdirSync(path).sort()).toEqual(before)
  })

  test('drain compacts nothing', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      for (let round = 0; round < 3; round++) {
        await db.put('a', `${round}`)
        await db.flush()
      }
      await db.put('a', 'last')
      // The fourth table of level 0 is there, and its compaction stopped by close.
      db.on('flush', () => void db.close())
      await db.flush().catch(() => undefined)
    }
    const before = readdirSync(path).sort()
    await using db = await open(path, { readOnly: true })
    await db.drain()
    expect(await db.get('a')).toBe('last')
    expect(db.stats().background).toMatchObject({ compactions: 0, moves: 0 })
    expect(readdirSync(path).sort()).toEqual(before)
  })
})
