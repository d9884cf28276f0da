// Configuration files: YAML text → a checked ServerConfig, or every fault of it as a sentence that names file and line and,
// for a misspelt key, the one that was probably meant.
import type { Node, Pair, YAMLMap } from 'yaml'
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { Peer, ServerConfig } from './config.ts'
import { defaultConfig, freeze } from './config.ts'
import { nearest } from './nearest.ts'

export type ConfigResult =
  | { readonly ok: true; readonly config: ServerConfig; readonly notes: readonly string[] }
  | { readonly ok: false; readonly faults: readonly string[] }

/** Reads a configuration. `file` is only named in sentences. */
export function parseConfig(text: string, file: string): ConfigResult {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const checker = new Checker(file, lines)
  for (const error of document.errors) checker.faultAt(error.pos[0], firstLine(error.message))
  if (document.errors.length > 0) return { ok: false, faults: checker.faults }
  const root = document.contents === null ? {} : readRoot(document.contents, '', checker)
  if (checker.faults.length > 0 || root === undefined) return { ok: false, faults: checker.faults }
  return { ok: true, config: merge(root), notes: checker.notes }
}

/** Collects faults and notes, each with its place. */
class Checker {
  readonly faults: string[] = []
  readonly notes: string[] = []
  readonly #file: string
  readonly #lines: LineCounter

  constructor(file: string, lines: LineCounter) {
    this.#file = file
    this.#lines = lines
  }

  faultAt(offset: number, sentence: string): undefined {
    this.faults.push(`${this.#place(offset)}: ${sentence}`)
  }

  noteAt(offset: number, sentence: string): void {
    this.notes.push(`${this.#place(offset)}: ${sentence}`)
  }

  #place(offset: number): string {
    return `${this.#file}:${this.#lines.linePos(offset).line}`
  }
}

/** Reads a node; on a fault it is recorded and the answer is `undefined`. */
type Reader<T> = (node: Node, path: string, checker: Checker) => T | undefined

type Read<R> = R extends Reader<infer T> ? T : never

const scalar = (node: Node): unknown => (isScalar(node) ? node.value : undefined)
const offsetOf = (node: Node): number => node.range?.[0] ?? 0
const shown = (node: Node): string => (isScalar(node) ? JSON.stringify(node.value) : isMap(node) ? 'a map' : 'a list')

function reader<T>(isRight: (value: unknown) => value is T, what: string): Reader<T> {
  return (node, path, checker) => {
    const value = scalar(node)
    if (isRight(value)) return value
    return checker.faultAt(offsetOf(node), `${path} must be ${what}, not ${shown(node)}.`)
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const text = reader(isText, 'a text')

function integer(first: number, last: number): Reader<number> {
  const isRight = (value: unknown): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= first && value <= last
  return reader(isRight, `a whole number from ${first} to ${last}`)
}

function oneOf<const T extends string>(...words: T[]): Reader<T> {
  const isRight = (value: unknown): value is T => words.some((word) => word === value)
  return reader(isRight, `${words.map((word) => JSON.stringify(word)).join(' or ')}`)
}

const units: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }
const bytesPerCachedEntry = 4 * 2 ** 10

/** A size such as 64MiB. A bare number is a count of entries, taken as 4 KiB each. */
const cacheSize: Reader<number> = (node, path, checker) => {
  const value = scalar(node)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
    const bytes = value * bytesPerCachedEntry
    checker.noteAt(offsetOf(node), `${path}: ${value} entries are taken as 4 KiB each, ${bytes} bytes.`)
    return bytes
  }
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?) ?([KMGT]iB|B)$/.exec(value) : null
  const bytes = parts === null ? Number.NaN : Math.floor(Number(parts[1]) * (units[parts[2] ?? ''] ?? Number.NaN))
  if (Number.isSafeInteger(bytes)) return bytes
  const what = 'a size with a unit such as 64MiB, or a number of entries'
  return checker.faultAt(offsetOf(node), `${path} must be ${what}, not ${shown(node)}.`)
}

/** A map of exactly these keys, none of them required. */
function section<S extends Readonly<Record<string, Reader<unknown>>>>(
  schema: S
): Reader<{ readonly [K in keyof S]?: Read<S[K]> }> {
  return (node, path, checker) => {
    if (!isMap(node)) {
      // A key with nothing under it is as good as no key.
      if (isScalar(node) && node.value === null) return {}
      return checker.faultAt(offsetOf(node), `${path || 'the file'} must be a map, not ${shown(node)}.`)
    }
    const values: Record<string, unknown> = {}
    for (const pair of (node as YAMLMap<Node, Node | null>).items) {
      readPair(schema, pair, path, checker, values)
    }
    return values as { readonly [K in keyof S]?: Read<S[K]> }
  }
}

function readPair(
  schema: Readonly<Record<string, Reader<unknown>>>,
  pair: Pair<Node, Node | null>,
  path: string,
  checker: Checker,
  values: Record<string, unknown>
): void {
  const key = String(scalar(pair.key))
  const keyPath = path === '' ? key : `${path}.${key}`
  const read = Object.hasOwn(schema, key) ? schema[key] : undefined
  if (read === undefined) {
    const meant = nearest(key, Object.keys(schema))
    const hint = meant === undefined ? `there are ${Object.keys(schema).join(', ')}` : `did you mean ${meant}?`
    checker.faultAt(offsetOf(pair.key), `there is no key ${keyPath}; ${hint.endsWith('?') ? hint : `${hint}.`}`)
    return
  }
  const value = read(pair.value ?? pair.key, keyPath, checker)
  if (value !== undefined) values[key] = value
}

/** A list; an item that misses a key is a fault of its own. */
function list<T>(item: Reader<T>): Reader<readonly T[]> {
  return (node, path, checker) => {
    if (!isSeq(node)) {
      if (isScalar(node) && node.value === null) return []
      return checker.faultAt(offsetOf(node), `${path} must be a list, not ${shown(node)}.`)
    }
    return (node.items as Node[]).flatMap((child, i) => item(child, `${path}[${i}]`, checker) ?? [])
  }
}

const port = integer(0, 65_535)

const peerSection = section({ host: text, port })
const peer: Reader<Peer> = (node, path, checker) => {
  const faultsBefore = checker.faults.length
  const { host, port } = peerSection(node, path, checker) ?? {}
  if (host !== undefined && port !== undefined) return { host, port }
  if (checker.faults.length > faultsBefore) return undefined
  return checker.faultAt(offsetOf(node), `${path} needs a host and a port.`)
}

const readRoot = section({
  node: section({ id: integer(1, 2 ** 31), role: oneOf('leader', 'follower') }),
  server: section({ host: text, port, threads: integer(1, 1_024) }),
  replication: section({ port }),
  peers: list(peer),
  storage: section({ data_dir: text, cache_size: cacheSize }),
  logging: section({ level: oneOf('debug', 'info', 'warn', 'error') })
})

type Root = Read<typeof readRoot>

function merge(root: Root): ServerConfig {
  const { node, server, replication, storage, logging } = defaultConfig
  return freeze({
    node: { ...node, ...root.node },
    server: { ...server, ...root.server },
    replication: { ...replication, ...root.replication },
    peers: root.peers ?? [],
    storage: {
      dataDir: root.storage?.data_dir ?? storage.dataDir,
      cacheBytes: root.storage?.cache_size ?? storage.cacheBytes
    },
    logging: { ...logging, ...root.logging }
  })
}

const firstLine = (message: string): string => message.split('\n', 1)[0] ?? message
