// Batch: the one representation of a write: what the API builds, the wal records and the memtable takes in.
//
// Layout (wal_format.h): room for the record's header, then batches one after the other (fixed32 bytes, fixed32
// operations, operations), then room for padding. Single operations of a turn share a batch; an atomic one has its own.

import native from '#native'
import { invalid, VarveError } from '../errors.ts'
import { isWellFormed, keyBytesMax } from './codec.ts'

const { frameStartBytes, frameEndBytes } = native.about()
const batchHeaderBytes = 8
export const batchBytesMax = 2 ** 30
const keptBytesMax = 1 << 20

/** What a put takes beside its key and value, at most. */
const putBytesMax = 32

const kindPut = 1
const kindPutExpiring = 2
const kindTombstone = 3
const kindRangeTombstone = 4

export interface Mark {
  readonly end: number
  readonly operations: number
  readonly batchStart: number
  readonly batchOperations: number
  readonly puts: number
}

export class Batch {
  #bytes = Buffer.allocUnsafeSlow(16 << 10)
  #end = frameStartBytes
  #operations = 0
  #batchStart = -1
  #batchOperations = 0
  #puts = 0

  get frame(): Buffer {
    return this.#bytes
  }

  get operations(): number {
    return this.#operations
  }

  /** Operations that store something: those that a full disk refuses. */
  get puts(): number {
    return this.#puts
  }

  get payloadBytes(): number {
    return this.#end - frameStartBytes
  }

  /** Operations from here on belong together and to nothing else, until `endBatch`. */
  beginBatch(): void {
    this.#closeBatch()
    this.#openBatch()
  }

  endBatch(): void {
    this.#closeBatch()
  }

  /** `expiresAtMs`: milliseconds since 1970, from 1 on; 0 or left out: never. */
  put(space: number, key: string | Uint8Array, value: string | Uint8Array, expiresAtMs = 0): void {
    if (this.#batchStart < 0) this.#openBatch()
    const at = this.mark()
    try {
      this.#key(expiresAtMs === 0 ? kindPut : kindPutExpiring, space, key)
      if (expiresAtMs !== 0) this.#fixed64(expiresAtMs)
      this.#value(value)
    } catch (error) {
      this.rewind(at)
      throw error
    }
    this.#puts++
    this.#batchOperations++
    this.#operations++
  }

  /** Puts of keys and values where they stand in bytes: of each an offset and a length, from item `from` up to `count`. */
  putPlaced(space: number, source: Uint8Array, places: Uint32Array, from: number, count: number): void {
    if (this.#batchStart < 0) this.#openBatch()
    this.#reserve(source.length + putBytesMax * (count - from))
    this.#end = native.layPuts(this.#bytes, this.#end, space, source, places, from, count)
    this.#puts += count - from
    this.#batchOperations += count - from
    this.#operations += count - from
  }

  del(space: number, key: string | Uint8Array): void {
    if (this.#batchStart < 0) this.#openBatch()
    const at = this.mark()
    try {
      this.#key(kindTombstone, space, key)
    } catch (error) {
      this.rewind(at)
      throw error
    }
    this.#batchOperations++
    this.#operations++
  }

  /** Every key from `start` on and before `end`; null: to the end of the space. A range that is empty deletes nothing. */
  deleteRange(space: number, start: string | Uint8Array, end: string | Uint8Array | null): void {
    if (this.#batchStart < 0) this.#openBatch()
    const at = this.mark()
    try {
      this.#key(kindRangeTombstone, space, start)
      if (end === null) this.#spaceEnd(space)
      else this.#storedKey(space, end)
    } catch (error) {
      this.rewind(at)
      throw error
    }
    this.#batchOperations++
    this.#operations++
  }

  /** Where it stands, for `rewind` when what follows fails half way. */
  mark(): Mark {
    return {
      end: this.#end,
      operations: this.#operations,
      batchStart: this.#batchStart,
      batchOperations: this.#batchOperations,
      puts: this.#puts
    }
  }

  rewind(mark: Mark): void {
    this.#end = mark.end
    this.#operations = mark.operations
    this.#batchStart = mark.batchStart
    this.#batchOperations = mark.batchOperations
    this.#puts = mark.puts
  }

  /** Closes the last batch and makes the room behind: the frame is ready. */
  finish(): void {
    this.#closeBatch()
    this.#reserve(frameEndBytes)
  }

  reset(): void {
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(16 << 10)
    this.#end = frameStartBytes
    this.#operations = 0
    this.#batchStart = -1
    this.#batchOperations = 0
    this.#puts = 0
  }

  #openBatch(): void {
    this.#reserve(batchHeaderBytes)
    this.#batchStart = this.#end
    this.#batchOperations = 0
    this.#end += batchHeaderBytes
  }

  #closeBatch(): void {
    const start = this.#batchStart
    if (start < 0) return
    this.#batchStart = -1
    if (this.#batchOperations === 0) {
      this.#end = start
      return
    }
    this.#bytes.writeUInt32LE(this.#end - start - batchHeaderBytes, start)
    this.#bytes.writeUInt32LE(this.#batchOperations, start + 4)
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#bytes.length) return
    if (needed > batchBytesMax + (64 << 10)) {
      throw new VarveError('VARVE_TOO_LARGE', 'A batch, or what one turn writes, is limited to 1 GiB.')
    }
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#bytes.length * 2, needed + (64 << 20))))
    this.#bytes.copy(grown, 0, 0, this.#end)
    this.#bytes = grown
  }

  #key(kind: number, space: number, key: string | Uint8Array): void {
    this.#reserve(1)
    this.#bytes[this.#end++] = kind
    this.#storedKey(space, key)
  }

  #storedKey(space: number, key: string | Uint8Array): void {
    const length = key.length
    this.#reserve(16 + (typeof key === 'string' ? length * 3 : length))
    const spaceBytes = varintBytes(space)
    if (typeof key !== 'string') {
      checkKeyBytes(length)
      this.#varint(spaceBytes + length)
      this.#varint(space)
      this.#bytes.set(key, this.#end)
      this.#end += length
      return
    }
    const start = this.#end
    if (length + spaceBytes < 128) {
      this.#bytes[this.#end++] = length + spaceBytes
      this.#varint(space)
      if (this.#ascii(key, length)) return
      this.#end = start
    }
    if (!isWellFormed(key)) throw invalid('A key has a lone surrogate, which utf8 cannot hold.')
    const bytes = Buffer.byteLength(key)
    checkKeyBytes(bytes)
    this.#varint(spaceBytes + bytes)
    this.#varint(space)
    this.#end += this.#bytes.utf8Write(key, this.#end)
  }

  // Short keys: a loop is quicker than a call into the runtime.
  #ascii(text: string, length: number): boolean {
    const bytes = this.#bytes
    const end = this.#end
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) return false
      bytes[end + i] = unit
    }
    this.#end = end + length
    return true
  }

  #value(value: string | Uint8Array): void {
    if (typeof value !== 'string') {
      checkValueBytes(value.length)
      this.#reserve(5 + value.length)
      this.#varint(value.length)
      this.#bytes.set(value, this.#end)
      this.#end += value.length
      return
    }
    const bytes = Buffer.byteLength(value)
    checkValueBytes(bytes)
    if (bytes !== value.length && !isWellFormed(value)) {
      throw invalid('A value has a lone surrogate, which utf8 cannot hold.')
    }
    this.#reserve(5 + bytes)
    this.#varint(bytes)
    this.#end +=
      bytes === value.length ? this.#bytes.latin1Write(value, this.#end) : this.#bytes.utf8Write(value, this.#end)
  }

  // The first stored key behind the space: its id's last byte is below 128, so it can be counted up.
  #spaceEnd(space: number): void {
    const spaceBytes = varintBytes(space)
    this.#reserve(16)
    this.#varint(spaceBytes)
    this.#varint(space)
    const last = this.#end - 1
    this.#bytes[last] = (this.#bytes[last] ?? 0) + 1
  }

  #fixed64(value: number): void {
    this.#reserve(8)
    this.#bytes.writeUInt32LE(value >>> 0, this.#end)
    this.#bytes.writeUInt32LE(Math.floor(value / 2 ** 32), this.#end + 4)
    this.#end += 8
  }

  #varint(value: number): void {
    let rest = value
    while (rest > 127) {
      this.#bytes[this.#end++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#bytes[this.#end++] = rest
  }
}

function varintBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : value < 268_435_456 ? 4 : 5
}

function checkKeyBytes(bytes: number): void {
  if (bytes > keyBytesMax) {
    throw new VarveError('VARVE_TOO_LARGE', `A key is limited to ${keyBytesMax} bytes; this one has ${bytes}.`)
  }
}

function checkValueBytes(bytes: number): void {
  if (bytes > batchBytesMax) {
    throw new VarveError('VARVE_TOO_LARGE', `A value is limited to 1 GiB; this one has ${bytes} bytes.`)
  }
}
