// Keys and values: from what users hold to bytes and back.
//
// Keys are compared as bytes. 'utf8' keys are strings; 'buffer' and 'view' keys are Uint8Arrays, given back as Buffers
// or plain Uint8Arrays. Values likewise, and 'json' for whatever JSON carries.

import { invalid } from '../errors.ts'
import type {} from './buffer.ts'

export type KeyEncoding = 'utf8' | 'buffer' | 'view'
export type ValueEncoding = 'utf8' | 'json' | 'buffer' | 'view'
export const keyEncodings: readonly KeyEncoding[] = ['utf8', 'buffer', 'view']
export const valueEncodings: readonly ValueEncoding[] = ['utf8', 'json', 'buffer', 'view']

interface Slabs {
  readonly prototype: Buffer
  new (buffer: ArrayBufferLike, offset: number, length: number): Buffer
}
// Buffer's own species: what Buffer.prototype.subarray constructs, without its argument checks.
export const SlabBuffer = (Buffer as unknown as Record<symbol, Slabs>)[Symbol.species] as Slabs

/** Throws unless the key is one that the encoding takes. */
export function checkKey(encoding: KeyEncoding, key: unknown): string | Uint8Array {
  if (encoding === 'utf8') {
    if (typeof key === 'string') return key
    throw invalid(`A key must be a string (keyEncoding 'utf8'), not ${nameOf(key)}.`)
  }
  if (key instanceof Uint8Array) return key
  throw invalid(`A key must be a Uint8Array or Buffer (keyEncoding '${encoding}'), not ${nameOf(key)}.`)
}

/** A value as a string or bytes, ready to be laid down. */
export function encodeValue(encoding: ValueEncoding, value: unknown): string | Uint8Array {
  if (encoding === 'utf8') {
    if (typeof value === 'string') return value
    throw invalid(`A value must be a string (valueEncoding 'utf8'), not ${nameOf(value)}.`)
  }
  if (encoding === 'json') {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw invalid(`A value must be something JSON can hold, not ${nameOf(value)}.`)
    return text
  }
  if (value instanceof Uint8Array) return value
  throw invalid(`A value must be a Uint8Array or Buffer (valueEncoding '${encoding}'), not ${nameOf(value)}.`)
}

/** Key bytes for bounds: a fresh array. */
export function keyBytes(key: string | Uint8Array): Uint8Array {
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

/** Bytes that own or share memory, as the encoding gives them. */
export function decodeBytes(encoding: KeyEncoding | ValueEncoding, bytes: Buffer): unknown {
  if (encoding === 'buffer') return bytes
  if (encoding === 'view') return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = bytes.utf8Slice(0, bytes.length)
  return encoding === 'json' ? JSON.parse(text) : text
}

export function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'object'}`
  return value === undefined ? 'undefined' : `a ${typeof value}`
}
