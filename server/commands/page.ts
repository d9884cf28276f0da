// PAGE from to [REV] [KEYS | TIMES] [COUNT n] [BYTES n] → 1 when there may be more behind it, else 0; then key, value, key, value …
// (with KEYS the keys alone; with TIMES also when each expires, in milliseconds since 1970, -1: never). A page is short whatever the range holds: who wants all asks again from its last key on. Pages
// are not of one snapshot.
//
// With TIMES value and time are those of one entry, as it is now; where it is gone meanwhile there is no value.
//
// A range is from `from` on and below `to`; an empty `to` is the end of all keys. REV begins at its end.
import { arrayReply, errorReply, integerReply, type Reply, valueOrMissing, valueReply } from '../protocol/reply.ts'
import type { Entry, PageLimits } from '../store.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { syntaxError } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'
import { rangeOf } from './range.ts'

const entriesMax = 1_000
const bytesMax = 256 * 2 ** 10

interface Options extends PageLimits {
  readonly reverse: boolean
  readonly values: boolean
  readonly times: boolean
}

export const page: Command = {
  name: 'PAGE',
  arity: -3,
  flags: ['read'],
  rangesIn: (args) => [rangeOf(argument(args, 0), argument(args, 1))],
  group: 'varve',
  summary: 'Some entries of a range, in order, and whether there may be more.',
  usage: 'from to [REV] [KEYS | TIMES] [COUNT entries] [BYTES bytes]',
  plan: (args: Arguments): Plan => {
    const options = optionsOf(args)
    if ('kind' in options) return replyPlan(options)
    const { reverse, values, times, ...limits } = options
    const range = { ...rangeOf(argument(args, 0), argument(args, 1)), reverse, values }
    return {
      kind: 'slow',
      run: async ({ store }) => {
        const pinned = store.pin()
        try {
          const entries = await pinned.page(range, limits)
          const now = times ? await store.getEntries(entries.map(([key]) => key)) : undefined
          return pageReply(entries, options, now)
        } finally {
          await pinned.close()
        }
      }
    }
  }
}

function pageReply(
  entries: readonly (readonly [Buffer, Buffer])[],
  { values, ...limits }: Options,
  now: readonly (Entry | undefined)[] | undefined
): Reply {
  const items: Reply[] = []
  let bytes = 0
  for (const [i, [key, value]] of entries.entries()) {
    items.push(valueReply(key))
    if (now !== undefined) items.push(valueOrMissing(now[i]?.value), integerReply(now[i]?.expiresAt ?? -1))
    else if (values) items.push(valueReply(value))
    bytes += key.length + (values ? value.length : 0)
  }
  const isFull = entries.length >= limits.entriesMax || (entries.length > 0 && bytes >= limits.bytesMax)
  return arrayReply([integerReply(isFull ? 1 : 0), ...items])
}

function optionsOf(args: Arguments): Options | Reply {
  let reverse = false
  let values = true
  let times = false
  const limits = { entriesMax, bytesMax }
  for (let i = 2; i < args.length; i++) {
    const word = wordOf(argument(args, i))
    if (word === 'REV') reverse = true
    else if (word === 'KEYS' && !times) values = false
    else if (word === 'TIMES' && values) times = true
    else if ((word === 'COUNT' || word === 'BYTES') && i + 1 < args.length) {
      const number = wholeNumberOf(argument(args, ++i))
      if (number === undefined || number < 1n) return errorReply(`${word} takes a whole number above 0`)
      const limit = word === 'COUNT' ? 'entriesMax' : 'bytesMax'
      limits[limit] = number < limits[limit] ? Number(number) : limits[limit]
    } else return syntaxError
  }
  return { reverse, values, times, ...limits }
}
