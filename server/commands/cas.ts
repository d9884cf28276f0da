// CAS key expected new: stores a value where another one is. 1: done; 0: something else is there, or nothing.
// What the key has of its life to expiry stays.
import { integerReply } from '../protocol/reply.ts'
import { type Arguments, argument, type Command, oneKey } from './command.ts'
import type { Plan } from './plan.ts'

export const cas: Command = {
  name: 'CAS',
  arity: 4,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'varve',
  summary: 'Stores a value if the key has the expected one.',
  usage: 'key expected new',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    return {
      kind: 'decide',
      keys: [key],
      decide: (view) => {
        const entry = view.get(key)
        if (entry === undefined || !entry.value.equals(argument(args, 1))) return integerReply(0)
        view.put(key, argument(args, 2), entry.expiresAt)
        return integerReply(1)
      }
    }
  }
}
