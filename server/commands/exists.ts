// EXISTS key … · TOUCH key …: how many of them there are. TYPE key.
import { integerReply, type Reply } from '../protocol/reply.ts'
import { type Arguments, allKeys, type Command, oneKey } from './command.ts'
import type { Plan } from './plan.ts'

const countOf = (values: readonly unknown[]): Reply =>
  integerReply(values.reduce<number>((count, value) => (value === undefined ? count : count + 1), 0))

function counting(name: string, summary: string): Command {
  return {
    name,
    arity: -2,
    flags: ['read', 'fast'],
    keys: allKeys,
    group: 'generic',
    summary,
    usage: 'key [key ...]',
    plan: (keys: Arguments): Plan => ({ kind: 'lookup', keys, reply: countOf })
  }
}

export const exists = counting('EXISTS', 'How many of these keys there are; one named twice counts twice.')
export const touch = counting('TOUCH', 'As EXISTS: varve keeps no time of last use.')

const string: Reply = { kind: 'simple', text: 'string' }
const none: Reply = { kind: 'simple', text: 'none' }

export const type: Command = {
  name: 'TYPE',
  arity: 2,
  flags: ['read', 'fast'],
  keys: oneKey,
  group: 'generic',
  summary: 'The type of a key: string, or none where there is no such key.',
  usage: 'key',
  plan: (keys: Arguments): Plan => ({
    kind: 'lookup',
    keys,
    reply: ([value]) => (value === undefined ? none : string)
  })
}
