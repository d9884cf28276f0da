// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] · SETNX · SETEX · PSETEX
import type { Reply } from '../protocol/reply.ts'
import { integerReply, missing, ok, valueOrMissing } from '../protocol/reply.ts'
import type { DecisionView } from '../store.ts'
import { type Arguments, argument, type Command, oneKey, wordOf } from './command.ts'
import {
  type Expiry,
  type ExpiryWord,
  expiryOf,
  expiryOfOptions,
  noExpiryOptions,
  syntaxError,
  takeExpiryOption
} from './expiry.ts'
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
  const reads = options.condition !== undefined || options.gets || options.keepsExpiry
  return { kind: 'decide', keys: reads ? [key] : [], decide: (view) => decideSet(view, key, value, options, reads) }
}

function decideSet(view: DecisionView, key: Buffer, value: Buffer, options: SetOptions, reads: boolean): Reply {
  const { condition, gets, keepsExpiry, expiry } = options
  const before = reads ? view.get(key) : undefined
  const answer = gets ? valueOrMissing(before?.value) : ok
  if (condition !== undefined && (condition === 'NX') === (before !== undefined)) return gets ? answer : missing
  view.put(key, value, keepsExpiry ? before?.expiresAt : expiry?.at(view.nowMs))
  return answer
}

function optionsOf(args: Arguments): SetOptions | Reply {
  let condition: SetOptions['condition']
  let gets = false
  const timing = noExpiryOptions()
  for (let i = 2; i < args.length; ) {
    const word = wordOf(argument(args, i))
    if ((word === 'NX' || word === 'XX') && (condition === undefined || condition === word)) condition = word
    else if (word === 'GET') gets = true
    else {
      const taken = takeExpiryOption(args, i, 'KEEPTTL', timing)
      if (taken === 0) return syntaxError
      i += taken
      continue
    }
    i++
  }
  const expiry = expiryOfOptions(timing, 'set')
  if (expiry !== undefined && 'kind' in expiry) return expiry
  return { condition, gets, keepsExpiry: timing.isOther, expiry }
}

export const setnx: Command = {
  name: 'SETNX',
  arity: 3,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'Stores a value under a key that has none.',
  usage: 'key value',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    return {
      kind: 'decide',
      keys: [key],
      decide: (view) => {
        if (view.get(key) !== undefined) return integerReply(0)
        view.put(key, argument(args, 1))
        return integerReply(1)
      }
    }
  }
}

function setFor(name: string, word: ExpiryWord, unit: string): Command {
  return {
    name,
    arity: 4,
    flags: ['write'],
    keys: oneKey,
    group: 'string',
    summary: `Stores a value for so many ${unit}.`,
    usage: `key ${unit} value`,
    plan: (args: Arguments): Plan => {
      const key = argument(args, 0)
      const expiry = expiryOf(word, argument(args, 1), name.toLowerCase())
      if ('kind' in expiry) return replyPlan(expiry)
      return {
        kind: 'decide',
        keys: [],
        decide: (view) => {
          view.put(key, argument(args, 2), expiry.at(view.nowMs))
          return ok
        }
      }
    }
  }
}

export const setex = setFor('SETEX', 'EX', 'seconds')
export const psetex = setFor('PSETEX', 'PX', 'milliseconds')
