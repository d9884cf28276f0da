// Frames: the unit of what is sent over a connection between members.
//
//   frame := length uint32 · kind uint8 · payload · crc uint32
//
// Numbers are little-endian; `length` counts the payload; `crc` is the CRC32C of everything before it. Of a frame that is
// announced longer than the connection's limit nothing is read. Memory grows with the bytes that came, whatever length was
// announced (at most sixteen times as fast); a payload that came in one piece is a view of that piece.
//
//   heartbeat (kind 8) of commit 300 and round 5, in term 2:   04 00 00 00 · 08 · 02 ac 02 05 · crc
import native from '#native'
import { ByteWriter } from './bytes.ts'
import { badBytes } from './fault.ts'

/** Of connections that belong together; messages between members have the kinds below 32 (message-codec.ts). */
export const frameKinds = {
  hello: 32,
  welcome: 33,
  refusal: 34,
  ping: 35,
  bye: 36,
  chunk: 40,
  snapshotEnd: 41,
  snapshotResult: 42,
  statement: 48,
  note: 56
} as const

export interface Frame {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
}

const headBytes = 5
const crcBytes = 4
export const frameOverheadBytes = headBytes + crcBytes

/** A frame of what `fill` writes. Long payloads in it are not copied: they must not change until they are sent. */
export function encodeFrame(kind: number, fill: (writer: ByteWriter) => void): Frame {
  const writer = new ByteWriter()
  writer.uint32(0)
  writer.uint8(kind)
  fill(writer)
  writer.uint32(0)
  const parts = writer.finish()
  let bytes = 0
  for (const part of parts) bytes += part.length
  const head = parts[0] as Buffer
  head.writeUInt32LE(bytes - frameOverheadBytes, 0)
  const last = parts[parts.length - 1] as Buffer
  const crcAt = last.length - crcBytes
  let crc = 0
  for (const part of parts) crc = native.crc32c(part === last ? last.subarray(0, crcAt) : part, crc)
  last.writeUInt32LE(crc >>> 0, crcAt)
  return { parts, bytes }
}

/** The payload is a view: of the chunk it came in, or of memory of its own. */
export type OnFrame = (kind: number, payload: Buffer) => void

/** So many times what has come is there memory for, at most. */
const promiseFactor = 16
/** More are made one, so that many small ones do not cost much more than their bytes. */
const piecesMax = 1024

/** Bytes in any fragmentation → frames. */
export class FrameReader {
  /** May change between frames. */
  payloadBytesMax: number
  readonly #head = Buffer.alloc(headBytes)
  readonly #tail = Buffer.alloc(crcBytes)
  #headLength = 0
  #tailLength = 0
  #payloadLeft = 0
  #crc = 0
  /** The payload, as far as it has come: in pieces, or at the start of `#whole`. */
  #pieces: Buffer[] = []
  #whole: Buffer | undefined
  #heldBytes = 0
  #length = 0
  #isStopped = false

  constructor(payloadBytesMax: number) {
    this.payloadBytesMax = payloadBytesMax
  }

  /** Calls `onFrame` for each frame that ends in this chunk, in order. Throws a TransportFault at the first that is not whole. */
  push(chunk: Buffer, onFrame: OnFrame): void {
    let at = 0
    while (at < chunk.length && !this.#isStopped) {
      at = this.#headLength === 0 ? this.#wholeFrame(chunk, at, onFrame) : this.#continue(chunk, at, onFrame)
    }
  }

  /** What is left of the chunk, and what comes, is not looked at. */
  stop(): void {
    this.#isStopped = true
    this.#pieces = []
    this.#whole = undefined
  }

  /** A frame that begins here: taken at once if all of it is here. */
  #wholeFrame(chunk: Buffer, start: number, onFrame: OnFrame): number {
    if (chunk.length - start >= frameOverheadBytes) {
      const length = chunk.readUInt32LE(start)
      this.#checkLength(length)
      const payloadAt = start + headBytes
      const crcAt = payloadAt + length
      if (crcAt + crcBytes <= chunk.length) {
        const crc = native.crc32c(chunk.subarray(start, crcAt)) >>> 0
        if (crc !== chunk.readUInt32LE(crcAt)) throw damaged(length)
        onFrame(chunk[start + 4] ?? 0, chunk.subarray(payloadAt, crcAt))
        return crcAt + crcBytes
      }
    }
    return this.#continue(chunk, start, onFrame)
  }

  #continue(chunk: Buffer, start: number, onFrame: OnFrame): number {
    let at = start
    if (this.#headLength < headBytes) {
      const taken = chunk.copy(this.#head, this.#headLength, at)
      this.#headLength += taken
      at += taken
      if (this.#headLength < headBytes) return at
      this.#length = this.#head.readUInt32LE(0)
      this.#checkLength(this.#length)
      this.#payloadLeft = this.#length
      this.#crc = native.crc32c(this.#head)
    }
    if (this.#payloadLeft > 0 && at < chunk.length) {
      const piece = chunk.subarray(at, at + this.#payloadLeft)
      this.#crc = native.crc32c(piece, this.#crc)
      this.#payloadLeft -= piece.length
      this.#hold(piece)
      at += piece.length
    }
    if (this.#payloadLeft > 0) return at
    const taken = chunk.copy(this.#tail, this.#tailLength, at)
    this.#tailLength += taken
    if (this.#tailLength === crcBytes) this.#finish(onFrame)
    return at + taken
  }

  #finish(onFrame: OnFrame): void {
    if (this.#crc >>> 0 !== this.#tail.readUInt32LE(0)) throw damaged(this.#length)
    const [only] = this.#pieces
    const isOne = this.#whole === undefined && this.#pieces.length === 1
    const payload = isOne && only !== undefined ? only : (this.#whole ?? this.#gatherAll())
    this.#headLength = 0
    this.#tailLength = 0
    this.#pieces = []
    this.#heldBytes = 0
    this.#whole = undefined
    onFrame(this.#head[4] ?? 0, payload)
  }

  /**
   * Pieces are kept until a sixteenth of the payload is there. Then there is memory for all of it, and each piece is copied as
   * it comes: to copy 8 MiB at once would hold up the loop for milliseconds.
   */
  #hold(piece: Buffer): void {
    if (this.#whole !== undefined) piece.copy(this.#whole, this.#heldBytes)
    else this.#pieces.push(piece)
    this.#heldBytes += piece.length
    if (this.#whole !== undefined || this.#payloadLeft === 0) return
    if (this.#heldBytes * promiseFactor >= this.#length || this.#pieces.length >= piecesMax) this.#gatherMore()
  }

  /** Memory for all of the payload, or, for one that sends very little at a time, one piece for many. */
  #gatherMore(): void {
    if (this.#heldBytes * promiseFactor < this.#length) {
      this.#pieces = [Buffer.concat(this.#pieces)]
      return
    }
    this.#whole = this.#gatherAll()
    this.#pieces = []
  }

  #gatherAll(): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.#length)
    let at = 0
    for (const piece of this.#pieces) at += piece.copy(whole, at)
    return whole
  }

  #checkLength(length: number): void {
    if (length <= this.payloadBytesMax) return
    throw badBytes(`a frame of ${length} bytes is announced, and ${this.payloadBytesMax} are the most`)
  }
}

const damaged = (length: number) => badBytes(`a frame of ${length} bytes is damaged`)
