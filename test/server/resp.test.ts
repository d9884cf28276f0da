// RESP as a codec: no fragmentation of the bytes matters, and what comes out is what a plain reading of them says.
import { describe, expect, test } from 'vitest'
import type { Decoded, RequestLimits } from '../../server/protocol/request.ts'
import { RespCodec } from '../../server/protocol/resp.ts'
import { requestsOf } from '../../server/protocol/resp-runs.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { fragments, type Random, randomOf } from './support/random.ts'
import { respOf } from './support/served.ts'

const limits: RequestLimits = { lineBytesMax: 0, bulkBytesMax: 4_096, argumentsMax: 16, requestBytesMax: 8_192 }

const shown = (decoded: readonly Decoded[]): string[] =>
  decoded.flatMap((request) => {
    if (request.kind === 'run') return shown(requestsOf(request))
    if (request.kind === 'fatal') return `fatal ${request.reason}`
    if (request.kind !== 'request') return request.kind
    return JSON.stringify([request.name, ...request.args.map((arg) => arg.toString('latin1'))])
  })

let inRuns = 0

const decode = (
  chunks: readonly Buffer[],
  findsRuns = false
): { readonly requests: string[]; readonly isUnfinished: boolean } => {
  const codec = new RespCodec(limits, { findsRuns })
  const decoded = chunks.flatMap((chunk) => codec.push(chunk))
  for (const item of decoded) if (item.kind === 'run') inRuns += item.count - item.from
  const requests = shown(decoded)
  return { requests, isUnfinished: codec.isUnfinished }
}

/** The requests of bytes as the grammar has them, by regular expressions over all of them at once; up to the first fault. */
function plainly(bytes: Buffer): { readonly requests: string[]; readonly isFaulty: boolean } {
  const text = bytes.toString('latin1')
  const requests: string[] = []
  const line = /([*$])(-?(?:0|[1-9]\d{0,14}))\r\n/y
  for (let at = 0; ; ) {
    // Between requests a line may be empty.
    while (text.startsWith('\r\n', at)) at += 2
    line.lastIndex = at
    const head = line.exec(text)
    const count = Number(head?.[2])
    if (head === null || head[1] !== '*' || head[2] === '-0' || count > limits.argumentsMax) {
      return { requests, isFaulty: text.length > at }
    }
    at = line.lastIndex
    const args: string[] = []
    let length = 0
    while (args.length < count) {
      line.lastIndex = at
      const bulk = line.exec(text)
      const size = Number(bulk?.[2])
      length += size
      const isRight = bulk?.[1] === '$' && size >= 0 && size <= limits.bulkBytesMax && length <= limits.requestBytesMax
      const end = line.lastIndex + size
      if (!isRight || text.slice(end, end + 2) !== '\r\n') return { requests, isFaulty: text.length > at }
      args.push(text.slice(line.lastIndex, end))
      at = end + 2
    }
    const [name, ...rest] = args
    if (name !== undefined) requests.push(JSON.stringify([name.slice(0, 128).toUpperCase(), ...rest]))
  }
}

const words = ['GET', 'set', 'Mget', '', 'x'.repeat(200), 'a\r\nb', '$3', '*1\r\n', '\xff\x00', 'y'.repeat(100)]

/** What runs are found in. */
function plainRequests(random: Random): Buffer {
  const word = () => Buffer.from(random.pick(words), 'latin1')
  const one = () =>
    random.below(2) === 0 ? respOf('GET', word()) : respOf(random.pick(['SET', 'set']), word(), word())
  return Buffer.concat(Array.from({ length: 1 + random.below(5) }, one))
}

function rightBytes(random: Random): Buffer {
  if (random.below(4) === 0) return plainRequests(random)
  const count = 1 + random.below(5)
  return respOf(...Array.from({ length: count }, () => Buffer.from(random.pick(words), 'latin1')))
}

const oddPieces = [
  '*',
  '$',
  '\r\n',
  '\r',
  '\n',
  '-1',
  '0',
  '01',
  '+1',
  '*3\r\n',
  '*0\r\n',
  '*-1\r\n',
  '$5\r\n',
  '$-1\r\n',
  '$4097\r\n'
]
const moreOddPieces = [
  '*17\r\n',
  '*99999999999999999\r\n',
  'PING\r\n',
  '$3\r\nGETxx',
  '$3\r\nGET\r\n',
  '*1\n',
  ' ',
  '\x00',
  '*1\r\n$4000\r\n'
]

/** Some requests, then something that may be none. */
function anyBytes(random: Random): Buffer {
  const parts: Buffer[] = []
  for (let i = random.below(6); i > 0; i--) parts.push(rightBytes(random))
  for (let i = random.below(4); i > 0; i--) parts.push(Buffer.from(random.pick([...oddPieces, ...moreOddPieces])))
  if (random.below(4) === 0) parts.push(rightBytes(random))
  const bytes = Buffer.concat(parts)
  for (let i = random.below(3); i > 0 && bytes.length > 0; i--) bytes[random.below(bytes.length)] = random.below(256)
  return bytes
}

describe('fragmentation', () => {
  const session = Buffer.concat([respOf('SET', 'a\r\nb', ''), respOf('GET', 'a'), respOf('PING')])
  const whole = decode([session])

  test('every place to cut, and every two', () => {
    expect(whole.requests).toEqual(['["SET","a\\r\\nb",""]', '["GET","a"]', '["PING"]'])
    for (let i = 0; i <= session.length; i++) {
      for (let j = i; j <= session.length; j++) {
        expect(decode([session.subarray(0, i), session.subarray(i, j), session.subarray(j)])).toEqual(whole)
      }
    }
  })

  test('a byte at a time', () => {
    expect(decode([...session].map((byte) => Buffer.of(byte)))).toEqual(whole)
  })

  test('a long argument in small pieces costs no more than its length', () => {
    const codec = new RespCodec({ ...limits, bulkBytesMax: 2 ** 24, requestBytesMax: 2 ** 25 })
    const bytes = respOf('SET', 'k', Buffer.alloc(4 * 2 ** 20, 'v'))
    let count = 0
    for (let at = 0; at < bytes.length; at += 100) count += codec.push(bytes.subarray(at, at + 100)).length
    expect(count).toBe(1)
    expect(codec.heldBytes).toBe(0)
  })
})

test.each([
  ['+OK\r\n', "Protocol error: expected '*', got '+'"],
  ['*x\r\n', 'Protocol error: invalid multibulk length'],
  ['*01\r\n', 'Protocol error: invalid multibulk length'],
  ['*17\r\n', 'Protocol error: invalid multibulk length'],
  ['*1\r\nGET\r\n', "Protocol error: expected '$', got 'G'"],
  ['*1\r\n$-1\r\n', 'Protocol error: invalid bulk length'],
  ['*1\r\n$4097\r\n', 'Protocol error: invalid bulk length'],
  ['*1\r\n$3\r\nGETX\r\n', 'Protocol error: an argument is longer than it said'],
  ['*3\r\n$4096\r\n', undefined],
  [`*${'1'.repeat(40)}`, 'Protocol error: too big mbulk count string'],
  [`*1\r\n$${'1'.repeat(40)}`, 'Protocol error: too big bulk count string']
])('%.40j', (bytes, reason) => {
  const expected = reason === undefined ? [] : [`fatal ${reason}`]
  expect(decode([Buffer.from(bytes)]).requests).toEqual(expected)
  expect(decode([...Buffer.from(bytes)].map((byte) => Buffer.of(byte))).requests).toEqual(expected)
})

test('nothing is read behind a fault', () => {
  const codec = new RespCodec(limits)
  expect(shown(codec.push(Buffer.from('*1\r\n$4\r\nPING\r\n!\r\n')))).toEqual([
    '["PING"]',
    "fatal Protocol error: expected '*', got '!'"
  ])
  expect(codec.push(respOf('PING'))).toEqual([])
  expect(codec.heldBytes).toBe(0)
})

test('random bytes, cut at random, are what they are in one piece, and what a plain reading of them says', () => {
  const chunksMin = campaign('RESP fuzz', { short: 60_000, long: 10_000_000, instrumented: 10_000 })
  const seed = seedOf('RESP fuzz')
  const random = randomOf(seed)
  let chunks = 0
  let faulty = 0
  while (chunks < chunksMin) {
    const bytes = anyBytes(random)
    const pieces = fragments(bytes, random, random.pick([3, 20, 200]))
    chunks += pieces.length
    const whole = decode([bytes])
    expect(decode(pieces), JSON.stringify(bytes.toString('latin1'))).toEqual(whole)
    expect(decode(pieces, true), JSON.stringify(bytes.toString('latin1'))).toEqual(whole)
    expect(decode([bytes], true), JSON.stringify(bytes.toString('latin1'))).toEqual(whole)
    const plain = plainly(bytes)
    const read = whole.requests.filter((request) => !request.startsWith('fatal'))
    expect(read, JSON.stringify(bytes.toString('latin1'))).toEqual(plain.requests)
    if (whole.requests.length > read.length) {
      faulty++
      expect(plain.isFaulty).toBe(true)
    }
  }
  expect(faulty).toBeGreaterThan(0)
  expect(inRuns).toBeGreaterThan(chunks / 500)
  report('RESP fuzz', { chunks, faulty, inRuns })
})
