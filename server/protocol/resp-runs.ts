// Runs: consecutive requests `GET key`, or `SET key value`, of one chunk, found where they stand: nothing is made of them but
// the places of their keys and values. Most of what a busy server gets is such, and what is made for each request costs more
// than to answer it.
//
//   "*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n…"  →  GET, 2 items, places [17, 5, 41, …]
//
// Whatever is written in any other way, or reaches over the chunk's end, is no part of a run: the codec reads it.
import type { Decoded, RequestLimits } from './request.ts'

export type Run = Extract<Decoded, { kind: 'run' }>
type Plain = Extract<Decoded, { kind: 'request' }>

interface Form {
  readonly name: Run['name']
  /** Up to the length of the key. */
  readonly head: Buffer
  /** Arguments. */
  readonly fields: 1 | 2
}

const forms: readonly Form[] = [
  { name: 'GET', head: Buffer.from('*2\r\n$3\r\nGET\r\n$'), fields: 1 },
  { name: 'SET', head: Buffer.from('*3\r\n$3\r\nSET\r\n$'), fields: 2 }
]

const dollar = 0x24
const zero = 0x30
const carriageReturn = 0x0d
const lineFeed = 0x0a
/** A digit, CRLF, no bytes, CRLF. */
const shortestEnd = 5
/** Longer lengths are left to the codec. */
const digitsMax = 8
const keyBytesMax = 65_535
/** Numbers in the memory that runs share; a new one begins where less than `roomMin` are left. */
const poolLength = 8_192
const roomMin = 512
/** The most that one run has. */
export const runItemsMax = poolLength / 2
/** So that items of every form begin where one of theirs may. */
const alignment = 4
let pool = new Uint32Array(poolLength)
let used = 0

/** The run that begins at `at`, and where it ends. */
export function runAt(chunk: Buffer, at: number, limits: RequestLimits): { run: Run; end: number } | undefined {
  if (poolLength - used < roomMin) {
    pool = new Uint32Array(poolLength)
    used = 0
  }
  for (const form of forms) {
    const width = 2 * form.fields
    const from = used / width
    const countMax = poolLength / width
    let count = from
    let end = at
    while (count < countMax) {
      const next = placesOf(form, chunk, end, count * width, limits)
      if (next === -1) break
      end = next
      count++
    }
    if (count === from) continue
    used = Math.ceil((count * width) / alignment) * alignment
    return { run: { kind: 'run', name: form.name, chunk, places: pool, from, count }, end }
  }
  return undefined
}

/** Puts the places of one request into the pool; where it ends, or -1: it is none of this form, or not whole. */
function placesOf({ head, fields }: Form, chunk: Buffer, from: number, slot: number, limits: RequestLimits): number {
  if (!beginsWith(chunk, from, head)) return -1
  let at = from + head.length
  // Nothing is looked at beyond the chunk: the last request of one may be cut anywhere.
  if (at + shortestEnd * fields > chunk.length) return -1
  let bytesMax = Math.min(keyBytesMax, limits.bulkBytesMax)
  for (let field = 0; field < fields; field++) {
    if (field > 0 && (at + shortestEnd > chunk.length || chunk[at++] !== dollar)) return -1
    let length = 0
    const last = Math.min(at + digitsMax + 1, chunk.length - 4)
    const first = at
    for (; at < last; at++) {
      const digit = (chunk[at] as number) - zero
      if (digit < 0 || digit > 9) break
      length = length * 10 + digit
    }
    const digits = at - first
    if (digits === 0 || digits > digitsMax || (digits > 1 && chunk[first] === zero) || length > bytesMax) return -1
    if (chunk[at] !== carriageReturn || chunk[at + 1] !== lineFeed) return -1
    at += 2
    const end = at + length
    if (end + 2 > chunk.length || chunk[end] !== carriageReturn || chunk[end + 1] !== lineFeed) return -1
    pool[slot + 2 * field] = at
    pool[slot + 2 * field + 1] = length
    at = end + 2
    bytesMax = Math.min(limits.bulkBytesMax, limits.requestBytesMax - length)
  }
  return at
}

/** Letters in either case. */
function beginsWith(chunk: Buffer, at: number, head: Buffer): boolean {
  if (at + head.length > chunk.length) return false
  for (let i = 0; i < head.length; i++) {
    const byte = chunk[at + i] as number
    const wanted = head[i] as number
    if (byte !== wanted && (byte !== wanted + 0x20 || wanted < 0x41)) return false
  }
  return true
}

/** The requests of a run, from `from` on, as the codec would have read them. */
export function requestsOf(run: Run): Plain[] {
  const requests: Plain[] = []
  for (let item = run.from; item < run.count; item++) {
    const key = fieldOf(run, item, 0)
    const args = run.name === 'GET' ? [key] : [key, fieldOf(run, item, 1)]
    requests.push({ kind: 'request', name: run.name, args })
  }
  return requests
}

/** The bytes of a field: 0 the key, 1 the value. */
export function fieldOf({ name, chunk, places }: Run, item: number, field: 0 | 1): Buffer {
  const at = (name === 'GET' ? 2 : 4) * item + 2 * field
  const start = places[at] as number
  return chunk.subarray(start, start + (places[at + 1] as number))
}
