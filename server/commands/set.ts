// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL], MSET key value …
import type { Reply } from '../protocol/reply.ts'
import { errorReply, missing, ok, valueOrMissing } from '../protocol/reply.ts'
import type { DecisionView, Operation } from '../store.ts'
import { type Arguments, argument, type Command, oneKey, wordOf } from './command.ts'
import { type Expiry, expiryOf, isExpiryWord, syntaxError } from './expiry.ts'
import { type Plan, replyPlan } from './plan.ts'

export const set: Command = {
  name: 'SET',
  arity: -3,
  flags: ['write'],
  keys: oneKey,
  group: 'string',
  summary: 'Stores a value under a key.',
  usage: 'key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | KEEPTTL]',
  plan: (args: Arguments): Plan => (args.length === 2 ? plainSet(args) : conditionalSet(args))
}

function plainSet(args: Arguments): Plan {
  return { kind: 'write', operations: [{ type: 'put', key: argument(args, 0), value: argument(args, 1) }], reply: ok }
}

interface SetOptions {
  readonly condition: 'NX' | 'XX' | undefined
  readonly gets: boolean
  readonly keepsExpiry: boolean
  readonly expiry: Expiry | undefined
}

function conditionalSet(args: Arguments): Plan {
  const options = optionsOf(args)
  if ('kind' in options) return replyPlan(options)
  const key = argument(args, 0)
  const value = argument(args, 1)
  return { kind: 'decide', keys: [key], decide: (view) => decideSet(view, key, value, options) }
}

function decideSet(view: DecisionView, key: Buffer, value: Buffer, options: SetOptions): Reply {
  const { condition, gets, keepsExpiry, expiry } = options
  const before = view.get(key)
  const answer = gets ? valueOrMissing(before?.value) : ok
  if (condition !== undefined && (condition === 'NX') === (before !== undefined)) return gets ? answer : missing
  view.put(key, value, keepsExpiry ? before?.expiresAt : expiry?.at(view.nowMs))
  return answer
}

function optionsOf(args: Arguments): SetOptions | Reply {
  let condition: SetOptions['condition']
  let gets = false
  let keepsExpiry = false
  let expiry: Expiry | undefined
  for (let i = 2; i < args.length; i++) {
    const word = wordOf(argument(args, i))
    if ((word === 'NX' || word === 'XX') && (condition === undefined || condition === word)) condition = word
    else if (word === 'GET') gets = true
    else if (word === 'KEEPTTL' && expiry === undefined) keepsExpiry = true
    else if (isExpiryWord(word) && expiry === undefined && !keepsExpiry && i + 1 < args.length) {
      const parsed = expiryOf(word, argument(args, ++i), 'set')
      if ('kind' in parsed) return parsed
      expiry = parsed
    } else return syntaxError
  }
  return { condition, gets, keepsExpiry, expiry }
}

export const mset: Command = {
  name: 'MSET',
  arity: -3,
  flags: ['write'],
  keys: { first: 1, last: -1, step: 2 },
  group: 'string',
  summary: 'Stores several values, all at once.',
  usage: 'key value [key value ...]',
  plan: (args: Arguments): Plan => {
    if (args.length % 2 !== 0) return replyPlan(errorReply("wrong number of arguments for 'mset' command"))
    return { kind: 'write', operations: putsOf(args), reply: ok }
  }
}

export function putsOf(args: Arguments): Operation[] {
  const operations: Operation[] = []
  for (let i = 0; i + 1 < args.length; i += 2) {
    operations.push({ type: 'put', key: argument(args, i), value: argument(args, i + 1) })
  }
  return operations
}
