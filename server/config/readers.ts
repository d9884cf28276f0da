// What values of a configuration may be: one reader a kind, for files and for the environment alike.

export interface Reader<T> {
  /** What a value must be, as the end of a sentence. */
  readonly what: string
  /** The value, or undefined where it is not one. */
  readonly read: (value: unknown) => T | undefined
  /** Something worth saying of a value that is right. */
  readonly note?: (value: unknown) => string | undefined
}

/** A list of maps: each of these keys is needed in each of them. */
export interface ListReader<T> extends Reader<readonly T[]> {
  readonly item: Readonly<Record<string, Reader<unknown>>>
}

export const text: Reader<string> = {
  what: 'a text',
  read: (value) => (typeof value === 'string' && value !== '' ? value : undefined)
}

export const truth: Reader<boolean> = {
  what: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : undefined)
}

export const integer = (first: number, last: number): Reader<number> => ({
  what: `a whole number from ${first} to ${last}`,
  read: (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= first && value <= last ? value : undefined
})

export const port: Reader<number> = integer(0, 65_535)

export const oneOf = <const T extends string>(...words: T[]): Reader<T> => ({
  what: words.map((word) => JSON.stringify(word)).join(' or '),
  read: (value) => words.find((word) => word === value)
})

const units: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

/** A size such as 64MiB, in bytes. */
export const size: Reader<number> = { what: 'a size with a unit such as 64MiB', read: bytesOf }

function bytesOf(value: unknown): number | undefined {
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?) ?([KMGT]iB|B)$/.exec(value) : null
  if (parts === null) return undefined
  const bytes = Math.floor(Number(parts[1]) * (units[parts[2] ?? ''] ?? Number.NaN))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const bytesPerCachedEntry = 4 * 2 ** 10

const entriesOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined

/** A size, or a bare number: a count of entries, taken as 4 KiB each. */
export const cacheSize: Reader<number> = {
  what: 'a size with a unit such as 64MiB, or a number of entries',
  read: (value) => {
    const entries = entriesOf(value)
    return entries === undefined ? bytesOf(value) : entries * bytesPerCachedEntry
  },
  note: (value) => {
    const entries = entriesOf(value)
    if (entries === undefined) return undefined
    return `${entries} entries are taken as 4 KiB each, ${entries * bytesPerCachedEntry} bytes.`
  }
}

export interface Peer {
  readonly host: string
  readonly port: number
}

/** Where somebody is reached; an IPv6 address stands in brackets or bare. */
export const place: Reader<string> = {
  what: 'host:port',
  read: (value) => (typeof value === 'string' && placeOf(value) !== undefined ? value : undefined)
}

export function placeOf(text: string): Peer | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^\s[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  return parts === null || port === 0 || port > 65_535 ? undefined : { host: parts[1] ?? parts[2] ?? '', port }
}

/** In a file a list of maps; elsewhere host:port, separated by commas. */
export const peers: ListReader<Peer> = {
  what: 'a list',
  item: { host: text, port },
  read: (value) => {
    if (value === null) return []
    if (Array.isArray(value)) return value as readonly Peer[]
    if (typeof value !== 'string') return undefined
    const named = value.split(',').map((peer) => /^(.+):(\d{1,5})$/.exec(peer.trim()))
    if (named.includes(null)) return undefined
    return named.map((parts) => ({ host: parts?.[1] ?? '', port: Number(parts?.[2]) }))
  }
}

export const isList = (reader: Reader<unknown>): reader is ListReader<unknown> => 'item' in reader

/** A value as sentences show it. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a map' : JSON.stringify(value)
}
