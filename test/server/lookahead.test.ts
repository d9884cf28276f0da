// What sessions of one turn ask for first is looked up together, and each gets its own.
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { Inbox } from '../../server/inbox.ts'
import { Lookahead } from '../../server/lookahead.ts'
import { type Run, runAt } from '../../server/protocol/resp-runs.ts'
import type { Framed, Store } from '../../server/store.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd, databaseStore, respOf, served } from './support/served.ts'

const limits = { lineBytesMax: 0, bulkBytesMax: 100_000, argumentsMax: 16, requestBytesMax: 200_000 }

function runOf(...keys: string[]): Run {
  const found = runAt(Buffer.concat(keys.map((key) => respOf('GET', key))), 0, limits)
  if (found === undefined) throw new Error('there is no run')
  return found.run
}

/** Answers each key with itself in brackets, up to one that is "stop". */
function storeOf() {
  const calls: string[][] = []
  const getFramed = (
    source: Uint8Array,
    places: Uint32Array,
    from: number,
    count: number,
    { target, ends }: Framed
  ) => {
    const keys: string[] = []
    let end = 0
    let item = from
    for (; item < count; item++) {
      const start = places[2 * item] as number
      const key = Buffer.from(source.subarray(start, start + (places[2 * item + 1] as number))).toString()
      keys.push(key)
      if (key === 'throw') throw new Error('it does')
      if (key === 'stop') break
      end += Buffer.from(target.buffer, target.byteOffset).write(`[${key}]`, end)
      ends[item - from] = end
    }
    calls.push(keys)
    return item
  }
  return { calls, store: { getFramed } as unknown as Store }
}

const textOf = (foreseen: ReturnType<Lookahead['add']>) => foreseen?.reply?.bytes.toString()

test('each run gets its share of one call', () => {
  const { calls, store } = storeOf()
  const ahead = new Lookahead(() => {})
  const long = 'k'.repeat(100)
  const runs = [runOf('a', 'bb'), runOf(long), runOf('', 'c')].map((run) => ahead.add(run, store, 2))
  ahead.look()
  expect(calls).toEqual([['a', 'bb', long, '', 'c']])
  expect(runs.map(textOf)).toEqual(['[a][bb]', `[${long}]`, '[][c]'])
  expect(runs.map((run) => run?.count)).toEqual([2, 1, 2])
  // The next turn's do not touch them.
  ahead.add(runOf('x'), store, 2)
  ahead.add(runOf('y'), store, 2)
  ahead.look()
  expect(runs.map(textOf)).toEqual(['[a][bb]', `[${long}]`, '[][c]'])
})

test('what is not at hand is left to its session, and what comes after it', () => {
  const { store } = storeOf()
  const ahead = new Lookahead(() => {})
  const runs = [runOf('a'), runOf('b', 'stop', 'c'), runOf('d')].map((run) => ahead.add(run, store, 2))
  ahead.look()
  expect(runs.map((run) => run?.count)).toEqual([1, 1, 0])
  expect(runs.map(textOf)).toEqual(['[a]', '[b]', undefined])
  const broken = [runOf('a'), runOf('throw')].map((run) => ahead.add(run, store, 2))
  ahead.look()
  expect(broken.map((run) => run?.count)).toEqual([0, 0])
})

test('one alone is not looked up, and neither is what does not belong together or is too much', () => {
  const { calls, store } = storeOf()
  const ahead = new Lookahead(() => {})
  expect(ahead.add(runOf('a'), store, 2)?.count).toBe(0)
  expect(ahead.add(runOf('a'), store, 3)).toBe(undefined)
  expect(ahead.add(runOf('a'), storeOf().store, 2)).toBe(undefined)
  expect(ahead.add(runOf('k'.repeat(65_536 - 1)), store, 2)).not.toBe(undefined)
  expect(ahead.add(runOf('k'), store, 2)).toBe(undefined)
  ahead.look()
  expect(calls.length).toBe(1)
  ahead.add(runOf('a'), store, 2)
  ahead.look()
  expect(calls.length).toBe(1)
  for (let i = 0; i < 512; i++) expect(ahead.add(runOf('a'), store, 2)).not.toBe(undefined)
  expect(ahead.add(runOf('a'), store, 2)).toBe(undefined)
})

test('many connections, few lookups, and each the value as it is', async () => {
  const store = await databaseStore()
  let calls = 0
  const getFramed = store.getFramed.bind(store)
  store.getFramed = (...args) => {
    calls++
    return getFramed(...args)
  }
  const server = await served({ store })
  const peers = await Promise.all(Array.from({ length: 40 }, () => RespPeer.connect(server.address)))
  atEnd(() => {
    for (const peer of peers) peer[Symbol.dispose]()
  })
  // So that each is known to speak RESP.
  await Promise.all(peers.map((peer, i) => peer.ask([requestOf('SET', `key ${i}`, `first ${i}`)])))
  for (let round = 0; round < 5; round++) {
    calls = 0
    const read = (i: number) => [requestOf('GET', `key ${i}`), requestOf('GET', `none ${i}`)]
    const replies = await Promise.all(peers.map((peer, i) => peer.ask(read(i))))
    const value = (i: number) => (round === 0 ? `first ${i}` : `round ${round - 1} of ${i}`)
    expect(replies).toEqual(peers.map((_, i) => [`$${value(i).length}\r\n${value(i)}\r\n`, '$-1\r\n']))
    expect(calls).toBeLessThan(10)
    const writes = await Promise.all(
      peers.map((peer, i) =>
        peer.ask([
          requestOf('GET', `key ${i}`),
          requestOf('SET', `key ${i}`, `round ${round} of ${i}`),
          requestOf('GET', `key ${i}`)
        ])
      )
    )
    expect(writes.map(([before, , after]) => [before, after])).toEqual(
      peers.map((_, i) => [value(i), `round ${round} of ${i}`].map((text) => `$${text.length}\r\n${text}\r\n`))
    )
  }
})

test('an inbox gives what came in pieces, line by line where it should', () => {
  const inbox = new Inbox()
  expect(inbox.next(10, false)).toBe(undefined)
  inbox.push(Buffer.from('one\ntwo'))
  inbox.push(Buffer.from('three'))
  expect(inbox.nextShort(100)).toBe(undefined)
  expect(inbox.bytes).toBe(12)
  expect(String(inbox.next(100, true))).toBe('one\n')
  expect(String(inbox.next(2, true))).toBe('tw')
  expect(inbox.bytes).toBe(6)
  expect(String(inbox.next(100, false))).toBe('o')
  expect(inbox.nextShort(4)).toBe(undefined)
  expect(String(inbox.nextShort(5))).toBe('three')
  expect(inbox.bytes).toBe(0)
  inbox.push(Buffer.from('more'))
  inbox.clear()
  expect([inbox.bytes, inbox.next(1, false)]).toEqual([0, undefined])
})

test('a chunk that was decoded before its turn is not lost to the next one', async () => {
  const store = await databaseStore()
  const putPlaced = store.putPlaced.bind(store)
  // So that turns are cut, and chunks come in between.
  store.putPlaced = (...args) => {
    const until = performance.now() + 1
    while (performance.now() < until);
    return putPlaced(...args)
  }
  const server = await served({ store })
  const sockets = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const socket = connect(server.address)
      await once(socket, 'connect')
      return socket
    })
  )
  atEnd(() => {
    for (const socket of sockets) socket.destroy()
  })
  const chunks = 20
  const replies = sockets.map(async (socket) => {
    let text = ''
    for await (const chunk of socket) {
      text += String(chunk)
      if (text.length >= 7 + chunks * ('+OK\r\n'.length + '$2\r\n10\r\n'.length)) break
    }
    return text
  })
  for (const socket of sockets) socket.write(respOf('PING', 'x'))
  for (let at = 0; at < chunks; at++) {
    for (const [i, socket] of sockets.entries()) socket.write(respOf('SET', `key ${i}`, String(10 + at)))
    await new Promise((resolve) => setImmediate(resolve))
    for (const [i, socket] of sockets.entries()) socket.write(respOf('GET', `key ${i}`))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const expected = `$1\r\nx\r\n${Array.from({ length: chunks }, (_, at) => `+OK\r\n$2\r\n${10 + at}\r\n`).join('')}`
  for (const text of await Promise.all(replies)) expect(text).toBe(expected)
})
