// Ordered keys: null, booleans, numbers, strings, bytes and arrays of them, as bytes that sort as the keys do.
//
// This is stored, so it never changes. Every value begins with a byte that says what it is; those bytes have the order of
// the kinds, with room between them for kinds to come:
//
//   key    := value
//   value  := 10                           null
//           | 20 | 21                      false | true
//           | 30 eight bytes               number: IEEE 754, big-endian; all bits inverted if it is negative, else the sign bit
//           | 40 escaped* 00               string: its utf8
//           | 50 escaped* 00               bytes
//           | 60 value* 00                 array
//   escaped := 01 01 for 00 | 01 02 for 01 | any other byte as it is
//
//   ['user', 7, null]  =  60  40 75 73 65 72 00  30 c0 1c 00 00 00 00 00 00  10  00
//
// 1. No value's bytes begin another's, so values follow one another without lengths, and comparing bytes compares values:
//    null < false < true < numbers < strings < bytes < arrays. Strings go by code points, bytes by bytes; arrays element by
//    element, a shorter one before those that it begins.
// 2. A value has one form only. -0 is stored as 0, which it equals; NaN has no place in an order. Decoding refuses all else.
// 3. A prefix is a value without its last 00: of an array, all arrays that begin with these elements; of a string or bytes,
//    all that begin so; of anything else only itself.

import { isUtf8 } from 'node:buffer'
import { invalid, VarveError } from '../errors.ts'
import { isWellFormed, keyBytesMax, mismatch, nameOf } from './codec.ts'

/** What `ordered` keys are. Bytes come back as Buffers. */
export type OrderedKey = null | boolean | number | string | Uint8Array | readonly OrderedKey[]

const end = 0x00
const escapeByte = 0x01
const tags = { null: 0x10, false: 0x20, true: 0x21, number: 0x30, string: 0x40, bytes: 0x50, array: 0x60 } as const
const depthMax = 64

const ieee = new DataView(new ArrayBuffer(8))
// One encoding at a time writes here; one begun meanwhile (by a getter of an array) makes its own.
let kept: Buffer | undefined

export function encodeOrdered(key: unknown): Buffer {
  return encode(key, false)
}

/** What the bytes of all keys begin with that have this prefix. */
export function encodeOrderedPrefix(key: unknown): Buffer {
  return encode(key, true)
}

function encode(key: unknown, asPrefix: boolean): Buffer {
  const into = new Encoder(kept ?? Buffer.allocUnsafeSlow(4096))
  kept = undefined
  try {
    into.value(key, 0)
    const isOpen = asPrefix && (typeof key === 'string' || typeof key === 'object') && key !== null
    return Buffer.from(into.bytes.subarray(0, isOpen ? into.end - 1 : into.end))
  } finally {
    kept = into.bytes
  }
}

class Encoder {
  bytes: Buffer
  end = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  value(value: unknown, depth: number): void {
    this.#reserve(9)
    if (typeof value === 'string') this.#string(value)
    else if (typeof value === 'number') this.#number(value)
    else if (value === null) this.bytes[this.end++] = tags.null
    else if (typeof value === 'boolean') this.bytes[this.end++] = value ? tags.true : tags.false
    else if (Array.isArray(value)) this.#array(value, depth)
    else if (value instanceof Uint8Array) this.#escaped(tags.bytes, value)
    else {
      throw invalid(
        `An ordered key holds null, booleans, numbers, strings, bytes and arrays of them, not ${nameOf(value)}.`
      )
    }
  }

  #number(value: number): void {
    if (Number.isNaN(value)) throw invalid('NaN has no place in the order of keys.')
    ieee.setFloat64(0, value === 0 ? 0 : value)
    const isNegative = value < 0
    this.bytes[this.end] = tags.number
    this.bytes.writeUInt32BE((ieee.getUint32(0) ^ (isNegative ? 0xffffffff : 0x80000000)) >>> 0, this.end + 1)
    this.bytes.writeUInt32BE((ieee.getUint32(4) ^ (isNegative ? 0xffffffff : 0)) >>> 0, this.end + 5)
    this.end += 9
  }

  #string(text: string): void {
    const { length } = text
    this.#reserve(length + 2)
    const { bytes } = this
    const start = this.end + 1
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127 || unit <= escapeByte) {
        if (!isWellFormed(text)) throw invalid('A key has a lone surrogate, which utf8 cannot hold.')
        this.#escaped(tags.string, Buffer.from(text, 'utf8'))
        return
      }
      bytes[start + i] = unit
    }
    bytes[this.end] = tags.string
    bytes[start + length] = end
    this.end = start + length + 1
  }

  #escaped(tag: number, plain: Uint8Array): void {
    this.#reserve(2 * plain.length + 2)
    const { bytes } = this
    let at = this.end
    bytes[at++] = tag
    for (let i = 0; i < plain.length; i++) {
      const byte = plain[i] as number
      if (byte <= escapeByte) {
        bytes[at++] = escapeByte
        bytes[at++] = byte + 1
      } else bytes[at++] = byte
    }
    bytes[at++] = end
    this.end = at
  }

  #array(values: readonly unknown[], depth: number): void {
    if (depth === depthMax) throw invalid(`An ordered key is nested ${depthMax} arrays deep at most.`)
    this.bytes[this.end++] = tags.array
    for (let i = 0; i < values.length; i++) this.value(values[i], depth + 1)
    this.#reserve(1)
    this.bytes[this.end++] = end
  }

  #reserve(room: number): void {
    const needed = this.end + room
    if (needed <= this.bytes.length) return
    if (this.end > keyBytesMax || room > 2 * keyBytesMax + 2) {
      throw new VarveError('VARVE_TOO_LARGE', `A key is limited to ${keyBytesMax} bytes; this one has more.`)
    }
    const grown = Buffer.allocUnsafeSlow(2 * needed)
    this.bytes.copy(grown, 0, 0, this.end)
    this.bytes = grown
  }
}

/** The key of such bytes; throws VARVE_ENCODING_MISMATCH for any that encodeOrdered does not make. */
export function decodeOrdered(bytes: Buffer): OrderedKey {
  const from = new Decoder(bytes)
  const key = from.value(0)
  return from.at === bytes.length ? key : from.fail()
}

class Decoder {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  value(depth: number): OrderedKey {
    switch (this.bytes[this.at++]) {
      case tags.string:
        return this.#string()
      case tags.number:
        return this.#number()
      case tags.array:
        return this.#array(depth)
      case tags.bytes:
        return this.#escaped(this.at, this.#end())
      case tags.null:
        return null
      case tags.false:
        return false
      case tags.true:
        return true
      default:
        this.at--
        return this.fail()
    }
  }

  fail(): never {
    throw mismatch(`A key is not one of keyEncoding 'ordered' (byte ${this.at} of ${this.bytes.length})`)
  }

  #number(): number {
    const { bytes, at } = this
    if (bytes.length - at < 8) this.fail()
    const high = bytes.readUInt32BE(at)
    const isNegative = high < 0x80000000
    ieee.setUint32(0, (high ^ (isNegative ? 0xffffffff : 0x80000000)) >>> 0)
    ieee.setUint32(4, (bytes.readUInt32BE(at + 4) ^ (isNegative ? 0xffffffff : 0)) >>> 0)
    const value = ieee.getFloat64(0)
    if (Number.isNaN(value) || Object.is(value, -0)) this.fail()
    this.at += 8
    return value
  }

  #array(depth: number): OrderedKey[] {
    if (depth === depthMax) this.fail()
    const values: OrderedKey[] = []
    while (this.bytes[this.at] !== end) values.push(this.value(depth + 1))
    this.at++
    return values
  }

  #string(): string {
    const start = this.at
    const last = this.#end()
    const plain = this.#escaped(start, last)
    if (!isUtf8(plain)) {
      this.at = start
      this.fail()
    }
    return plain.utf8Slice(0, plain.length)
  }

  // Goes behind the 00; gives its place.
  #end(): number {
    const last = this.bytes.indexOf(end, this.at)
    if (last < 0) {
      this.at = this.bytes.length
      this.fail()
    }
    this.at = last + 1
    return last
  }

  #escaped(start: number, last: number): Buffer {
    const { bytes } = this
    const plain = Buffer.allocUnsafe(last - start)
    let length = 0
    for (let i = start; i < last; i++) {
      let byte = bytes[i] as number
      if (byte === escapeByte) {
        byte = (bytes[++i] as number) - 1
        if (byte !== 0 && byte !== 1) {
          this.at = i
          this.fail()
        }
      }
      plain[length++] = byte
    }
    return plain.subarray(0, length)
  }
}
