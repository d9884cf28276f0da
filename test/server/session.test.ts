// Connections over real sockets, on ports that the system chooses.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Limits } from '../../server/limits.ts'
import { Server } from '../../server/server.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { MemoryStore } from './support/memory-store.ts'
import { fragments, randomOf } from './support/random.ts'
import { RawClient } from './support/raw-client.ts'

const open: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(limits: Partial<Limits> = {}, store = new MemoryStore()) {
  const faults: unknown[] = []
  const server = await Server.listen({ store, port: 0, limits, onFault: (error) => faults.push(error) })
  open.push(async () => {
    await server.stop()
    expect(faults).toEqual([])
  })
  return { server, store, faults }
}

async function client(server: Server): Promise<RawClient> {
  const raw = await RawClient.connect(server.address)
  open.push(() => {
    raw.socket.destroy()
  })
  return raw
}

describe('a session', () => {
  const session: readonly (readonly [string, string])[] = [
    ['PUT hello world', '+OK\n'],
    ['GET hello', 'world\n'],
    ['DELETE hello', '+OK\n'],
    ['GET hello', '-NOT_FOUND\n'],
    ['PING', '+PONG\n'],
    ['STATUS', 'Node ID: 1\nRole: LEADER\nTerm: 1\nCommit Index: 2\nActive Connections: 1\n\n'],
    ['QUIT', '+OK\n']
  ]
  const replies = session.map(([, reply]) => reply).join('')

  test.each(['\n', '\r\n'])('request by request, lines ended by %j, and so the replies', async (end) => {
    const { server } = await start()
    const raw = await client(server)
    for (const [request, lines] of session) {
      const reply = lines.replaceAll('\n', end)
      expect(await raw.ask(`${request}${end}`, reply)).toBe(reply)
    }
    expect(await raw.rest()).toBe('')
  })

  test('all in one piece', async () => {
    const { server } = await start()
    const raw = await client(server)
    raw.send(session.map(([request]) => `${request}\n`).join(''))
    expect(await raw.rest()).toBe(replies)
  })

  test('a byte at a time', async () => {
    const { server } = await start()
    const raw = await client(server)
    for (const byte of session.map(([request]) => `${request}\r\n`).join('')) await raw.sent(byte)
    expect(await raw.rest()).toBe(replies.replaceAll('\n', '\r\n'))
  })

  test('what follows QUIT is not executed', async () => {
    const { server, store } = await start()
    const raw = await client(server)
    raw.send('PUT a 1\nQUIT\nPUT b 2\nGET a\n')
    expect(await raw.rest()).toBe('+OK\n+OK\n')
    expect(store.batches).toEqual([1])
  })

  test('a client that ends its side gets all its replies', async () => {
    const { server } = await start()
    const raw = await client(server)
    raw.send('PUT a 1\nGET a\n'.repeat(100))
    raw.end()
    expect(await raw.rest()).toBe('+OK\n1\n'.repeat(100))
  })

  test('a last line without its end is not executed', async () => {
    const { server, store } = await start()
    const raw = await client(server)
    raw.send('PING\nPUT a 1')
    raw.end()
    expect(await raw.rest()).toBe('+PONG\n-ERR the last line has no line break, it was not executed\n')
    expect(store.batches).toEqual([])
  })

  test('a line too long is answered and skipped', async () => {
    const { server } = await start({ lineBytesMax: 1_000 })
    const raw = await client(server)
    raw.send(`PUT a ${'v'.repeat(100_000)}\nPUT b 1\nGET b\nGET a\nQUIT\n`)
    expect(await raw.rest()).toBe('-TOO_LARGE line too long, the limit is 1000 bytes\n+OK\n1\n-NOT_FOUND\n+OK\n')
  })

  test('a line of the default limit passes', async () => {
    const { server } = await start()
    const raw = await client(server)
    const value = 'v'.repeat(2 ** 20 - 'PUT a '.length)
    raw.send(`PUT a ${value}\nGET a\nPUT a ${value}v\nQUIT\n`)
    expect(await raw.rest()).toBe(`+OK\n${value}\n-TOO_LARGE line too long, the limit is 1048576 bytes\n+OK\n`)
  })

  test('a value with line breaks, stored by other means', async () => {
    const { server, store } = await start()
    store.set('k', 'two\nlines')
    const raw = await client(server)
    raw.send('GET k\nPUT k one\rline\nGET k\nPING\nQUIT\n')
    expect(await raw.rest()).toBe('-ERR value has line breaks\n+OK\n-ERR value has line breaks\n+PONG\n+OK\n')
  })
})

describe('many requests', () => {
  test('replies keep their order', async () => {
    const { server, store } = await start()
    const raw = await client(server)
    const count = 20_000
    const numbers = Array.from({ length: count }, (_, i) => i)
    raw.send(numbers.map((i) => `PUT k${i} v${i}\n`).join(''))
    raw.send(numbers.map((i) => `GET k${i}\n`).join(''))
    raw.send('QUIT\n')
    expect(await raw.rest()).toBe(`${'+OK\n'.repeat(count)}${numbers.map((i) => `v${i}\n`).join('')}+OK\n`)
    expect(store.batches.length).toBeLessThan(count / 50)
    expect(store.lookups.length).toBeLessThan(count / 20)
  })

  test('a lookup of long values becomes short', async () => {
    const { server, store } = await start({ replyBytesMax: 10_000, firstLookupMax: 4, lookupMax: 64 })
    store.set('long', 'x'.repeat(5_000))
    store.set('short', 'x')
    const raw = await client(server)
    raw.send(`${'GET short\n'.repeat(100)}${'GET long\n'.repeat(70)}QUIT\n`)
    await raw.rest()
    expect(Math.max(...store.lookups)).toBe(64)
    expect(store.lookups.at(-1)).toBeLessThanOrEqual(2)
    expect(store.lookups.reduce((sum, length) => sum + length)).toBe(170)
  })

  test('a client that does not read is not read from, and loses nothing', async () => {
    const { server, store } = await start()
    const value = 'v'.repeat(64 * 2 ** 10)
    store.set('k', value)
    const raw = await client(server)
    raw.socket.pause()
    const count = 1_500
    raw.send(`${'GET k\n'.repeat(count)}QUIT\n`)
    const good = await client(server)
    for (let i = 0; i < 1_000; i++) expect(await good.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
    // What is under way: the buffers of both sockets, a slice, a lookup. 94 MB would be everything.
    const lookedUp = store.lookups.reduce((sum, length) => sum + length, 0)
    expect(lookedUp * value.length).toBeLessThan(48 * 2 ** 20)
    raw.socket.resume()
    const replies = await raw.rest()
    expect(replies.length).toBe(count * (value.length + 1) + 4)
    expect(replies === `${`${value}\n`.repeat(count)}+OK\n`).toBe(true)
  })

  test('random sessions in random pieces on many connections', async () => {
    const random = randomOf(seedOf('sessions'))
    const { rounds } = campaign('sessions', { short: { rounds: 50 }, long: { rounds: 20_000 } })
    const { server } = await start({ lineBytesMax: 200, firstLookupMax: 2, lookupMax: 5, batchMax: 3 })
    const lines = ['PING', 'GET ', 'NOPE', '', 'PUT', '\0\0', `PUT k ${'x'.repeat(300)}`, '\xff\xfe GET']
    for (let round = 0; round < rounds; round++) {
      const model = new Map<string, string>()
      let requests = ''
      let isError: (boolean | string)[] = []
      for (let i = 0; i < 60; i++) {
        const key = `${round}:${random.below(5)}`
        switch (random.below(4)) {
          case 0:
            model.set(key, `v${i}`)
            requests += `PUT ${key} v${i}\n`
            isError.push('+OK')
            break
          case 1:
            model.delete(key)
            requests += `DELETE ${key}\r\n`
            isError.push('+OK')
            break
          case 2:
            requests += `GET ${key}\n`
            isError.push(model.get(key) ?? '-NOT_FOUND')
            break
          default: {
            const line = random.pick(lines)
            requests += `${line}\n`
            isError.push(line === 'PING' ? '+PONG' : true)
          }
        }
      }
      requests += 'QUIT\n'
      isError = [...isError, '+OK', '']
      const raw = await client(server)
      for (const piece of fragments(Buffer.from(requests, 'latin1'), random, 200)) await raw.sent(piece)
      const replies = (await raw.rest()).split(/\r?\n/)
      expect(replies.map((reply, i) => (isError[i] === true ? /^-(ERR|TOO_LARGE) /.test(reply) : reply))).toEqual(
        isError
      )
      raw.socket.destroy()
    }
  })
})

describe('the server', () => {
  test('tells connections over the limit so, and takes one again when there is room', async () => {
    const { server } = await start({ connectionsMax: 2 })
    const first = await client(server)
    const second = await client(server)
    expect(await first.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
    expect(await second.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
    const third = await client(server)
    expect(await third.rest()).toBe('-ERR too many connections, the limit is 2\n')
    first.send('QUIT\n')
    first.end()
    await once(first.socket, 'close')
    while (server.activeConnections === 2) await new Promise(setImmediate)
    const fourth = await client(server)
    expect(await fourth.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
  })

  test('counts the connections there are', async () => {
    const { server } = await start()
    const first = await client(server)
    await client(server).then((second) => second.ask('PING\n', '+PONG\n'))
    const status = 'Node ID: 1\nRole: LEADER\nTerm: 1\nCommit Index: 0\nActive Connections: 2\n\n'
    expect(await first.ask('STATUS\n', status)).toBe(status)
  })

  test('finishes what it received, then stops', async () => {
    const { server, store } = await start()
    const raw = await client(server)
    const idle = await client(server)
    expect(await idle.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
    expect(await raw.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
    const release = store.hold()
    raw.send('PUT a 1\nPING\n')
    while (store.batches.length === 0) await new Promise(setImmediate)
    const { port } = server.address
    const stopped = server.stop()
    expect(server.stop()).toBe(stopped)
    expect(await idle.rest()).toBe('')
    const late = connect({ host: '127.0.0.1', port })
    expect(await once(late, 'error').then(([error]) => (error as NodeJS.ErrnoException).code)).toBe('ECONNREFUSED')
    release()
    expect(await raw.rest()).toBe('+OK\n+PONG\n')
    idle.end()
    raw.end()
    await stopped
    expect(server.activeConnections).toBe(0)
  })

  test('cuts off who does not take the end', async () => {
    const { server, store } = await start()
    store.set('k', 'v'.repeat(2 ** 20))
    const raw = await client(server)
    raw.socket.pause()
    raw.send('GET k\n'.repeat(100))
    while (store.lookups.length === 0) await new Promise(setImmediate)
    await server.stop(1)
    expect(server.activeConnections).toBe(0)
  })

  test('a connection that is reset takes nothing with it', async () => {
    const { server, store } = await start()
    store.set('k', 'v'.repeat(2 ** 20))
    const raw = await client(server)
    raw.send('GET k\n'.repeat(50))
    while (store.lookups.length === 0) await new Promise(setImmediate)
    raw.socket.resetAndDestroy()
    const good = await client(server)
    expect(await good.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
  })

  test('says which address it cannot have', async () => {
    const { server, store } = await start()
    const taken = Server.listen({ store, port: server.address.port })
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
