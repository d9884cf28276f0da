// When an entry is to expire, as the arguments of SET, GETEX, EXPIRE and their like say it.
import { errorReply, type Reply } from '../protocol/reply.ts'
import { type Arguments, argument, wordOf } from './command.ts'
import { wholeNumberOf } from './number.ts'

export const syntaxError = errorReply('syntax error')
export const notANumber = errorReply('value is not an integer or out of range')

export interface Expiry {
  /** Milliseconds since 1970, of a time now; at most `latestMs`. */
  readonly at: (nowMs: number) => number
  readonly isRelative: boolean
}

export type ExpiryWord = 'EX' | 'PX' | 'EXAT' | 'PXAT'

export const isExpiryWord = (word: string): word is ExpiryWord =>
  word === 'EX' || word === 'PX' || word === 'EXAT' || word === 'PXAT'

/** Times are safe integers, so that is the last: in the year 287 396. Spans may be half as long, so that sums are safe. */
export const latestMs = Number.MAX_SAFE_INTEGER
export const longestMs = Math.floor(latestMs / 2)

export const invalidExpiry = (command: string): Reply => errorReply(`invalid expire time in '${command}' command`)

/** Of a positive number; `command` is named in the error. */
export function expiryOf(word: ExpiryWord, argument: Buffer, command: string): Expiry | Reply {
  const number = wholeNumberOf(argument)
  if (number === undefined) return notANumber
  const isRelative = word === 'EX' || word === 'PX'
  const ms = word === 'EX' || word === 'EXAT' ? number * 1_000n : number
  if (number <= 0n || ms > BigInt(isRelative ? longestMs : latestMs)) return invalidExpiry(command)
  const span = Number(ms)
  return { at: (nowMs) => (isRelative ? nowMs + span : span), isRelative }
}

/** Which of the options that SET and GETEX share. */
export interface ExpiryOptions {
  word: ExpiryWord | undefined
  argument: Buffer | undefined
  /** KEEPTTL of SET, PERSIST of GETEX. */
  isOther: boolean
}

/** Takes an option at `i` if it is one of these: how many arguments it is, 0 for none. A later EX wins over an EX before. */
export function takeExpiryOption(args: Arguments, i: number, other: string, options: ExpiryOptions): number {
  const word = wordOf(argument(args, i))
  if (word === other && options.word === undefined) {
    options.isOther = true
    return 1
  }
  const isFree = options.word === undefined || options.word === word
  if (!isExpiryWord(word) || options.isOther || !isFree || i + 1 >= args.length) return 0
  options.word = word
  options.argument = args[i + 1]
  return 2
}

export const noExpiryOptions = (): ExpiryOptions => ({ word: undefined, argument: undefined, isOther: false })

/** What the options come to, once all of them are known. */
export const expiryOfOptions = ({ word, argument }: ExpiryOptions, command: string): Expiry | Reply | undefined =>
  word === undefined || argument === undefined ? undefined : expiryOf(word, argument, command)
