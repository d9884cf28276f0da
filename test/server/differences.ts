// Where varve answers otherwise than Redis 7.0, on purpose: at most 20, each with its reason and with requests that show it.
// differential.test.ts sends those to both and fails where one has gone.
import { endOfReply } from './support/resp-peer.ts'

export interface Difference {
  readonly name: string
  readonly reason: string
  /** The last one's replies differ. */
  readonly example: readonly (readonly string[])[]
  /** Whether two replies to such a request are equal but for this difference. */
  readonly allows?: (request: readonly string[], redis: string, varve: string) => boolean
}

const long = 'k'.repeat(65_536)

export const differences: readonly Difference[] = [
  {
    name: 'other types',
    reason: 'varve holds strings only, and says so whatever the key has and however the request is written',
    example: [['LLEN', 'absent']],
    allows: ([name], _redis, varve) =>
      varve === `-ERR varve holds strings only, and ${name} is for ${name === 'LLEN' ? 'a list' : 'a hash'}\r\n`
  },
  {
    name: 'order of keys',
    reason: 'keys are kept in the order of their bytes; a hash table has none',
    example: [
      ['MSET', 'z', '1', 'y', '1', 'x', '1', 'w', '1', 'v', '1', 'u', '1', 't', '1', 's', '1'],
      ['KEYS', '*']
    ],
    allows: ([name], redis, varve) => (name === 'KEYS' || name === 'SCAN') && sortedLines(redis) === sortedLines(varve)
  },
  {
    name: 'some key',
    reason: 'RANDOMKEY draws anew each time',
    example: [],
    allows: ([name], redis, varve) => name === 'RANDOMKEY' && redis.startsWith('$') && varve.startsWith('$')
  },
  {
    name: 'cursors',
    reason:
      'a cursor stands for a key in a bounded table, and is 0 once all are told; Redis walks a hash table from any number',
    example: [['SCAN', '17']],
    allows: ([name], redis, varve) =>
      name === 'SCAN' &&
      cursorIn(redis) > 0 &&
      (cursorIn(varve) > 0 || (cursorIn(varve) === 0 && tellsAll(varve, redis)))
  },
  {
    name: 'long keys',
    reason: 'keys have at most 65 535 bytes',
    example: [['GET', long]]
  },
  {
    name: 'steps in transactions',
    reason:
      'what walks over all keys would hold up everybody if it had to be one step: KEYS, SCAN, DBSIZE, RANDOMKEY, RANGE',
    example: [['MULTI'], ['DBSIZE'], ['EXEC']]
  },
  {
    name: 'watched, made and removed',
    reason: 'a watched key that was absent and is absent again is as it was; Redis counts the touches',
    example: [['DEL', 'w'], ['WATCH', 'w'], ['SET', 'w', '1'], ['DEL', 'w'], ['MULTI'], ['GET', 'w'], ['EXEC']]
  },
  {
    name: 'bytes in errors',
    reason: 'what errors say is text: bytes of a request that are no UTF-8 are shown as U+FFFD',
    example: [['h\xe9llo']],
    allows: (_request, redis, varve) => isSameButBytesOfErrors(redis, varve)
  },
  {
    name: 'the far future',
    reason: 'times are safe integers of milliseconds, up to the year 287396',
    example: [
      ['SET', 'k', '1'],
      ['PEXPIREAT', 'k', '9223372036854775807']
    ]
  },
  {
    name: 'the time of a reply',
    reason: 'two servers do not answer in the same millisecond',
    example: [],
    allows: ([name = ''], redis, varve) =>
      ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'].includes(name) && isNear(redis, varve)
  }
]

/**
 * The names of the differences between two replies to one request, or undefined where they may not differ so. `queued`: the
 * requests EXEC answers, whose replies are compared one by one.
 */
export function differencesOf(
  request: readonly string[],
  queued: readonly (readonly string[])[],
  redis: string,
  varve: string
): string[] | undefined {
  if (redis === varve) return []
  const whole = differences.find(({ allows }) => allows?.(request, redis, varve) === true)
  if (whole !== undefined) return [whole.name]
  if (request[0] !== 'EXEC') return undefined
  const [theirs, ours] = [itemsOf(redis), itemsOf(varve)]
  if (theirs.length !== queued.length || ours.length !== queued.length) return undefined
  const names: string[] = []
  for (const [i, words] of queued.entries()) {
    const found = differencesOf(words, [], theirs[i] as string, ours[i] as string)
    if (found === undefined) return undefined
    names.push(...found)
  }
  return names
}

/** The replies an array holds, each with all its bytes; none where the reply is no array. */
function itemsOf(reply: string): string[] {
  const bytes = Buffer.from(reply, 'latin1')
  const items: string[] = []
  if (!reply.startsWith('*')) return items
  for (let at = bytes.indexOf('\r\n') + 2; at < bytes.length; ) {
    const end = endOfReply(bytes, at)
    items.push(bytes.latin1Slice(at, end))
    at = end
  }
  return items
}

/** The cursor of SCAN's reply; -1: it is none. */
const cursorIn = (reply: string): number => Number(/^\*2\r\n\$\d+\r\n(\d+)\r\n/.exec(reply)?.[1] ?? -1)

/** Whether every key in one reply of SCAN is in another. */
function tellsAll(reply: string, other: string): boolean {
  const told = new Set(reply.split('\r\n').slice(4))
  return other
    .split('\r\n')
    .slice(4)
    .every((line) => told.has(line))
}

const sortedLines = (reply: string): string => reply.split('\r\n').sort().join('\n')

function isSameButBytesOfErrors(a: string, b: string): boolean {
  const these = a.split('\r\n')
  const those = b.split('\r\n')
  return these.length === those.length && these.every((line, i) => line === those[i] || isSameError(line, those[i]))
}

const isSameError = (a: string, b = ''): boolean =>
  a.startsWith('-') && Buffer.from(a, 'latin1').toString() === Buffer.from(b, 'latin1').toString()

/** Equal but for numbers that differ by less than five seconds. */
function isNear(a: string, b: string): boolean {
  const these = a.split('\r\n')
  const those = b.split('\r\n')
  return (
    these.length === those.length &&
    these.every((line, i) => {
      const other = those[i] as string
      if (line === other) return true
      if (!/^:\d+$/.test(line) || !/^:\d+$/.test(other)) return false
      return Math.abs(Number(line.slice(1)) - Number(other.slice(1))) < 5_000
    })
  )
}
