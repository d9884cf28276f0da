// Named spaces: isolated and in order, there from their first write on, sharing batches and snapshots.
import { describe, expect, test } from 'vitest'
import { type IteratorOptions, open, type Space } from '../../lib/index.ts'
import { byBytes, failureOf, idsOf, scratch } from './support/databases.ts'

describe('a space', () => {
  test('has the methods of a database, over keys of its own', async () => {
    await using db = await open(scratch())
    const users = db.space('users', { valueEncoding: 'json' })
    const others = db.space('other users')
    expect([users.name, db.name]).toEqual(['users', ''])
    await db.put('ada', 'of the default space')
    await others.put('ada', 'of another')
    expect(await users.get('ada')).toBeUndefined()
    await users.put('ada', { born: 1815 })
    await users.put('grace', { born: 1906 }, { sync: true })
    expect(await users.get('ada')).toEqual({ born: 1815 })
    expect(users.getSync('grace')).toEqual({ born: 1906 })
    expect(await users.getMany(['grace', 'nobody'])).toEqual([{ born: 1906 }, undefined])
    expect(await users.hasMany(['ada', 'nobody'])).toEqual([true, false])
    expect([...users.keys({ reverse: true })]).toEqual(['grace', 'ada'])
    await users.batch([
      { type: 'del', key: 'ada' },
      { type: 'put', key: 'alan', value: {} }
    ])
    await users.del('grace')
    expect(await users.iterator().all()).toEqual([['alan', {}]])
    expect(await db.iterator().all()).toEqual([['ada', 'of the default space']])
    expect(await others.iterator().all()).toEqual([['ada', 'of another']])
    expect(db.spaces()).toEqual(['other users', 'users'])
    expect(db.stats().spaces).toBe(2)
  })

  test('is made by its first write, of whatever kind, and reads as empty before', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      const [put, del, batch, never] = ['put', 'del', 'batch', 'never'].map((name) => db.space(name)) as [
        Space,
        Space,
        Space,
        Space
      ]
      for (const space of [put, del, batch, never]) {
        expect(await space.get('k')).toBeUndefined()
        expect(await space.has('k')).toBe(false)
        expect(await space.iterator().all()).toEqual([])
        expect(space.approximateSize()).toBe(0)
      }
      expect(db.spaces()).toEqual([])
      expect(db.stats().log.lastSequence).toBe(0)
      void put.put('k', 'v')
      expect(db.spaces()).toEqual(['put'])
      expect(await db.space('put').get('k')).toBe('v')
      await Promise.all([del.del('k'), db.batch([{ type: 'put', space: batch, key: 'k', value: 'v' }])])
      expect(db.spaces()).toEqual(['batch', 'del', 'put'])
    }
    await using db = await open(path)
    expect(db.spaces()).toEqual(['batch', 'del', 'put'])
    expect(await db.space('batch').get('k')).toBe('v')
    expect(await db.space('never').get('k')).toBeUndefined()
  })

  test('costs nothing more once its name is stored', async () => {
    await using db = await open(scratch())
    const space = db.space('s')
    await space.put('a', '1')
    const { lastSequence } = db.stats().log
    expect(lastSequence).toBe(3)
    await space.put('b', '2')
    await space.batch([{ type: 'put', key: 'c', value: '3' }])
    expect(db.stats().log.lastSequence).toBe(5)
  })

  test('takes the encodings of the database where it has none of its own', async () => {
    await using db = await open(scratch(), { keyEncoding: 'ordered', valueEncoding: 'json' })
    const space = db.space('s')
    await space.put([1, 'a'], { n: 1 })
    expect(await db.space('s', { valueEncoding: 'utf8' }).iterator().all()).toEqual([[[1, 'a'], '{"n":1}']])
    expect(await db.space('s', { keyEncoding: 'buffer' }).values().all()).toEqual([{ n: 1 }])
  })

  test('is cleared without a trace in its neighbours', async () => {
    await using db = await open(scratch())
    const spaces = ['a', 'b', 'c'].map((name) => db.space(name)) as [Space, Space, Space]
    const keys = ['', 'k1', 'k2', 'k3', '\u{10ffff}']
    for (const space of [db, ...spaces]) for (const key of keys) void space.put(key, 'v')
    await db.flush()
    const [first, middle, last] = spaces
    await middle.deleteRange({ gte: 'k1', lt: 'k3' })
    expect(await middle.keys().all()).toEqual(['', 'k3', '\u{10ffff}'])
    await middle.clear({ reverse: true, limit: 1 })
    expect(await middle.keys().all()).toEqual(['', 'k3'])
    await middle.clear()
    expect(await middle.keys().all()).toEqual([])
    expect(await middle.keys({ reverse: true }).all()).toEqual([])
    for (const space of [db, first, last]) {
      expect(await space.keys().all()).toEqual(keys)
      expect(await space.keys({ reverse: true }).all()).toEqual([...keys].reverse())
    }
    expect(db.spaces()).toEqual(['a', 'b', 'c'])
    await db.batch([
      { type: 'deleteRange', space: first, range: { prefix: 'k' } },
      { type: 'del', space: last, key: '' }
    ])
    await db.compact()
    expect(await first.keys().all()).toEqual(['', '\u{10ffff}'])
    expect(await last.keys().all()).toEqual(keys.slice(1))
    expect(await db.keys().all()).toEqual(keys)
  })

  test('flushes, compacts and is measured by itself', async () => {
    await using db = await open(scratch())
    const [large, small] = [db.space('large'), db.space('small')]
    for (let i = 0; i < 500; i++) void large.put(`k${i}`, 'x'.repeat(1000))
    await small.put('k', 'v')
    await db.put('k', 'v')
    await db.flush()
    expect(large.approximateSize()).toBeGreaterThan(400_000)
    expect(small.approximateSize()).toBeLessThan(50_000)
    expect(db.approximateSize()).toBeLessThan(50_000)
    expect(large.approximateSize({ lt: 'k2' })).toBeLessThan(large.approximateSize() / 2)
    await large.compact()
    await small.compact({ gte: 'a' })
    expect((await large.keys().all()).length).toBe(500)
  })

  test.each([
    [undefined, 'not undefined'],
    [7, 'not a number'],
    ['', 'not an empty one'],
    ['é'.repeat(128), '255 bytes of utf8; this one has 256'],
    ['\ud800', 'lone surrogate']
  ])('is not named %j', async (name, sentence) => {
    await using db = await open(scratch())
    for (const call of [() => db.space(name as string), () => db.dropSpace(name as string)]) {
      const error = await failureOf(call)
      expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
      expect(error.message).toContain(sentence)
    }
  })

  test('is named anything else', async () => {
    const path = scratch()
    const names = ['\0', ':', 'space:', 'spaces', 'x'.repeat(255), 'é', '日本', '🦊', '__proto__'].sort(byBytes)
    {
      await using db = await open(path)
      for (const name of names) await db.space(name).put('name', name)
      expect(db.spaces()).toEqual(names)
    }
    await using db = await open(path)
    expect(db.spaces()).toEqual(names)
    for (const name of names) expect(await db.space(name).iterator().all()).toEqual([['name', name]])
  })
})

describe('batches and snapshots', () => {
  test('go over spaces, each with its encodings', async () => {
    await using db = await open(scratch())
    const users = db.space('users', { valueEncoding: 'json' })
    const byYear = db.space('by year', { keyEncoding: 'ordered' })
    const before = db.snapshot()
    await users.batch([
      { type: 'put', key: 'ada', value: { born: 1815 } },
      { type: 'put', space: byYear, key: [1815, 'ada'], value: '' },
      { type: 'put', space: db, key: 'count', value: '1' },
      { type: 'put', space: byYear, key: 'raw', keyEncoding: 'utf8', value: { a: 1 }, valueEncoding: 'json' },
      { type: 'del', space: byYear, key: 'raw', keyEncoding: 'utf8' }
    ])
    const after = db.snapshot()
    await db.batch([
      { type: 'del', space: users, key: 'ada' },
      { type: 'del', key: 'count' }
    ])
    expect(await byYear.iterator().all()).toEqual([[[1815, 'ada'], '']])
    expect(await users.get('ada', { snapshot: after })).toEqual({ born: 1815 })
    expect(await db.get('count', { snapshot: after })).toBe('1')
    for (const space of [users, byYear, db]) expect(await space.keys({ snapshot: before }).all()).toEqual([])
    expect(await users.get('ada')).toBeUndefined()
    before.close()
    after.close()
  })

  test('are all or nothing over all of them, and make no space when they fail', async () => {
    await using db = await open(scratch())
    const [a, b] = [db.space('a'), db.space('b')]
    const bad = [
      { type: 'put', space: a, key: 'k', value: 'v' },
      { type: 'put', space: b, key: 'k', value: 7 }
    ]
    expect((await failureOf(() => db.batch(bad as never))).code).toBe('VARVE_INVALID_ARGUMENT')
    expect(db.spaces()).toEqual([])
    expect(await a.get('k')).toBeUndefined()
    await a.put('k', 'v')
    expect(db.spaces()).toEqual(['a'])
  })

  test('refuse spaces of elsewhere', async () => {
    await using db = await open(scratch())
    await using other = await open(scratch())
    for (const space of [other, other.space('s'), { name: 's' }, 's', null]) {
      const error = await failureOf(() => db.batch([{ type: 'put', space, key: 'k', value: 'v' } as never]))
      expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
      expect(error.message).toContain('one of this database')
      for (const use of ['get', 'put'] as const) {
        const failed = await failureOf(() => db.transaction((tx) => tx.space(space as never)[use]('k', 'v')))
        expect(failed.message).toContain('one of this database')
      }
    }
    expect(db.spaces()).toEqual([])
    expect(await db.keys().all()).toEqual([])
  })

  test('transactions go over them as well', async () => {
    await using db = await open(scratch())
    const users = db.space('users', { valueEncoding: 'json' })
    const byYear = db.space('by year', { keyEncoding: 'ordered' })
    await db.transaction(async (tx) => {
      tx.put('count', '1')
      tx.space(users).put('ada', { born: 1815 })
      tx.space(byYear).put([1815, 'ada'], '')
      expect(
        await tx
          .space(byYear)
          .keys({ prefix: [1815] })
          .all()
      ).toEqual([[1815, 'ada']])
    })
    expect(db.spaces()).toEqual(['by year', 'users'])
    expect(await db.get('count')).toBe('1')
    expect(await users.get('ada')).toEqual({ born: 1815 })
    // What was read in a space that is then dropped is read no more.
    await expect(
      db.transaction(async (tx) => {
        await tx.space(users).get('ada')
        await db.dropSpace('users')
        tx.put('count', '2')
      })
    ).rejects.toMatchObject({ code: 'VARVE_CLOSED' })
    expect(await db.get('count')).toBe('1')
  })
})

test('spaces with ids of one and two bytes are isolated and in order, by every bound, both ways', async () => {
  const path = scratch()
  const count = 140
  const keys = ['', '\0', 'a', 'ab', 'b', '\u{10ffff}']
  const make = (db: { space(name: string): Space }): Space[] =>
    Array.from({ length: count }, (_, i) => db.space(`s${i}`))
  const check = async (spaces: readonly Space[]): Promise<void> => {
    for (const i of [0, 1, 124, 125, 126, 127, count - 2, count - 1]) {
      const space = spaces[i] as Space
      const all = keys.map((key) => [key, `${i}${key}`])
      expect(await space.iterator().all()).toEqual(all)
      expect(await space.iterator({ reverse: true }).all()).toEqual([...all].reverse())
      for (const options of [
        { gte: '' },
        { gt: 'a' },
        { lt: 'b' },
        { lte: 'a' },
        { prefix: 'a' },
        { gte: '', lte: '\u{10ffff}' }
      ]) {
        const wanted = wantedKeys(keys, options)
        expect(await space.keys(options).all(), JSON.stringify(options)).toEqual(wanted)
        expect([...space.keys({ ...options, reverse: true })], JSON.stringify(options)).toEqual([...wanted].reverse())
        expect(await space.keys({ ...options, reverse: true, limit: 1 }).all()).toEqual(wanted.slice(-1))
      }
      await using iterator = space.keys({ reverse: true })
      iterator.seek('\u{10ffff}\u{10ffff}')
      expect(await iterator.next()).toBe('\u{10ffff}')
      iterator.seek('')
      expect(await iterator.nextv(5)).toEqual([''])
      expect(await space.getMany(keys)).toEqual(keys.map((key) => `${i}${key}`))
    }
  }
  {
    await using db = await open(path)
    const spaces = make(db)
    for (const [i, space] of spaces.entries()) for (const key of keys) void space.put(key, `${i}${key}`)
    await check(spaces)
    await db.flush()
    await check(spaces)
    await (spaces[126] as Space).compact()
    await check(spaces)
    expect([...idsOf(db).values()]).toEqual([...Array.from({ length: 100 }, (_, i) => i + 2)])
  }
  await using db = await open(path)
  await check(make(db))
})

function wantedKeys(keys: readonly string[], { gte, gt, lt, lte, prefix }: IteratorOptions<string>): string[] {
  return keys.filter(
    (key) =>
      (gte === undefined || byBytes(key, gte) >= 0) &&
      (gt === undefined || byBytes(key, gt) > 0) &&
      (lt === undefined || byBytes(key, lt) < 0) &&
      (lte === undefined || byBytes(key, lte) <= 0) &&
      (prefix === undefined || key.startsWith(prefix))
  )
}

describe('read-only', () => {
  test('reads spaces that are there, and others as empty', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      await db.space('users').put('ada', '1')
    }
    await using db = await open(path, { readOnly: true })
    expect(db.spaces()).toEqual(['users'])
    expect(await db.space('users').get('ada')).toBe('1')
    expect(await db.space('none').keys().all()).toEqual([])
    for (const call of [
      () => db.space('users').put('a', '1'),
      () => db.space('none').put('a', '1'),
      () => db.dropSpace('users')
    ])
      expect((await failureOf(call)).code).toBe('VARVE_READ_ONLY')
    expect(db.spaces()).toEqual(['users'])
  })

  test('closed: no call works', async () => {
    const db = await open(scratch())
    const space = db.space('s')
    await db.close()
    for (const call of [
      () => db.space('s'),
      () => db.spaces(),
      () => db.dropSpace('s'),
      () => space.put('a', '1'),
      () => space.get('a')
    ])
      expect((await failureOf(call)).code).toBe('VARVE_CLOSED')
  })
})
