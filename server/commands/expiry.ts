// When an entry is to expire, as the arguments of SET, GETEX and EXPIRE say it.
import { errorReply, type Reply } from '../protocol/reply.ts'
import { wholeNumberOf } from './number.ts'

export const syntaxError = errorReply('syntax error')
export const notANumber = errorReply('value is not an integer or out of range')

export interface Expiry {
  /** Milliseconds since 1970, of a time now. */
  readonly at: (nowMs: number) => number
}

export type ExpiryWord = 'EX' | 'PX' | 'EXAT' | 'PXAT'

export const isExpiryWord = (word: string): word is ExpiryWord =>
  word === 'EX' || word === 'PX' || word === 'EXAT' || word === 'PXAT'

/** The latest time there is, so that sums stay safe integers. */
const latestMs = Number.MAX_SAFE_INTEGER

/** Of a positive number; `command` is named in the error. */
export function expiryOf(word: ExpiryWord, argument: Buffer, command: string): Expiry | Reply {
  const number = wholeNumberOf(argument)
  if (number === undefined) return notANumber
  const unit = word === 'EX' || word === 'EXAT' ? 1_000n : 1n
  const ms = number * unit
  if (number <= 0n || ms > BigInt(latestMs) / 2n) return errorReply(`invalid expire time in '${command}' command`)
  const isRelative = word === 'EX' || word === 'PX'
  const span = Number(ms)
  return { at: (nowMs) => (isRelative ? nowMs + span : span) }
}
