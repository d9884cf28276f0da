// Replies as a client reads them: every type, any fragmentation, bounds, and bytes that are none.
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../server/protocol/reply.ts'
import { encodeResp } from '../../server/protocol/resp-encoder.ts'
import { Push, ReplyError, type ReplyLimits, ReplyParser, type ReplyValue } from '../../server/protocol/resp-replies.ts'
import { encodeRequest } from '../../server/protocol/resp-requests.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { fragments, type Random, randomOf } from './support/random.ts'

const parse = (bytes: string | Buffer, limits?: Partial<ReplyLimits>): readonly ReplyValue[] =>
  new ReplyParser(limits).push(Buffer.from(bytes))

describe('every type', () => {
  const cases: readonly (readonly [string, ReplyValue])[] = [
    ['+OK\r\n', 'OK'],
    ['+\r\n', ''],
    ['-ERR no such thing\r\n', new ReplyError('ERR no such thing')],
    [':-12\r\n', -12],
    [':9007199254740993\r\n', 9_007_199_254_740_993n],
    ['$5\r\nhello\r\n', Buffer.from('hello')],
    ['$4\r\n\r\n\0\n\r\n', Buffer.from('\r\n\0\n')],
    ['$0\r\n\r\n', Buffer.alloc(0)],
    ['$-1\r\n', null],
    ['*-1\r\n', null],
    ['_\r\n', null],
    ['#t\r\n', true],
    ['#f\r\n', false],
    [',1.5e3\r\n', 1_500],
    [',-inf\r\n', Number.NEGATIVE_INFINITY],
    [',nan\r\n', Number.NaN],
    ['(12345678901234567890\r\n', 12_345_678_901_234_567_890n],
    ['!9\r\nWRONG has\r\n', new ReplyError('WRONG has')],
    ['=8\r\ntxt:long\r\n', 'long'],
    ['*0\r\n', []],
    ['*3\r\n:1\r\n*2\r\n+a\r\n*0\r\n$-1\r\n', [1, ['a', []], null]],
    ['~2\r\n:1\r\n:2\r\n', [1, 2]],
    ['>2\r\n+message\r\n+hello\r\n', new Push(['message', 'hello'])],
    [
      '%2\r\n$1\r\na\r\n:1\r\n+b\r\n:2\r\n',
      new Map<ReplyValue, ReplyValue>([
        ['a', 1],
        ['b', 2]
      ])
    ],
    ['|1\r\n+ttl\r\n:1\r\n:7\r\n', 7],
    ['*2\r\n|1\r\n+a\r\n*0\r\n:1\r\n:2\r\n', [1, 2]]
  ]

  test.each(cases)('%j', (bytes, value) => {
    expect(parse(bytes)).toEqual([value])
    const parser = new ReplyParser()
    const found: ReplyValue[] = []
    for (const byte of Buffer.from(bytes)) found.push(...parser.push(Buffer.from([byte])))
    expect(found).toEqual([value])
    expect(parser.isUnfinished).toBe(false)
  })

  test('an error has a code and a message', () => {
    const [error, plain] = parse('-WRONGTYPE Operation against\r\n-no code\r\n') as [ReplyError, ReplyError]
    expect([error.code, error.message]).toEqual(['WRONGTYPE', 'Operation against'])
    expect([plain.code, plain.message]).toEqual(['', 'no code'])
  })
})

describe('bytes that are no reply', () => {
  const broken = [
    'hello\r\n',
    '+OK\n',
    '\r\n',
    ':1x\r\n',
    ':\r\n',
    '#y\r\n',
    '_x\r\n',
    ',one\r\n',
    '$5\r\nhello!\r\n',
    '$x\r\n',
    '$-2\r\n',
    '*1e3\r\n',
    `$${2 ** 31}\r\n`,
    `*${2 ** 25}\r\n`,
    '*1\r\n'.repeat(17),
    `+${'x'.repeat(70_000)}`
  ]

  test.each(broken.map((bytes) => [bytes.slice(0, 30), bytes] as const))('%j', (_, bytes) => {
    const parser = new ReplyParser()
    expect(() => parser.push(Buffer.from(bytes))).toThrow(/^What came is no RESP: .*\.$/)
    expect(() => parser.push(Buffer.from('+OK\r\n'))).toThrow(/^What came is no RESP/)
    const slow = new ReplyParser()
    expect(() => {
      for (const byte of Buffer.from(bytes)) slow.push(Buffer.from([byte]))
    }).toThrow(/^What came is no RESP/)
  })
})

describe('bounds', () => {
  test('an announced length is not allocated before it has come', () => {
    const parser = new ReplyParser()
    parser.push(Buffer.from(`$${2 ** 30}\r\n`))
    parser.push(Buffer.from('some'))
    expect(parser.heldBytes).toBeLessThan(1_000)
    const counted = new ReplyParser()
    counted.push(Buffer.from(`*${2 ** 24}\r\n`))
    expect([counted.heldBytes, counted.isUnfinished]).toEqual([0, true])
  })

  test('a long blob in many pieces is held in at most twice its bytes', () => {
    const parser = new ReplyParser()
    const blob = Buffer.alloc(2 ** 20, 'x')
    const all = Buffer.concat([Buffer.from(`$${blob.length}\r\n`), blob, Buffer.from('\r\n')])
    let found: readonly ReplyValue[] = []
    for (let at = 0; at < all.length; at += 1_000) {
      found = parser.push(all.subarray(at, at + 1_000))
      expect(parser.heldBytes).toBeLessThanOrEqual(Math.max(2 * (at + 1_000), 64))
    }
    expect((found[0] as Buffer).equals(blob)).toBe(true)
    expect(parser.heldBytes).toBe(0)
  })

  test('limits are the caller’s', () => {
    expect(() => parse('$11\r\n', { blobBytesMax: 10 })).toThrow('over its limit')
    expect(() => parse('*3\r\n', { itemsMax: 2 })).toThrow('over its limit')
    expect(() => parse('*1\r\n*1\r\n', { depthMax: 1 })).toThrow('too deep')
  })
})

test('requests are what the server reads', () => {
  expect(encodeRequest(['SET', 'grün', 17, Buffer.from([0, 255])]).toString('latin1')).toBe(
    '*4\r\n$3\r\nSET\r\n$5\r\ngr\xc3\xbcn\r\n$2\r\n17\r\n$2\r\n\x00\xff\r\n'
  )
  expect(encodeRequest([]).toString()).toBe('*0\r\n')
})

function anyReply(random: Random, depth: number): Reply {
  const items = () => Array.from({ length: random.below(4) }, () => anyReply(random, depth + 1))
  const bytes = Buffer.from(Array.from({ length: random.below(30) }, () => random.below(256)))
  switch (random.below(depth > 4 ? 7 : 11)) {
    case 0:
      return { kind: 'value', value: bytes }
    case 1:
      return { kind: 'integer', value: random.below(2 ** 32) - 2 ** 31 }
    case 2:
      return { kind: 'missing' }
    case 3:
      return { kind: 'error', code: 'ERR', message: `no ${random.below(100)}` }
    case 4:
      return { kind: 'boolean', value: random.below(2) === 0 }
    case 5:
      return { kind: 'double', value: random.below(1_000) / 8 }
    case 6:
      return { kind: 'text', text: `lines\r\nof ${random.below(9)}` }
    case 7:
      return { kind: 'array', items: items() }
    case 8:
      return { kind: 'set', items: items() }
    case 9:
      return { kind: 'push', items: items() }
    default:
      return { kind: 'map', pairs: items().map((item, i) => [{ kind: 'simple', text: `k${i}` }, item] as const) }
  }
}

test('whatever the server writes is read, in any fragmentation, and broken bytes only throw', () => {
  const rounds = campaign('replies', { short: 1_000, long: 1_000_000 })
  const random = randomOf(seedOf('replies'))
  let chunks = 0
  let broken = 0
  for (let round = 0; round < rounds; round++) {
    const replies = Array.from({ length: 1 + random.below(5) }, () => anyReply(random, 0))
    const version = random.below(2) === 0 ? 2 : 3
    const bytes = encodeResp(replies, version)
    const whole = parse(bytes)
    expect(whole.length).toBe(replies.length)
    const parser = new ReplyParser()
    const pieces = fragments(bytes, random, 1 + random.below(40))
    expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(whole)
    const spoilt = Buffer.from(bytes)
    spoilt[random.below(spoilt.length)] = random.below(256)
    const outcomes = [1, 1_000].map((lengthMax) => {
      const careful = new ReplyParser({ blobBytesMax: 1_000, itemsMax: 1_000 })
      const found: ReplyValue[] = []
      try {
        for (const piece of fragments(spoilt, random, lengthMax)) {
          chunks++
          found.push(...careful.push(piece))
        }
        return { found, isBroken: false }
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('What came is no RESP'))) throw error
        return { found, isBroken: true }
      }
    })
    if (outcomes[0]?.isBroken === true) broken++
    // However it is cut, it is found to be broken, and at the same place unless its chunk went with it.
    expect(outcomes[1]?.isBroken).toBe(outcomes[0]?.isBroken)
  }
  expect(broken).toBeGreaterThan(rounds / 10)
  report('replies', { rounds, chunks, broken })
})
