// Messages between clients: who gets what, in which order, and what happens to who does not read.
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { globMatches } from '../../server/commands/glob.ts'
import { Broker, type Subscriber } from '../../server/pubsub.ts'
import type { Server } from '../../server/server.ts'
import { seedOf } from '../support/campaign.ts'
import { MemoryStore } from './support/memory-store.ts'
import { randomOf } from './support/random.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd, clientOf, respOf, served } from './support/served.ts'

const push = (version: 2 | 3, ...words: readonly (string | number)[]): string =>
  `${version === 3 ? '>' : '*'}${words.length}\r\n${words
    .map((word) => (typeof word === 'number' ? `:${word}\r\n` : `$${word.length}\r\n${word}\r\n`))
    .join('')}`

async function peerOf(server: Server, version: 2 | 3 = 2): Promise<RespPeer> {
  const peer = await RespPeer.connect({ port: server.address.port })
  atEnd(() => peer[Symbol.dispose]())
  await peer.ask([requestOf('HELLO', String(version))])
  return peer
}

const ask = async (peer: RespPeer, line: string, count = 1): Promise<string> =>
  (await peer.ask([requestOf(...line.split(' '))], count)).join('')

/** What comes without being asked for. */
const next = async (peer: RespPeer, count: number): Promise<string> => (await peer.ask([], count)).join('')

describe('over sockets', () => {
  test.each([2, 3] as const)('messages of channels and patterns, RESP%i', async (version) => {
    const server = await served()
    const subscriber = await peerOf(server, version)
    const publisher = await peerOf(server)
    expect(await ask(subscriber, 'SUBSCRIBE a b', 2)).toBe(
      push(version, 'subscribe', 'a', 1) + push(version, 'subscribe', 'b', 2)
    )
    expect(await ask(subscriber, 'PSUBSCRIBE ?')).toBe(push(version, 'psubscribe', '?', 3))
    expect(await ask(publisher, 'PUBLISH a hi')).toBe(':2\r\n')
    expect(await ask(publisher, 'PUBLISH c ho')).toBe(':1\r\n')
    expect(await ask(publisher, 'PUBLISH cc no')).toBe(':0\r\n')
    expect(await next(subscriber, 3)).toBe(
      push(version, 'message', 'a', 'hi') +
        push(version, 'pmessage', '?', 'a', 'hi') +
        push(version, 'pmessage', '?', 'c', 'ho')
    )
    expect(await ask(subscriber, 'PING x')).toBe(version === 3 ? '$1\r\nx\r\n' : push(2, 'pong', 'x'))
    expect(await ask(subscriber, 'UNSUBSCRIBE', 2)).toContain(push(version, 'unsubscribe', 'b', 1))
    expect(await ask(publisher, 'PUBLISH a hi')).toBe(':1\r\n')
  })

  test('who publishes to itself gets the message, then the reply', async () => {
    const peer = await peerOf(await served(), 3)
    await ask(peer, 'SUBSCRIBE a')
    expect(await ask(peer, 'PUBLISH a hi', 2)).toBe(`${push(3, 'message', 'a', 'hi')}:1\r\n`)
  })

  test('no message comes before the reply to SUBSCRIBE, however long what follows it takes', async () => {
    const store = new MemoryStore()
    const server = await served({ store })
    const subscriber = await peerOf(server, 3)
    const publisher = await peerOf(server)
    const release = store.hold()
    const replies = subscriber.ask([requestOf('SUBSCRIBE', 'a'), requestOf('SET', 'k', 'v')], 3)
    while (store.batches.length === 0) await new Promise(setImmediate)
    expect(await ask(publisher, 'PUBLISH a hi')).toBe(':1\r\n')
    release()
    expect(await replies).toEqual([push(3, 'subscribe', 'a', 1), push(3, 'message', 'a', 'hi'), '+OK\r\n'])
  })

  test('who does not read is closed, and nobody else notices', async () => {
    const server = await served({ limits: { pushedBytesMax: 256 * 2 ** 10 } })
    const stalled = await clientOf(server)
    const confirmed = push(2, 'subscribe', 'a', 1)
    expect(await stalled.ask(respOf('SUBSCRIBE', 'a').toString(), confirmed)).toBe(confirmed)
    stalled.socket.pause()
    const good = await peerOf(server, 3)
    await ask(good, 'SUBSCRIBE a')
    const message = 'm'.repeat(64 * 2 ** 10)
    let sent = 0
    for (; server.view.statistics.counts.subscribersCut === 0; sent++) {
      // The system's own buffers take some megabytes first.
      expect(sent).toBeLessThan(2_000)
      const [received, count] = await good.ask([requestOf('PUBLISH', 'a', message)], 2)
      expect(received).toBe(push(3, 'message', 'a', message))
      expect([':1\r\n', ':2\r\n']).toContain(count)
    }
    while (server.activeConnections === 2) await new Promise(setImmediate)
    expect(await ask(good, 'PUBLISH a last', 2)).toContain(':1\r\n')
  })

  test('subscriptions of a connection are counted, and end with it', async () => {
    const server = await served({ limits: { subscriptionsMax: 2 } })
    const peer = await peerOf(server, 3)
    expect(await ask(peer, 'SUBSCRIBE a b c', 3)).toContain(
      '-ERR too many subscriptions, the limit of a connection is 2\r\n'
    )
    expect(server.view.broker.channelCount).toBe(2)
    expect(await ask(peer, 'RESET')).toBe('+RESET\r\n')
    expect(server.view.broker.channelCount).toBe(0)
    const raw = await clientOf(server)
    raw.send(respOf('PSUBSCRIBE', 'x*'))
    await raw.bytes(10)
    expect(server.view.broker.patternCount).toBe(1)
    raw.socket.destroy()
    await once(raw.socket, 'close')
    while (server.view.broker.patternCount > 0) await new Promise(setImmediate)
  })

  test('not in a transaction, which then fails', async () => {
    const peer = await peerOf(await served(), 3)
    await ask(peer, 'MULTI')
    expect(await ask(peer, 'SUBSCRIBE a')).toBe('-ERR Command not allowed inside a transaction\r\n')
    expect(await ask(peer, 'EXEC')).toMatch(/^-EXECABORT /)
  })
})

test('random subscriptions and messages reach whom a plain list says', () => {
  const random = randomOf(seedOf('messages'))
  const broker = new Broker()
  const makeSubscriber = () => {
    const got: string[] = []
    const subscriber: Subscriber = {
      channels: new Map(),
      patterns: new Map(),
      push: (reply) => got.push(JSON.stringify(reply))
    }
    return { subscriber, got, model: { channels: new Set<string>(), patterns: new Set<string>() } }
  }
  const all = Array.from({ length: 5 }, makeSubscriber)
  const names = { channels: ['a', 'b', 'aa', 'ab', ''], patterns: ['a*', '*', '?', '[ab]', '\\a'] }
  for (let step = 0; step < 5_000; step++) {
    const { subscriber, model } = random.pick(all)
    const kind = random.pick(['channels', 'patterns'] as const)
    const name = random.pick(names[kind])
    switch (random.below(4)) {
      case 0:
        model[kind].add(name)
        expect(broker.subscribe(subscriber, kind, Buffer.from(name))).toBe(model.channels.size + model.patterns.size)
        break
      case 1:
        model[kind].delete(name)
        expect(broker.unsubscribe(subscriber, kind, Buffer.from(name))).toBe(model.channels.size + model.patterns.size)
        break
      case 2: {
        const channel = Buffer.from(random.pick(names.channels))
        const before = all.map(({ got }) => got.length)
        const count = broker.publish(channel, Buffer.from('m'))
        const wanted = all.map(({ model: { channels, patterns } }) => {
          const matching = [...patterns].filter((pattern) => globMatches(Buffer.from(pattern), channel))
          return matching.length + (channels.has(channel.toString()) ? 1 : 0)
        })
        expect(all.map(({ got }, i) => got.length - (before[i] ?? 0))).toEqual(wanted)
        expect(count).toBe(wanted.reduce((sum, each) => sum + each))
        break
      }
      default:
        if (random.below(50) > 0) break
        broker.leave(subscriber)
        model.channels.clear()
        model.patterns.clear()
    }
  }
  for (const { subscriber } of all) broker.leave(subscriber)
  expect([broker.channelCount, broker.patternCount]).toEqual([0, 0])
})
