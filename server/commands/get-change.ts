// GETSET key value · GETDEL key · GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]: the value, and then a change.
import { missing, type Reply, valueOrMissing, valueReply } from '../protocol/reply.ts'
import type { DecisionView } from '../store.ts'
import { type Arguments, argument, type Command, oneKey } from './command.ts'
import { expiryOfOptions, noExpiryOptions, syntaxError, takeExpiryOption } from './expiry.ts'
import { get } from './get.ts'
import { type Plan, replyPlan } from './plan.ts'

const decideOn = (key: Buffer, decide: (view: DecisionView) => Reply): Plan => ({ kind: 'decide', keys: [key], decide })

export const getset: Command = {
  name: 'GETSET',
  arity: 3,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'Stores a value and says the one before.',
  usage: 'key value',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    return decideOn(key, (view) => {
      const before = view.get(key)
      view.put(key, argument(args, 1))
      return valueOrMissing(before?.value)
    })
  }
}

export const getdel: Command = {
  name: 'GETDEL',
  arity: 2,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'The value of a key, which is removed.',
  usage: 'key',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    return decideOn(key, (view) => {
      const before = view.get(key)
      if (before === undefined) return missing
      view.del(key)
      return valueReply(before.value)
    })
  }
}

export const getex: Command = {
  name: 'GETEX',
  arity: -2,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'The value of a key, and when it expires from now on.',
  usage: 'key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST]',
  plan: (args: Arguments): Plan => (args.length === 1 ? get.plan(args) : planGetex(args))
}

function planGetex(args: Arguments): Plan {
  const key = argument(args, 0)
  const options = noExpiryOptions()
  for (let i = 1; i < args.length; ) {
    const taken = takeExpiryOption(args, i, 'PERSIST', options)
    if (taken === 0) return replyPlan(syntaxError)
    i += taken
  }
  const expiry = expiryOfOptions(options, 'getex')
  return decideOn(key, (view) => {
    const entry = view.get(key)
    if (entry === undefined) return missing
    if (expiry === undefined) {
      if (entry.expiresAt !== undefined) view.put(key, entry.value)
    } else if ('kind' in expiry) return expiry
    else view.put(key, entry.value, expiry.at(view.nowMs))
    return valueReply(entry.value)
  })
}
