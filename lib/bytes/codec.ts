// Keys and values: from what users hold to bytes and back.
//
// An Encoding says how, once resolved (encodings.ts). The four plain kinds have paths of their own here and where pages
// and slabs are read; all others come last, as one more branch ('codec') that calls their encode and decode.
// Keys are compared as bytes, whatever they were.

import { invalid, VarveError } from '../errors.ts'
import type {} from './buffer.ts'

/** How keys or values become bytes. All are made by encodings.ts, alike, so that code that meets several stays quick. */
export interface Encoding {
  readonly name: string
  readonly kind: 'utf8' | 'json' | 'buffer' | 'view' | 'codec'
  /** utf8 and json: stored as text. */
  readonly isText: boolean
  /** Of a codec. The bytes are not written to any more. */
  readonly encode: (value: unknown) => string | Uint8Array
  /** Of a codec: from bytes that stay what they are. */
  readonly decode: (bytes: Buffer) => unknown
  /** Of a codec for keys: what all keys begin with that have this prefix. */
  readonly encodePrefix: (key: unknown) => string | Uint8Array
}

export const keyBytesMax = 65_535

interface Slabs {
  readonly prototype: Buffer
  new (buffer: ArrayBufferLike, offset: number, length: number): Buffer
}
// Buffer's own species: what Buffer.prototype.subarray constructs, without its argument checks.
export const SlabBuffer = (Buffer as unknown as Record<symbol, Slabs>)[Symbol.species] as Slabs

/** A key as a string or bytes; throws unless it is one that the encoding takes. */
export function encodeKey(encoding: Encoding, key: unknown): string | Uint8Array {
  if (encoding.kind === 'utf8') {
    if (typeof key === 'string') return key
    throw invalid(`A key must be a string (keyEncoding 'utf8'), not ${nameOf(key)}.`)
  }
  if (encoding.kind === 'codec') return encoding.encode(key)
  if (key instanceof Uint8Array) return key
  throw invalid(`A key must be a Uint8Array or Buffer (keyEncoding '${encoding.name}'), not ${nameOf(key)}.`)
}

/** A value as a string or bytes, ready to be laid down. */
export function encodeValue(encoding: Encoding, value: unknown): string | Uint8Array {
  if (encoding.kind === 'utf8') {
    if (typeof value === 'string') return value
    throw invalid(`A value must be a string (valueEncoding 'utf8'), not ${nameOf(value)}.`)
  }
  if (encoding.kind === 'json') {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw invalid(`A value must be something JSON can hold, not ${nameOf(value)}.`)
    return text
  }
  if (encoding.kind === 'codec') return encoding.encode(value)
  if (value instanceof Uint8Array) return value
  throw invalid(`A value must be a Uint8Array or Buffer (valueEncoding '${encoding.name}'), not ${nameOf(value)}.`)
}

/** A key in bytes, for bounds: a fresh array. */
export function keyBytes(encoding: Encoding, key: unknown): Uint8Array {
  return freshBytes(encodeKey(encoding, key))
}

/** What all keys begin with that have this prefix: a fresh array. */
export function prefixBytes(encoding: Encoding, prefix: unknown): Uint8Array {
  return freshBytes(encoding.kind === 'codec' ? encoding.encodePrefix(prefix) : encodeKey(encoding, prefix))
}

function freshBytes(key: string | Uint8Array): Uint8Array {
  if (typeof key !== 'string') return Uint8Array.prototype.slice.call(key)
  if (!isWellFormed(key)) throw invalid('A key has a lone surrogate, which utf8 cannot hold.')
  return Buffer.from(key, 'utf8')
}

/** A key as it is stored: behind the varint of its space. */
export function storedKey(space: number, key: Uint8Array): Buffer {
  const prefix: number[] = []
  let rest = space
  for (; rest > 127; rest >>>= 7) prefix.push((rest & 127) | 128)
  return Buffer.concat([Buffer.of(...prefix, rest), key])
}

/** The space and the user's key of a stored one. */
export function splitKey(stored: Uint8Array): { space: number; key: Uint8Array } {
  let space = 0
  let at = 0
  for (let shift = 0; at < stored.length; shift += 7) {
    const byte = stored[at++] as number
    space += (byte & 127) * 2 ** shift
    if (byte < 128) break
  }
  return { space, key: stored.subarray(at) }
}

/** Behind all keys of the space whose prefix this is. */
export function spaceEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  // The last byte of a varint is below 128.
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1
  return end
}

export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** Text of bytes of a slab; `ascii` says that all are below 128. */
export function decodeText(slab: Buffer, start: number, end: number, ascii: boolean): string {
  return ascii ? slab.latin1Slice(start, end) : slab.utf8Slice(start, end)
}

/** A value of an encoding that is stored as text. */
export function fromText(encoding: Encoding, text: string): unknown {
  return encoding.kind === 'json' ? fromJson(text) : text
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw mismatch("A value is not JSON (valueEncoding 'json')", error)
  }
}

/** Bytes that own or share memory, as the encoding gives them. */
export function decodeBytes(encoding: Encoding, bytes: Buffer): unknown {
  if (encoding.kind === 'buffer') return bytes
  if (encoding.kind === 'view') return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (encoding.kind === 'codec') return encoding.decode(bytes)
  return fromText(encoding, bytes.utf8Slice(0, bytes.length))
}

/** What is stored was not written by this encoding. `what` begins the sentence. */
export function mismatch(what: string, cause?: unknown): VarveError {
  const reason = cause instanceof Error ? `: ${cause.message}` : ''
  return new VarveError('VARVE_ENCODING_MISMATCH', `${what}${reason}. Read it with the encoding it was written with.`, {
    cause
  })
}

export function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'object'}`
  return value === undefined ? 'undefined' : `a ${typeof value}`
}
