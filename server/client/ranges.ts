// Ranges: from what users say to bytes from one on and below another.
import type { Range } from '../store.ts'
import { type Input, type KeyEncoding, keyBytes } from './encoding.ts'
import { invalid } from './errors.ts'

/** Bounds as the library takes them; left out: unbounded. */
export interface RangeOptions<Key> {
  readonly gt?: Input<Key>
  readonly gte?: Input<Key>
  readonly lt?: Input<Key>
  readonly lte?: Input<Key>
  /** Keys that begin with it. */
  readonly prefix?: Input<Key>
}

/** The range in bytes; undefined when no key can be in it. */
export function rangeOf({ gt, gte, lt, lte, prefix }: RangeOptions<unknown>, encoding: KeyEncoding): Range | undefined {
  const bytes = (key: unknown): Buffer => keyBytes(encoding, key)
  let start = gte !== undefined ? bytes(gte) : gt !== undefined ? after(bytes(gt)) : undefined
  let end = lt !== undefined ? bytes(lt) : lte !== undefined ? after(bytes(lte)) : undefined
  if (prefix !== undefined) {
    const first = bytes(prefix)
    const behind = behindPrefix(first)
    if (start === undefined || start.compare(first) < 0) start = first
    if (behind !== undefined && (end === undefined || end.compare(behind) > 0)) end = behind
  }
  // No key is below the empty one, which requests have as the sign for no end.
  if (end !== undefined && (end.length === 0 || (start !== undefined && start.compare(end) >= 0))) return undefined
  return { ...(start === undefined ? {} : { gte: start }), ...(end === undefined ? {} : { lt: end }) }
}

/** Of something that removes: a forgotten bound must not remove everything. */
export function rangeOfSome(range: RangeOptions<unknown>, encoding: KeyEncoding): Range | undefined {
  const { gt, gte, lt, lte, prefix } = range
  if ([gt, gte, lt, lte, prefix].some((bound) => bound !== undefined)) return rangeOf(range, encoding)
  throw invalid('deleteRange takes at least one bound.')
}

const none = Buffer.alloc(0)

/** As requests have it. */
export const boundsOf = ({ gte, lt }: Range): readonly [from: Uint8Array, to: Uint8Array] => [gte ?? none, lt ?? none]

/** The first key behind a key. */
export const after = (key: Uint8Array): Buffer => Buffer.concat([key, Buffer.alloc(1)])

/** The first key behind all that begin so; undefined when there is none. */
function behindPrefix(prefix: Buffer): Buffer | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const behind = Buffer.from(prefix.subarray(0, length))
  behind[length - 1] = (behind[length - 1] as number) + 1
  return behind
}
