// Walking over many entries: in pages of a view that does not change, with the event loop let go between them, so that others are
// served while it lasts. KEYS, DBSIZE, RANDOMKEY, SCAN and RANGE are made of this.
import { setImmediate } from 'node:timers/promises'
import type { Key, Pinned, Range } from '../store.ts'
import type { Caller } from './caller.ts'

export interface Walk extends Range {
  readonly reverse?: boolean
  readonly values?: boolean
  /** Entries at most. */
  readonly limit?: number
}

export type Page = readonly (readonly [key: Buffer, value: Buffer])[]

/** A page takes a millisecond or two. */
const pageEntriesMax = 1_000
const pageBytesMax = 256 * 2 ** 10

/** The pages of a range, in order. */
export async function* pagesOf({ store }: Caller, walk: Walk): AsyncGenerator<Page, void, void> {
  const pinned = store.pin()
  try {
    yield* pagesOn(pinned, walk)
  } finally {
    await pinned.close()
  }
}

async function* pagesOn(pinned: Pinned, walk: Walk): AsyncGenerator<Page, void, void> {
  let { limit = Number.POSITIVE_INFINITY } = walk
  let rest: Walk = walk
  while (limit > 0 && !isEmpty(rest)) {
    const page = await pinned.page(rest, { entriesMax: Math.min(limit, pageEntriesMax), bytesMax: pageBytesMax })
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    limit -= page.length
    rest = walk.reverse === true ? { ...rest, lt: last[0] } : { ...rest, gte: behind(last[0]) }
    await setImmediate()
  }
}

const isEmpty = ({ gte, lt }: Range): boolean => gte !== undefined && lt !== undefined && Buffer.compare(gte, lt) >= 0

/** The first key behind `key`. */
export const behind = (key: Key): Buffer => Buffer.concat([key, zeroByte])

const zeroByte = Buffer.alloc(1)

/** All keys that begin with `prefix`. */
export function rangeOfPrefix(prefix: Buffer): Range {
  const last = prefix.findLastIndex((byte) => byte !== 255)
  if (last < 0) return prefix.length === 0 ? {} : { gte: prefix }
  const lt = Buffer.from(prefix.subarray(0, last + 1))
  lt[last] = (lt[last] as number) + 1
  return { gte: prefix, lt }
}
