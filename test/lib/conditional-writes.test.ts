// Conditional writes: decided once, in the order of all writes, on what is visible then.
import { describe, expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { OpenOptions } from '../../lib/index.ts'
import { failureOf, openMemory } from './support/databases.ts'

const opened = (options: OpenOptions = {}): Promise<Database> => openMemory(native.memoryFileSystem(), options)
const start = 1_700_000_000_000

describe('putIf and delIf', () => {
  test('absent: only where nothing is there', async () => {
    await using db = await opened()
    expect(await db.putIf('key', '1', { absent: true })).toBe(true)
    expect(await db.putIf('key', '2', { absent: true })).toBe(false)
    expect(await db.delIf('key', { absent: true })).toBe(false)
    await db.del('key')
    expect(await db.putIf('key', '3', { absent: true })).toBe(true)
    expect(await db.get('key')).toBe('3')
  })

  test('sequence: only on the entry that was seen, whatever flush and compaction did to it', async () => {
    await using db = await opened()
    await db.put('key', '1')
    const { sequence } = (await db.getEntry('key')) ?? { sequence: 0 }
    await db.put('other', 'x')
    await db.flush()
    await db.compact()
    expect((await db.getEntry('key'))?.sequence).toBe(sequence)
    expect(await db.putIf('key', '2', { sequence: sequence + 1 })).toBe(false)
    expect(await db.putIf('key', '2', { sequence })).toBe(true)
    expect(await db.putIf('key', '3', { sequence })).toBe(false)
    expect(await db.delIf('key', { sequence })).toBe(false)
    expect(await db.get('key')).toBe('2')
    const now = (await db.getEntry('key'))?.sequence ?? 0
    expect(await db.delIf('key', { sequence: now })).toBe(true)
    expect(await db.putIf('key', '4', { sequence: now })).toBe(false)
    expect(await db.delIf('absent', { sequence: 1 })).toBe(false)
  })

  test('value: only where the bytes are these', async () => {
    await using db = await opened()
    await db.put('key', 'é')
    const long = 'v'.repeat(100_000)
    expect(await db.putIf('key', 'x', { value: 'e' })).toBe(false)
    expect(await db.putIf('key', long, { value: 'é' })).toBe(true)
    expect(await db.putIf('key', 'x', { value: `${long}v` })).toBe(false)
    expect(await db.delIf('key', { value: long })).toBe(true)
    expect(await db.putIf('key', 'x', { value: '' })).toBe(false)
    const json = db.space('json', { valueEncoding: 'json' })
    await json.put('key', { a: 1 })
    expect(await json.putIf('key', { a: 2 }, { value: { a: 1 } })).toBe(true)
    expect(await json.get('key')).toEqual({ a: 2 })
  })

  test('an expired entry is absent', async () => {
    const clock = { nowMs: start }
    await using db = await opened({ clock: () => clock.nowMs })
    await db.put('key', '1', { ttl: 10 })
    const { sequence } = (await db.getEntry('key')) ?? { sequence: 0 }
    expect(await db.putIf('key', '2', { absent: true })).toBe(false)
    clock.nowMs += 10
    expect(await db.putIf('key', '2', { sequence })).toBe(false)
    expect(await db.delIf('key', { value: '1' })).toBe(false)
    expect(await db.putIf('key', '2', { absent: true }, { ttl: 5 })).toBe(true)
    expect(await db.ttl('key')).toBe(5)
  })

  test('of many at once, one wins', async () => {
    await using db = await opened()
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => db.putIf('lock', `${i}`, { absent: true })))
    expect(results.filter((held) => held)).toEqual([true])
    expect(await db.get('lock')).toBe(String(results.indexOf(true)))
    const entry = await db.getEntry('lock')
    const swaps = await Promise.all(
      Array.from({ length: 100 }, (_, i) => db.putIf('lock', `s${i}`, { sequence: entry?.sequence ?? 0 }))
    )
    expect(swaps.filter((held) => held)).toEqual([true])
    const dels = await Promise.all(
      Array.from({ length: 50 }, () => db.delIf('lock', { value: `s${swaps.indexOf(true)}` }))
    )
    expect(dels.filter((held) => held)).toEqual([true])
  })

  test('is decided after what was called before, and before what is called after', async () => {
    await using db = await opened()
    void db.put('key', 'before')
    const held = db.putIf('key', 'mine', { value: 'before' })
    expect(await held).toBe(true)
    void db.del('key')
    const absent = db.putIf('key', 'new', { absent: true })
    expect([await absent, await db.get('key')]).toEqual([true, 'new'])
    // On the write lane, off the loop.
    const filler = Array.from({ length: 1_500 }, (_, i) => ({ type: 'put', key: `f${i}`, value: 'v' }) as const)
    void db.batch([...filler, { type: 'put', key: 'key', value: 'large' }])
    expect(await db.putIf('key', 'after', { value: 'large' })).toBe(true)
  })

  test('a condition that is none is refused, and so are writes that cannot be', async () => {
    await using db = await opened()
    for (const condition of [
      {},
      undefined,
      null,
      { absent: false },
      { absent: true, sequence: 1 },
      { sequence: 'x' }
    ]) {
      const { code } = await failureOf(() => db.putIf('key', 'v', condition as never))
      expect(code, JSON.stringify(condition)).toBe('VARVE_INVALID_ARGUMENT')
    }
    expect((await failureOf(() => db.putIf('k'.repeat(70_000), 'v', { absent: true }))).code).toBe('VARVE_TOO_LARGE')
    expect((await failureOf(() => db.putIf('key', 1 as never, { absent: true }))).code).toBe('VARVE_INVALID_ARGUMENT')
    expect(db.stats().log.lastSequence).toBe(0)
  })
})

describe('increment', () => {
  test('adds up, from nothing on, one after the other', async () => {
    await using db = await opened({ memtableBytes: 16 << 10 })
    const sums = await Promise.all(Array.from({ length: 2_000 }, () => db.increment('n')))
    expect(sums).toEqual(Array.from({ length: 2_000 }, (_, i) => i + 1))
    expect(await db.increment('n', -2_500)).toBe(-500)
    expect(await db.get('n')).toBe('-500')
  })

  test('keeps the expiry, and begins anew after it', async () => {
    const clock = { nowMs: start }
    await using db = await opened({ clock: () => clock.nowMs })
    await db.put('n', '5', { ttl: 10 })
    clock.nowMs += 4
    expect([await db.increment('n', 2), await db.ttl('n')]).toEqual([7, 6])
    clock.nowMs += 6
    expect([await db.increment('n', 2), await db.ttl('n')]).toEqual([2, Number.POSITIVE_INFINITY])
  })

  test('refuses what is no whole number, and sums beyond what a number holds', async () => {
    await using db = await opened()
    for (const value of ['', 'x', '1.5', '1e3', ' 1', '9007199254740992', '12345678901234567890']) {
      await db.put('n', value)
      expect((await failureOf(() => db.increment('n'))).code, value).toBe('VARVE_INVALID_ARGUMENT')
      expect(await db.get('n')).toBe(value)
    }
    await db.put('n', String(Number.MAX_SAFE_INTEGER))
    expect((await failureOf(() => db.increment('n'))).code).toBe('VARVE_INVALID_ARGUMENT')
    expect(await db.increment('n', -1)).toBe(Number.MAX_SAFE_INTEGER - 1)
    for (const by of [0.5, Number.NaN, 2 ** 53, '1']) {
      expect((await failureOf(() => db.increment('n', by as number))).code).toBe('VARVE_INVALID_ARGUMENT')
    }
  })
})

describe('touch, persist, ttl', () => {
  test('change when an entry expires, and only that', async () => {
    const clock = { nowMs: start }
    await using db = await opened({ clock: () => clock.nowMs })
    await db.put('key', 'v')
    expect([await db.ttl('key'), await db.ttl('absent')]).toEqual([Number.POSITIVE_INFINITY, undefined])
    expect([await db.touch('key', { ttl: 10 }), await db.touch('absent', { ttl: 10 })]).toEqual([true, false])
    clock.nowMs += 9
    expect(await db.ttl('key')).toBe(1)
    expect(await db.touch('key', { expiresAt: new Date(start + 30) })).toBe(true)
    clock.nowMs = start + 29
    expect([await db.get('key'), await db.ttl('key')]).toEqual(['v', 1])
    expect(await db.persist('key')).toBe(true)
    clock.nowMs = start + 1_000_000
    expect([await db.get('key'), await db.ttl('key')]).toEqual(['v', Number.POSITIVE_INFINITY])
    expect(await db.touch('key', { ttl: 5 })).toBe(true)
    clock.nowMs += 5
    expect([await db.get('key'), await db.persist('key'), await db.touch('key', { ttl: 5 })]).toEqual([
      undefined,
      false,
      false
    ])
  })

  test('write nothing where nothing changes', async () => {
    await using db = await opened({ clock: () => start })
    await db.put('key', 'v', { expiresAt: start + 10 })
    const { lastSequence } = db.stats().log
    expect(await db.touch('key', { expiresAt: start + 10 })).toBe(true)
    expect(db.stats().log.lastSequence).toBe(lastSequence)
    expect(await db.persist('key')).toBe(true)
    expect(await db.persist('key')).toBe(true)
    expect(db.stats().log.lastSequence).toBe(lastSequence + 1)
  })

  test('refuse an expiry that is none', async () => {
    await using db = await opened()
    await db.put('key', 'v')
    for (const expiry of [
      {},
      { ttl: 0 },
      { ttl: -1 },
      { ttl: 'x' },
      { ttl: 1, expiresAt: 1 },
      { expiresAt: Number.NaN }
    ]) {
      const { code } = await failureOf(() => db.touch('key', expiry as never))
      expect(code, JSON.stringify(expiry)).toBe('VARVE_INVALID_ARGUMENT')
    }
  })
})

// Nothing is in memory: what a decision needs is fetched first, and then it is decided.
test('from the disk they decide the same, and what is written meanwhile counts', async () => {
  const fs = native.memoryFileSystem()
  native.memoryCold(fs, true)
  await using db = await openMemory(fs, { blockCacheBytes: 0 })
  await db.batch(Array.from({ length: 2_000 }, (_, i) => ({ type: 'put', key: `k${i}`, value: `${i}` })))
  await db.compact()
  const { sequence } = (await db.getEntry('k77')) ?? { sequence: 0 }
  expect(
    await Promise.all([
      db.putIf('k77', 'a', { sequence }),
      db.putIf('k77', 'b', { sequence }),
      db.delIf('k78', { value: '78' }),
      db.putIf('k79', 'x', { absent: true }),
      db.increment('k80', 5),
      db.touch('k81', { ttl: 1_000_000 }),
      db.increment('k80', 5)
    ])
  ).toEqual([true, false, true, false, 85, true, 90])
  const decided = db.putIf('k100', 'mine', { value: '100' })
  void db.put('k100', 'theirs')
  await decided
  expect(['mine', 'theirs']).toContain(await db.get('k100'))
  expect(await db.getMany(['k77', 'k78', 'k79', 'k80', 'k81'])).toEqual(['a', undefined, '79', '90', '81'])
})

test('with sync they are on disk when they resolve', async () => {
  const fs = native.memoryFileSystem()
  const db = await openMemory(fs, { durability: 'os' })
  await db.putIf('put', 'v', { absent: true }, { sync: true })
  await db.increment('n', 3, { sync: true })
  await db.touch('put', { ttl: 100_000_000, sync: true })
  native.memoryFaults(fs, { atCall: 1, forever: true })
  native.memoryCrash(fs, 0)
  await db.close().catch(() => undefined)
  native.memoryFaults(fs, null)
  await using again = await openMemory(fs)
  expect([await again.get('put'), await again.get('n')]).toEqual(['v', '3'])
  expect(await again.ttl('put')).toBeLessThanOrEqual(100_000_000)
})

test('closed and read-only databases refuse them', async () => {
  const fs = native.memoryFileSystem()
  const db = await openMemory(fs)
  await db.put('key', 'v')
  const running = failureOf(() => db.increment('key'))
  await db.close()
  expect((await running).code).toBe('VARVE_INVALID_ARGUMENT')
  await using readOnly = await openMemory(fs, { readOnly: true })
  for (const [one, code] of [
    [db, 'VARVE_CLOSED'],
    [readOnly, 'VARVE_READ_ONLY']
  ] as const) {
    for (const call of [
      () => one.putIf('key', 'v', { absent: true }),
      () => one.delIf('key', { absent: true }),
      () => one.increment('key'),
      () => one.touch('key', { ttl: 1 }),
      () => one.persist('key')
    ]) {
      expect((await failureOf(call)).code).toBe(code)
    }
  }
})
