// Encodings in a database: of its options and of single calls, codecs of the users', and values that do not fit.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import native from '#native'
import type { Codec } from '../../lib/index.ts'
import { open } from '../../lib/index.ts'
import { openIn } from '../../lib/open.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { root } from '../support/varve.ts'
import { failureOf, scratch } from './support/databases.ts'

const date: Codec<Date> = {
  name: 'date',
  encode: (value) => value.toISOString(),
  decode: (bytes) => new Date(bytes.toString('latin1'))
}
/** Big-endian pairs of numbers: bytes, not text. */
const point: Codec<{ x: number; y: number }> = {
  name: 'point',
  encode({ x, y }) {
    const bytes = new Uint8Array(8)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, x)
    view.setUint32(4, y)
    return bytes
  },
  decode: (bytes) => ({ x: bytes.readUInt32BE(0), y: bytes.readUInt32BE(4) })
}

describe.each(['memtable', 'table', 'disk'])('from a %s', (where) => {
  // A memory file system that is cold answers nothing without waiting: reads go over the read threads.
  const settle = async (fs: native.FileSystem, db: { flush(): Promise<void> }): Promise<void> => {
    if (where !== 'memtable') await db.flush()
    if (where === 'disk') native.memoryCold(fs, true)
  }
  const environmentOf = (fs: native.FileSystem) => () => ({
    fs,
    executor: native.threadExecutor(2, 1),
    random: (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
  })

  test('every way to read gives what the encodings say, by option and by call', async () => {
    const fs = native.memoryFileSystem()
    const options = { keyEncoding: date, valueEncoding: point, blockCacheBytes: 0 }
    await using db = await openIn<Date, { x: number; y: number }>('/data', options, environmentOf(fs))
    const days = Array.from({ length: 300 }, (_, i) => new Date(Date.UTC(2000, 0, 1 + i)))
    const points = days.map((_, i) => ({ x: i, y: 2 ** 32 - 1 - i }))
    for (const [i, day] of days.entries()) await db.put(day, points[i] as { x: number; y: number })
    await settle(fs, db)
    const [day, at] = [days[7] as Date, points[7] as { x: number; y: number }]
    const text = day.toISOString()
    expect(await db.get(day)).toEqual(at)
    expect(db.getSync(day)).toEqual(at)
    expect(await db.has(day)).toBe(true)
    expect(await db.has(new Date(5))).toBe(false)
    expect(await db.get(new Date(5))).toBeUndefined()
    expect(await db.getMany([day, new Date(5), ...days])).toEqual([at, undefined, ...points])
    expect(await db.iterator().all()).toEqual(days.map((each, i) => [each, points[i]]))
    expect([...db.iterator({ reverse: true, limit: 2, lt: day })]).toEqual([
      [days[6], points[6]],
      [days[5], points[5]]
    ])
    expect(await db.values({ gte: days[298] as Date }).all()).toEqual(points.slice(298))
    const asBytes = Buffer.from('00000007fffffff8', 'hex')
    const bytes = { keyEncoding: 'utf8', valueEncoding: 'buffer' } as const
    expect(await db.get(text, bytes)).toEqual(asBytes)
    expect(db.getSync(text, bytes)).toEqual(asBytes)
    expect(await db.get(day, { valueEncoding: 'view' })).toEqual(new Uint8Array(asBytes))
    expect(await db.getMany([text, 'none'], bytes)).toEqual([asBytes, undefined])
    expect(await db.has(Buffer.from(text), { keyEncoding: 'buffer' })).toBe(true)
    expect(await db.hasMany([text, 'none'], { keyEncoding: 'utf8' })).toEqual([true, false])
    expect(await db.iterator({ ...bytes, prefix: '2000-01-08' }).all()).toEqual([[text, asBytes]])
    expect([...db.keys({ keyEncoding: 'view', gte: Buffer.from(text), limit: 1 })]).toEqual([
      new Uint8Array(Buffer.from(text))
    ])
    expect(await db.keys({ prefix: '2000-10', keyEncoding: 'utf8' }).all()).toHaveLength(26)
  })
})

test('writes with encodings of their own', async () => {
  await using db = await open(scratch())
  await db.put('a', { n: 1 }, { valueEncoding: 'json' })
  await db.put(['b', 2], Uint8Array.of(104, 105), { keyEncoding: 'ordered', valueEncoding: 'view' })
  await db.batch([
    { type: 'put', key: Buffer.from('c'), value: 'text', keyEncoding: 'buffer' },
    { type: 'put', key: 'd', value: new Date(0), valueEncoding: date },
    { type: 'put', key: 'e', value: '' },
    { type: 'del', key: Buffer.from('e'), keyEncoding: 'view' }
  ])
  expect(await db.getMany(['a', 'c', 'd', 'e'])).toEqual(['{"n":1}', 'text', '1970-01-01T00:00:00.000Z', undefined])
  expect(await db.get(['b', 2], { keyEncoding: 'ordered' })).toBe('hi')
  await db.del(['b', 2], { keyEncoding: 'ordered' })
  await db.del('a', { keyEncoding: 'utf8' })
  expect(await db.keys().all()).toEqual(['c', 'd'])
})

test('ordered keys: ranges, prefixes, seeks, after reopening', async () => {
  const path = scratch()
  const keys = [
    null,
    false,
    true,
    -1.5,
    0,
    2,
    10,
    '',
    'a',
    'ab',
    'b',
    Buffer.of(0),
    ['a'],
    ['a', -1],
    ['a', 'b'],
    ['ab'],
    [['a']]
  ]
  {
    await using db = await open(path, { keyEncoding: 'ordered', valueEncoding: 'json' })
    const { below } = drawsOf(randomOf(seedOf('ordered keys in a database')))
    const shuffled = keys.map((key) => [below(1e9), key] as const).sort(([a], [b]) => a - b)
    for (const [, key] of shuffled) await db.put(key, key)
  }
  await using db = await open(path, { keyEncoding: 'ordered' })
  expect(await db.keys().all()).toEqual(keys)
  expect(await db.keys({ gt: null, lt: 0 }).all()).toEqual([false, true, -1.5])
  expect(await db.keys({ gte: 0, lte: 'a' }).all()).toEqual([0, 2, 10, '', 'a'])
  expect(await db.keys({ prefix: ['a'], reverse: true }).all()).toEqual([['a', 'b'], ['a', -1], ['a']])
  expect(await db.keys({ prefix: 'a' }).all()).toEqual(['a', 'ab'])
  expect(await db.keys({ prefix: [] }).all()).toEqual([['a'], ['a', -1], ['a', 'b'], ['ab'], [['a']]])
  expect(await db.keys({ prefix: 2 }).all()).toEqual([2])
  expect(await db.keys({ prefix: null }).all()).toEqual([null])
  await using iterator = db.keys()
  iterator.seek(['a', 'a'])
  expect(await iterator.next()).toEqual(['a', 'b'])
  expect((await failureOf(() => db.put(Number.NaN, 'v'))).message).toContain('NaN')
  expect((await failureOf(() => db.get(undefined as never))).code).toBe('VARVE_INVALID_ARGUMENT')
  expect((await failureOf(() => db.put(['x'.repeat(65_533)], 'v'))).code).toBe('VARVE_TOO_LARGE')
})

describe('msgpack', () => {
  test('holds what MessagePack does, and is read by others', async () => {
    await using db = await open(scratch(), { valueEncoding: 'msgpack' })
    const value = {
      text: 'é',
      n: -1.5,
      big: 2n ** 60n,
      at: new Date(1.7e12),
      bytes: Buffer.of(1, 2),
      list: [null, true, {}]
    }
    await db.put('a', value)
    const got = (await db.get('a')) as typeof value
    expect(got).toEqual(value)
    expect(got.bytes.buffer.byteLength === 8192 && got.bytes.byteOffset > 0).toBe(false)
    await db.put('b', [1, 'x', { a: undefined }])
    expect(await db.get('b', { valueEncoding: 'buffer' })).toEqual(Buffer.from('9301a178de0001a161c0', 'hex'))
    await db.flush()
    expect(await db.getMany(['a', 'b'])).toEqual([value, [1, 'x', { a: null }]])
    expect(await db.values().all()).toEqual([value, [1, 'x', { a: null }]])
    for (const none of [undefined, () => 1, Symbol('s')])
      expect((await failureOf(() => db.put('c', none))).message).toContain('MessagePack can hold')
    await db.put('c', '{"a":1}', { valueEncoding: 'utf8' })
    expect((await failureOf(() => db.get('c'))).code).toBe('VARVE_ENCODING_MISMATCH')
  })

  test('bytes of any kind decode or are refused', async () => {
    await using db = await open(scratch(), { valueEncoding: 'buffer' })
    const { below } = drawsOf(randomOf(seedOf('msgpack bytes')))
    let refused = 0
    for (let i = 0; i < 2000; i++) {
      void db.put('k', Buffer.from(Array.from({ length: below(30) }, () => below(256))))
      try {
        db.getSync('k', { valueEncoding: 'msgpack' })
      } catch (error) {
        expect(error).toMatchObject({ code: 'VARVE_ENCODING_MISMATCH' })
        refused++
      }
    }
    expect(refused).toBeGreaterThan(100)
  })

  test('without its package says what to install, and everything else works', () => {
    const directory = join(scratch(), 'varve')
    mkdirSync(join(directory, 'native'), { recursive: true })
    for (const name of ['package.json', 'native/index.cjs']) cpSync(join(root, name), join(directory, name))
    cpSync(join(root, 'dist', 'lib'), join(directory, 'dist', 'lib'), { recursive: true })
    mkdirSync(join(directory, 'node_modules'))
    const gypBuild = dirname(createRequire(import.meta.url).resolve('node-gyp-build/package.json'))
    symlinkSync(gypBuild, join(directory, 'node_modules', 'node-gyp-build'))
    const program = `
      const { open } = await import(${JSON.stringify(pathToFileURL(join(directory, 'dist/lib/index.js')).href)})
      const said = ({ code, message, cause }) => console.log(JSON.stringify({ code, message, cause: cause?.code }))
      await open('./data', { valueEncoding: 'msgpack' }).catch(said)
      const db = await open('./data')
      await db.put('a', 'text')
      await db.get('a', { valueEncoding: 'msgpack' }).catch(said)
      try { db.space('s', { valueEncoding: 'msgpack' }) } catch (error) { said(error) }
      console.log(await db.get('a'))
      await db.close()`
    const env = { ...process.env, VARVE_NATIVE_BINDING: join(root, 'build', 'Release', 'varve.node') }
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: directory,
      encoding: 'utf8',
      env
    })
    expect(child.stderr).toBe('')
    const lines = child.stdout.trim().split('\n')
    expect(lines.pop()).toBe('text')
    expect(lines).toHaveLength(3)
    for (const line of lines) {
      const said = JSON.parse(line)
      expect(said).toMatchObject({ code: 'VARVE_MISSING_PACKAGE', cause: 'MODULE_NOT_FOUND' })
      expect(said.message).toContain('npm install msgpackr')
    }
  })
})

describe('values that do not fit', () => {
  test('an iterator tells where: behind the entries before, again and again until a seek', async () => {
    await using db = await open(scratch())
    for (const [key, value] of [
      ['a', '1'],
      ['b', '2'],
      ['c', 'no json'],
      ['d', '4']
    ] as const)
      await db.put(key, value)
    const json = { valueEncoding: 'json' } as const
    const error = await failureOf(() => db.get('c', json))
    expect(error.code).toBe('VARVE_ENCODING_MISMATCH')
    expect(error.cause).toBeInstanceOf(SyntaxError)
    expect((await failureOf(() => db.getMany(['a', 'c'], json))).code).toBe('VARVE_ENCODING_MISMATCH')
    expect(() => db.getSync('c', json)).toThrow('is not JSON')
    await using iterator = db.iterator(json)
    expect(await iterator.nextv(100)).toEqual([
      ['a', 1],
      ['b', 2]
    ])
    for (let i = 0; i < 2; i++) expect((await failureOf(() => iterator.next())).code).toBe('VARVE_ENCODING_MISMATCH')
    iterator.seek('d')
    expect(await iterator.nextv(100)).toEqual([['d', 4]])
    expect(await iterator.next()).toBeUndefined()
    const seen: unknown[] = []
    expect(() => {
      for (const [key] of db.iterator(json)) seen.push(key)
    }).toThrow('is not JSON')
    await failureOf(async () => {
      for await (const [key] of db.iterator(json)) seen.push(key)
    })
    expect(seen).toEqual(['a', 'b', 'a', 'b'])
    await failureOf(() => db.iterator(json).all())
    await failureOf(() => db.values({ ...json, gte: 'c' }).all())
    expect(db.stats().iterators.count).toBe(1)
  })

  test('keys of another encoding', async () => {
    await using db = await open(scratch(), { keyEncoding: 'ordered' })
    await db.put('plain', 'v', { keyEncoding: 'utf8' })
    expect((await failureOf(() => db.keys().all())).code).toBe('VARVE_ENCODING_MISMATCH')
    expect(await db.values().all()).toEqual(['v'])
  })
})

describe('codecs', () => {
  test('what they throw, the call throws, and nothing is written', async () => {
    // A code like one of the data plane's: it is the user's all the same.
    const enough = Object.assign(new RangeError('enough'), { code: 'NOT_FOUND' })
    const fails = (): never => {
      throw enough
    }
    const writer = { name: 'writer', encode: fails, decode: String }
    const reader = { name: 'reader', encode: String, decode: fails }
    await using db = await open(scratch())
    await db.put('k', 'v')
    const calls: (() => unknown)[] = [
      () => db.put('a', 'v', { keyEncoding: writer }),
      () => db.put('a', 'v', { valueEncoding: writer }),
      () => db.del('a', { keyEncoding: writer }),
      () =>
        db.batch([
          { type: 'put', key: 'a', value: 'v' },
          { type: 'put', key: 'b', value: 'v', valueEncoding: writer }
        ]),
      () => db.get('k', { valueEncoding: reader }),
      () => db.getSync('k', { valueEncoding: reader }),
      () => db.getMany(['k'], { valueEncoding: reader }),
      () => db.iterator({ valueEncoding: reader }).all(),
      () => [...db.keys({ keyEncoding: reader })],
      () => db.iterator({ keyEncoding: writer, gte: 'a' as never })
    ]
    for (const call of calls) await expect((async () => call())()).rejects.toBe(enough)
    await db.flush()
    await expect(db.get('k', { valueEncoding: reader })).rejects.toBe(enough)
    expect(await db.iterator().all()).toEqual([['k', 'v']])
    expect(db.stats().iterators.count).toBe(0)
  })

  test.each([
    [{ keyEncoding: 'json' }, "keyEncoding must be one of 'utf8', 'buffer', 'view', 'ordered', or a codec"],
    [
      { valueEncoding: 'ordered' },
      "valueEncoding must be one of 'utf8', 'json', 'buffer', 'view', 'msgpack', or a codec"
    ],
    [{ keyEncoding: null }, 'not null'],
    [{ valueEncoding: {} }, 'must have a name'],
    [{ valueEncoding: { name: '' } }, 'must have a name'],
    [{ keyEncoding: { name: 'half', encode: String } }, "decode of the codec 'half' must be a function, not undefined"],
    [{ keyEncoding: { name: 'half', encode: 1, decode: String } }, "encode of the codec 'half' must be a function"]
  ])('%j is refused', async (options, sentence) => {
    expect(await failureOf(() => open(scratch(), options as never))).toMatchObject({
      code: 'VARVE_INVALID_ARGUMENT',
      message: expect.stringContaining(sentence)
    })
    await using db = await open(scratch())
    for (const call of [
      () => db.space('s', options as never),
      () => db.put('k', 'v', options as never),
      () => db.get('k', options as never),
      () => db.iterator(options as never),
      () => db.batch([{ type: 'put', key: 'k', value: 'v', ...options } as never])
    ])
      expect((await failureOf(call)).message).toContain(sentence)
  })

  test('must give text or bytes', async () => {
    await using db = await open(scratch())
    const wrong = { name: 'wrong', encode: () => 5 as never, decode: String }
    expect((await failureOf(() => db.put('k', 'v', { valueEncoding: wrong }))).message).toBe(
      "encode of the codec 'wrong' must give a string or a Uint8Array, not a number."
    )
  })

  test('are called as methods of theirs, with bytes that stay', async () => {
    const kept: Buffer[] = []
    const codec = {
      name: 'counting',
      calls: 0,
      encode(value: string) {
        this.calls++
        return Buffer.from(value)
      },
      decode(bytes: Buffer) {
        kept.push(bytes)
        return bytes.toString()
      }
    }
    await using db = await open(scratch(), { keyEncoding: codec, valueEncoding: codec })
    const text = (i: number): string => `${i}`.padStart(20, '0')
    for (let i = 0; i < 3000; i++) void db.put(text(i), text(i))
    expect(codec.calls).toBe(6000)
    await db.flush()
    expect((await db.iterator().all()).every(([key, value], i) => key === text(i) && value === text(i))).toBe(true)
    expect(await db.getMany([text(1), text(2)])).toEqual([text(1), text(2)])
    expect(await db.get(text(3))).toBe(text(3))
    for (let i = 0; i < 5000; i++) db.getSync(text(4))
    expect(kept.slice(0, 6003).map(String)).toEqual([
      ...Array.from({ length: 6000 }, (_, i) => text(i >> 1)),
      ...[1, 2, 3].map(text)
    ])
  })
})
