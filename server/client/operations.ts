// Operations and conditions of users: their types, and the words of APPLY that they become.
import type { RequestPart } from '../protocol/resp-requests.ts'
import { encodeKey, encodeValue, type Input, type KeyEncoding, type ValueEncoding } from './encoding.ts'
import { invalid } from './errors.ts'
import { boundsOf, type RangeOptions, rangeOfSome } from './ranges.ts'

export interface ExpiryOptions {
  /** Milliseconds from when the server has it until the entry is gone. */
  readonly ttl?: number
  /** When the entry is gone, in milliseconds since 1970 (or a Date). */
  readonly expiresAt?: number | Date
}

export type Operation<Key, Value> =
  | ({ readonly type: 'put'; readonly key: Input<Key>; readonly value: Input<Value> } & ExpiryOptions)
  | { readonly type: 'del'; readonly key: Input<Key> }
  | { readonly type: 'deleteRange'; readonly range: RangeOptions<Key> }

/** What must be so for a conditional write: no entry, an entry of that sequence, or an entry of that value. */
export type Condition<Value> =
  | { readonly absent: true }
  | { readonly sequence: number }
  | { readonly value: Input<Value> }

export interface Encodings {
  readonly keyEncoding: KeyEncoding
  readonly valueEncoding: ValueEncoding
}

export function wordsOf(operation: Operation<unknown, unknown>, encodings: Encodings): RequestPart[] {
  const { keyEncoding, valueEncoding } = encodings
  if (operation.type === 'del') return ['DEL', encodeKey(keyEncoding, operation.key)]
  if (operation.type === 'deleteRange') {
    const range = rangeOfSome(operation.range, keyEncoding)
    return range === undefined ? [] : ['DELRANGE', ...boundsOf(range)]
  }
  if (operation.type !== 'put') {
    const { type } = operation as { type: unknown }
    throw invalid(`An operation's type must be 'put', 'del' or 'deleteRange', not ${String(type)}.`)
  }
  const expiry = expiryOf(operation)
  const entry = [encodeKey(keyEncoding, operation.key), encodeValue(valueEncoding, operation.value)]
  return expiry === undefined ? ['PUT', ...entry] : [`PUT${expiry.word}`, ...entry, expiry.ms]
}

export function conditionOf(key: unknown, condition: Condition<unknown>, encodings: Encodings): RequestPart[] {
  const given = (typeof condition === 'object' && condition !== null ? condition : {}) as Record<string, unknown>
  const keyed = encodeKey(encodings.keyEncoding, key)
  const { sequence } = given as { sequence?: unknown }
  if (Object.keys(given).length === 1) {
    if (given['absent'] === true) return ['IF', keyed, 0]
    if (typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence > 0) return ['IF', keyed, sequence]
    if ('value' in given) return ['IFVALUE', keyed, encodeValue(encodings.valueEncoding, given['value'])]
  }
  throw invalid('A condition is { absent: true }, { sequence } or { value }.')
}

/** When an entry expires, as SET and APPLY say it; undefined: it stays. */
export function expiryOf({ ttl, expiresAt }: ExpiryOptions): { word: 'PX' | 'PXAT'; ms: number } | undefined {
  if (ttl !== undefined && expiresAt !== undefined) throw invalid('Give either ttl or expiresAt, not both.')
  if (expiresAt !== undefined) {
    const ms = Math.floor(expiresAt instanceof Date ? expiresAt.getTime() : expiresAt)
    if (Number.isSafeInteger(ms) && ms >= 1 && ms <= timeMsMax) return { word: 'PXAT', ms }
    throw invalid(`expiresAt must be a time in milliseconds since 1970 or a Date, not ${String(expiresAt)}.`)
  }
  if (ttl === undefined || ttl === Number.POSITIVE_INFINITY) return undefined
  const ms = Math.ceil(ttl)
  if (Number.isSafeInteger(ms) && ms >= 1 && ms <= spanMsMax) return { word: 'PX', ms }
  throw invalid(`ttl must be a number of milliseconds above 0, not ${String(ttl)}.`)
}

const timeMsMax = 8.64e15 / 2
const spanMsMax = timeMsMax / 2
