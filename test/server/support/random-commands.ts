// Random commands, valid and not, that Redis and varve are to answer with the same bytes. What is known to differ
// (../differences.ts) is not made, or is made where the difference changes nothing that is stored.
import type { Random } from './random.ts'
import {
  badSeconds,
  farMs,
  farSeconds,
  floats,
  integers,
  keys,
  pastSeconds,
  patterns,
  relativeMs,
  relativeSeconds,
  texts,
  type Word
} from './random-words.ts'
import { type Request, requestOf } from './resp-peer.ts'

type Maker = (random: Random) => readonly Word[]

const key: (random: Random) => Word = (random) => random.pick(keys)

function value(random: Random): Word {
  const kind = random.below(10)
  if (kind < 3) return random.pick(integers)
  if (kind < 5) return random.pick(floats)
  if (kind < 6) return String(random.below(2_000) - 1_000)
  return random.pick(texts)
}

const float = (random: Random): Word =>
  random.below(2) === 0
    ? random.pick(floats)
    : `${random.below(2) === 0 ? '-' : ''}${random.below(100_000)}.${random.below(1_000_000)}`

function setOption(random: Random): readonly Word[] {
  switch (random.below(10)) {
    case 0:
      return ['NX']
    case 1:
      return ['XX']
    case 2:
      return ['GET']
    case 3:
      return ['KEEPTTL']
    case 4:
      return ['PERSIST']
    default:
      return expiryOption(random)
  }
}

function expiryOption(random: Random): readonly Word[] {
  switch (random.below(9)) {
    case 0:
      return ['EX', random.pick(relativeSeconds)]
    case 1:
      return ['PX', random.pick(relativeMs)]
    case 2:
    case 3:
      return ['EXAT', random.pick(farSeconds)]
    case 4:
    case 5:
      return ['PXAT', random.pick(farMs)]
    case 6:
      return ['EX', random.pick([...badSeconds, '0', '-1'])]
    case 7:
      return [random.pick(['EX', 'PX', 'PERSIST', 'KEEPTTL', 'BAD'])]
    default:
      return [random.pick(['PX', 'EXAT']), random.pick(['0', '-1', 'abc', ''])]
  }
}

function times<T>(random: Random, max: number, make: () => T): T[] {
  return Array.from({ length: random.below(max + 1) }, make)
}

/** Conditions that compare times go with absolute ones only. */
const condition = (random: Random, words: readonly string[]): Word[] => times(random, 2, () => random.pick(words))
const anyCondition = ['NX', 'XX', 'GT', 'LT', 'BAD']
const presence = ['NX', 'XX', 'nope']
const offsets = [
  '0',
  '1',
  '5',
  '20',
  '50',
  '-1',
  'abc',
  '',
  '536870912',
  '4294967296',
  '9223372036854775807',
  '9223372036854775808'
]
const places = [
  '0',
  '1',
  '-1',
  '3',
  '-3',
  '10',
  '-10',
  '1000',
  '-1000',
  'x',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808'
]

/** Name → its maker and how often it is made. Those of `steps` walk over all keys, and are no part of transactions. */
const makers: Readonly<Record<string, readonly [weight: number, make: Maker]>> = {
  GET: [8, (r) => [key(r)]],
  MGET: [3, (r) => [key(r), ...times(r, 5, () => key(r))]],
  SET: [14, (r) => [key(r), value(r), ...(r.below(3) === 0 ? times(r, 3, () => setOption(r)).flat() : [])]],
  SETNX: [3, (r) => [key(r), value(r)]],
  SETEX: [2, (r) => [key(r), r.pick([...relativeSeconds, ...badSeconds, '0', '-1']), value(r)]],
  PSETEX: [2, (r) => [key(r), r.pick([...relativeMs, '0', '-1', 'abc', '9223372036854775807']), value(r)]],
  MSET: [2, (r) => [key(r), value(r), ...times(r, 4, () => [key(r), value(r)]).flat()]],
  MSETNX: [2, (r) => [key(r), value(r), ...times(r, 2, () => [key(r), value(r)]).flat()]],
  GETSET: [2, (r) => [key(r), value(r)]],
  GETDEL: [3, (r) => [key(r)]],
  GETEX: [4, (r) => [key(r), ...times(r, 2, () => r.pick([expiryOption(r), ['PERSIST']])).flat()]],
  DEL: [6, (r) => [key(r), ...times(r, 3, () => key(r))]],
  UNLINK: [2, (r) => [key(r), ...times(r, 3, () => key(r))]],
  EXISTS: [4, (r) => [key(r), ...times(r, 3, () => key(r))]],
  TOUCH: [1, (r) => [key(r), ...times(r, 3, () => key(r))]],
  TYPE: [3, (r) => [key(r)]],
  STRLEN: [3, (r) => [key(r)]],
  APPEND: [4, (r) => [key(r), value(r)]],
  GETRANGE: [4, (r) => [key(r), r.pick(places), r.pick(places)]],
  SUBSTR: [1, (r) => [key(r), r.pick(places), r.pick(places)]],
  SETRANGE: [4, (r) => [key(r), r.pick(offsets), value(r)]],
  INCR: [4, (r) => [key(r)]],
  DECR: [3, (r) => [key(r)]],
  INCRBY: [4, (r) => [key(r), r.pick(integers)]],
  DECRBY: [3, (r) => [key(r), r.pick(integers)]],
  INCRBYFLOAT: [6, (r) => [key(r), float(r)]],
  EXPIRE: [3, (r) => [key(r), r.pick([...relativeSeconds, ...badSeconds, '0', '-1']), ...condition(r, presence)]],
  PEXPIRE: [
    2,
    (r) => [key(r), r.pick([...relativeMs, '0', '-1', '-9223372036854775808', 'abc']), ...condition(r, presence)]
  ],
  EXPIREAT: [
    4,
    (r) => [
      key(r),
      r.pick([...farSeconds, ...farSeconds, ...pastSeconds, ...badSeconds]),
      ...condition(r, anyCondition)
    ]
  ],
  PEXPIREAT: [3, (r) => [key(r), r.pick([...farMs, ...farMs, ...pastSeconds, 'abc']), ...condition(r, anyCondition)]],
  PERSIST: [2, (r) => [key(r)]],
  TTL: [2, (r) => [key(r)]],
  PTTL: [2, (r) => [key(r)]],
  EXPIRETIME: [2, (r) => [key(r)]],
  PEXPIRETIME: [2, (r) => [key(r)]],
  RENAME: [3, (r) => [key(r), key(r)]],
  RENAMENX: [3, (r) => [key(r), key(r)]],
  PING: [1, (r) => times(r, 2, () => value(r))],
  ECHO: [1, (r) => [value(r)]],
  FLUSHDB: [0.05, (r) => r.pick([[], ['ASYNC'], ['SYNC'], ['sync', 'async'], ['now']])],
  FLUSHALL: [0.05, (r) => r.pick([[], ['async'], ['SYNC'], ['later']])],
  UNWATCH: [0.3, () => []],
  NOSUCH: [1, (r) => times(r, 4, () => value(r))]
}

const steps: typeof makers = {
  KEYS: [1, (r) => [r.pick(patterns)]],
  DBSIZE: [1, () => []],
  RANDOMKEY: [0.5, () => []],
  SCAN: [1.5, (r) => ['0', 'COUNT', '1000', ...scanOptions(r)]],
  LLEN: [0.3, (r) => [key(r)]],
  HGETALL: [0.3, (r) => [key(r)]]
}

function scanOptions(random: Random): readonly Word[] {
  const options: readonly (readonly Word[])[] = [
    ['MATCH', random.pick(patterns)],
    ['TYPE', random.pick(['string', 'STRING', 'list', 'nope'])],
    ['COUNT', random.pick(['1000', '2000', '0', '-1', 'abc'])],
    ['MATCH'],
    ['BAD', 'x']
  ]
  return times(random, 2, () => random.pick(options)).flat()
}

function picker(table: typeof makers): (random: Random) => readonly [name: string, make: Maker] {
  const all = Object.entries(table)
  const total = all.reduce((sum, [, [weight]]) => sum + weight, 0)
  return (random) => {
    let at = (random.below(2 ** 32) / 2 ** 32) * total
    for (const [name, [weight, make]] of all) {
      at -= weight
      if (at < 0) return [name, make]
    }
    return ['GET', (r) => [key(r)]]
  }
}

const inTransactions = picker(makers)
const outside = picker({ ...makers, ...steps })

function command(random: Random, pick: ReturnType<typeof picker>): Request {
  const [name, make] = pick(random)
  let words = [name, ...make(random)]
  const mutation = random.below(40)
  if (mutation === 0) words = words.slice(0, -1 - random.below(words.length))
  const more = value(random)
  // Not a time: it would be over at another millisecond in each of two servers.
  if (mutation === 1 && !/^[EP]X(AT)?$/i.test(String(words.at(-1)))) words.push(more)
  if (words.length === 0) words = [name]
  return requestOf(...words.map((word, i) => (i === 0 || random.below(4) === 0 ? inSomeCase(word, random) : word)))
}

function inSomeCase(word: Word, random: Random): Word {
  if (typeof word !== 'string' || !/^[A-Z]+$/i.test(word)) return word
  return random.pick([word, word, word.toLowerCase(), word.replace(/^./, (first) => first.toLowerCase())])
}

/** One command, or all of a transaction. */
export function someRequests(random: Random): Request[] {
  const kind = random.below(60)
  if (kind === 0) return transactionOf(random)
  if (kind === 1) return [requestOf('WATCH', key(random), key(random)), ...touching(random), ...transactionOf(random)]
  if (kind === 2) return [requestOf(random.pick(['EXEC', 'DISCARD', 'UNWATCH', 'WATCH']))]
  return [command(random, outside)]
}

/** One command: two could make a watched key and take it away again, which varve takes for untouched. */
const touching = (random: Random): Request[] => times(random, 1, () => command(random, inTransactions))

export function transactionOf(random: Random): Request[] {
  const requests = [requestOf('MULTI')]
  for (let left = random.below(8); left > 0; left--) {
    const kind = random.below(60)
    // Both refuse these two and go on, and forget the transaction at the third.
    if (kind === 0) requests.push(requestOf('MULTI'))
    else if (kind === 1) requests.push(requestOf('WATCH', key(random)))
    else if (kind === 2) requests.push(requestOf('WATCH'))
    else requests.push(command(random, inTransactions))
  }
  requests.push(requestOf(random.below(6) === 0 ? 'DISCARD' : 'EXEC'))
  return requests
}

/** What somebody else may do while a key is watched. */
export const oneWrite = (random: Random): Request =>
  random.pick([
    requestOf('SET', key(random), 'other'),
    requestOf('DEL', key(random)),
    requestOf('APPEND', key(random), ''),
    requestOf('PERSIST', key(random)),
    requestOf('EXPIREAT', key(random), '4000000000'),
    requestOf('SETNX', key(random), 'other'),
    requestOf('GETDEL', key(random)),
    requestOf('SETRANGE', key(random), '3', '')
  ])

export const watchOf = (random: Random): Request => requestOf('WATCH', key(random), key(random), key(random))
