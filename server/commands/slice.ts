// STRLEN key · GETRANGE key start end (SUBSTR) · APPEND key value · SETRANGE key offset value: values by their bytes.
import { errorReply, integerReply, type Reply, valueReply } from '../protocol/reply.ts'
import type { DecisionView } from '../store.ts'
import { type Arguments, argument, type Command, oneKey } from './command.ts'
import { notANumber } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'

/** What a value may grow to by these, as in Redis. */
export const valueBytesMax = 512 * 2 ** 20

const tooLong = errorReply('string exceeds maximum allowed size (proto-max-bulk-len)')
const empty = valueReply(Buffer.alloc(0))

export const strlen: Command = {
  name: 'STRLEN',
  arity: 2,
  flags: ['read', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'How many bytes the value of a key has.',
  usage: 'key',
  plan: (keys: Arguments): Plan => ({
    kind: 'lookup',
    keys,
    reply: ([value]) => integerReply(value?.length ?? 0)
  })
}

function partOf(name: string): Command {
  return {
    name,
    arity: 4,
    flags: ['read'],
    keys: oneKey,
    group: 'string',
    summary: 'Bytes of a value, the last one included; negative numbers count from the end.',
    usage: 'key start end',
    plan: (args: Arguments): Plan => {
      const start = wholeNumberOf(argument(args, 1))
      const end = wholeNumberOf(argument(args, 2))
      if (start === undefined || end === undefined) return replyPlan(notANumber)
      const [first, last] = [Number(start), Number(end)]
      return { kind: 'lookup', keys: [argument(args, 0)], reply: ([value]) => cut(value, first, last) }
    }
  }
}

// Numbers over 2^53 lose their last digits here: they are far outside of any value, and stay so.
function cut(value: Uint8Array | undefined, first: number, last: number): Reply {
  if (value === undefined || (first < 0 && last < 0 && first > last)) return empty
  const { length } = value
  const start = Math.max(first < 0 ? length + first : first, 0)
  const end = Math.min(Math.max(last < 0 ? length + last : last, 0), length - 1)
  return start > end ? empty : valueReply(value.subarray(start, end + 1))
}

export const getrange = partOf('GETRANGE')
export const substr = partOf('SUBSTR')

export const append: Command = {
  name: 'APPEND',
  arity: 3,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'Adds bytes to the end of a value and says how many it has.',
  usage: 'key value',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    const tail = argument(args, 1)
    return {
      kind: 'decide',
      keys: [key],
      decide: (view) => {
        const entry = view.get(key)
        const length = (entry?.value.length ?? 0) + tail.length
        if (entry !== undefined && length > valueBytesMax) return tooLong
        view.put(key, entry === undefined ? tail : Buffer.concat([entry.value, tail], length), entry?.expiresAt)
        return integerReply(length)
      }
    }
  }
}

export const setrange: Command = {
  name: 'SETRANGE',
  arity: 4,
  flags: ['write'],
  keys: oneKey,
  group: 'string',
  summary: 'Overwrites bytes of a value from an offset on, and says how many it has; a gap is filled with zeros.',
  usage: 'key offset value',
  plan: (args: Arguments): Plan => {
    const offset = wholeNumberOf(argument(args, 1))
    if (offset === undefined) return replyPlan(notANumber)
    if (offset < 0n) return replyPlan(errorReply('offset is out of range'))
    const key = argument(args, 0)
    const piece = argument(args, 2)
    const from = Number(offset)
    return { kind: 'decide', keys: [key], decide: (view) => overwrite(view, key, from, piece) }
  }
}

function overwrite(view: DecisionView, key: Buffer, from: number, piece: Buffer): Reply {
  const entry = view.get(key)
  const before = entry?.value.length ?? 0
  if (piece.length === 0) return integerReply(before)
  if (from + piece.length > valueBytesMax) return tooLong
  const value = Buffer.alloc(Math.max(before, from + piece.length))
  entry?.value.copy(value)
  piece.copy(value, from)
  view.put(key, value, entry?.expiresAt)
  return integerReply(value.length)
}
