// Who is who, who is gone, and when somebody is tried again.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../server/clock.ts'
import { parseAddress } from '../../../server/raft/transport/address.ts'
import { backoffMs } from '../../../server/raft/transport/backoff.ts'
import { ByteReader } from '../../../server/raft/transport/bytes.ts'
import { encodeFrame, FrameReader, frameKinds } from '../../../server/raft/transport/frames.ts'
import {
  type Hello,
  helloFrame,
  judge,
  magic,
  ownVersions,
  readHello,
  welcomeFrame
} from '../../../server/raft/transport/handshake.ts'
import { isInstrumented, seedOf } from '../../support/campaign.ts'
import { drawsOf, randomOf } from '../../support/random.mjs'
import {
  atEnd,
  bareServer,
  groupOf,
  heartbeat,
  identityOf,
  isConnected,
  memberOf,
  type Opened,
  only,
  transportOf
} from '../support/transports.ts'

describe('the handshake', () => {
  const a = memberOf(1, 'a')
  const b = memberOf(2, 'b')
  const own = identityOf(a)
  const directory = { members: [a, b], expected: [] }
  const hello = (changes: Partial<Hello> = {}): Hello => ({
    ...ownVersions,
    identity: identityOf(b),
    lane: 'control',
    recipient: 1,
    ...changes
  })

  test('agrees on the highest version and the features of both', () => {
    const versions = { protocolMin: 2, protocolMax: 5, features: 0b1101 }
    const theirs = hello({ protocolMin: 1, protocolMax: 4, features: 2 ** 40 + 0b0111 })
    expect(judge(theirs, own, versions, directory)).toEqual({ protocol: 4, features: 0b0101 })
  })

  test.each<[string, Partial<Hello>, string, RegExp]>([
    ['a later version', { protocolMin: 2, protocolMax: 3 }, 'protocol', /"a" speaks versions 1 to 1 .* "b" 2 to 3/],
    ['another cluster', { identity: identityOf(b, 'other') }, 'cluster', /"a" belongs to cluster cluster, .* other/],
    ['no cluster', { identity: identityOf(b, '') }, 'cluster', /"b" to no cluster/],
    ['a known name with another id', { identity: identityOf(memberOf(7, 'b')) }, 'identity', /"b" is member 2 .* is 7/],
    ['a known id with another name', { identity: identityOf(memberOf(2, 'x')) }, 'identity', /called "b", and not "x"/],
    ['a stranger', { identity: identityOf(memberOf(9, 'x')) }, 'stranger', /"x" is no member/],
    ['who wants somebody else', { recipient: 3 }, 'recipient', /This is Node "a", member 1, and not member 3/]
  ])('refuses %s', (_, changes, code, sentence) => {
    expect(judge(hello(changes), own, ownVersions, directory)).toMatchObject({
      code,
      sentence: expect.stringMatching(sentence)
    })
  })

  test('before there is a cluster only the lane for that is open', () => {
    const before = identityOf(a, '')
    expect(judge(hello(), before, ownVersions, directory)).toMatchObject({ code: 'bootstrapping' })
    expect(judge(hello({ lane: 'bootstrap' }), before, ownVersions, directory)).toMatchObject({ protocol: 1 })
  })

  test('hellos come out as they went in, and damaged ones are faults', () => {
    const { below } = drawsOf(randomOf(seedOf('hellos')))
    const { parts } = helloFrame(hello({ features: 5 }))
    const payload = Buffer.concat(parts).subarray(5, -4)
    expect(readHello(new ByteReader(payload))).toEqual(hello({ features: 5 }))
    let faults = 0
    for (let i = 0; i < 3_000; i++) {
      const damaged = Buffer.from(payload)
      damaged[below(damaged.length)] = below(256)
      try {
        readHello(new ByteReader(damaged.subarray(0, damaged.length - below(3))))
      } catch (error) {
        expect(error).toMatchObject({ name: 'TransportFault', code: 'BYTES' })
        faults++
      }
    }
    expect(faults).toBeGreaterThan(500)
  })

  test('both sides log why, once', async () => {
    const first = await transportOf(1, 'a')
    const second = await transportOf(2, 'b')
    first.transport.become(identityOf(first.member, 'one'), [first.member])
    second.transport.become(identityOf(second.member, 'two'), [first.member, second.member])
    // Refused again and again; each side says it once a lane.
    await second.seen.until(() => second.seen.notices.filter(({ kind }) => kind === 'refused').length === 2)
    await first.seen.until(() => first.seen.notices.filter(({ kind }) => kind === 'refusing').length === 2)
    const sentence = 'Node "a" belongs to cluster one, Node "b" to cluster two.'
    for (const { fault } of [...first.seen.notices, ...second.seen.notices]) expect(fault.message).toBe(sentence)
    second.transport.send(heartbeat(2, 1, 1))
    expect(first.seen.messages).toEqual([])
  })

  test('an empty directory does not come back as the member that it was', async () => {
    const [first, lost] = (await groupOf(2)) as [Opened, Opened]
    await lost.transport.close()
    const fresh = await transportOf(77, 'b')
    fresh.transport.become(identityOf(fresh.member), [first.member, fresh.member])
    await fresh.seen.until(() => fresh.seen.notices.some(({ kind }) => kind === 'refused'))
    expect(fresh.seen.notices[0]?.fault.message).toMatch(/"b" is member 2 of this cluster, and who asks is 77/)
  })

  test('who answers at an address and is somebody else is not talked to', async () => {
    const [first, other] = [await transportOf(1, 'a'), await transportOf(3, 'c')]
    other.transport.become(identityOf(other.member), [first.member, other.member])
    first.transport.become(identityOf(first.member), [first.member, { ...other.member, id: 2, name: 'b' }])
    const refused = () => first.seen.notices.find(({ kind }) => kind === 'refused')
    await first.seen.until(() => refused() !== undefined)
    expect(refused()?.fault.message).toMatch(/This is Node "c", member 3, and not member 2/)
  })
})

/** Member 2, which welcomes whoever dials and says nothing. */
async function welcomingPeer(sockets: Socket[]): Promise<Opened['member']> {
  const welcome = welcomeFrame({ protocol: 1, features: 0, identity: identityOf(memberOf(2, 'b')) })
  const port = await bareServer((socket) => {
    sockets.push(socket)
    socket.once('data', () => socket.write(Buffer.concat([magic, ...welcome.parts])))
  })
  return memberOf(2, 'b', port)
}

describe('a peer that is gone', () => {
  test('is reported once, and only by those who lost it', async () => {
    const [a, b, c] = (await groupOf(3)) as [Opened, Opened, Opened]
    await b.transport.close()
    await a.seen.until(() => a.seen.lost.length > 0)
    await c.seen.until(() => c.seen.lost.length > 0)
    a.transport.send(heartbeat(1, 3, 1))
    await c.seen.until(() => c.seen.messages.length === 1)
    expect([a.seen.lost, b.seen.lost, c.seen.lost]).toEqual([[2], [], [2]])
  })

  test.each(['FIN', 'RST'])('is reported within 50 ms of its %s', async (how) => {
    const sockets: Socket[] = []
    const peer = await welcomingPeer(sockets)
    const { transport, seen, member } = await transportOf(1, 'a')
    const delays: number[] = []
    for (let round = 1; round <= 9; round++) {
      transport.become(identityOf(member), [member, peer])
      await seen.until(() => transport.status().get(2)?.control.state === 'ready')
      const start = performance.now()
      for (const socket of sockets.splice(0)) how === 'FIN' ? socket.destroy() : socket.resetAndDestroy()
      await seen.until(() => seen.lost.length === round)
      delays.push(performance.now() - start)
      transport.become(identityOf(member), [member])
    }
    delays.sort((x, y) => x - y)
    console.log(`reported after ${delays.map((ms) => ms.toFixed(1)).join(' ')} ms`)
    if (!isInstrumented) expect(delays[4]).toBeLessThan(50)
  })

  test('is reported when its process is killed', async () => {
    const member = memberOf(2, 'b')
    const welcome = Buffer.concat([
      magic,
      ...welcomeFrame({ protocol: 1, features: 0, identity: identityOf(member) }).parts
    ])
    const script = `
      const server = require('node:net').createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => { socket.write(Buffer.from('${welcome.toString('hex')}', 'hex')); socket.pause() })
      })
      server.listen(0, '127.0.0.1', () => console.log(server.address().port))`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    atEnd(() => void child.kill('SIGKILL'))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { transport, seen, member: own } = await transportOf(1, 'a', { limits: { silentMs: 60_000 } })
    transport.become(identityOf(own), [own, memberOf(2, 'b', Number(line))])
    await seen.until(() => transport.status().get(2)?.control.state === 'ready')
    child.kill('SIGKILL')
    await seen.until(() => seen.lost.length > 0)
    expect(seen.lost).toEqual([2])
  })

  test('is one of which nothing is left: what it said in another lane is heard first', async () => {
    const sockets: Socket[] = []
    const peer = await welcomingPeer(sockets)
    const { transport, seen, member } = await transportOf(1, 'a', {
      limits: { backoffMsMin: 60_000, backoffMsMax: 60_000 }
    })
    transport.become(identityOf(member), [member, peer])
    const stateOf = (lane: 'control' | 'log') => transport.status().get(2)?.[lane].state
    await seen.until(() => stateOf('control') === 'ready' && stateOf('log') === 'ready')
    const [first, second] = sockets as [Socket, Socket]
    first.destroy()
    await seen.until(() => stateOf('control') !== 'ready' || stateOf('log') !== 'ready')
    expect(seen.lost).toEqual([])
    second.destroy()
    await seen.until(() => seen.lost.length > 0)
    expect(seen.lost).toEqual([2])
  })

  test('is not one that says that it closes, nor one whose connection is replaced', async () => {
    const [a, b] = (await groupOf(2)) as [Opened, Opened]
    // B's control connection to A is replaced by one more of B's.
    const hello = helloFrame({ ...ownVersions, identity: identityOf(b.member), lane: 'control', recipient: 1 })
    const socket = connect(a.transport.address.port, '127.0.0.1')
    atEnd(() => void socket.destroy())
    socket.write(Buffer.concat([magic, ...hello.parts]))
    await b.seen.until(() => b.seen.notices.some(({ kind }) => kind === 'ended'))
    expect(b.seen.notices.at(-1)?.fault.message).toMatch(/A newer connection takes its place/)
    await b.seen.until(() => isConnected(b.transport, 1))
    expect([a.seen.lost, b.seen.lost]).toEqual([[], []])
    // Removed: the other says so.
    a.transport.become(identityOf(a.member), [a.member])
    await b.seen.until(() => b.seen.notices.some(({ kind }) => kind === 'refused'))
    expect(b.seen.lost).toEqual([])
  })
})

/** Time that a test moves. */
class HandClock implements Clock {
  #nowMs = 0
  readonly timers = new Set<{ readonly atMs: number; readonly ms: number; readonly call: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, ms, call }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const timer of [...this.timers]) {
      if (timer.atMs > this.#nowMs || !this.timers.delete(timer)) continue
      timer.call()
    }
  }
}

describe('another attempt', () => {
  test('waits longer each time, up to a limit, and not as long as others', () => {
    const limits = { backoffMsMin: 20, backoffMsMax: 500 }
    const waits = (random: number) => [1, 2, 3, 5, 6, 40].map((failures) => backoffMs(failures, limits, random))
    expect(waits(0)).toEqual([10, 20, 40, 160, 250, 250])
    expect(waits(0.999_999).map(Math.round)).toEqual([20, 40, 80, 320, 500, 500])
  })

  test('is made after that time, and at once when the peer dials', async () => {
    const clock = new HandClock()
    let attempts = 0
    const port = await bareServer((socket) => {
      attempts++
      socket.destroy()
    })
    const limits = { beatMs: 1e9, dialMs: 1e9, handshakeMs: 1e9, backoffMsMin: 100, backoffMsMax: 400 }
    const { transport, seen, member } = await transportOf(1, 'a', { clock, limits, random: () => 0 })
    transport.become(identityOf(member), [member, memberOf(2, 'b', port)])
    const waits = () => [...clock.timers].map(({ ms }) => ms).filter((ms) => ms < 1e9)
    for (const wait of [50, 100, 200, 200]) {
      await seen.until(() => waits().length === 2)
      expect(waits()).toEqual([wait, wait])
      const before = attempts
      clock.advance(wait - 1)
      expect(waits()).toEqual([wait, wait])
      clock.advance(1)
      await seen.until(() => attempts === before + 2)
    }
    await seen.until(() => waits().length === 2)
    const before = attempts
    const socket = connect(transport.address.port, '127.0.0.1')
    atEnd(() => void socket.destroy())
    const hello = helloFrame({ ...ownVersions, identity: identityOf(memberOf(2, 'b')), lane: 'log', recipient: 1 })
    socket.write(Buffer.concat([magic, ...hello.parts]))
    await seen.until(() => attempts === before + 2)
    expect(only([...transport.status().keys()])).toBe(2)
  })

  test('a connection over which nothing comes is given up, but not because this process stood still', async () => {
    const clock = new HandClock()
    const sockets: Socket[] = []
    let said = 0
    const port = await bareServer((socket) => {
      sockets.push(socket)
      const reader = new FrameReader(2 ** 16)
      let isOpen = false
      socket.on('data', (bytes) => {
        const welcome = welcomeFrame({ protocol: 1, features: 0, identity: identityOf(memberOf(2, 'b')) })
        if (!isOpen) socket.write(Buffer.concat([magic, ...welcome.parts]))
        reader.push(isOpen ? bytes : bytes.subarray(magic.length), (kind) => {
          if (kind === frameKinds.ping || kind === frameKinds.bye) said++
        })
        isOpen = true
      })
    })
    const limits = { beatMs: 100, silentMs: 350 }
    const { transport, seen, member } = await transportOf(1, 'a', { clock, limits })
    transport.become(identityOf(member), [member, memberOf(2, 'b', port)])
    const isReady = () => transport.status().get(2)?.control.state === 'ready'
    await seen.until(() => isReady() && transport.status().get(2)?.log.state === 'ready')
    // Ten beats late at once.
    clock.advance(1_000)
    expect(isReady()).toBe(true)
    await seen.until(() => said === 2)
    clock.advance(100)
    clock.advance(100)
    for (const socket of sockets) socket.write(Buffer.concat(encodeFrame(frameKinds.ping, () => {}).parts))
    await seen.until(() => said === 6)
    await new Promise(setImmediate)
    clock.advance(100)
    clock.advance(100)
    expect(isReady()).toBe(true)
    for (let i = 0; i < 4; i++) clock.advance(100)
    expect(isReady()).toBe(false)
    expect(seen.notices.map(({ fault }) => fault.code)).toEqual(['SILENT', 'SILENT'])
    expect(seen.lost).toEqual([])
  })
})

test('addresses', () => {
  expect(parseAddress('a.example:9100')).toEqual({ host: 'a.example', port: 9100 })
  expect(parseAddress('[::1]:1')).toEqual({ host: '::1', port: 1 })
  for (const text of ['a', 'a:0', 'a:65536', '::1:1', '[a]:1', ':1', 'a:1:2', ''])
    expect(parseAddress(text)).toBeUndefined()
})
