// Long replies leave in pieces, with the same bytes as in one; whoever is slow gets all of them, and the server holds little.
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { piecesOf, respPartsOf } from '../../server/protocol/pieces.ts'
import { arrayReply, integerReply, ok, type Reply, valueReply } from '../../server/protocol/reply.ts'
import { RespCodec } from '../../server/protocol/resp.ts'
import { encodeResp } from '../../server/protocol/resp-encoder.ts'
import { LineCodec } from '../../server/protocol/text.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd, databaseStore, respOf, served } from './support/served.ts'

const limits = { lineBytesMax: 1_000, bulkBytesMax: 1_000, argumentsMax: 16, requestBytesMax: 2_000 }
const value = (text: string): Reply => valueReply(Buffer.from(text))
const someEntries = Array.from(
  { length: 50 },
  (_, i) =>
    [Buffer.from(i % 7 === 0 ? `with space ${i}` : `k${i}`), Buffer.from(i % 11 === 0 ? 'a\nb' : `v${i}`)] as const
)
const someReplies = (): Reply[] => [
  ok,
  arrayReply([value('a'), arrayReply([integerReply(1), value('x'.repeat(100))]), { kind: 'missing' }]),
  arrayReply([]),
  { kind: 'entries', entries: [...someEntries] },
  { kind: 'many', replies: [value('b'), { kind: 'entries', entries: [] }] }
]

function inPieces(pieces: Iterator<Buffer, void>): Buffer[] {
  const all: Buffer[] = []
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) all.push(next.value)
  return all
}

test.each([1, 10, 100, 10_000])('pieces of about %i bytes are what one would be', (bytes) => {
  for (const version of [2, 3] as const) {
    const codec = new RespCodec(limits)
    codec.version = version
    const parts: Reply[] = []
    const pieces = inPieces(codec.pieces(someReplies(), bytes, (part) => void parts.push(part)))
    expect(Buffer.concat(pieces)).toEqual(encodeResp(someReplies(), version))
    expect(parts.length).toBeGreaterThan(100)
    expect(pieces.length > 1).toBe(bytes < 10_000)
  }
  const line = new LineCodec(limits, () => undefined)
  const lines = () => someReplies().filter(({ kind }) => kind !== 'array')
  expect(Buffer.concat(inPieces(line.pieces(lines(), bytes))).toString()).toBe(line.encode(lines()).toString())
})

test('a piece is made when it is asked for', () => {
  let made = 0
  const pieces = piecesOf(respPartsOf([arrayReply(new Array<Reply>(1_000).fill(value('v')))]), 100, (parts) => {
    made++
    return encodeResp(parts, 2)
  })
  expect(made).toBe(0)
  pieces.next()
  expect(made).toBe(1)
})

const keys = Array.from({ length: 30_000 }, (_, i) => `key ${String(i).padStart(6, '0')}`)

async function filled() {
  const store = await databaseStore()
  await store.write(keys.map((key) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from(`of ${key}`) })))
  return { store, server: await served({ store }) }
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`

test('what is encoded is kept no longer', () => {
  const items = Array.from({ length: 100 }, (_, i) => value(`v${i}`))
  const replies: Reply[] = [arrayReply(items), ok]
  const pieces = new RespCodec(limits).pieces(replies, 100)
  pieces.next()
  expect(items.filter((item) => item === undefined).length).toBeGreaterThan(0)
  expect(items.at(-1)).not.toBe(undefined)
  inPieces(pieces)
  expect(new Set([...items, ...replies])).toEqual(new Set([undefined]))
})

test('KEYS, RANGE and MGET of many, and what is asked behind them', async () => {
  const { server } = await filled()
  const peer = await RespPeer.connect(server.address)
  atEnd(() => peer[Symbol.dispose]())
  const requests = [
    requestOf('KEYS', '*'),
    requestOf('PING'),
    requestOf('RANGE', '', ''),
    requestOf('MGET', ...keys),
    requestOf('GET', keys[7] as string)
  ]
  const [found, pong, range, values, one] = await peer.ask(requests)
  expect(found).toBe(`*${keys.length}\r\n${keys.map(bulk).join('')}`)
  expect(pong).toBe('+PONG\r\n')
  expect(range).toBe(`*${2 * keys.length}\r\n${keys.map((key) => bulk(key) + bulk(`of ${key}`)).join('')}`)
  expect(values).toBe(`*${keys.length}\r\n${keys.map((key) => bulk(`of ${key}`)).join('')}`)
  expect(one).toBe(bulk(`of ${keys[7]}`))
})

test('a client that reads late is held little for, and gets everything', async () => {
  const { server } = await filled()
  const socket = connect(server.address)
  atEnd(() => void socket.destroy())
  await once(socket, 'connect')
  socket.pause()
  const asked = 20
  socket.write(Buffer.concat(Array.from({ length: asked }, () => respOf('KEYS', '*'))))
  const other = await RespPeer.connect(server.address)
  atEnd(() => other[Symbol.dispose]())
  const whole = `*${keys.length}\r\n${keys.map(bulk).join('')}`
  let bytes = 0
  const ended = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes >= asked * whole.length) resolve()
    })
    socket.pause()
  })
  // The server is at work for others meanwhile.
  for (let i = 0; i < 50; i++)
    expect(await other.ask([requestOf('GET', keys[i] as string)])).toEqual([bulk(`of ${keys[i]}`)])
  socket.resume()
  await ended
  expect(bytes).toBe(asked * whole.length)
})

test('messages that came in pieces all arrive, in order', async () => {
  const { server } = await filled()
  const subscriber = await RespPeer.connect(server.address)
  const publisher = await RespPeer.connect(server.address)
  atEnd(() => {
    for (const peer of [subscriber, publisher]) peer[Symbol.dispose]()
  })
  await subscriber.ask([requestOf('SUBSCRIBE', 'c')])
  const messages = Array.from({ length: 40 }, (_, i) => String(i).padStart(20_000, 'm'))
  const published = publisher.ask(messages.map((message) => requestOf('PUBLISH', 'c', message)))
  const arrived = await subscriber.ask([], messages.length)
  expect(await published).toEqual(messages.map(() => ':1\r\n'))
  expect(arrived).toEqual(messages.map((message) => `*3\r\n${bulk('message')}${bulk('c')}${bulk(message)}`))
})
