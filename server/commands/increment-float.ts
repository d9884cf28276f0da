// INCRBYFLOAT key number
import { errorReply, type Reply, valueReply } from '../protocol/reply.ts'
import { type Arguments, argument, type Command, oneKey } from './command.ts'
import { longDoubleOf, sumOf, textOf } from './long-double.ts'
import { type Plan, replyPlan } from './plan.ts'

const notAFloat = errorReply('value is not a valid float')
const endless = errorReply('increment would produce NaN or Infinity')
const zero = Buffer.from('0')

export const incrbyfloat: Command = {
  name: 'INCRBYFLOAT',
  arity: 3,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'string',
  summary: 'Adds to the number at a key, which may have a fraction.',
  usage: 'key increment',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    const by = longDoubleOf(argument(args, 1))
    if (by === undefined) return replyPlan(notAFloat)
    return {
      kind: 'decide',
      keys: [key],
      decide: (view): Reply => {
        const entry = view.get(key)
        const before = longDoubleOf(entry?.value ?? zero)
        if (before === undefined) return notAFloat
        const sum = sumOf(before, by)
        if (sum === undefined) return endless
        const text = Buffer.from(textOf(sum))
        view.put(key, text, entry?.expiresAt)
        return valueReply(text)
      }
    }
  }
}
