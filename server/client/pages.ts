// Ranges page by page: each is asked for while the one before is being used. Pages are not of one snapshot: what others write
// meanwhile may be seen or not, each entry once.
import type { RequestPart } from '../protocol/resp-requests.ts'
import type { Range } from '../store.ts'
import { bytesOrNone, listOf, numberOf } from './answers.ts'
import type { CallOptions } from './call.ts'
import type { Send } from './decide.ts'
import { ClientError } from './errors.ts'
import { after, boundsOf } from './ranges.ts'

export interface Pages extends CallOptions {
  readonly reverse: boolean
  /** Without values, each is empty. */
  readonly values: boolean
  /** Entries of one page at most. */
  readonly count: number
  readonly bytes?: number
}

export type PageEntry = readonly [key: Buffer, value: Buffer]

export interface Page {
  readonly entries: readonly PageEntry[]
  /** What of the range is behind this page; undefined: nothing. */
  readonly rest: Range | undefined
}

export async function pageOf(send: Send, range: Range, pages: Pages): Promise<Page> {
  const { reverse, values, count, bytes, ...options } = pages
  const words: RequestPart[] = ['PAGE', ...boundsOf(range)]
  if (reverse) words.push('REV')
  if (!values) words.push('KEYS')
  words.push('COUNT', count)
  if (bytes !== undefined) words.push('BYTES', bytes)
  const [more, ...items] = listOf(await send(words, true, options))
  const entries: PageEntry[] = []
  for (let i = 0; i < items.length; i += values ? 2 : 1) {
    const key = bytesOrNone(items[i])
    const value = values ? bytesOrNone(items[i + 1]) : none
    if (key === undefined || value === undefined) throw new ClientError('PROTOCOL', 'The server sent half an entry.')
    entries.push([key, value])
  }
  const last = entries.at(-1)?.[0]
  if (numberOf(more) === 0 || last === undefined) return { entries, rest: undefined }
  return { entries, rest: reverse ? { ...range, lt: last } : { ...range, gte: after(last) } }
}

/** The entries of a range, at most `limit`. */
export async function* entriesIn(
  send: Send,
  range: Range | undefined,
  limit: number,
  pages: Omit<Pages, 'count'>
): AsyncGenerator<PageEntry, void, undefined> {
  let left = limit
  const ask = (rest: Range | undefined): Promise<Page> | undefined =>
    rest === undefined || left <= 0 ? undefined : pageOf(send, rest, { ...pages, count: Math.min(left, countMax) })
  for (let asked = ask(range); asked !== undefined; ) {
    const { entries, rest } = await asked
    left -= entries.length
    asked = ask(rest)
    // Who stops early does not look at it any more.
    asked?.catch(() => {})
    yield* entries
  }
}

const countMax = 1_000
const none = Buffer.alloc(0)
