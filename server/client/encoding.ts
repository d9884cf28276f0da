// Keys and values: from what users hold to bytes and back. The library has more encodings; a client needs none of its addon.
import { keyBytesMax } from '../store.ts'
import { ClientError, invalid } from './errors.ts'

interface KeyTypes {
  readonly utf8: string
  readonly buffer: Buffer
}
interface ValueTypes {
  readonly utf8: string
  readonly json: unknown
  readonly buffer: Buffer
}
export type KeyEncoding = keyof KeyTypes
export type ValueEncoding = keyof ValueTypes
export type KeyOf<K extends KeyEncoding> = KeyTypes[K]
export type ValueOf<V extends ValueEncoding> = ValueTypes[V]

/** What may be given where that is what comes out. */
export type Input<T> = T extends Buffer ? Uint8Array : T

/** Longer values are nothing that a server takes. */
const valueBytesMax = 512 * 2 ** 20

export function encodeKey(encoding: KeyEncoding, key: unknown): string | Uint8Array {
  const bytes = encoding === 'utf8' ? text('A key', key) : view('A key', key)
  const length = typeof bytes === 'string' ? lengthOf(bytes, keyBytesMax) : bytes.length
  if (length > keyBytesMax) throw new ClientError('TOO_LARGE', `A key has at most ${keyBytesMax} bytes.`)
  return bytes
}

export function encodeValue(encoding: ValueEncoding, value: unknown): string | Uint8Array {
  const bytes =
    encoding === 'json' ? json(value) : encoding === 'utf8' ? text('A value', value) : view('A value', value)
  const length = typeof bytes === 'string' ? lengthOf(bytes, valueBytesMax) : bytes.length
  if (length > valueBytesMax) throw new ClientError('TOO_LARGE', `A value has at most ${valueBytesMax} bytes.`)
  return bytes
}

export function decodeKey(encoding: KeyEncoding, bytes: Buffer): unknown {
  return encoding === 'utf8' ? bytes.utf8Slice(0, bytes.length) : own(bytes)
}

export function decodeValue(encoding: ValueEncoding, bytes: Buffer): unknown {
  if (encoding === 'buffer') return own(bytes)
  const read = bytes.utf8Slice(0, bytes.length)
  if (encoding === 'utf8') return read
  try {
    return JSON.parse(read)
  } catch (cause) {
    throw new ClientError('INVALID_ARGUMENT', "The value is no JSON: read it with valueEncoding 'utf8' or 'buffer'.", {
      cause
    })
  }
}

/** A key in bytes of its own. */
export const keyBytes = (encoding: KeyEncoding, key: unknown): Buffer => Buffer.from(encodeKey(encoding, key))

// utf8 has one to three bytes for each unit of a string.
const lengthOf = (string: string, max: number): number =>
  string.length * 3 <= max ? string.length : Buffer.byteLength(string)

// A short piece of a chunk would keep all of it.
const own = (bytes: Buffer): Buffer => (bytes.length * 2 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes)

function text(what: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${what} must be a string (encoding 'utf8'), not ${nameOf(value)}.`)
  if (/\p{Surrogate}/u.test(value)) throw invalid(`${what} has a lone surrogate, which utf8 cannot hold.`)
  return value
}

function view(what: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw invalid(`${what} must be a Uint8Array or Buffer (encoding 'buffer'), not ${nameOf(value)}.`)
}

function json(value: unknown): string {
  const said = JSON.stringify(value) as string | undefined
  if (said === undefined) throw invalid(`A value must be something JSON can hold, not ${nameOf(value)}.`)
  return said
}

const nameOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value)
