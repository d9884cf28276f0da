// Every call of the client, over a server on a database.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Client, ClientError, type ClientOptions, clientErrorCodes, ReplyError } from '../../server/client/index.ts'
import { Server } from '../../server/server.ts'
import { DatabaseStore } from '../../server/store/database.ts'
import { root } from '../support/varve.ts'

let server: Server
let client: Client
let bytes: Client<Buffer, Buffer>
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-client-'))
  const store = await DatabaseStore.open(join(directory, 'data'))
  server = await Server.listen({ store, port: 0, nodeId: 7 })
  client = await Client.connect({ port: server.address.port })
  bytes = await Client.connect({ port: server.address.port, keyEncoding: 'buffer', valueEncoding: 'buffer' })
  closing.push(
    () => client.close(),
    () => bytes.close(),
    () => server.stop(),
    () => store.close(),
    async () => rmSync(directory, { recursive: true, force: true })
  )
})

afterAll(async () => {
  for (const close of closing) await close()
})

beforeEach(() => client.batch([{ type: 'deleteRange', range: { gte: '' } }]))

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: ClientError) => error.code
  )

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('values', () => {
  test('put, get, getMany, del', async () => {
    await client.put('hello', 'wörld')
    await client.put('', 'empty key')
    await client.put('empty', '')
    expect(await client.get('hello')).toBe('wörld')
    expect(await client.getMany(['empty', 'none', '', 'hello'])).toEqual(['', undefined, 'empty key', 'wörld'])
    expect(await client.getMany([])).toEqual([])
    expect(await client.has('')).toBe(true)
    expect(await client.hasMany(['none', 'empty', 'hello'])).toEqual([false, true, true])
    await client.del('hello')
    await client.del('hello')
    expect(await client.get('hello')).toBeUndefined()
  })

  test('bytes, as they are and their own', async () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await bytes.put(every, new Uint8Array(every))
    const value = await bytes.get(every)
    expect(value?.equals(every)).toBe(true)
    const long = Buffer.alloc(3_000_000, 'varve')
    await bytes.put(Buffer.from('long'), long)
    expect((await bytes.get(Buffer.from('long')))?.equals(long)).toBe(true)
    for await (const [key] of bytes.iterator({ lt: Buffer.from('l') })) expect(key.equals(every)).toBe(true)
  })

  test('JSON', async () => {
    await using json = await Client.connect({ port: server.address.port, valueEncoding: 'json' })
    await json.put('o', { a: [1, null, 'x'] })
    expect(await json.get('o')).toEqual({ a: [1, null, 'x'] })
    expect(await json.putIf('o', 2, { value: { a: [1, null, 'x'] } })).toBe(true)
    await client.put('o', '{')
    await expect(json.get('o')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('what is no key or value is told, and nothing is sent', async () => {
    const faults = [
      client.put(1 as unknown as string, ''),
      client.put('k', '\ud800'),
      client.put('\udfff', ''),
      client.batch([{ type: 'move' } as never]),
      client.putIf('k', 'v', {} as never),
      client.deleteRange({}),
      client.put('k', 'v', { ttl: 0 }),
      client.put('k', 'v', { ttl: 1, expiresAt: 1 }),
      client.increment('k', 0.5),
      client.call(['MULTI']),
      bytes.get('text' as unknown as Buffer)
    ]
    expect(new Set(await Promise.all(faults.map(codeOf)))).toEqual(new Set(['INVALID_ARGUMENT']))
    expect(await codeOf(client.get('k'.repeat(65_536)))).toBe('TOO_LARGE')
    expect(await codeOf(client.get('ä'.repeat(32_768)))).toBe('TOO_LARGE')
    expect(await codeOf(client.get('k'.repeat(65_535)))).toBe('done')
    expect(await client.count()).toBe(0)
  })
})

describe('writes', () => {
  test('a batch is one write', async () => {
    await client.put('old', '1')
    const before = await client.status()
    await client.batch(
      [
        { type: 'put', key: 'a', value: '1' },
        { type: 'put', key: 'b', value: '2', ttl: 3_600_000 },
        { type: 'put', key: 'c', value: '3', expiresAt: new Date(Date.now() + 7_200_000) },
        { type: 'del', key: 'old' },
        { type: 'deleteRange', range: { gt: 'a', lte: 'b' } }
      ],
      { sync: true }
    )
    expect((await client.status()).commitIndex).toBe(before.commitIndex + 1)
    expect(await client.getMany(['a', 'b', 'c', 'old'])).toEqual(['1', undefined, '3', undefined])
    await client.batch([])
    await client.put('synced', '1', { sync: true, ttl: 3_600_000 })
    expect(await client.ttl('synced')).toBeGreaterThan(3_500_000)
  })

  test('conditions', async () => {
    expect(await client.putIf('k', '1', { absent: true })).toBe(true)
    expect(await client.putIf('k', '2', { absent: true })).toBe(false)
    const sequence = (await client.getEntry('k'))?.sequence as number
    expect(await client.putIf('k', '2', { sequence })).toBe(true)
    expect(await client.putIf('k', '3', { sequence })).toBe(false)
    expect(await client.putIf('k', '4', { value: '1' })).toBe(false)
    expect(await client.putIf('k', '4', { value: '2' }, { ttl: 60_000, sync: true })).toBe(true)
    expect(await client.delIf('k', { value: 'x' })).toBe(false)
    expect(await client.delIf('k', { value: '4' })).toBe(true)
    expect(await client.get('k')).toBeUndefined()
  })

  test('ranges', async () => {
    const put = () => client.batch(['a', 'b', 'ba', 'c'].map((key) => ({ type: 'put', key, value: '' }) as const))
    const left = async (range: Parameters<typeof client.deleteRange>[0]) => {
      await put()
      await client.deleteRange(range)
      return (await all(client.keys())).join(' ')
    }
    expect(await left({ gte: 'b' })).toBe('a')
    expect(await left({ gt: 'b' })).toBe('a b')
    expect(await left({ lt: 'b' })).toBe('b ba c')
    expect(await left({ lte: 'b' })).toBe('ba c')
    expect(await left({ prefix: 'b' })).toBe('a c')
    expect(await left({ prefix: 'b', gt: 'b' })).toBe('a b c')
    expect(await left({ lt: '' })).toBe('a b ba c')
    expect(await left({ gte: 'c', lt: 'a' })).toBe('a b ba c')
  })

  test('expiry', async () => {
    const later = Date.now() + 3_600_000
    await client.put('k', 'v', { expiresAt: later })
    expect(await client.getEntry('k')).toMatchObject({ value: 'v', expiresAt: later })
    expect(await client.touch('k', { ttl: 7_200_000 })).toBe(true)
    expect(await client.ttl('k')).toBeGreaterThan(7_000_000)
    expect(await client.persist('k')).toBe(true)
    expect(await client.ttl('k')).toBe(Number.POSITIVE_INFINITY)
    expect(await client.touch('k', { expiresAt: 1 })).toBe(true)
    expect(await client.getMany(['k'])).toEqual([undefined])
    expect([await client.touch('k', { ttl: 1 }), await client.persist('k'), await client.ttl('k')]).toEqual([
      false,
      false,
      undefined
    ])
  })

  test('increments and decisions, many at once', async () => {
    expect(await client.increment('n', 5)).toBe(5)
    const sums = await Promise.all(Array.from({ length: 50 }, () => client.increment('n', -1)))
    expect(sums).toEqual(Array.from({ length: 50 }, (_, i) => 4 - i))
    const other = await Client.connect({ port: server.address.port })
    const add = (by: Client) =>
      by.decide(['m'], ([entry]) => {
        const sum = Number(entry?.value ?? 0) + 1
        return { operations: [{ type: 'put', key: 'm', value: String(sum) }], result: sum }
      })
    const made = await Promise.all(Array.from({ length: 40 }, (_, i) => add(i % 2 === 0 ? client : other)))
    expect(made.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    await other.close()
    const seen = await client.decide(['m', 'none'], (entries, nowMs) => {
      expect(Math.abs(nowMs - Date.now())).toBeLessThan(60_000)
      return { result: entries.map((entry) => entry?.value) }
    })
    expect(seen).toEqual(['40', undefined])
    const failed = client.decide(['m'], () => {
      throw new RangeError('not today')
    })
    await expect(failed).rejects.toThrow('not today')
  })
})

describe('ranges of entries', () => {
  const keys = Array.from({ length: 2_500 }, (_, i) => `k${String(i).padStart(5, '0')}`)

  test('in both directions, with a limit, keys or values alone', async () => {
    await client.batch(keys.map((key) => ({ type: 'put', key, value: key.toUpperCase() }) as const))
    expect(await all(client.keys())).toEqual(keys)
    expect(await all(client.values({ gte: 'k02498' }))).toEqual(['K02498', 'K02499'])
    expect(await all(client.iterator({ reverse: true, limit: 1_200 }))).toEqual(
      keys
        .slice(-1_200)
        .reverse()
        .map((key) => [key, key.toUpperCase()])
    )
    expect(await client.count({ prefix: 'k01' })).toBe(1_000)
    const [first, last] = [await client.first({ prefix: 'k01' }), await client.last({ prefix: 'k01' })]
    expect([first, last]).toEqual([
      ['k01000', 'K01000'],
      ['k01999', 'K01999']
    ])
    expect(await client.first({ prefix: 'no such' })).toBeUndefined()
    await client.clear({ prefix: 'k01' })
    expect(await client.count({ prefix: 'k01' })).toBe(0)
    expect(await client.count()).toBeGreaterThan(0)
    await client.clear()
    expect(await client.count()).toBe(0)
    expect(await all(client.keys({ limit: 0 }))).toEqual([])
    for await (const key of client.keys()) if (key === 'k01000') break
  })

  test('long values come in short pages', async () => {
    const value = 'v'.repeat(100_000)
    await client.batch(keys.slice(0, 12).map((key) => ({ type: 'put', key, value }) as const))
    const found = await all(client.iterator())
    expect(found.map(([key]) => key)).toEqual(keys.slice(0, 12))
    const page = (await client.call(['PAGE', '', ''])) as readonly unknown[]
    expect(page.length).toBeLessThan(10)
    expect(page[0]).toBe(1)
  })
})

describe('the server', () => {
  test('answers, and says who it is', async () => {
    await client.ping()
    expect(await client.status()).toMatchObject({ nodeId: 7, role: 'LEADER', term: 1, commitIndex: expect.any(Number) })
  })

  test('any command', async () => {
    expect(await client.call(['ECHO', 'hello'])).toEqual(Buffer.from('hello'))
    await expect(client.call(['NOSUCH', 'a'])).rejects.toMatchObject({ code: 'REFUSED', reply: 'ERR' })
    expect(new ReplyError('ERR x')).toMatchObject({ code: 'ERR', message: 'x' })
  })

  test.each([
    ['APPLY', 'IF', 'k', '-1'],
    ['APPLY', 'IF', 'k'],
    ['APPLY', 'PUT', 'k', 'v', 'IF', 'k', '0'],
    ['APPLY', 'PUTPX', 'k', 'v', '0'],
    ['APPLY', 'MOVE', 'a', 'b'],
    ['APPLY'],
    ['PAGE', 'a', 'b', 'COUNT', '0'],
    ['PAGE', 'a', 'b', 'SIDEWAYS'],
    ['PAGE', 'a', 'b', 'KEYS', 'TIMES'],
    ['PAGE', 'a']
  ])('refuses %s %s %s', async (...words) => {
    await expect(client.call(words.filter((word) => word !== undefined))).rejects.toMatchObject({ code: 'REFUSED' })
    expect(await client.count()).toBe(0)
  })
})

test('a client of no pool and one of many do the same', async () => {
  for (const options of [{ poolSize: 1 }, { poolSize: 5 }] satisfies ClientOptions[]) {
    await using pooled = await Client.connect({ port: server.address.port, ...options })
    const puts = Array.from({ length: 300 }, (_, i) => pooled.put('same', String(i)))
    expect(await pooled.get('same')).toBe('299')
    await Promise.all(puts)
    expect(await Promise.all(Array.from({ length: 300 }, () => pooled.get('same')))).toEqual(Array(300).fill('299'))
  }
})

test('the client’s page documents every code, with its sentence', () => {
  const page = readFileSync(join(root, 'server/client/README.md'), 'utf8').replace(/\s+/g, ' ')
  for (const [code, sentence] of Object.entries(clientErrorCodes)) expect(page).toContain(`| \`${code}\` | ${sentence}`)
  expect(new ClientError('BUSY', 'x').name).toBe('ClientError')
})
