// INCR key · DECR key · INCRBY key n · DECRBY key n
import { errorReply, integerReply, type Reply } from '../protocol/reply.ts'
import { type Arguments, argument, type Command, oneKey } from './command.ts'
import { notANumber } from './expiry.ts'
import { isWhole, wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'

const overflow = errorReply('increment or decrement would overflow')

function addition(key: Buffer, by: bigint): Plan {
  return {
    kind: 'decide',
    keys: [key],
    decide: (view): Reply => {
      const entry = view.get(key)
      const before = entry === undefined ? 0n : wholeNumberOf(entry.value)
      if (before === undefined) return notANumber
      const sum = before + by
      if (!isWhole(sum)) return overflow
      view.put(key, Buffer.from(sum.toString()), entry?.expiresAt)
      return integerReply(sum)
    }
  }
}

function byOne(name: string, by: bigint, summary: string): Command {
  return {
    name,
    arity: 2,
    flags: ['write', 'fast'],
    keys: oneKey,
    group: 'string',
    summary,
    usage: 'key',
    plan: (args: Arguments) => addition(argument(args, 0), by)
  }
}

function byMany(name: string, sign: bigint, summary: string): Command {
  return {
    name,
    arity: 3,
    flags: ['write', 'fast'],
    keys: oneKey,
    group: 'string',
    summary,
    usage: `key ${sign > 0n ? 'increment' : 'decrement'}`,
    plan: (args: Arguments) => {
      const by = wholeNumberOf(argument(args, 1))
      if (by === undefined) return replyPlan(notANumber)
      if (!isWhole(by * sign)) return replyPlan(errorReply('decrement would overflow'))
      return addition(argument(args, 0), by * sign)
    }
  }
}

export const incr = byOne('INCR', 1n, 'Adds one to the whole number at a key.')
export const decr = byOne('DECR', -1n, 'Takes one from the whole number at a key.')
export const incrby = byMany('INCRBY', 1n, 'Adds to the whole number at a key.')
export const decrby = byMany('DECRBY', -1n, 'Takes from the whole number at a key.')
