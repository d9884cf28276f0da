// RANGE from to [REV] [LIMIT n] → key, value, key, value … · DELRANGE from to → OK. From `from` on, below `to`, in the order of
// bytes; an empty `from` is the beginning, an empty `to` the end. The line protocol's SCAN is RANGE in its own words.
import { errorReply, ok, type Reply } from '../protocol/reply.ts'
import type { Range } from '../store.ts'
import type { Caller } from './caller.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { notANumber, syntaxError } from './expiry.ts'
import { entryBytes, gatheredBytesMax } from './keys.ts'
import { wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'
import { type Page, pagesOf, type Walk } from './walk.ts'

export const range: Command = {
  name: 'RANGE',
  arity: -3,
  flags: ['read'],
  rangesIn: rangeIn,
  group: 'varve',
  summary: 'Keys and values from a key on, below another, in order; with REV backwards.',
  usage: 'from to [REV] [LIMIT n]',
  plan: (args: Arguments): Plan => {
    let reverse = false
    let limit: number | undefined
    for (let i = 2; i < args.length; i++) {
      const word = wordOf(argument(args, i))
      if (word === 'REV') reverse = true
      else if (word === 'LIMIT' && i + 1 < args.length) {
        limit = countOf(argument(args, ++i))
        if (limit === undefined) return replyPlan(notANumber)
      } else return replyPlan(syntaxError)
    }
    return entriesPlan({
      ...rangeOf(argument(args, 0), argument(args, 1)),
      reverse,
      ...(limit === undefined ? {} : { limit })
    })
  }
}

export const delrange: Command = {
  name: 'DELRANGE',
  arity: 3,
  flags: ['write', 'dangerous'],
  rangesIn: rangeIn,
  group: 'varve',
  summary: 'Removes all keys from one on, below another; it costs the same whatever there is.',
  usage: 'from to',
  plan: (args: Arguments): Plan => {
    const bounds = rangeOf(argument(args, 0), argument(args, 1))
    const { gte = Buffer.alloc(0), lt } = bounds
    if (lt !== undefined && Buffer.compare(gte, lt) >= 0) return replyPlan(ok)
    return { kind: 'write', operations: [{ type: 'deleteRange', range: { ...bounds, gte } }], reply: ok }
  }
}

/** How many entries at most, of an argument; undefined: it is no such number. */
export function countOf(bytes: Buffer): number | undefined {
  const count = wholeNumberOf(bytes)
  return count === undefined || count < 0n ? undefined : Number(count)
}

/** What the first two arguments name. */
export function rangeIn(args: Arguments): readonly Range[] {
  return [rangeOf(argument(args, 0), argument(args, 1))]
}

export const rangeOf = (from: Buffer, to: Buffer): Range => ({
  ...(from.length === 0 ? {} : { gte: from }),
  ...(to.length === 0 ? {} : { lt: to })
})

export const entriesPlan = (walk: Walk): Plan => ({ kind: 'slow', run: (caller) => runRange(caller, walk) })

async function runRange(caller: Caller, walk: Walk): Promise<Reply> {
  const entries: Page[number][] = []
  let bytes = 0
  for await (const page of pagesOf(caller, walk)) {
    for (const entry of page) {
      entries.push(entry)
      bytes += entry[0].length + entry[1].length + entryBytes
    }
    if (bytes > gatheredBytesMax)
      return errorReply('there is too much in this range for one reply, give a limit', 'TOO_LARGE')
  }
  return { kind: 'entries', entries }
}
