// What metamorphic programs write: a fixed, ordered universe of keys, and values that are named in short.
//
// A value stands in programs and histories as "17*90": number 17, filled up with 90 letters. So a history is small, and a
// value that came back wrong shows as what it is. Whole numbers stand for themselves.

/** Bounds of a range, as the library takes them. */
export interface Range {
  readonly gte?: string
  readonly gt?: string
  readonly lt?: string
  readonly lte?: string
  readonly prefix?: string
}

const pad = (i: number, digits: number): string => String(i).padStart(digits, '0')

/** Keys that are written anywhere. */
export const scattered: readonly string[] = Array.from({ length: 3000 }, (_, i) => {
  if (i % 97 === 0) return `k${pad(i, 4)}${'é'.repeat(i % 50)}`
  return i % 101 === 0 ? `k${pad(i, 4)}${'-'.repeat(300)}` : `k${pad(i, 4)}`
})
/** Keys that share prefixes. */
export const grouped: readonly string[] = Array.from({ length: 500 }, (_, i) => `p/${i % 25}/${pad(i, 3)}`)
export const counters: readonly string[] = Array.from({ length: 16 }, (_, i) => `n${pad(i, 2)}`)
/** Keys that are hard to order, or at the ends. */
export const odd: readonly string[] = ['', '\0', 'k', 'k\0', 'k0', '\u{10ffff}', '\uffff', '\ud7ff', 'ÿ', '\u{1f30a}']
/** Keys that are written in this order only: their tables overlap nothing. */
export const ascending: readonly string[] = Array.from({ length: 4000 }, (_, i) => `z${pad(i, 4)}`)

/** What is written with a sync before the power fails. */
export const synced = { key: 'k0', value: '0*9' } as const

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

export const universe: readonly string[] = [...scattered, ...grouped, ...counters, ...odd, ...ascending].sort(compare)
const indexes = new Map(universe.map((key, i) => [key, i]))
const ranks = new Map<string, number>()

export const keyOf = (index: number): string => universe[index] ?? ''

export function indexOf(key: string): number {
  const index = indexes.get(key)
  if (index === undefined) throw new Error(`"${key}" is not in the universe`)
  return index
}

/** The index of the first key at or after this one, which may be any. */
export function rankOf(key: string): number {
  const known = indexes.get(key) ?? ranks.get(key)
  if (known !== undefined) return known
  let low = 0
  let high = universe.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(keyOf(middle), key) < 0) low = middle + 1
    else high = middle
  }
  ranks.set(key, low)
  return low
}

const rankAfter = (key: string): number => rankOf(key) + (indexes.has(key) ? 1 : 0)

function prefixEnd(prefix: string): number {
  let end = rankOf(prefix)
  while (end < universe.length && keyOf(end).startsWith(prefix)) end++
  return end
}

/** [start, end) of a range, as indexes. */
export function spanOf(range: Range): { readonly start: number; readonly end: number } {
  const { gte, gt, lt, lte, prefix } = range
  let start = gte !== undefined ? rankOf(gte) : gt !== undefined ? rankAfter(gt) : 0
  let end = lt !== undefined ? rankOf(lt) : lte !== undefined ? rankAfter(lte) : universe.length
  if (prefix !== undefined) {
    start = Math.max(start, rankOf(prefix))
    end = Math.min(end, prefixEnd(prefix))
  }
  return { start, end: Math.max(start, end) }
}

const letters = [...'abcdefghijklmnopqrstuvwxyzé'].map((letter) => letter.repeat(50_000))
const fillOf = (number: number, size: number): string => (letters[number % letters.length] ?? '').slice(0, size)

/** The value that a short name stands for. */
export function expand(name: string): string {
  const star = name.indexOf('*')
  if (star < 0) return name
  const number = Number(name.slice(0, star))
  return `${number}:${fillOf(number, Number(name.slice(star + 1)))}`
}

/** The short name of a value; the value itself when it has none. */
export function contract(value: string): string {
  const colon = value.indexOf(':')
  if (colon < 0) return value
  const name = `${value.slice(0, colon)}*${value.length - colon - 1}`
  return expand(name) === value ? name : value
}
