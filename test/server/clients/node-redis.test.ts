// node-redis 6 and 5, unmodified.
import { readFileSync } from 'node:fs'
import { createClient as createClient6, RESP_TYPES } from 'redis'
import { createClient as createClient5 } from 'redis5'
import { describe, expect, test } from 'vitest'
import type { ServerOptions } from '../../../server/server.ts'
import { hasCommand, skipUnless } from '../../support/skip.ts'
import { makeCertificates } from '../support/certificates.ts'
import { atEnd, databaseStore, served, temporaryDirectory } from '../support/served.ts'
import { usersWith } from '../support/users.ts'

const versions = [
  ['node-redis 6', createClient6, 3],
  ['node-redis 6 with RESP2', createClient6, 2],
  // Both speak the same interface; their types differ in names that are not used here.
  ['node-redis 5', createClient5 as unknown as typeof createClient6, 2],
  ['node-redis 5 with RESP3', createClient5 as unknown as typeof createClient6, 3]
] as const

describe.each(versions)('%s', (_, createClient, RESP) => {
  async function connect(
    options: Partial<ServerOptions> = {},
    { socket = {}, ...settings }: { readonly socket?: object; readonly [name: string]: unknown } = {}
  ) {
    const server = await served({ store: await databaseStore(), ...options })
    const clientOf = async () => {
      const client = createClient({ RESP, socket: { port: server.address.port, ...socket }, ...settings })
      client.on('error', () => {})
      await client.connect()
      atEnd(() => client.destroy())
      return client
    }
    return { client: await clientOf(), clientOf }
  }

  test('connects, stores, reads, deletes', async () => {
    const { client } = await connect()
    expect(await client.ping()).toBe('PONG')
    expect(await client.set('a', '1')).toBe('OK')
    expect(await client.get('a')).toBe('1')
    expect(await client.get('b')).toBeNull()
    expect(await client.set('a', '2', { expiration: { type: 'EX', value: 100 }, condition: 'NX' })).toBeNull()
    expect(await client.set('a', '2', { expiration: { type: 'EX', value: 100 }, condition: 'XX' })).toBe('OK')
    expect(await client.ttl('a')).toBeGreaterThan(98)
    expect(await client.mSet({ b: '2', c: '3' })).toBe('OK')
    expect(await client.mGet(['a', 'b', 'x', 'c'])).toEqual(['2', '2', null, '3'])
    expect(await client.incrBy('n', 5)).toBe(5)
    expect(await client.del(['a', 'b', 'x'])).toBe(2)
    expect(await client.exists('a')).toBe(0)
    await expect(client.lPush('l', '1')).rejects.toThrow(/varve|unknown/)
  })

  test('a pipeline of 10 000', async () => {
    const { client } = await connect()
    const replies: Promise<string | null>[] = []
    for (let i = 0; i < 5_000; i++) replies.push(client.set(`k${i}`, `v${i}`), client.get(`k${i}`))
    const values = await Promise.all(replies)
    expect(values).toHaveLength(10_000)
    expect(values.every((value, i) => value === (i % 2 === 0 ? 'OK' : `v${(i - 1) / 2}`))).toBe(true)
  })

  test('MULTI, and WATCH that fails', async () => {
    const { client, clientOf } = await connect()
    expect(await client.multi().set('a', '1').incr('a').get('a').exec()).toEqual(['OK', 2, '2'])
    const other = await clientOf()
    await client.watch('a')
    await other.set('a', '5')
    await expect(client.multi().set('a', '9').exec()).rejects.toThrow(/watched keys/)
    expect(await other.get('a')).toBe('5')
  })

  test('SCAN finds every key', async () => {
    const { client } = await connect()
    const wanted = Array.from({ length: 500 }, (_, i) => `key:${i}`)
    await client.mSet([...wanted, 'other'].map((key) => [key, '1'] as [string, string]))
    const found = new Set<string>()
    for await (const keys of client.scanIterator({ MATCH: 'key:*', COUNT: 50 })) for (const key of keys) found.add(key)
    expect([...found].sort()).toEqual([...wanted].sort())
  })

  test('binary keys and values', async () => {
    const { client } = await connect()
    const key = Buffer.from([0, 255, 13, 10, 36])
    const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await client.set(key, value)
    expect(await client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get(key)).toEqual(value)
  })

  test('subscribes and publishes', async () => {
    const { client, clientOf } = await connect()
    const subscriber = await clientOf()
    const heard: unknown[] = []
    await subscriber.subscribe('news', (...words) => heard.push(words))
    const done = new Promise<void>((resolve) => {
      void subscriber.pSubscribe('n*', (...words) => {
        heard.push(words)
        resolve()
      })
    })
    expect((await subscriber.ping()).toUpperCase()).toBe('PONG')
    expect(await client.publish('news', 'hello')).toBe(2)
    await done
    expect(heard).toEqual([
      ['hello', 'news'],
      ['hello', 'news']
    ])
    await subscriber.unsubscribe('news')
    await subscriber.pUnsubscribe('n*')
    expect(await client.pubSubNumPat()).toBe(0)
  })

  test('logs in', async () => {
    const users = await usersWith('ada', '+@write ~a*')
    const { client } = await connect({ users }, { username: 'ada', password: 'ada' })
    expect(await client.set('a', '1')).toBe('OK')
    expect(await client.aclWhoAmI()).toBe('ada')
    await expect(client.set('b', '1')).rejects.toThrow(/^NOPERM /)
  })

  test.runIf(skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl'))(
    'TLS',
    async () => {
      const { ca, first } = makeCertificates(temporaryDirectory())
      const { client } = await connect({ tls: first }, { socket: { tls: true, ca: readFileSync(ca.cert) } })
      expect(await client.set('a', '1')).toBe('OK')
      expect(await client.get('a')).toBe('1')
    }
  )

  test('names itself, and asks about the server', async () => {
    const { client } = await connect({}, { name: 'me' })
    expect(await client.clientGetName()).toBe('me')
    expect(await client.clientInfo()).toMatchObject({ name: 'me', db: 0 })
    expect(await client.info('server')).toMatch(/redis_version:7\.0\.\d+\r\n/)
    expect(await client.configGet('maxmemory-policy')).toEqual({ 'maxmemory-policy': 'noeviction' })
    expect(await client.memoryUsage('x')).toBeNull()
    const [get] = await client.commandInfo(['get'])
    expect(get).toMatchObject({ name: 'get', arity: 2, firstKeyIndex: 1 })
  })
})
