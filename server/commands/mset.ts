// MSET key value … · MSETNX key value …
import { errorReply, integerReply, ok } from '../protocol/reply.ts'
import type { Operation } from '../store.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { type Plan, replyPlan } from './plan.ts'

const everySecond = { first: 1, last: -1, step: 2 } as const

const unpaired = (name: string): Plan => replyPlan(errorReply(`wrong number of arguments for '${name}' command`))

export const mset: Command = {
  name: 'MSET',
  arity: -3,
  flags: ['write'],
  keys: everySecond,
  group: 'string',
  summary: 'Stores several values, all at once.',
  usage: 'key value [key value ...]',
  plan: (args: Arguments): Plan =>
    args.length % 2 === 0 ? { kind: 'write', operations: putsOf(args), reply: ok } : unpaired('mset')
}

export const msetnx: Command = {
  name: 'MSETNX',
  arity: -3,
  flags: ['write'],
  keys: everySecond,
  group: 'string',
  summary: 'Stores several values, all at once, if none of the keys has one.',
  usage: 'key value [key value ...]',
  plan: (args: Arguments): Plan => {
    if (args.length % 2 !== 0) return unpaired('msetnx')
    const keys = args.filter((_, i) => i % 2 === 0)
    return {
      kind: 'decide',
      keys,
      decide: (view) => {
        if (keys.some((key) => view.get(key) !== undefined)) return integerReply(0)
        for (const [i, key] of keys.entries()) view.put(key, argument(args, 2 * i + 1))
        return integerReply(1)
      }
    }
  }
}

function putsOf(args: Arguments): Operation[] {
  const operations: Operation[] = []
  for (let i = 0; i + 1 < args.length; i += 2) {
    operations.push({ type: 'put', key: argument(args, i), value: argument(args, i + 1) })
  }
  return operations
}
