// GET key · MGET key …
import { arrayReply, valueOrMissing } from '../protocol/reply.ts'
import { type Arguments, allKeys, type Command, oneKey } from './command.ts'
import type { Plan } from './plan.ts'

const firstValue = (values: readonly (Uint8Array | undefined)[]) => valueOrMissing(values[0])

export const get: Command = {
  name: 'GET',
  arity: 2,
  flags: ['read', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'The value of a key.',
  usage: 'key',
  plan: (keys: Arguments): Plan => ({ kind: 'lookup', keys, reply: firstValue })
}

export const mget: Command = {
  name: 'MGET',
  arity: -2,
  flags: ['read', 'fast'],
  keys: allKeys,
  group: 'string',
  summary: 'The values of several keys.',
  usage: 'key [key ...]',
  plan: (keys: Arguments): Plan => ({
    kind: 'lookup',
    keys,
    reply: (values) => arrayReply(values.map(valueOrMissing))
  })
}
