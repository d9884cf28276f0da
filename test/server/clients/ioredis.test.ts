// ioredis 6 and 5, unmodified.
import { readFileSync } from 'node:fs'
import { Redis as Redis6 } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { describe, expect, test } from 'vitest'
import type { ServerOptions } from '../../../server/server.ts'
import { hasCommand, skipUnless } from '../../support/skip.ts'
import { makeCertificates } from '../support/certificates.ts'
import { atEnd, databaseStore, served, temporaryDirectory } from '../support/served.ts'
import { usersWith } from '../support/users.ts'

const versions = [
  ['ioredis 6', Redis6],
  // Both speak the same interface; their types differ in names that are not used here.
  ['ioredis 5', Redis5 as unknown as typeof Redis6]
] as const

describe.each(versions)('%s', (_, Redis) => {
  async function connect(options: Partial<ServerOptions> = {}, settings: object = {}) {
    const server = await served({ store: await databaseStore(), ...options })
    const clientOf = () => {
      const client = new Redis({ port: server.address.port, ...settings })
      atEnd(() => client.disconnect())
      return client
    }
    return { client: clientOf(), clientOf }
  }

  test('connects, stores, reads, deletes', async () => {
    const { client } = await connect()
    expect(await client.ping()).toBe('PONG')
    expect(await client.set('a', '1')).toBe('OK')
    expect(await client.get('a')).toBe('1')
    expect(await client.get('b')).toBeNull()
    expect(await client.set('a', '2', 'EX', 100, 'NX')).toBeNull()
    expect(await client.set('a', '2', 'EX', 100, 'XX')).toBe('OK')
    expect(await client.ttl('a')).toBeGreaterThan(98)
    expect(await client.mset({ b: '2', c: '3' })).toBe('OK')
    expect(await client.mget('a', 'b', 'x', 'c')).toEqual(['2', '2', null, '3'])
    expect(await client.incrby('n', 5)).toBe(5)
    expect(await client.del('a', 'b', 'x')).toBe(2)
    expect(await client.exists('a')).toBe(0)
    await expect(client.incr('c').then(() => client.lpush('l', '1'))).rejects.toThrow(/^ERR/)
    expect(await client.quit()).toBe('OK')
  })

  test('a pipeline of 10 000', async () => {
    const { client } = await connect()
    const pipeline = client.pipeline()
    for (let i = 0; i < 5_000; i++) pipeline.set(`k${i}`, `v${i}`).get(`k${i}`)
    const results = (await pipeline.exec()) ?? []
    expect(results).toHaveLength(10_000)
    expect(
      results.every(([error, value], i) => error === null && value === (i % 2 === 0 ? 'OK' : `v${(i - 1) / 2}`))
    ).toBe(true)
  })

  test('MULTI, and WATCH that fails', async () => {
    const { client, clientOf } = await connect()
    expect(await client.multi().set('a', '1').incr('a').get('a').exec()).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, '2']
    ])
    const other = clientOf()
    await client.watch('a')
    await other.set('a', '5')
    expect(await client.multi().set('a', '9').exec()).toBeNull()
    expect(await other.get('a')).toBe('5')
  })

  test('SCAN finds every key', async () => {
    const { client } = await connect()
    const wanted = Array.from({ length: 500 }, (_, i) => `key:${i}`)
    await client.mset(...wanted.flatMap((key) => [key, '1']), 'other', '1')
    const found = new Set<string>()
    for await (const keys of client.scanStream({ match: 'key:*', count: 50 })) for (const key of keys) found.add(key)
    expect([...found].sort()).toEqual([...wanted].sort())
  })

  test('binary keys and values', async () => {
    const { client } = await connect()
    const key = Buffer.from([0, 255, 13, 10, 36])
    const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await client.set(key, value)
    expect(await client.getBuffer(key)).toEqual(value)
    expect(await client.keys('*')).toHaveLength(1)
  })

  test('subscribes and publishes', async () => {
    const { client, clientOf } = await connect()
    const subscriber = clientOf()
    expect(await subscriber.subscribe('news', 'weather')).toBe(2)
    expect(await subscriber.psubscribe('n*')).toBe(3)
    const heard: unknown[] = []
    const done = new Promise<void>((resolve) => {
      subscriber.on('message', (...words) => heard.push(words))
      subscriber.on('pmessage', (...words) => {
        heard.push(words)
        resolve()
      })
    })
    expect(await client.publish('news', 'hello')).toBe(2)
    await done
    expect(heard).toEqual([
      ['news', 'hello'],
      ['n*', 'news', 'hello']
    ])
    // In the form that messages have, where the protocol is RESP2.
    expect(['PONG', ['pong', '']]).toContainEqual(await subscriber.ping())
    expect(await subscriber.unsubscribe('news', 'weather')).toBe(1)
    expect(await client.publish('weather', 'rain')).toBe(0)
  })

  test('logs in', async () => {
    const { client } = await connect(
      { users: await usersWith('ada', '+@write ~a*') },
      { username: 'ada', password: 'ada' }
    )
    expect(await client.set('a', '1')).toBe('OK')
    expect(await client.call('ACL', 'WHOAMI')).toBe('ada')
    await expect(client.set('b', '1')).rejects.toThrow(/^NOPERM /)
  })

  test.runIf(skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl'))(
    'TLS',
    async () => {
      const { ca, first } = makeCertificates(temporaryDirectory())
      const { client } = await connect({ tls: first }, { tls: { ca: readFileSync(ca.cert) } })
      expect(await client.set('a', '1')).toBe('OK')
      expect(await client.get('a')).toBe('1')
    }
  )

  test('names itself, and asks about the server', async () => {
    const { client } = await connect()
    await client.client('SETNAME', 'me')
    expect(await client.client('GETNAME')).toBe('me')
    expect(await client.info()).toMatch(/redis_version:7\.0\.\d+\r\n(.*\r\n)*role:master\r\n/)
    expect(String(await client.client('LIST'))).toMatch(/ name=me .* lib-name=ioredis/)
    expect(await client.command('COUNT')).toBeGreaterThan(80)
  })
})
