// DEL key … · UNLINK key …: how many of them there were. FLUSHDB · FLUSHALL [ASYNC | SYNC]: everything.
import { integerReply, ok } from '../protocol/reply.ts'
import { type Arguments, allKeys, argument, type Command, wordOf } from './command.ts'
import { syntaxError } from './expiry.ts'
import { type Plan, replyPlan } from './plan.ts'

function removal(name: string): Command {
  return {
    name,
    arity: -2,
    flags: ['write'],
    keys: allKeys,
    group: 'generic',
    summary: 'Removes keys and says how many there were.',
    usage: 'key [key ...]',
    plan: (keys: Arguments): Plan => ({
      kind: 'decide',
      keys,
      decide: (view) => {
        let count = 0
        for (const key of keys) {
          if (view.get(key) === undefined) continue
          view.del(key)
          count++
        }
        return integerReply(count)
      }
    })
  }
}

export const del = removal('DEL')
export const unlink = removal('UNLINK')

/** One tombstone over all keys: it costs the same whatever there is, so both ways are one. */
function flush(name: string): Command {
  return {
    name,
    arity: -1,
    flags: ['write', 'dangerous'],
    rangesIn: () => [{}],
    group: 'server',
    summary: 'Removes all keys.',
    usage: '[ASYNC | SYNC]',
    plan: (args: Arguments): Plan => {
      const word = args.length === 1 ? wordOf(argument(args, 0)) : undefined
      if (args.length > 0 && word !== 'SYNC' && word !== 'ASYNC') return replyPlan(syntaxError)
      return { kind: 'write', operations: [{ type: 'deleteRange', range: { gte: Buffer.alloc(0) } }], reply: ok }
    }
  }
}

export const flushdb = flush('FLUSHDB')
export const flushall = flush('FLUSHALL')
