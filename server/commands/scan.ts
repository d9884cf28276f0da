// SCAN cursor [MATCH pattern] [COUNT n] [TYPE type] → the next cursor, and keys. 0 begins, and 0 says that it is over.
//
// Keys come in their order, each once, and all that were there all the time are among them. A pattern that begins with plain
// bytes is looked for only where keys begin with those.
import { arrayReply, errorReply, type Reply, textValue, valueReply } from '../protocol/reply.ts'
import type { Caller } from './caller.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { notANumber, syntaxError } from './expiry.ts'
import { type Glob, globOf } from './glob.ts'
import { wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'
import { behind, pagesOf, rangeOfPrefix } from './walk.ts'

interface ScanOptions {
  count: number
  glob: Glob | undefined
  /** Whether keys of that type are asked for: there are strings only. */
  asksStrings: boolean
}

/** Keys looked at in one call, whatever COUNT says: a client that asks for more asks again. */
const countMax = 10_000
const countByDefault = 10

export const scan: Command = {
  name: 'SCAN',
  arity: -2,
  flags: ['read'],
  group: 'generic',
  summary: 'Some keys, and a cursor to go on with.',
  usage: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
  plan: (args: Arguments): Plan => {
    const cursor = cursorOf(argument(args, 0))
    if (cursor === undefined) return replyPlan(errorReply('invalid cursor'))
    const options = optionsOf(args)
    if ('kind' in options) return replyPlan(options)
    return { kind: 'slow', run: (caller) => runScan(caller, cursor, options) }
  }
}

const greatest = 2n ** 64n - 1n

/** Numbers as C's strtoul takes them; undefined: none. */
function cursorOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1', 0, 64)
  if (text === '') return '0'
  if (!/^[+-]?\d+$/.test(text)) return undefined
  const number = BigInt(text.replace(/^\+/, ''))
  return number > greatest || number < -greatest ? undefined : String(number)
}

function optionsOf(args: Arguments): ScanOptions | Reply {
  const options: ScanOptions = { count: countByDefault, glob: undefined, asksStrings: true }
  for (let i = 1; i < args.length; i += 2) {
    const word = wordOf(argument(args, i))
    const value = args[i + 1]
    if (value === undefined) return syntaxError
    if (word === 'COUNT') {
      const count = wholeNumberOf(value)
      if (count === undefined) return notANumber
      if (count < 1n) return syntaxError
      options.count = count > BigInt(countMax) ? countMax : Number(count)
    } else if (word === 'MATCH') options.glob = isAll(value) ? undefined : globOf(value)
    else if (word === 'TYPE') options.asksStrings = wordOf(value) === 'STRING'
    else return syntaxError
  }
  return options
}

const star = 0x2a
/** As Redis has it, this one matches the empty key too. */
export const isAll = (pattern: Buffer): boolean => pattern.length === 1 && pattern[0] === star

async function runScan(caller: Caller, cursor: string, { count, glob, asksStrings }: ScanOptions): Promise<Reply> {
  const { cursors } = caller.server
  const next = cursor === '0' ? undefined : cursors.find(cursor)
  if (next === undefined && cursor !== '0') return errorReply('unknown cursor, start again from 0')
  const { gte, lt } = rangeOfPrefix(glob?.prefix ?? none)
  const from = next !== undefined && (gte === undefined || Buffer.compare(next, gte) > 0) ? next : gte
  const range = { ...(from === undefined ? {} : { gte: from }), ...(lt === undefined ? {} : { lt }) }
  const found: Reply[] = []
  let seen = 0
  let last: Buffer = none
  // One more than asked for: whether there is one tells whether that was all.
  for await (const page of pagesOf(caller, { ...range, values: false, limit: count + 1 })) {
    for (const [key] of page) {
      if (seen++ === count) break
      last = key
      if (asksStrings && (glob === undefined || glob.matches(key))) found.push(valueReply(key))
    }
  }
  const on = seen <= count ? '0' : cursors.add(behind(last), cursor === '0' ? undefined : cursor)
  return arrayReply([textValue(on), arrayReply(found)])
}

const none = Buffer.alloc(0)
