// What bounds a client: times, memory, lengths. Pure parts by themselves, the rest over sockets with a clock that the test moves.
import { describe, expect, test } from 'vitest'
import { Users } from '../../server/auth/users.ts'
import { defaultLimits } from '../../server/limits.ts'
import { type Holder, Memory } from '../../server/memory.ts'
import { Patience, type Progress } from '../../server/patience.ts'
import { RespCodec } from '../../server/protocol/resp.ts'
import { MemoryStore } from './support/memory-store.ts'
import { clientOf, FakeClock, respOf, served } from './support/served.ts'

const pong = '+PONG\r\n'
const ping = respOf('PING').toString()

describe('patience', () => {
  const calm: Progress = {
    isAuthenticated: true,
    isBusy: false,
    isUnfinished: false,
    heldBytes: 0,
    requests: 0,
    activeMs: 0
  }
  const limits = { ...defaultLimits, handshakeMs: 10_000, requestMs: 30_000, idleMs: 0 }

  test('a login has its time', () => {
    const patience = new Patience(limits, 0)
    expect(patience.isOver({ ...calm, isAuthenticated: false }, 10_000)).toBe(false)
    expect(patience.isOver({ ...calm, isAuthenticated: false }, 10_001)).toBe(true)
    expect(patience.isOver(calm, 10_001)).toBe(false)
  })

  test('an unfinished request has its time, and more for what came of it', () => {
    const patience = new Patience(limits, 0)
    const unfinished = { ...calm, isUnfinished: true, heldBytes: 5_000 }
    expect(patience.isOver(calm, 100_000)).toBe(false)
    expect(patience.isOver(unfinished, 135_000)).toBe(false)
    expect(patience.isOver(unfinished, 135_001)).toBe(true)
  })

  test('another request is not the same unfinished one', () => {
    const patience = new Patience(limits, 0)
    for (let i = 1; i < 100; i++) {
      expect(patience.isOver({ ...calm, isUnfinished: true, requests: i }, i * 20_000)).toBe(false)
    }
  })

  test('idleness, where it is bounded, is that of clients who wait for nothing', () => {
    const patience = new Patience({ ...limits, idleMs: 60_000 }, 0)
    expect(patience.isOver({ ...calm, activeMs: 10_000 }, 70_000)).toBe(false)
    expect(patience.isOver({ ...calm, activeMs: 10_000 }, 70_001)).toBe(true)
    expect(patience.isOver({ ...calm, isBusy: true, activeMs: 10_000 }, 900_000)).toBe(false)
    expect(patience.isOver({ ...calm, activeMs: 10_000 }, 960_001)).toBe(true)
    expect(new Patience(limits, 0).isOver(calm, 1e12)).toBe(false)
  })
})

describe('memory', () => {
  class Client implements Holder {
    inputBytes = 0
    outputBytes = 0
    isBlocked = false
    expectsLong = false
    isGone = false
    destroy() {
      this.isGone = true
    }
  }

  const limits = { ...defaultLimits, inputBytesTotalMax: 1_000, outputBytesTotalMax: 100_000 }
  function start(count: number) {
    const clients = Array.from({ length: count }, () => new Client())
    const memory = new Memory(limits, () => clients.filter(({ isGone }) => !isGone))
    return { memory, clients: clients as [Client, Client, Client] }
  }

  test('one long request is let be; of many the longest after it goes', () => {
    const { memory, clients } = start(3)
    const [long, second, third] = clients
    memory.input(long, 500_000)
    memory.input(second, 600)
    memory.input(third, 400)
    expect(clients.map(({ isGone }) => isGone)).toEqual([false, false, false])
    memory.input(third, 401)
    expect(clients.map(({ isGone }) => isGone)).toEqual([false, true, false])
    expect(memory.inputBytes).toBe(500_401)
    memory.input(long, 0)
    memory.forget(third)
    expect(memory.inputBytes).toBe(0)
  })

  test('who expects long values waits for room, and who takes nothing for a second makes it', async () => {
    const { memory, clients } = start(3)
    const [slow, stuck, other] = clients
    memory.output(slow, 60_000)
    memory.output(stuck, 40_000)
    slow.isBlocked = true
    stuck.isBlocked = true
    expect(memory.beginLookup(other)).toBeUndefined()
    memory.endLookup()
    other.expectsLong = true
    const turn = memory.beginLookup(other)
    expect(turn).toBeInstanceOf(Promise)
    memory.tick()
    memory.output(slow, 1_000)
    await new Promise(setImmediate)
    memory.tick()
    expect([slow.isGone, stuck.isGone]).toEqual([false, true])
    await turn
    // What it had under way when it was cut off counts for nothing.
    memory.output(stuck, -5_000)
    expect(memory.outputBytes).toBe(61_000)
  })

  test('far over the limit, who holds most and does not read goes at once', () => {
    const { memory, clients } = start(3)
    const [reader, small, large] = clients
    small.isBlocked = true
    large.isBlocked = true
    memory.output(reader, 900_000)
    memory.output(small, 60_000)
    memory.output(large, 130_000)
    expect(clients.some(({ isGone }) => isGone)).toBe(false)
    memory.output(small, 20_000)
    expect(clients.map(({ isGone }) => isGone)).toEqual([false, false, true])
    expect(memory.outputBytes).toBe(980_000)
  })

  test('few lookups are under way at a time', async () => {
    const { memory, clients } = start(1)
    const [client] = clients
    const turns = Array.from({ length: 33 }, () => memory.beginLookup(client))
    expect(turns.filter((turn) => turn !== undefined)).toHaveLength(1)
    memory.endLookup()
    await turns[32]
  })
})

describe('times over sockets', () => {
  test('who does not log in goes', async () => {
    const clock = new FakeClock()
    const users = new Users()
    await users.seed('default', Buffer.from('secret'))
    const server = await served({ clock, users, limits: { handshakeMs: 5_000 } })
    const stranger = await clientOf(server)
    const known = await clientOf(server)
    await known.ask(respOf('AUTH', 'secret').toString(), '+OK\r\n')
    await stranger.ask(respOf('QUIET').toString(), '-NOAUTH Authentication required.\r\n')
    clock.pass(6)
    expect(await stranger.rest()).toBe('')
    expect(await known.ask(ping, pong)).toBe(pong)
  })

  test.each(['*2\r\n$3\r\nGET\r\n$1000000\r\n', '*1000\r\n', 'PUT a '])(
    'a request that stops goes: %j',
    async (start) => {
      const clock = new FakeClock()
      const server = await served({ clock, limits: { requestMs: 3_000 } })
      const stalled = await clientOf(server)
      const calm = await clientOf(server)
      const first = start.startsWith('*') ? ping : 'PING\n'
      expect(await stalled.ask(first, '+PONG')).toBe('+PONG')
      await calm.ask(ping, pong)
      await stalled.sent(start)
      // Once the server has it: the next sweeps see it unfinished.
      while (server.memory.inputBytes === 0 && !start.startsWith('*1000')) await calm.ask(ping, pong)
      for (let i = 0; i < 5; i++) await calm.ask(ping, pong)
      clock.pass(5)
      expect((await stalled.rest()).trim()).toBe('')
      expect(await calm.ask(ping, pong)).toBe(pong)
    }
  )

  test('who is idle goes where that is bounded; a subscriber waits', async () => {
    const clock = new FakeClock()
    const server = await served({ clock, limits: { idleMs: 60_000 } })
    const idle = await clientOf(server)
    const subscriber = await clientOf(server)
    await idle.ask(ping, pong)
    const subscribed = '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n'
    expect(await subscriber.ask(respOf('SUBSCRIBE', 'a').toString(), subscribed)).toBe(subscribed)
    clock.pass(62)
    expect(await idle.rest()).toBe('')
    expect(server.activeConnections).toBe(1)
  })

  test('who takes nothing of a reply goes', async () => {
    const store = new MemoryStore()
    store.set('k', Buffer.alloc(64 * 2 ** 20))
    const server = await served({ store, limits: { stalledMs: 50 } })
    const client = await clientOf(server)
    client.socket.pause()
    await client.sent(respOf('GET', 'k'))
    const other = await clientOf(server)
    while (server.activeConnections > 1) await other.ask(ping, pong)
    expect(server.memory.outputBytes).toBe(0)
  })
})

describe('lengths', () => {
  test('what is announced is not allocated', () => {
    const codec = new RespCodec(defaultLimits)
    expect(codec.push(Buffer.from('*1048576\r\n$536870912\r\nabc'))).toEqual([])
    expect(codec.isUnfinished).toBe(true)
    expect(codec.heldBytes).toBeLessThan(1_000)
  })

  test('what is held counts arguments and what they cost', () => {
    const codec = new RespCodec(defaultLimits)
    codec.push(Buffer.concat([Buffer.from('*1000000\r\n'), ...Array(1_000).fill(Buffer.from('$1\r\na\r\n'))]))
    expect(codec.heldBytes).toBeGreaterThan(90_000)
    expect(codec.heldBytes).toBeLessThan(200_000)
  })

  test.each([
    [{ bulkBytesMax: 10 }, '*2\r\n$3\r\nGET\r\n$11\r\n', 'invalid bulk length'],
    [{ argumentsMax: 3 }, '*4\r\n', 'invalid multibulk length'],
    [
      { requestBytesMax: 10 },
      '*3\r\n$3\r\nGET\r\n$5\r\nabcde\r\n$3\r\n',
      'the arguments of a request are too long together'
    ]
  ])('%j', async (limits, bytes, reason) => {
    const client = await clientOf(await served({ limits }))
    client.send(bytes)
    expect(await client.rest()).toBe(`-ERR Protocol error: ${reason}\r\n`)
  })

  test('unfinished requests of all connections together', async () => {
    const server = await served({ limits: { inputBytesTotalMax: 100_000 } })
    const longest = await clientOf(server)
    await longest.sent(`*2\r\n$3\r\nGET\r\n$1000000\r\n${'x'.repeat(500_000)}`)
    const others = await Promise.all(Array.from({ length: 20 }, () => clientOf(server)))
    for (const other of others) await other.sent(`*2\r\n$3\r\nGET\r\n$100000\r\n${'x'.repeat(20_000)}`)
    const asking = await clientOf(server)
    while (server.memory.evicted === 0) await asking.ask(ping, pong)
    while (server.memory.inputBytes < 500_000) await asking.ask(ping, pong)
    expect(server.memory.inputBytes - 500_000).toBeLessThan(250_000)
    await longest.sent(`${'x'.repeat(500_000)}\r\n`)
    expect((await longest.bytes(5)).toString()).toBe('-ERR ')
  })

  test.each([
    'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nPUT a 1\n',
    'POST / HTTP/1.1\r\n\r\nPUT a 1\n',
    'POST /x\nPUT a 1\n',
    'OPTIONS *\nPUT a 1\n',
    'HEAD /\nPUT a 1\n',
    'CONNECT localhost:9000\nPUT a 1\n',
    'Host: localhost\nPUT a 1\n',
    `GET /${'x'.repeat(2 ** 20)} HTTP/1.1\r\nHost: localhost\r\n\r\nPUT a 1\n`
  ])('a browser is closed before anything is executed: %.30j', async (bytes) => {
    const store = new MemoryStore()
    const client = await clientOf(await served({ store }))
    client.send(bytes)
    expect(await client.rest()).toMatch(/^(-TOO_LARGE [^\n]*\r?\n)?$/)
    expect(store.batches).toEqual([])
    expect(store.lookups).toEqual([])
  })
})
