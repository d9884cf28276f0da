// Puts, reads, batches and encodings.
import { describe, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { failureOf, scratch } from './support/databases.ts'

describe('writes and reads', () => {
  test('put, get, getSync, has, del', async () => {
    await using db = await open(scratch())
    expect(db.path).toContain('varve-lib-')
    await db.put('a', '1')
    const pending = db.put('b', '2', { sync: true })
    expect(db.getSync('b')).toBe('2')
    await pending
    expect(await db.get('a')).toBe('1')
    expect(await db.get('missing')).toBeUndefined()
    expect(db.getSync('missing')).toBeUndefined()
    expect(await db.has('a')).toBe(true)
    expect(await db.has('missing')).toBe(false)
    await db.put('a', '')
    expect(await db.get('a')).toBe('')
    await db.del('a')
    await db.del('a', { sync: true })
    expect(await db.get('a')).toBeUndefined()
    expect(await db.hasMany(['a', 'b', 'c'])).toEqual([false, true, false])
    expect(await db.getMany(['a', 'b', 'c', 'b'])).toEqual([undefined, '2', undefined, '2'])
    expect(await db.getMany([])).toEqual([])
  })

  test('a read that begins after a write call sees the write', async () => {
    await using db = await open(scratch(), { durability: 'os' })
    void db.put('k', '1')
    expect(await db.get('k')).toBe('1')
    void db.put('k', '2')
    expect(await db.has('k')).toBe(true)
    void db.put('l', '3')
    expect(await db.getMany(['k', 'l'])).toEqual(['2', '3'])
    void db.del('l')
    expect(await db.keys().all()).toEqual(['k'])
    void db.put('m', '4')
    expect([...db.keys()]).toEqual(['k', 'm'])
  })

  test('a batch is all or nothing', async () => {
    await using db = await open(scratch())
    await db.put('old', 'x')
    await db.batch([])
    await db.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'del', key: 'old' },
      { type: 'put', key: 'a', value: '2' }
    ])
    expect(await db.iterator().all()).toEqual([['a', '2']])
    const before = db.put('before', 'kept')
    const bad = [
      { type: 'put', key: 'b', value: '1' },
      { type: 'put', key: 'c', value: 7 }
    ]
    const error = await failureOf(() => db.batch(bad as never))
    expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
    await before
    expect(await db.keys().all()).toEqual(['a', 'before'])
    expect((await failureOf(() => db.batch([{ type: 'other' }] as never))).message).toContain(
      "'put', 'del' or 'deleteRange'"
    )
  })

  test('batches see the order they were given in', async () => {
    await using db = await open(scratch(), { durability: 'sync' })
    const all = []
    for (let i = 0; i < 300; i++) all.push(db.put('same', String(i)), db.put(`k${i}`, 'v'))
    await Promise.all(all)
    expect(await db.get('same')).toBe('299')
    expect((await db.keys().all()).length).toBe(301)
  })
})

describe('encodings', () => {
  const texts = ['', 'ascii', 'äöü', '日本語', '🦊🦊', '\u0000\u007f\u0080\u07ff\u0800\uffff', 'é'.repeat(5000)]

  test.each(['memtable', 'table'])('utf8 from a %s', async (where) => {
    await using db = await open(scratch())
    for (const text of texts) await db.put(`k${text}`, text)
    if (where === 'table') await db.flush()
    for (const text of texts) {
      expect(await db.get(`k${text}`)).toBe(text)
      expect(db.getSync(`k${text}`)).toBe(text)
      expect(await db.has(`k${text}`)).toBe(true)
    }
    expect(await db.getMany(texts.map((text) => `k${text}`))).toEqual(texts)
    expect(new Map(await db.iterator().all())).toEqual(new Map(texts.map((text) => [`k${text}`, text])))
  })

  test('json', async () => {
    await using db = await open(scratch(), { valueEncoding: 'json' })
    const values = [null, 0, -1.5, 'text', true, [1, 'zwölf', { a: null }], { lake: { depth: 12 } }, 'x'.repeat(9000)]
    for (const [i, value] of values.entries()) await db.put(`k${i}`, value)
    for (const [i, value] of values.entries()) {
      expect(await db.get(`k${i}`)).toEqual(value)
      expect(db.getSync(`k${i}`)).toEqual(value)
    }
    expect(await db.getMany(values.map((_, i) => `k${i}`))).toEqual(values)
    expect(await db.values().all()).toEqual(values)
    expect((await failureOf(() => db.put('k', undefined))).message).toContain('JSON')
  })

  const sizes = [0, 1, 300, 512, 4095, 4096, 4097, 8191, 8192, 8193, 70_000]
  test.each(['buffer', 'view'] as const)('%s keys and values of many sizes', async (encoding) => {
    await using db = await open(scratch(), { keyEncoding: encoding, valueEncoding: encoding })
    const keys = sizes.map((size, i) => Uint8Array.of(255, i, 0, size & 255))
    const values = sizes.map((size, i) => new Uint8Array(size).fill(i + 128))
    for (const [i, key] of keys.entries()) await db.put(key, values[i] as Uint8Array)
    const check = async () => {
      for (const [i, key] of keys.entries()) {
        for (const got of [await db.get(key), db.getSync(key)]) {
          expect(Buffer.isBuffer(got)).toBe(encoding === 'buffer')
          expect(Buffer.compare(got as Uint8Array, values[i] as Uint8Array)).toBe(0)
        }
        expect(await db.has(key)).toBe(true)
      }
      const many = await db.getMany([...keys, Uint8Array.of(1)])
      expect(many.pop()).toBeUndefined()
      many.forEach((got, i) => {
        expect(Buffer.compare(got as Uint8Array, values[i] as Uint8Array)).toBe(0)
      })
      const all = await db.iterator().all()
      all.forEach(([key, value], i) => {
        expect(Buffer.isBuffer(key)).toBe(encoding === 'buffer')
        expect(Buffer.compare(key, keys[i] as Uint8Array)).toBe(0)
        expect(Buffer.compare(value, values[i] as Uint8Array)).toBe(0)
      })
      expect(all.length).toBe(keys.length)
      expect([...db.values({ reverse: true })].map((value) => value.length)).toEqual([...sizes].reverse())
    }
    await check()
    await db.flush()
    await check()
  })

  test('values stay what they were', async () => {
    await using db = await open(scratch(), { valueEncoding: 'buffer' })
    await db.put('a', Buffer.from('one'))
    const first = await db.get('a')
    await db.put('a', Buffer.from('two'))
    for (let i = 0; i < 5000; i++) db.getSync('a')
    expect(String(first)).toBe('one')
  })

  test('getMany over more than a slice, with misses and long values', async () => {
    await using db = await open(scratch())
    const expected: (string | undefined)[] = []
    const keys: string[] = []
    for (let i = 0; i < 2500; i++) {
      const value = i % 7 === 0 ? undefined : i % 100 === 1 ? 'long'.repeat(2000) : `v${i}`
      keys.push(`k${i}`)
      expected.push(value)
      if (value !== undefined) void db.put(`k${i}`, value)
    }
    expect(await db.getMany(keys)).toEqual(expected)
    await db.flush()
    expect(await db.getMany(keys)).toEqual(expected)
    expect(await db.hasMany(keys.slice(0, 50))).toEqual(expected.slice(0, 50).map((value) => value !== undefined))
  })
})
