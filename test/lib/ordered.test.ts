// Ordered keys: bytes that compare as the keys do, one form of each, and nothing else decodes.
import { describe, expect, test } from 'vitest'
import { decodeOrdered, encodeOrdered, encodeOrderedPrefix, type OrderedKey } from '../../lib/bytes/ordered.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { failureOf } from './support/databases.ts'

const hex = (key: OrderedKey): string => encodeOrdered(key).toString('hex')

/** What the order should be, said without bytes of the format. */
function compare(a: OrderedKey, b: OrderedKey): number {
  const kinds = [kindOf(a), kindOf(b)] as const
  if (kinds[0] !== kinds[1]) return kinds[0] - kinds[1]
  if (typeof a === 'number') return a < (b as number) ? -1 : a > (b as number) ? 1 : 0
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string))
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array)
  if (!isArray(a)) return 0
  const other = b as readonly OrderedKey[]
  for (let i = 0; i < a.length && i < other.length; i++) {
    const order = compare(a[i] as OrderedKey, other[i] as OrderedKey)
    if (order !== 0) return order
  }
  return a.length - other.length
}

const isArray = (key: OrderedKey): key is readonly OrderedKey[] => Array.isArray(key)

function kindOf(key: OrderedKey): number {
  if (key === null) return 0
  if (typeof key === 'boolean') return key ? 2 : 1
  if (typeof key === 'number') return 3
  if (typeof key === 'string') return 4
  return isArray(key) ? 6 : 5
}

const numbers = [
  Number.NEGATIVE_INFINITY,
  -Number.MAX_VALUE,
  -(2 ** 53),
  -(2 ** 32),
  -256,
  -1.5,
  -1,
  -0.1,
  -Number.MIN_VALUE,
  0,
  Number.MIN_VALUE,
  2 ** -1022,
  0.1,
  1,
  1 + Number.EPSILON,
  255,
  256,
  2 ** 31,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_VALUE,
  Number.POSITIVE_INFINITY
]
const strings = [
  '',
  '\0',
  '\0\0',
  '\0a',
  '\u0001',
  '\u0001\0',
  '\u0002',
  'a',
  'a\0',
  'a\0b',
  'a\u0001',
  'aa',
  'ab',
  'b',
  '\u007f',
  'é',
  '\uffff',
  '🦊'
]
const bytes = ['', '00', '0000', '0001', '01', '0100', '0101', '02', '7f', 'ff', 'ff00', 'ffff'].map((text) =>
  Buffer.from(text, 'hex')
)

function randomKeys(seed: number): () => OrderedKey {
  const { below, oneOf } = drawsOf(randomOf(seed))
  const ieee = new DataView(new ArrayBuffer(8))
  const draw = (depth: number): OrderedKey => {
    switch (below(depth > 3 ? 7 : 9)) {
      case 0:
        return oneOf([null, false, true])
      case 1:
        return oneOf(numbers)
      case 2: {
        for (let i = 0; i < 8; i++) ieee.setUint8(i, below(256))
        const number = ieee.getFloat64(0)
        return Number.isNaN(number) ? below(1000) - 500 : number
      }
      case 3:
        return below(2000) - 1000
      case 4:
        return Array.from({ length: below(4) }, () => oneOf(strings)).join('')
      case 5:
        return Array.from({ length: below(6) }, () => oneOf(['a', 'b', '\0', '\u0001', 'é', '語'])).join('')
      case 6:
        return Buffer.from(Array.from({ length: below(5) }, () => oneOf([0, 1, 2, 97, 255])))
      default:
        return Array.from({ length: below(4) }, () => draw(depth + 1))
    }
  }
  return () => draw(0)
}

test('the bytes are these, for ever', () => {
  expect(hex(null)).toBe('10')
  expect(hex(false)).toBe('20')
  expect(hex(true)).toBe('21')
  expect(hex(0)).toBe('308000000000000000')
  expect(hex(1)).toBe('30bff0000000000000')
  expect(hex(-1)).toBe('30400fffffffffffff')
  expect(hex(Number.POSITIVE_INFINITY)).toBe('30fff0000000000000')
  expect(hex(Number.NEGATIVE_INFINITY)).toBe('30000fffffffffffff')
  expect(hex('a\0\u0001é')).toBe('406101010102c3a900')
  expect(hex(Buffer.from([255, 0, 1]))).toBe('50ff0101010200')
  expect(hex([])).toBe('6000')
  expect(hex(['user', 7, null])).toBe('60407573657200' + '30c01c000000000000' + '10' + '00')
  expect(hex([[null], ''])).toBe('606010004000' + '00')
})

describe('order', () => {
  test('every pair of well-known keys', () => {
    const plain: OrderedKey[] = [null, false, true, ...numbers, ...strings, ...bytes]
    const arrays: OrderedKey[] = [
      [],
      ...plain.map((key) => [key]),
      [[]],
      ['a', 1],
      ['a', 2],
      ['a\0', 0],
      [1, 'a'],
      [null, null]
    ]
    const all = [...plain, ...arrays]
    const encoded = all.map((key) => encodeOrdered(key))
    for (const [i, a] of all.entries()) {
      for (const [j, b] of all.entries()) {
        const said = Buffer.compare(encoded[i] as Buffer, encoded[j] as Buffer)
        if (said !== Math.sign(compare(a, b))) expect.fail(`${JSON.stringify(a)} and ${JSON.stringify(b)}: ${said}`)
        if (i !== j && (encoded[j] as Buffer).subarray(0, encoded[i]?.length).equals(encoded[i] as Buffer))
          expect.fail(`${JSON.stringify(a)} begins ${JSON.stringify(b)}`)
      }
    }
    expect(all.length).toBeGreaterThan(100)
  })

  test('random keys sort by their bytes as they compare, and come back', () => {
    const count = campaign('ordered keys', { short: 20_000, long: 1_000_000 })
    const draw = randomKeys(seedOf('ordered keys'))
    let equal = 0
    for (let i = 0; i < count; i++) {
      const [a, b] = [draw(), draw()]
      const [one, other] = [encodeOrdered(a), encodeOrdered(b)]
      const order = Math.sign(compare(a, b))
      if (Buffer.compare(one, other) !== order) expect.fail(`${one.toString('hex')} and ${other.toString('hex')}`)
      if (order === 0) equal++
      expect(decodeOrdered(one)).toEqual(a)
    }
    expect(equal).toBeGreaterThan(0)
    expect(equal).toBeLessThan(count / 2)
  })
})

test('what comes back is of the same kind, and owns its bytes', () => {
  const stored = encodeOrdered([Buffer.from('ab'), 'ab', Uint8Array.of(1)])
  const decoded = decodeOrdered(stored) as unknown[]
  stored.fill(0)
  expect(decoded).toEqual([Buffer.from('ab'), 'ab', Buffer.of(1)])
  expect(Buffer.isBuffer(decoded[2])).toBe(true)
  expect(Object.is(decodeOrdered(encodeOrdered(-0)), 0)).toBe(true)
})

test('prefixes', () => {
  const begins = (key: OrderedKey, prefix: OrderedKey): boolean => {
    const start = encodeOrderedPrefix(prefix)
    return encodeOrdered(key).subarray(0, start.length).equals(start)
  }
  for (const key of [['a'], ['a', 1], ['a', 1, []]]) expect(begins(key, ['a'])).toBe(true)
  for (const key of ['a', [], ['ab'], ['b'], [['a']]]) expect(begins(key, ['a'])).toBe(false)
  for (const key of ['ab', 'abc', 'ab\0']) expect(begins(key, 'ab')).toBe(true)
  for (const key of ['a', 'b', Buffer.from('ab'), ['ab']]) expect(begins(key, 'ab')).toBe(false)
  expect(begins('a\0b', 'a\0')).toBe(true)
  expect(begins('a\u0001', 'a\0')).toBe(false)
  expect(begins(Buffer.of(1, 2), Buffer.of(1))).toBe(true)
  expect([null, true, false, 0, 1, 'x', []].filter((key) => begins(key, 1))).toEqual([1])
  expect([null, [null], 0].filter((key) => begins(key, null))).toEqual([null])
  expect([[], [1], [[]], 'x'].filter((key) => begins(key, []))).toEqual([[], [1], [[]]])
})

describe('refusals', () => {
  const sparse: unknown[] = []
  sparse.length = 1
  const cycle: unknown[] = []
  cycle.push(cycle)
  test.each([
    ['NaN', Number.NaN, 'NaN'],
    ['undefined', undefined, 'not undefined'],
    ['a hole', sparse, 'not undefined'],
    ['a Date', new Date(0), 'not a Date'],
    ['a bigint', 1n, 'not a bigint'],
    ['an object', { a: 1 }, 'not a Object'],
    ['a symbol', Symbol('s'), 'not a symbol'],
    ['other numbers in memory', new Uint16Array(1), 'not a Uint16Array'],
    ['a lone surrogate', ['\ud800'], 'lone surrogate'],
    ['an array in itself', cycle, '64 arrays deep']
  ])('%s', async (_, key, sentence) => {
    const error = await failureOf(() => encodeOrdered(key))
    expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
    expect(error.message).toContain(sentence)
  })

  test('what is too large, soon', async () => {
    for (const key of ['x'.repeat(2 ** 28), new Array(200_000).fill('abc'), Buffer.alloc(2 ** 20)])
      expect((await failureOf(() => encodeOrdered(key))).code).toBe('VARVE_TOO_LARGE')
  })

  test('depth has a limit, and what is at it comes back', () => {
    let key: OrderedKey = null
    for (let i = 0; i < 64; i++) key = [key]
    expect(decodeOrdered(encodeOrdered(key))).toEqual(key)
    expect(() => encodeOrdered([key])).toThrow('64 arrays deep')
    expect(() => decodeOrdered(Buffer.concat([Buffer.of(0x60), encodeOrdered(key), Buffer.of(0)]))).toThrow('ordered')
  })

  test('a key that is encoded while another is', () => {
    const key: unknown[] = ['first', 'last']
    const inside = new Proxy(key, {
      get(target, name) {
        if (name === '1') encodeOrdered(['something', 'else', 'of', 'more', 'bytes'])
        return Reflect.get(target, name)
      }
    })
    expect(decodeOrdered(encodeOrdered(inside))).toEqual(['first', 'last'])
  })
})

describe('bytes that are no key', () => {
  test.each([
    ['nothing', ''],
    ['an end', '00'],
    ['no kind', '11'],
    ['half a number', '3080000000'],
    ['minus zero', '307fffffffffffffff'],
    ['NaN', '30fff8000000000000'],
    ['the other NaN', '300007ffffffffffff'],
    ['a string without its end', '4061'],
    ['an escape of nothing', '40010300'],
    ['an escape of the end', '400100'],
    ['utf8 that is none', '40c300'],
    ['an overlong zero', '40c08000'],
    ['a surrogate', '40eda08000'],
    ['an array without its end', '6010'],
    ['something behind', '1010'],
    ['an end behind', '6010' + '0000'],
    ['deep arrays', '60'.repeat(60_000)]
  ])('%s', async (_, text) => {
    const error = await failureOf(() => decodeOrdered(Buffer.from(text, 'hex')))
    expect(error.code).toBe('VARVE_ENCODING_MISMATCH')
    expect(error.message).toMatch(/keyEncoding 'ordered' \(byte \d+ of \d+\)/)
  })

  test('random and damaged bytes decode to their one key, or to a typed error', async () => {
    const count = campaign('ordered keys, damaged', { short: 20_000, long: 1_000_000 })
    const seed = seedOf('ordered keys, damaged')
    const draw = randomKeys(seed)
    const { below } = drawsOf(randomOf(seed + 1))
    let refused = 0
    for (let i = 0; i < count; i++) {
      const made = encodeOrdered(draw())
      const damaged = i % 3 === 0 ? made.subarray(0, below(made.length)) : Buffer.from(made)
      for (let flips = i % 3; flips > 0; flips--) damaged[below(damaged.length)] = below(256)
      let key: OrderedKey
      try {
        key = decodeOrdered(damaged)
      } catch (error) {
        expect(error).toMatchObject({ code: 'VARVE_ENCODING_MISMATCH' })
        refused++
        continue
      }
      if (!encodeOrdered(key).equals(damaged)) expect.fail(damaged.toString('hex'))
    }
    expect(refused).toBeGreaterThan(count / 4)
    expect(refused).toBeLessThan(count)
  })
})
