// Messages over real sockets: lanes that do not wait for each other, queues that end, fragments, bad bytes.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../server/raft/transport/bytes.ts'
import { encodeFrame, FrameReader, frameKinds } from '../../../server/raft/transport/frames.ts'
import { helloFrame, magic, ownVersions, readHello, welcomeFrame } from '../../../server/raft/transport/handshake.ts'
import type { Lane } from '../../../server/raft/transport/lanes.ts'
import { isInstrumented, seedOf } from '../../support/campaign.ts'
import { drawsOf, randomOf } from '../../support/random.mjs'
import {
  append,
  atEnd,
  bareServer,
  connectAll,
  groupOf,
  heartbeat,
  identityOf,
  isConnected,
  localhost,
  memberOf,
  type Opened,
  transportOf
} from '../support/transports.ts'

/** A peer of bare sockets that welcomes whoever dials. What comes after the hello goes to `onBytes`. */
async function barePeer(onBytes: (bytes: Buffer, lane: Lane, socket: Socket) => void): Promise<Opened['member']> {
  const member = memberOf(2, 'b')
  const port = await bareServer((socket) => {
    let lane: Lane | undefined
    const reader = new FrameReader(2 ** 16)
    socket.on('data', (bytes) => {
      if (lane !== undefined) {
        onBytes(bytes, lane, socket)
        return
      }
      reader.push(bytes.subarray(magic.length), (kind, payload) => {
        expect(kind).toBe(frameKinds.hello)
        lane = readHello(new ByteReader(payload)).lane
        const welcome = welcomeFrame({ protocol: 1, features: 0, identity: identityOf(member) })
        socket.write(Buffer.concat([magic, ...welcome.parts]))
      })
    })
  })
  return memberOf(2, 'b', port)
}

/** Connects as member 2 of the cluster would. */
async function bareClient(to: Opened, lane: Lane): Promise<Socket> {
  const socket = connect(to.transport.address.port, '127.0.0.1')
  atEnd(() => void socket.destroy())
  const hello = helloFrame({ ...ownVersions, identity: identityOf(memberOf(2, 'b')), lane, recipient: 0 })
  socket.on('error', () => {})
  socket.write(Buffer.concat([magic, ...hello.parts]))
  await once(socket, 'data')
  return socket
}

describe('messages', () => {
  test('reach who they are for, from who they are from, in the order of their lane', async () => {
    const nodes = await groupOf(3)
    for (const { transport, member } of nodes) {
      for (const peer of nodes) {
        if (peer.member.id === member.id) continue
        for (let round = 0; round < 50; round++) {
          transport.send(heartbeat(member.id, peer.member.id, round))
          transport.send(append(member.id, peer.member.id, round, Buffer.alloc(round * 200, round)))
        }
      }
    }
    for (const { seen, member } of nodes) {
      await seen.until(() => seen.messages.length >= 200)
      for (const from of [1, 2, 3].filter((id) => id !== member.id)) {
        const own = seen.messages.filter((message) => message.from === from && message.to === member.id)
        const rounds = own.flatMap((message) => (message.kind === 'heartbeat' ? message.round : []))
        const appends = own.filter((message) => message.kind === 'append')
        const numbers = Array.from({ length: 50 }, (_, i) => i)
        expect(rounds).toEqual(numbers)
        const said = numbers.map((i) => append(from, member.id, i, Buffer.alloc(i * 200, i)))
        expect(isDeepStrictEqual(appends, said)).toBe(true)
      }
      expect(seen.lost).toEqual([])
      expect(seen.unreachable).toEqual([])
    }
  })

  test('notes come once, in their order, from who said them; without room or a connection they are refused', async () => {
    const heard: string[] = []
    const onNote = (peer: number, note: Buffer) => void heard.push(`${peer} ${note.toString()}`)
    const nodes = await groupOf(3, { onNote })
    const [first, second, third] = nodes as [Opened, Opened, Opened]
    for (let i = 0; i < 100; i++) expect(first.transport.note(2, Buffer.from(`note ${i}`), 1_000)).toBe(i < 63)
    expect(first.transport.note(9, Buffer.from('nobody'), 1_000)).toBe(false)
    second.transport.send(append(2, 3, 0, Buffer.alloc(100)))
    expect(second.transport.note(3, Buffer.from('after'), 0)).toBe(false)
    expect(second.transport.note(3, Buffer.from('after'), 1_000)).toBe(true)
    await third.seen.until(() => third.seen.messages.length === 1)
    await first.transport.close()
    expect(first.transport.note(2, Buffer.from('closed'), 1_000)).toBe(false)
    await second.seen.until(() => second.seen.lost.length === 1)
    expect(heard.filter((note) => note.startsWith('1'))).toEqual(Array.from({ length: 63 }, (_, i) => `1 note ${i}`))
    expect(heard.filter((note) => note.startsWith('2'))).toEqual(['2 after'])
  })

  test('of one turn leave in one write', async () => {
    const chunks: Buffer[] = []
    const peer = await barePeer((bytes, lane) => {
      if (lane === 'control') chunks.push(bytes)
    })
    const { transport, seen, member } = await transportOf(1, 'a', { limits: { beatMs: 60_000 } })
    transport.become(identityOf(member), [member, peer])
    await seen.until(() => transport.status().get(2)?.control.state === 'ready')
    for (let round = 0; round < 100; round++) transport.send(heartbeat(1, 2, round))
    await seen.until(() => chunks.length > 0)
    let frames = 0
    new FrameReader(1000).push(chunks[0] as Buffer, () => frames++)
    expect([chunks.length, frames]).toEqual([1, 100])
    expect(transport.status().get(2)?.control).toMatchObject({ sent: 100, dropped: 0 })
  })

  test('without a connection are dropped, counted and reported once a turn', async () => {
    const { transport, seen, member } = await transportOf(1, 'a')
    const nobody = await bareServer((socket) => socket.destroy())
    transport.become(identityOf(member), [member, memberOf(2, 'b', nobody)])
    for (let round = 0; round < 10; round++) transport.send(heartbeat(1, 2, round))
    transport.send(heartbeat(1, 9, 0))
    expect(seen.unreachable).toEqual([])
    await seen.until(() => seen.unreachable.length > 0)
    expect(seen.unreachable).toEqual([2, 9])
    expect(transport.status().get(2)?.control.dropped).toBe(10)
  })

  test('for a peer that does not read are dropped once the queue is full, and the other lane goes on', async () => {
    let heard = 0
    const peer = await barePeer((bytes, lane, socket) => {
      if (lane === 'log') socket.pause()
      else heard += bytes.length
    })
    const limits = { logQueueBytesMax: 2 ** 20 }
    const { transport, seen, member } = await transportOf(1, 'a', { limits })
    transport.become(identityOf(member), [member, peer])
    await seen.until(() => transport.status().get(2)?.log.state === 'ready')
    await seen.until(() => transport.status().get(2)?.control.state === 'ready')
    const ref = Buffer.alloc(300_000)
    for (let index = 0; (transport.status().get(2)?.log.overflowed ?? 0) < 20; index++) {
      transport.send(append(1, 2, index, ref))
      await new Promise(setImmediate)
    }
    const { log } = transport.status().get(2) ?? {}
    expect(log?.waitingBytes).toBeLessThanOrEqual(limits.logQueueBytesMax)
    expect(seen.unreachable).toContain(2)
    const before = heard
    transport.send(heartbeat(1, 2, 1))
    await seen.until(() => heard > before)
  })

  test('of 8 MiB on the log lane delay no heartbeat by 5 ms', async () => {
    const [a, b] = (await groupOf(2)) as [Opened, Opened]
    const waiting = new Map<number, (ms: number) => void>()
    let appends = 0
    let isLoading = false
    const ref = Buffer.alloc(2 ** 23, 7)
    const load = () => a.transport.send(append(1, 2, appends, ref))
    // B's answers come over its own links; here it is enough to see when what A said arrived.
    const poll = async () => {
      let at = 0
      while (waiting.size > 0) {
        await new Promise(setImmediate)
        for (; at < b.seen.messages.length; at++) {
          const message = b.seen.messages[at]
          if (message?.kind === 'heartbeat') {
            waiting.get(message.round)?.(performance.now())
            waiting.delete(message.round)
          } else if (message?.kind === 'append') {
            appends++
            if (isLoading) load()
          }
        }
      }
      b.seen.messages.splice(0)
    }
    let round = 0
    const delayOf = async (): Promise<number> => {
      const start = performance.now()
      const arrived = new Promise<number>((resolve) => waiting.set(round, resolve))
      a.transport.send(heartbeat(1, 2, round++))
      await poll()
      return (await arrived) - start
    }
    const delays = async (count: number): Promise<number[]> => {
      const all: number[] = []
      while (all.length < count) all.push(await delayOf())
      return all.sort((x, y) => x - y)
    }
    await delays(100)
    const idle = await delays(300)
    isLoading = true
    load()
    const loaded: number[] = []
    while (appends < 8) loaded.push(...(await delays(20)))
    loaded.sort((x, y) => x - y)
    isLoading = false
    const at = (all: readonly number[], share: number) => all[Math.floor(all.length * share)] ?? 0
    const delayMs = (share: number) => at(loaded, share) - at(idle, share)
    console.log(
      `beside ${appends} appends of 8 MiB heartbeats take ${delayMs(0.5)} ms more, of ten one ${delayMs(0.9)} ms`
    )
    expect(appends).toBeGreaterThan(5)
    if (!isInstrumented) expect(delayMs(0.5)).toBeLessThan(5)
  })
})

test('bytes in any fragments', async () => {
  const { below } = drawsOf(randomOf(seedOf('fragments')))
  const b = await transportOf(2, 'b')
  // Between A and B: everything passes in pieces of a few bytes.
  const port = await bareServer((socket) => {
    const onwards = connect({ port: b.transport.address.port, host: '127.0.0.1', noDelay: true })
    socket.setNoDelay(true)
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (bytes) => {
        for (let at = 0; at < bytes.length; ) {
          const end = at + 1 + below(40)
          to.write(bytes.subarray(at, end))
          at = end
        }
      })
      from.on('close', () => to.destroy())
      from.on('error', () => to.destroy())
    }
    pass(socket, onwards)
    pass(onwards, socket)
  })
  const a = await transportOf(1, 'a')
  a.transport.become(identityOf(a.member), [a.member, memberOf(2, 'b', port)])
  b.transport.become(identityOf(b.member), [a.member, b.member])
  await a.seen.until(() => isConnected(a.transport, 1))
  const sent = Array.from({ length: 40 }, (_, i) => append(1, 2, i, Buffer.alloc(below(3_000), i)))
  for (const message of sent) a.transport.send(message)
  await b.seen.until(() => b.seen.messages.length === sent.length)
  expect(isDeepStrictEqual(b.seen.messages, sent)).toBe(true)
})

describe('bad bytes', () => {
  const cases: readonly (readonly [string, Lane, Buffer])[] = [
    ['a damaged frame', 'control', Buffer.concat([...encodeFrame(8, (to) => to.varint(1)).parts]).fill(1, 6, 7)],
    ['a heartbeat over the log lane', 'log', bytesOf(8, 1, 1, 1)],
    ['an append over the control lane', 'control', bytesOf(1, 1, 1, 1, 1, 0)],
    ['a message that ends too early', 'control', bytesOf(8, 1)],
    ['an acknowledgement of a storage, which has no number', 'control', bytesOf(15, 1, 1)],
    ['a second hello', 'control', bytesOf(frameKinds.hello, 1)],
    ['a length that lies', 'control', Buffer.of(255, 255, 255, 255, 8)]
  ]

  function bytesOf(kind: number, ...numbers: number[]): Buffer {
    return Buffer.concat(
      encodeFrame(kind, (to) => {
        for (const number of numbers) to.varint(number)
      }).parts
    )
  }

  test.each(cases)('%s closes its connection and no other', async (_, lane, bytes) => {
    const a = await transportOf(1, 'a', { members: [memberOf(2, 'b')] })
    const good = await bareClient(a, 'control')
    const bad = await bareClient(a, lane === 'control' ? 'log' : lane)
    if (lane === 'control') {
      // A connection of its own: the newest in a lane is the one that counts.
      const badControl = await bareClient(a, 'control')
      badControl.write(bytes)
      await once(badControl, 'close')
    } else {
      bad.write(bytes)
      await once(bad, 'close')
    }
    expect(a.seen.notices.some(({ kind, fault }) => kind === 'ended' && fault.code === 'BYTES')).toBe(true)
    expect(a.seen.messages).toEqual([])
    const again = await bareClient(a, 'control')
    again.write(bytesOf(8, 1, 0, 5))
    await a.seen.until(() => a.seen.messages.length === 1)
    good.destroy()
  })

  test('anything at all, before and after the handshake', async () => {
    const { below, oneOf } = drawsOf(randomOf(seedOf('hostile peers')))
    const [a, b] = (await groupOf(2)) as [Opened, Opened]
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(Array.from({ length: 1 + below(200) }, () => below(256)))
      const start = oneOf([Buffer.alloc(0), magic, Buffer.from('GET / HTTP/1.1\r\n\r\n')])
      const socket = connect(a.transport.address.port, '127.0.0.1')
      socket.on('error', () => {})
      const closed = once(socket, 'close')
      socket.end(Buffer.concat([start, bytes]))
      socket.resume()
      await closed
    }
    a.transport.send(heartbeat(1, 2, 77))
    await b.seen.until(() => b.seen.messages.length > 0)
    expect([a.seen.lost, a.seen.messages]).toEqual([[], []])
  })
})

test('a node that is gone and comes back is dialled again, by the name that it has then', async () => {
  const places = new Map([['b.example', '127.0.0.1']])
  let lookups = 0
  const a = await transportOf(1, 'a', {
    insecure: true,
    lookup: (name, options, callback) => {
      lookups++
      const address = places.get(name) ?? '127.0.0.9'
      if (options.all === true) callback(null, [{ address, family: 4 }])
      else callback(null, address, 4)
    }
  })
  const first = await transportOf(2, 'b')
  const { port } = first.transport.address
  const named = memberOf(2, 'b', port, 'b.example')
  a.transport.become(identityOf(a.member), [a.member, named])
  first.transport.become(identityOf(first.member), [a.member, first.member])
  await a.seen.until(() => isConnected(a.transport, 1))
  await first.transport.close()
  await a.seen.until(() => a.seen.lost.length === 1)
  places.set('b.example', '127.0.0.2')
  const second = await transportOf(2, 'b', { listen: { host: '127.0.0.2', port } })
  second.transport.become(identityOf(second.member), [a.member, second.member])
  await a.seen.until(() => isConnected(a.transport, 1))
  expect(lookups).toBeGreaterThan(2)
  a.transport.send(heartbeat(1, 2, 3))
  await second.seen.until(() => second.seen.messages.length === 1)
})

test('who is a member no more is left alone', async () => {
  const [a, b] = (await groupOf(2)) as [Opened, Opened]
  a.transport.become(identityOf(a.member), [a.member])
  await b.seen.until(() => b.transport.status().get(1)?.control.state !== 'ready')
  await b.seen.until(() => b.seen.notices.some(({ kind }) => kind === 'refused'))
  expect(a.transport.status().size).toBe(0)
  expect(localhost.port).toBe(0)
  await connectAll([a, b])
})
