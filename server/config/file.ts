// Configuration files: YAML text → what it sets, or every fault of it as a sentence that names file and line and, for a
// misspelt key, the one that was probably meant.
import type { Node, Pair, YAMLMap } from 'yaml'
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { nearest } from '../nearest.ts'
import { childrenOf, isKey, type KeyName, type LayerResult, type Setting, table } from './keys.ts'
import { isList, type ListReader, type Reader, shown } from './readers.ts'

/** Reads a file's text. `file` is only named in sentences. */
export function readFileLayer(text: string, file: string): LayerResult {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const walk = new Walk(file, lines)
  for (const error of document.errors) walk.fault(error.pos[0], firstLine(error.message))
  if (document.errors.length === 0 && document.contents !== null) walk.map(document.contents, '')
  return walk
}

class Walk implements LayerResult {
  readonly layer = new Map<KeyName, Setting>()
  readonly faults: string[] = []
  readonly notes: string[] = []
  readonly #file: string
  readonly #lines: LineCounter

  constructor(file: string, lines: LineCounter) {
    this.#file = file
    this.#lines = lines
  }

  fault(offset: number, sentence: string): undefined {
    this.faults.push(`${this.#place(offset)}: ${sentence}`)
  }

  /** A map of the keys under a path, none of them required. */
  map(node: Node, path: string): void {
    if (isMap(node)) {
      for (const pair of (node as YAMLMap<Node, Node | null>).items) this.#pair(pair, path)
      return
    }
    // A key with nothing under it is as good as no key.
    if (isScalar(node) && node.value === null) return
    this.fault(offsetOf(node), `${path || 'the file'} must be a map, not ${shown(contentOf(node))}.`)
  }

  #pair(pair: Pair<Node, Node | null>, path: string): void {
    const name = String(contentOf(pair.key))
    const full = path === '' ? name : `${path}.${name}`
    const children = childrenOf(path)
    if (!children.includes(name)) {
      this.#unknown(pair.key, full, name, children)
      return
    }
    const node = pair.value ?? pair.key
    if (!isKey(full)) {
      this.map(node, full)
      return
    }
    const { reader, isSecret } = table[full]
    const value = isList(reader) ? this.#list(pair, full, reader) : this.#value(node, full, reader, isSecret)
    if (value !== undefined) this.layer.set(full, { value, origin: this.#place(offsetOf(pair.key)) })
  }

  #unknown(node: Node, full: string, name: string, known: readonly string[]): void {
    const meant = nearest(name, known)
    const hint = meant === undefined ? `there are ${known.join(', ')}.` : `did you mean ${meant}?`
    this.fault(offsetOf(node), `there is no key ${full}; ${hint}`)
  }

  #value(node: Node, path: string, reader: Reader<unknown>, isSecret = false): unknown {
    const given = contentOf(node)
    const value = reader.read(given)
    const not = isSecret ? 'what it is: put it in quotes' : shown(given)
    if (value === undefined) return this.fault(offsetOf(node), `${path} must be ${reader.what}, not ${not}.`)
    const note = reader.note?.(given)
    if (note !== undefined) this.notes.push(`${this.#place(offsetOf(node))}: ${path}: ${note}`)
    return value
  }

  #list(pair: Pair<Node, Node | null>, path: string, { item }: ListReader<unknown>): readonly unknown[] | undefined {
    const node = pair.value
    if (node === null || (isScalar(node) && node.value === null)) return []
    if (!isSeq(node)) return this.fault(offsetOf(node), `${path} must be a list, not ${shown(contentOf(node))}.`)
    return (node.items as Node[]).flatMap((child, i) => this.#item(child, `${path}[${i}]`, item) ?? [])
  }

  #item(node: Node, path: string, readers: Readonly<Record<string, Reader<unknown>>>): object | undefined {
    if (!isMap(node)) return this.fault(offsetOf(node), `${path} must be a map, not ${shown(contentOf(node))}.`)
    const names = Object.keys(readers)
    const faultsBefore = this.faults.length
    const values: Record<string, unknown> = {}
    for (const pair of (node as YAMLMap<Node, Node | null>).items) {
      const name = String(contentOf(pair.key))
      const reader = names.includes(name) ? readers[name] : undefined
      if (reader === undefined) this.#unknown(pair.key, `${path}.${name}`, name, names)
      else values[name] = this.#value(pair.value ?? pair.key, `${path}.${name}`, reader)
    }
    if (this.faults.length > faultsBefore) return undefined
    if (names.every((name) => values[name] !== undefined)) return values
    return this.fault(offsetOf(node), `${path} needs ${names.map((name) => `a ${name}`).join(' and ')}.`)
  }

  #place(offset: number): string {
    return `${this.#file}:${this.#lines.linePos(offset).line}`
  }
}

const offsetOf = (node: Node): number => node.range?.[0] ?? 0
const contentOf = (node: Node): unknown => (isScalar(node) ? node.value : isMap(node) ? {} : [])
const firstLine = (message: string): string => message.split('\n', 1)[0] ?? message
