// ENTRIES [key …] → the store's time in milliseconds, then for each key its value, its sequence and when it expires (-1: it
// stays), or nothing. What `varve/client` decides on: a sequence it was given can be checked by APPLY.
import { arrayReply, integerReply, missingArray, type Reply, valueReply } from '../protocol/reply.ts'
import type { Entry } from '../store.ts'
import { type Arguments, allKeys, type Command } from './command.ts'
import type { Plan } from './plan.ts'

export const entries: Command = {
  name: 'ENTRIES',
  arity: -1,
  flags: ['read', 'fast'],
  keys: allKeys,
  group: 'varve',
  summary: 'The time, and the values of keys with their sequences and expiry times.',
  usage: '[key ...]',
  plan: (keys: Arguments): Plan => ({
    kind: 'entries',
    keys,
    reply: (found, nowMs) => arrayReply([integerReply(nowMs), ...found.map(entryReply)])
  })
}

function entryReply(entry: Entry | undefined): Reply {
  if (entry === undefined) return missingArray
  const { value, sequence, expiresAt } = entry
  return arrayReply([valueReply(value), integerReply(sequence), integerReply(expiresAt ?? -1)])
}
