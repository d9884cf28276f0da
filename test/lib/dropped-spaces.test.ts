// Dropping spaces: all of one and nothing else, at once; what a full disk makes of it.
import { describe, expect, test } from 'vitest'
import native from '#native'
import { closeParts } from '../../lib/closing.ts'
import { open } from '../../lib/index.ts'
import { realEnvironment, settingsOf } from '../../lib/options.ts'
import { Parts } from '../../lib/parts.ts'
import { tiers } from '../../lib/read/reader.ts'
import { recover } from '../../lib/recovery.ts'
import { failureOf, idsOf, openMemory, scratch } from './support/databases.ts'

describe('dropping', () => {
  test('removes all of a space and nothing else, for good', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      const [before, space, after] = [db.space('before'), db.space('s'), db.space('t')]
      for (const each of [before, space, after]) for (let i = 0; i < 100; i++) void each.put(`k${i}`, 'v'.repeat(100))
      await db.flush()
      await space.put('later', 'v')
      await db.dropSpace('s', { sync: true })
      expect(db.spaces()).toEqual(['before', 't'])
      for (const each of [before, after]) expect((await each.keys().all()).length).toBe(100)
      expect(await db.space('s').keys().all()).toEqual([])
      const id = idsOf(db)
      await db.space('s').put('new', 'v')
      expect(idsOf(db).get('s')).toBeGreaterThan(Math.max(...id.values(), 3))
      expect(await db.space('s').keys().all()).toEqual(['new'])
    }
    await using db = await open(path)
    expect(await db.space('s').keys().all()).toEqual(['new'])
    await db.dropSpace('s')
    await db.compact()
    expect(await db.space('s').keys().all()).toEqual([])
    expect((await db.space('t').keys().all()).length).toBe(100)
    expect(db.spaces()).toEqual(['before', 't'])
  })

  test('what is open on it refuses; iterators go on', async () => {
    await using db = await open(scratch())
    const [space, same] = [db.space('s'), db.space('s', { valueEncoding: 'buffer' })]
    await space.put('a', '1')
    const iterator = space.iterator()
    const snapshot = db.snapshot()
    const dropped = db.dropSpace('s')
    const calls: (() => unknown)[] = [
      () => space.put('b', '2'),
      () => space.del('a'),
      () => space.batch([{ type: 'put', key: 'b', value: '2' }]),
      () =>
        db.batch([
          { type: 'put', key: 'x', value: '2' },
          { type: 'put', space, key: 'b', value: '2' }
        ]),
      () => space.get('a'),
      () => space.getSync('a'),
      () => space.get('a', { snapshot }),
      () => space.getMany(['a']),
      () => space.has('a'),
      () => space.hasMany(['a']),
      () => space.getEntry('a'),
      () => space.ttl('a'),
      () => space.count(),
      () => space.estimateCount(),
      () => space.first(),
      () => space.last(),
      () => space.deleteRange({ gte: 'a' }),
      () => space.clear(),
      () => space.clear({ limit: 1 }),
      () => space.putIf('b', '2', { absent: true }),
      () => space.delIf('a', { value: '1' }),
      () => space.increment('n'),
      () => space.touch('a', { ttl: 1000 }),
      () => space.persist('a'),
      () => db.transaction(async (tx) => tx.space(space).put('b', '2')),
      () => db.transaction(async (tx) => void (await tx.space(space).get('a'))),
      () => space.iterator(),
      () => space.keys(),
      () => space.values(),
      () => space.compact(),
      () => space.approximateSize(),
      () => same.get('a')
    ]
    const refused = async (): Promise<void> => {
      for (const call of calls) {
        const error = await failureOf(call)
        expect(error.code).toBe('VARVE_CLOSED')
        expect(error.message).toContain("'s' was dropped")
      }
    }
    await refused()
    await dropped
    expect(await iterator.all()).toEqual([['a', '1']])
    const again = db.space('s')
    expect(await again.get('a')).toBeUndefined()
    await again.put('a', '2')
    await refused()
    expect(await again.get('a')).toBe('2')
    expect(await again.get('a', { snapshot })).toBeUndefined()
    expect(await db.get('x')).toBeUndefined()
    snapshot.close()
  })

  test('in one turn with writes around it', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      const first = db.space('s')
      const written = [first.put('a', '1'), db.dropSpace('s')]
      const second = db.space('s')
      written.push(second.put('b', '2'), db.dropSpace('s'), db.dropSpace('s'), db.space('s').put('c', '3'))
      await Promise.all(written)
      expect(await db.space('s').iterator().all()).toEqual([['c', '3']])
      expect(db.spaces()).toEqual(['s'])
      expect((await failureOf(() => second.get('b'))).code).toBe('VARVE_CLOSED')
    }
    await using db = await open(path)
    expect(await db.space('s').iterator().all()).toEqual([['c', '3']])
  })

  test('of what is not there is no error, and writes nothing', async () => {
    await using db = await open(scratch())
    const never = db.space('never')
    await db.dropSpace('never')
    await db.dropSpace('unheard of')
    expect(db.stats().log.lastSequence).toBe(0)
    expect((await failureOf(() => never.put('a', '1'))).code).toBe('VARVE_CLOSED')
  })

  test('ids come back neither in this process nor in the next', async () => {
    const path = scratch()
    const seen = new Set<number>()
    for (let round = 0; round < 3; round++) {
      await using db = await open(path)
      for (let i = 0; i < 3; i++) {
        await db.space('s').put('k', 'v')
        const id = idsOf(db).get('s') as number
        expect(seen.has(id)).toBe(false)
        seen.add(id)
        await db.dropSpace('s')
      }
    }
    expect(seen.size).toBe(9)
  })
})

describe('when writes fail', () => {
  /** The next write into the log finds no space. */
  const failOnce = (fs: native.FileSystem): void => native.memoryFaults(fs, { atCall: 1, errno: 28, operations: 4 })

  /** Again and again: the next segment of the log may still have to be made. */
  async function eventually(call: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < 1000; tries++) {
      try {
        await call()
        return
      } catch (error) {
        expect(error).toMatchObject({ code: 'VARVE_DISK_FULL' })
      }
      await new Promise(setImmediate)
    }
    expect.fail('still no space')
  }

  async function resumed(fs: native.FileSystem, db: Awaited<ReturnType<typeof openMemory>>): Promise<void> {
    native.memoryFaults(fs, null)
    await db.resume()
    await eventually(() => db.put('default', 'v'))
  }

  /** What is there of spaces by their ids, named or not. */
  async function keysUnder(fs: native.FileSystem, ids: readonly number[]): Promise<string[]> {
    const settings = settingsOf({})
    const environment = { ...realEnvironment(), fs }
    const parts = new Parts('/data', settings, environment, await recover('/data', settings, environment))
    const found = ids.flatMap((id) =>
      ['old', 'between', 'new']
        .filter((key) => native.has(parts.engine, id, key, -1, 1, tiers.mayBlock) === 1)
        .map((key) => `${id}: ${key}`)
    )
    await closeParts(parts)
    return found
  }

  test('a space is made by the next one, a drop that failed dropped nothing', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs)
    const [kept, made] = [db.space('kept'), db.space('made')]
    await kept.put('k', 'v')
    failOnce(fs)
    const dropped = db.dropSpace('kept')
    expect(db.spaces()).toEqual([])
    expect((await failureOf(() => dropped)).code).toBe('VARVE_DISK_FULL')
    expect(db.spaces()).toEqual(['kept'])
    expect(await kept.get('k')).toBe('v')
    await resumed(fs, db)
    failOnce(fs)
    expect((await failureOf(() => made.put('k', 'v'))).code).toBe('VARVE_DISK_FULL')
    expect(db.spaces()).toEqual(['kept'])
    await resumed(fs, db)
    await made.put('k', 'w')
    await kept.put('k', 'v2')
    expect(db.spaces()).toEqual(['kept', 'made'])
    await db.close()
    await using again = await openMemory(fs)
    expect(again.spaces()).toEqual(['kept', 'made'])
    expect(await again.space('made').iterator().all()).toEqual([['k', 'w']])
    expect(await again.space('kept').iterator().all()).toEqual([['k', 'v2']])
  })

  test('a name taken again after drops that failed is the last space alone', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs)
    await db.space('s').put('old', 'v')
    failOnce(fs)
    const written = [db.dropSpace('s'), db.space('s').put('between', 'v'), db.dropSpace('s')]
    const last = db.space('s')
    for (const each of written) expect((await failureOf(() => each)).code).toBe('VARVE_DISK_FULL')
    await resumed(fs, db)
    expect(await last.keys().all()).toEqual([])
    await last.put('new', 'v')
    await db.close()
    expect(await keysUnder(fs, [2, 3, 4])).toEqual(['4: new'])
    await using again = await openMemory(fs)
    expect(again.spaces()).toEqual(['s'])
    expect(await again.space('s').keys().all()).toEqual(['new'])
  })

  test('a space can be dropped while puts are refused', async () => {
    const fs = native.memoryFileSystem()
    await using db = await openMemory(fs)
    await db.space('s').put('k', 'v')
    failOnce(fs)
    expect((await failureOf(() => db.put('k', 'v'))).code).toBe('VARVE_DISK_FULL')
    expect((await failureOf(() => db.space('t').put('k', 'v'))).code).toBe('VARVE_DISK_FULL')
    expect((await failureOf(() => db.space('s').put('k', 'v'))).code).toBe('VARVE_DISK_FULL')
    expect(db.health).toBe('stopped')
    native.memoryFaults(fs, null)
    await eventually(() => db.dropSpace('s'))
    expect(db.spaces()).toEqual([])
    expect(await db.space('s').keys().all()).toEqual([])
  })
})
