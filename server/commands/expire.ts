// EXPIRE key s [NX | XX | GT | LT] · PEXPIRE · EXPIREAT · PEXPIREAT · PERSIST key
import { errorReply, integerReply, type Reply } from '../protocol/reply.ts'
import type { DecisionView } from '../store.ts'
import { type Arguments, argument, type Command, oneKey, shownText, wordOf } from './command.ts'
import { invalidExpiry, latestMs, longestMs, notANumber } from './expiry.ts'
import { isWhole, wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'

type Condition = 'NX' | 'XX' | 'GT' | 'LT'

const isCondition = (word: string): word is Condition =>
  word === 'NX' || word === 'XX' || word === 'GT' || word === 'LT'

interface Kind {
  readonly name: string
  readonly unitMs: bigint
  readonly isRelative: boolean
  readonly summary: string
  readonly argument: string
}

function expiring({ name, unitMs, isRelative, summary, argument: shown }: Kind): Command {
  const invalid = invalidExpiry(name.toLowerCase())
  const max = BigInt(isRelative ? longestMs : latestMs)
  return {
    name,
    arity: -3,
    flags: ['write', 'fast'],
    keys: oneKey,
    group: 'generic',
    summary,
    usage: `key ${shown} [NX | XX | GT | LT]`,
    plan: (args: Arguments): Plan => {
      const conditions = conditionsOf(args)
      if ('kind' in conditions) return replyPlan(conditions)
      const number = wholeNumberOf(argument(args, 1))
      if (number === undefined) return replyPlan(notANumber)
      const ms = number * unitMs
      if (ms > max || !isWhole(ms)) return replyPlan(invalid)
      const key = argument(args, 0)
      // Times before 1970 are all the same: past.
      const span = Number(ms < -max ? -max : ms)
      return {
        kind: 'decide',
        keys: [key],
        decide: (view) => decideExpiry(view, key, isRelative ? view.nowMs + span : span, conditions)
      }
    }
  }
}

function conditionsOf(args: Arguments): ReadonlySet<Condition> | Reply {
  const found = new Set<Condition>()
  for (const option of args.slice(2)) {
    const word = wordOf(option)
    if (!isCondition(word)) return errorReply(`Unsupported option ${shownText(option)}`)
    found.add(word)
  }
  if (found.has('NX') && found.size > 1) {
    return errorReply('NX and XX, GT or LT options at the same time are not compatible')
  }
  if (found.has('GT') && found.has('LT')) {
    return errorReply('GT and LT options at the same time are not compatible')
  }
  return found
}

/** An entry that stays counts as one that expires after all others. */
function decideExpiry(view: DecisionView, key: Buffer, at: number, conditions: ReadonlySet<Condition>): Reply {
  const entry = view.get(key)
  if (entry === undefined) return integerReply(0)
  const { value, expiresAt } = entry
  const isRefused =
    (conditions.has('NX') && expiresAt !== undefined) ||
    (conditions.has('XX') && expiresAt === undefined) ||
    (conditions.has('GT') && (expiresAt === undefined || at <= expiresAt)) ||
    (conditions.has('LT') && expiresAt !== undefined && at >= expiresAt)
  if (isRefused) return integerReply(0)
  if (at <= view.nowMs) view.del(key)
  else view.put(key, value, at)
  return integerReply(1)
}

export const expire = expiring({
  name: 'EXPIRE',
  unitMs: 1_000n,
  isRelative: true,
  summary: 'Lets a key expire in so many seconds.',
  argument: 'seconds'
})
export const pexpire = expiring({
  name: 'PEXPIRE',
  unitMs: 1n,
  isRelative: true,
  summary: 'Lets a key expire in so many milliseconds.',
  argument: 'milliseconds'
})
export const expireat = expiring({
  name: 'EXPIREAT',
  unitMs: 1_000n,
  isRelative: false,
  summary: 'Lets a key expire at a time in seconds since 1970.',
  argument: 'seconds'
})
export const pexpireat = expiring({
  name: 'PEXPIREAT',
  unitMs: 1n,
  isRelative: false,
  summary: 'Lets a key expire at a time in milliseconds since 1970.',
  argument: 'milliseconds'
})

export const persist: Command = {
  name: 'PERSIST',
  arity: 2,
  flags: ['write', 'fast'],
  keys: oneKey,
  group: 'generic',
  summary: 'Lets a key stay that was to expire.',
  usage: 'key',
  plan: (args: Arguments): Plan => {
    const key = argument(args, 0)
    return {
      kind: 'decide',
      keys: [key],
      decide: (view) => {
        const entry = view.get(key)
        if (entry?.expiresAt === undefined) return integerReply(0)
        view.put(key, entry.value)
        return integerReply(1)
      }
    }
  }
}
