// Ranges of keys on a server, page by page, and how keys and values look as text.
import { Option } from 'commander'
import type { ReplyValue } from '../protocol/resp-replies.ts'
import { exit, exitCodes } from './exit.ts'
import { bytesIn, itemsIn } from './replies.ts'
import type { Wire } from './wire.ts'

export interface RangeFlags {
  readonly from?: string
  readonly to?: string
  readonly prefix?: string
  readonly reverse?: boolean
  readonly limit?: number
}

export interface KeyRange {
  readonly from: Buffer
  /** Empty: to the end. */
  readonly to: Buffer
  readonly isReverse: boolean
  readonly limit: number
}

/** The flags of commands that go over a range. */
export const rangeOptions = (): Option[] => [
  new Option('--from <key>', 'the first key (default: the first there is)'),
  new Option('--to <key>', 'where it ends, itself not included (default: behind the last)'),
  new Option('--prefix <text>', 'keys that begin so').conflicts(['from', 'to']),
  new Option('--limit <n>', 'at most so many entries').argParser(parseLimit)
]

function parseLimit(text: string): number {
  const limit = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(limit)) return limit
  throw exit(exitCodes.usage, 'A limit is a whole number.')
}

export function rangeOf({ from = '', to = '', prefix, reverse, limit }: RangeFlags): KeyRange {
  const others = { isReverse: reverse === true, limit: limit ?? Number.POSITIVE_INFINITY }
  if (prefix === undefined) return { from: Buffer.from(from), to: Buffer.from(to), ...others }
  const start = Buffer.from(prefix)
  return { from: start, to: behindPrefix(start), ...others }
}

/** The first key behind all that begin so; empty: there is none. */
export function behindPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  for (let length = end.length; length > 0; length--) {
    const last = end[length - 1] ?? 0
    if (last === 0xff) continue
    end[length - 1] = last + 1
    return end.subarray(0, length)
  }
  return Buffer.alloc(0)
}

export interface PageEntry {
  readonly key: Buffer
  /** Undefined when keys alone were asked for. */
  readonly value: Buffer | undefined
  /** Milliseconds since 1970; undefined: it stays, or that was not asked for. */
  readonly expiresAt?: number | undefined
}

export type PageContent = 'keys' | 'values' | 'times'

const pageEntries = 1_000
const pageWords = { keys: ['KEYS'], values: [], times: ['TIMES'] } as const
const pageWidths = { keys: 1, values: 2, times: 3 } as const

function entriesOf(items: readonly ReplyValue[], content: PageContent): PageEntry[] {
  const entries: PageEntry[] = []
  for (let i = 0; i < items.length; i += pageWidths[content]) {
    const value = content === 'keys' ? undefined : bytesIn(items[i + 1])
    const time = content === 'times' ? Number(items[i + 2]) : -1
    entries.push({ key: bytesIn(items[i]) ?? zero, value, expiresAt: time < 0 ? undefined : time })
  }
  return entries
}
const zero = Buffer.alloc(1)

/** The entries of a range in its order. What is written meanwhile may be seen or not. */
export async function* pagesOf(
  wire: Wire,
  range: KeyRange,
  content: PageContent
): AsyncGenerator<readonly PageEntry[]> {
  let { from, to, limit } = range
  while (limit > 0) {
    const count = Math.min(limit, pageEntries)
    const options = [...(range.isReverse ? ['REV'] : []), ...pageWords[content], 'COUNT', count]
    const [more, ...items] = itemsIn(await wire.call('PAGE', from, to, ...options))
    const all = entriesOf(items, content)
    // What is gone since the page was made.
    const page = content === 'times' ? all.filter(({ value }) => value !== undefined) : all
    if (page.length > 0) yield page
    const last = all.at(-1)?.key
    if (more !== 1 || last === undefined) return
    limit -= page.length
    if (range.isReverse) to = last
    else from = Buffer.concat([last, zero])
    // A page backwards that reached the empty key has nothing before it.
    if (range.isReverse && to.length === 0) return
  }
}

/** Text where the bytes are utf8; else base64, and said so. */
export function textOrBase64(bytes: Buffer): { readonly text: string; readonly isBase64: boolean } {
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes)
    ? { text, isBase64: false }
    : { text: bytes.toString('base64'), isBase64: true }
}

/** An entry as a line of JSON: {"key","value"}, or "keyBase64", "valueBase64" for bytes that are no text; and "expiresAt". */
export function jsonEntry({ key, value, expiresAt }: PageEntry): string {
  const name = textOrBase64(key)
  const entry: Record<string, string | number> = { [name.isBase64 ? 'keyBase64' : 'key']: name.text }
  if (value !== undefined) {
    const { text, isBase64 } = textOrBase64(value)
    entry[isBase64 ? 'valueBase64' : 'value'] = text
  }
  if (expiresAt !== undefined) entry['expiresAt'] = expiresAt
  return JSON.stringify(entry)
}

/** Bytes on one line for people: what is not printable is escaped. */
export function printable(bytes: Buffer): string {
  const { text, isBase64 } = textOrBase64(bytes)
  if (isBase64) return [...bytes].map((byte) => printableByte(byte)).join('')
  return text.replace(/[\\\p{Cc}]/gu, (character) => (character === '\\' ? '\\\\' : escapeOf(character)))
}

const printableByte = (byte: number): string =>
  byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`

function escapeOf(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}
