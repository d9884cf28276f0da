// Numbers, texts and bytes as they stand in frames.
//
//   uint8    one byte
//   uint32   four bytes, little-endian
//   varint   a whole number up to 2^53 - 1: seven bits a byte, the lowest first, the high bit where more follow; the
//            shortest form only
//   flag     uint8 0 or 1
//   bytes    varint length, then as many bytes
//   text     bytes, in UTF-8
//
// A reader takes views, never copies, and throws a TransportFault where the bytes are not what they should be. It believes no
// length: what is not there is not read, and nothing is allocated for it.
import { badBytes } from './fault.ts'

/** Longer bytes are not copied but sent from where they are. */
const copiedBytesMax = 2048
const firstPieceBytes = 256
const tooLarge = 'a number is too large'

export class ByteWriter {
  #piece = Buffer.allocUnsafe(firstPieceBytes)
  #start = 0
  #at = 0
  readonly #parts: Uint8Array[] = []

  uint8(value: number): void {
    this.#room(1)
    this.#piece[this.#at++] = value
  }

  uint32(value: number): void {
    this.#room(4)
    this.#at = this.#piece.writeUInt32LE(value, this.#at)
  }

  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no number that can be sent.`)
    this.#room(8)
    let rest = value
    while (rest >= 128) {
      this.#piece[this.#at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#piece[this.#at++] = rest
  }

  flag(value: boolean): void {
    this.uint8(value ? 1 : 0)
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length)
    this.raw(value)
  }

  text(value: string): void {
    this.bytes(Buffer.from(value))
  }

  /** Bytes whose length the reader knows. */
  raw(value: Uint8Array): void {
    if (value.length > copiedBytesMax) {
      this.#cut()
      this.#parts.push(value)
      return
    }
    this.#room(value.length)
    this.#piece.set(value, this.#at)
    this.#at += value.length
  }

  /** What was written, in parts; nothing is written any more. */
  finish(): Uint8Array[] {
    this.#cut()
    return this.#parts
  }

  #cut(): void {
    if (this.#at > this.#start) this.#parts.push(this.#piece.subarray(this.#start, this.#at))
    this.#start = this.#at
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#piece.length) return
    this.#cut()
    this.#piece = Buffer.allocUnsafe(Math.max(2 * this.#piece.length, bytes))
    this.#start = 0
    this.#at = 0
  }
}

export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw badBytes('a message ends too early')
    this.#at++
    return value
  }

  uint32(): number {
    return this.raw(4).readUInt32LE(0)
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let length = 1; length <= 8; length++) {
      const byte = this.uint8()
      value += (byte % 128) * scale
      if (byte < 128) {
        if (byte === 0 && length > 1) throw badBytes('a number is longer than it need be')
        if (!Number.isSafeInteger(value)) throw badBytes(tooLarge)
        return value
      }
      scale *= 128
    }
    throw badBytes(tooLarge)
  }

  flag(): boolean {
    const value = this.uint8()
    if (value > 1) throw badBytes(`a flag is ${value}`)
    return value === 1
  }

  bytes(): Buffer {
    return this.raw(this.varint())
  }

  text(bytesMax: number): string {
    const bytes = this.bytes()
    if (bytes.length > bytesMax) throw badBytes(`a text has ${bytes.length} bytes, of at most ${bytesMax}`)
    return bytes.toString()
  }

  raw(length: number): Buffer {
    if (length > this.left) throw badBytes('a message ends too early')
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  /** A list, read item by item: it is as long as its bytes say, not as its count says. */
  list<T>(item: () => T): T[] {
    const count = this.varint()
    if (count > this.left) throw badBytes('a list is longer than its message')
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(item())
    return items
  }

  /** Everything was read. */
  end(): void {
    if (this.left > 0) throw badBytes(`${this.left} bytes follow the end of a message`)
  }
}
