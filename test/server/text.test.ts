// The line protocol as a codec: what is a request, what is refused, and that no fragmentation of the bytes matters.
import { describe, expect, test } from 'vitest'
import { lineCommands } from '../../server/commands/line.ts'
import { LineSplitter } from '../../server/protocol/lines.ts'
import { errorReply, linesReply, missing, ok, pong, valueReply } from '../../server/protocol/reply.ts'
import type { Decoded } from '../../server/protocol/request.ts'
import { encodeReplies, LineCodec } from '../../server/protocol/text.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { fragments, type Random, randomOf } from './support/random.ts'

const codec = (lineBytesMax: number) =>
  new LineCodec({ lineBytesMax, bulkBytesMax: 0, argumentsMax: 0, requestBytesMax: 0 }, shapeOf)
const shapeOf = (name: string) => lineCommands.get(name)

/** Requests as text, so that they can be read and compared. */
function shown(decoded: readonly Decoded[]): string[] {
  return decoded.map((request) => {
    if (request.kind === 'refused') return `refused: ${request.reason}`
    if (request.kind !== 'request') return request.kind
    return JSON.stringify([request.name, ...request.args.map((arg) => arg.toString('latin1'))])
  })
}

function decode(pieces: readonly (string | Buffer)[], lineBytesMax = 1_000): string[] {
  const decoder = codec(lineBytesMax)
  return pieces.flatMap((piece) => shown(decoder.push(Buffer.from(piece as string, 'latin1'))))
}

describe('requests', () => {
  test.each([
    ['PUT hello world\n', '["PUT","hello","world"]'],
    ['PUT hello world\r\n', '["PUT","hello","world"]'],
    ['put hello world\n', '["PUT","hello","world"]'],
    ['PUT k  two  spaces \n', '["PUT","k"," two  spaces "]'],
    ['PUT k \n', '["PUT","k",""]'],
    ['PUT k\n', '["PUT","k"]'],
    ['PUT  v\n', '["PUT","","v"]'],
    ['PUT k a\rb\r\r\n', '["PUT","k","a\\rb\\r"]'],
    ['PUT k \u0000\u00ff\n', '["PUT","k","\u0000\u00ff"]'.replace('\u0000', '\\u0000')],
    ['GET hello\n', '["GET","hello"]'],
    ['GET a b\n', '["GET","a","b"]'],
    ['GET a b c d\n', '["GET","a","b c d"]'],
    ['PING\r\n', '["PING"]'],
    ['PING \n', '["PING",""]'],
    ['NOPE a b\n', '["NOPE"]'],
    ['\n', 'refused: empty line'],
    ['\r\n', 'refused: empty line'],
    [' GET k\n', 'refused: a line begins with its command, not a space'],
    [`${'x'.repeat(33)}\n`, 'refused: unknown command']
  ])('%j', (line, expected) => {
    expect(decode([line])).toEqual([expected])
  })

  test.each([
    'GET / HTTP/1.1\r\n',
    'PUT hello HTTP/1.0\n',
    'POST hello\n',
    'OPTIONS *\n',
    'HEAD /\n',
    'CONNECT a:1\n',
    'Host: localhost\n',
    'host: localhost\n'
  ])('a first line that is not spoken to us: %j', (line) => {
    expect(decode([line])).toEqual(['foreign'])
    expect(decode(['PING\n', line])).not.toContain('foreign')
  })

  test('nothing before the line ends', () => {
    const decoder = codec(100)
    expect(decoder.push(Buffer.from('PING'))).toEqual([])
    expect(decoder.isUnfinished).toBe(true)
    expect(shown(decoder.push(Buffer.from('\nPING')))).toEqual(['["PING"]'])
    expect(shown(decoder.push(Buffer.from('\r\n')))).toEqual(['["PING"]'])
    expect(decoder.isUnfinished).toBe(false)
  })

  test('a line as long as the limit passes, with LF and with CRLF', () => {
    for (const end of ['\n', '\r\n']) {
      expect(decode([`PUT k ${'v'.repeat(14)}${end}`], 20)).toEqual([`["PUT","k","${'v'.repeat(14)}"]`])
      expect(decode([...`PUT k ${'v'.repeat(14)}${end}`], 20)).toEqual([`["PUT","k","${'v'.repeat(14)}"]`])
    }
  })

  test('a longer one is refused once, at once, and the next line is read', () => {
    const tooLong = 'refused: line too long, the limit is 20 bytes'
    const decoder = codec(20)
    expect(shown(decoder.push(Buffer.from('PUT k 123456789012345')))).toEqual([])
    expect(shown(decoder.push(Buffer.from('6')))).toEqual([tooLong])
    expect(shown(decoder.push(Buffer.from('7'.repeat(1_000))))).toEqual([])
    expect(shown(decoder.push(Buffer.from('7\r\nPING\n')))).toEqual(['["PING"]'])
    expect(decode([`PUT k ${'v'.repeat(15)}\nPING\n`], 20)).toEqual([tooLong, '["PING"]'])
  })
})

describe('fragmentation', () => {
  test('every way to cut a short session', () => {
    const session = Buffer.from('PUT a b\r\nGET a\n')
    const whole = decode([session])
    for (let cuts = 0; cuts < 2 ** (session.length - 1); cuts++) {
      const pieces: Buffer[] = []
      let start = 0
      for (let i = 1; i <= session.length; i++) {
        if (i < session.length && ((cuts >> (i - 1)) & 1) === 0) continue
        pieces.push(session.subarray(start, i))
        start = i
      }
      expect(decode(pieces)).toEqual(whole)
    }
  })

  test('every place to cut a long session twice', () => {
    const session = Buffer.from(
      'PUT hello big world\r\nGET hello\n\nDELETE hello\nSTATUS\nPUT k 0123456789012345678\nQUIT\n'
    )
    const whole = decode([session], 24)
    expect(whole).toHaveLength(7)
    for (let a = 0; a <= session.length; a++) {
      for (let b = a; b <= session.length; b++) {
        expect(decode([session.subarray(0, a), session.subarray(a, b), session.subarray(b)], 24)).toEqual(whole)
      }
    }
  })

  test('random bytes, cut at random, are what they are in one piece, and what a plain reading of them says', () => {
    const random = randomOf(seedOf('line protocol'))
    const { chunks } = campaign('line protocol fuzz', { short: { chunks: 20_000 }, long: { chunks: 10_000_000 } })
    for (let count = 0; count < chunks; ) {
      const bytes = randomSession(random)
      const pieces = fragments(bytes, random, 1 + random.below(40))
      count += pieces.length
      const whole = decode([bytes], 30)
      expect(decode(pieces, 30)).toEqual(whole)
      expect(whole).toEqual(readPlainly(bytes.toString('latin1'), 30))
    }
  })

  test('a long line in single bytes costs no more than in one piece', () => {
    const splitter = new LineSplitter(2 ** 20)
    const byte = Buffer.from('x')
    for (let i = 0; i < 2 ** 20; i++) splitter.push(byte, () => expect.unreachable())
    const lines: (Buffer | undefined)[] = []
    splitter.push(Buffer.from('\n'), (line) => lines.push(line))
    expect(lines.map((line) => line?.length)).toEqual([2 ** 20])
  })
})

const words = [
  'PUT',
  'GET',
  'DELETE',
  'PING',
  'quit',
  'k',
  'key',
  ' ',
  ' ',
  ' ',
  '\n',
  '\n',
  '\r\n',
  '\r',
  '\0',
  'é',
  '0123456789'
]

function randomSession(random: Random): Buffer {
  const parts = Array.from({ length: 1 + random.below(40) }, () =>
    random.below(20) === 0 ? String.fromCharCode(random.below(256)) : random.pick(words)
  )
  return Buffer.from(`${parts.join('')}\n`, 'latin1')
}

/** The protocol once more, with everything at hand. */
function readPlainly(text: string, lineBytesMax: number): string[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((ended) => {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
      if (line.length > lineBytesMax) return `refused: line too long, the limit is ${lineBytesMax} bytes`
      if (line === '') return 'refused: empty line'
      const [first = '', ...others] = line.split(' ')
      if (first === '') return 'refused: a line begins with its command, not a space'
      const name = first.toUpperCase()
      const shape = shapeOf(name)
      if (shape === undefined || !line.includes(' ')) return JSON.stringify([name])
      const whole = shape.takesRest ? shape.count - 1 : shape.count
      const args = others.length > whole ? [...others.slice(0, whole), others.slice(whole).join(' ')] : others
      return JSON.stringify([name, ...args])
    })
}

describe('replies', () => {
  test('each as the protocol writes it, in one buffer', () => {
    const replies = [ok, pong, missing, valueReply(Buffer.from('world')), valueReply(Buffer.alloc(0)), errorReply('no')]
    expect(encodeReplies(replies).toString()).toBe('+OK\n+PONG\n-NOT_FOUND\nworld\n\n-ERR no\n')
    expect(encodeReplies([]).length).toBe(0)
  })

  test('lines end as the requests do', () => {
    const some = codec(100)
    some.push(Buffer.from('PING\r\n'))
    expect(some.encode([pong, linesReply(['a', 'b'])]).toString()).toBe('+PONG\r\na\r\nb\r\n\r\n')
    some.push(Buffer.from('PING\n'))
    expect(some.encode([pong]).toString()).toBe('+PONG\n')
  })

  test('entries, and how many could not be carried', () => {
    const entry = (key: string, value: string) => [Buffer.from(key), Buffer.from(value)] as const
    const entries = [entry('a', '1'), entry('b c', '2'), entry('d', 'two\nlines'), entry('', '3'), entry('e', 'x y')]
    expect(encodeReplies([{ kind: 'entries', entries }]).toString()).toBe('a 1\ne x y\n+END 2 skipped 3\n')
  })

  test('a block ends in an empty line', () => {
    expect(encodeReplies([linesReply(['Node ID: 1', 'Term: 1']), ok]).toString()).toBe('Node ID: 1\nTerm: 1\n\n+OK\n')
  })

  test('a value with a line break is not sent, an error is one line', () => {
    for (const value of ['a\nb', 'a\rb', '\n', 'a\r'])
      expect(encodeReplies([valueReply(Buffer.from(value))]).toString()).toBe('-ERR value has line breaks\n')
    expect(encodeReplies([errorReply('one\r\ntwo\nthree')]).toString()).toBe('-ERR one two three\n')
  })

  test('bytes of a value are verbatim', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter((i) => i !== 10 && i !== 13))
    expect(encodeReplies([valueReply(bytes)])).toEqual(Buffer.concat([bytes, Buffer.from('\n')]))
  })
})
