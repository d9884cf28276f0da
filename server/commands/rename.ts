// RENAME key newkey · RENAMENX key newkey: value and expiry move.
import { errorReply, integerReply, ok, type Reply } from '../protocol/reply.ts'
import type { DecisionView } from '../store.ts'
import { type Arguments, argument, type Command } from './command.ts'
import type { Plan } from './plan.ts'

const bothKeys = { first: 1, last: 2, step: 1 } as const
const noSuchKey = errorReply('no such key')

function renaming(name: string, summary: string, onlyToFree: boolean): Command {
  return {
    name,
    arity: 3,
    flags: onlyToFree ? ['write', 'fast'] : ['write'],
    keys: bothKeys,
    group: 'generic',
    summary,
    usage: 'key newkey',
    plan: (args: Arguments): Plan => {
      const from = argument(args, 0)
      const to = argument(args, 1)
      return { kind: 'decide', keys: [from, to], decide: (view) => decideRename(view, from, to, onlyToFree) }
    }
  }
}

function decideRename(view: DecisionView, from: Buffer, to: Buffer, onlyToFree: boolean): Reply {
  const entry = view.get(from)
  if (entry === undefined) return noSuchKey
  if (onlyToFree && view.get(to) !== undefined) return integerReply(0)
  if (!from.equals(to)) {
    view.del(from)
    view.put(to, entry.value, entry.expiresAt)
  }
  return onlyToFree ? integerReply(1) : ok
}

export const rename = renaming('RENAME', 'Moves a value to another key, over what is there.', false)
export const renamenx = renaming('RENAMENX', 'Moves a value to another key that has none.', true)
