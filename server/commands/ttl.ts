// TTL key · PTTL key: how long it has. EXPIRETIME key · PEXPIRETIME key: until when. -1: it stays; -2: there is none.
import { integerReply, type Reply } from '../protocol/reply.ts'
import type { Entry } from '../store.ts'
import { type Arguments, type Command, oneKey } from './command.ts'
import type { Plan } from './plan.ts'

function asking(name: string, summary: string, of: (expiresAt: number, nowMs: number) => number): Command {
  const reply = ([entry]: readonly (Entry | undefined)[], nowMs: number): Reply => {
    if (entry === undefined) return integerReply(-2)
    return integerReply(entry.expiresAt === undefined ? -1 : of(entry.expiresAt, nowMs))
  }
  return {
    name,
    arity: 2,
    flags: ['read', 'fast'],
    keys: oneKey,
    group: 'generic',
    summary,
    usage: 'key',
    plan: (keys: Arguments): Plan => ({ kind: 'entries', keys, reply })
  }
}

const seconds = (ms: number): number => Math.floor((ms + 500) / 1_000)
const left = (expiresAt: number, nowMs: number): number => Math.max(expiresAt - nowMs, 0)

export const ttl = asking('TTL', 'In how many seconds a key expires.', (at, now) => seconds(left(at, now)))
export const pttl = asking('PTTL', 'In how many milliseconds a key expires.', left)
export const expiretime = asking('EXPIRETIME', 'When a key expires, in seconds since 1970.', seconds)
export const pexpiretime = asking('PEXPIRETIME', 'When a key expires, in milliseconds since 1970.', (at) => at)
