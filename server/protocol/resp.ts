// RESP2 and RESP3, requests: arrays of bulk strings, in any fragmentation. Pure codec, no sockets.
//
//   request = *( CRLF ) "*" count CRLF count( "$" length CRLF bytes CRLF )
//
//   "*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n"  →  GET, ["hello"]
//
// 1. What an announced length promises is never allocated before it has come: an unfinished argument grows by doubling.
// 2. Every byte is looked at once and copied at most a constant number of times.
// 3. Bytes that are no request end the connection, after a reply that says why: nothing after them can be trusted.
import { piecesOf, respPartsOf } from './pieces.ts'
import type { Reply } from './reply.ts'
import { type Codec, type Decoded, ownCopies, type RequestLimits } from './request.ts'
import { encodeResp } from './resp-encoder.ts'
import { runAt } from './resp-runs.ts'

const star = 0x2a
const dollar = 0x24
const carriageReturn = 0x0d
const lineFeed = 0x0a
/** "*" or "$", a number, CR: longer lines are none. */
const headBytesMax = 32

/** What an argument costs beyond its bytes, about. */
const argumentBytes = 96
/** Longer names are no command. */
const nameBytesMax = 128
/** Buffer.prototype.subarray without its checks: it is the hottest call of the server. */
const Bytes = (Buffer as unknown as Record<symbol, new (b: ArrayBufferLike, o: number, n: number) => Buffer>)[
  Symbol.species
] as new (
  buffer: ArrayBufferLike,
  offset: number,
  length: number
) => Buffer

export class RespCodec implements Codec {
  readonly name = 'resp'
  /** 2 until HELLO asks for 3. */
  version: 2 | 3 = 2
  /** Lower before authentication. */
  limits: RequestLimits
  readonly #names = new Map<string, string>()
  #held = Buffer.alloc(0)
  #heldBytes = 0
  /** Arguments still to come of the request that is under way; 0: none is. */
  #missing = 0
  #args: Buffer[] = []
  #argsBytes = 0
  /** The first of them that lies in the chunk that is being read. */
  #firstInChunk = 0
  /** Length of the argument that is under way, -1: its head has not come. */
  #bulk = -1
  #isBroken = false
  #decoded: Decoded[] = []

  readonly #findsRuns: boolean

  /** `findsRuns`: plain requests in a row are told as one run (resp-runs.ts). */
  constructor(limits: RequestLimits, { findsRuns = false }: { readonly findsRuns?: boolean } = {}) {
    this.limits = limits
    this.#findsRuns = findsRuns
  }

  get isUnfinished(): boolean {
    return this.#heldBytes > 0 || this.#missing > 0
  }

  get heldBytes(): number {
    return this.#held.length + this.#argsBytes + argumentBytes * this.#args.length
  }

  push(chunk: Buffer): Decoded[] {
    if (!this.#isBroken) this.#read(chunk)
    const decoded = this.#decoded
    this.#decoded = []
    return decoded
  }

  #read(chunk: Buffer): void {
    const at = this.#heldBytes > 0 ? this.#fill(chunk) : 0
    const end = at === -1 ? chunk.length : this.#decode(chunk, at)
    if (end < chunk.length && !this.#isBroken) this.#hold(chunk, end)
    this.#ownArguments()
  }

  encode(replies: readonly Reply[]): Buffer {
    return encodeResp(replies, this.version)
  }

  pieces(replies: Reply[], bytes: number, onEncoded?: (part: Reply) => void): Generator<Buffer, void> {
    const { version } = this
    return piecesOf(respPartsOf(replies), bytes, (parts) => encodeResp(parts, version), onEncoded)
  }

  /** What is kept of the request that is under way does not keep the chunk. */
  #ownArguments(): void {
    const args = this.#args
    const first = this.#firstInChunk
    if (first < args.length) {
      const own = ownCopies(args.slice(first))
      for (let i = 0; i < own.length; i++) args[first + i] = own[i] as Buffer
    }
    this.#firstInChunk = args.length
  }

  /** Completes the piece that is held with the start of a chunk; where the chunk goes on, or -1. */
  #fill(chunk: Buffer): number {
    let at = 0
    if (this.#bulk >= 0) {
      const wanted = this.#bulk + 2 - this.#heldBytes
      at = Math.min(wanted, chunk.length)
      this.#append(chunk, 0, at)
      if (at < wanted) return -1
    } else {
      const found = chunk.indexOf(lineFeed)
      at = found === -1 ? chunk.length : found + 1
      this.#append(chunk, 0, Math.min(at, headBytesMax + 1))
      // The same faults at the same byte as if it had come in one piece.
      const fault = this.#headFault()
      if (fault !== undefined) this.#break(fault)
      if (found === -1 || fault !== undefined) return -1
    }
    // It is whole now, and read where it is; arguments keep its memory, so the next piece gets its own.
    const piece = this.#held.subarray(0, this.#heldBytes)
    this.#held = Buffer.alloc(0)
    this.#heldBytes = 0
    this.#decode(piece, 0)
    // What it brought has memory of its own.
    this.#firstInChunk = this.#args.length
    return this.#isBroken ? -1 : at
  }

  /** Reads pieces from `at` on; where the first unfinished one begins. */
  #decode(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length) {
      if (this.#bulk >= 0) {
        const end = at + this.#bulk
        if (end + 2 > chunk.length) return at
        if (chunk[end] !== carriageReturn || chunk[end + 1] !== lineFeed) {
          this.#break('Protocol error: an argument is longer than it said')
          return at
        }
        this.#args.push(new Bytes(chunk.buffer, chunk.byteOffset + at, this.#bulk))
        this.#argsBytes += this.#bulk
        this.#bulk = -1
        at = end + 2
        if (--this.#missing === 0) this.#finish()
        continue
      }
      const found = this.#findsRuns && this.#missing === 0 ? runAt(chunk, at, this.limits) : undefined
      if (found !== undefined) {
        this.#decoded.push(found.run)
        at = found.end
        continue
      }
      const lineEnd = endOfLine(chunk, at)
      if (lineEnd === unfinished) {
        if (chunk.length - at > headBytesMax) this.#break(this.#tooLong())
        return at
      }
      if (lineEnd === malformed) {
        this.#break(malformedLine)
        return at
      }
      if (this.#missing === 0 ? !this.#begin(chunk, at, lineEnd) : !this.#measure(chunk, at, lineEnd)) return at
      at = lineEnd + 2
    }
    return at
  }

  /** What is wrong with the head that is held, as far as it came. */
  #headFault(): string | undefined {
    const lineEnd = endOfLine(this.#held.subarray(0, this.#heldBytes), 0)
    if (lineEnd === malformed) return malformedLine
    return lineEnd === unfinished && this.#heldBytes > headBytesMax ? this.#tooLong() : undefined
  }

  #tooLong(): string {
    return `Protocol error: too big ${this.#missing > 0 ? 'bulk' : 'mbulk'} count string`
  }

  /** "*3", or nothing: an empty line between requests, which `redis-cli --pipe` sends before its last one, asks nothing. */
  #begin(chunk: Buffer, at: number, lineEnd: number): boolean {
    if (at === lineEnd) return true
    if (chunk[at] !== star) return this.#break(`Protocol error: expected '*', got '${shown(chunk[at])}'`)
    const count = numberIn(chunk, at + 1, lineEnd)
    if (count === undefined || count > this.limits.argumentsMax) {
      return this.#break('Protocol error: invalid multibulk length')
    }
    this.#missing = Math.max(count, 0)
    return true
  }

  /** "$5" */
  #measure(chunk: Buffer, at: number, lineEnd: number): boolean {
    if (chunk[at] !== dollar) return this.#break(`Protocol error: expected '$', got '${shown(chunk[at])}'`)
    const length = numberIn(chunk, at + 1, lineEnd)
    if (length === undefined || length < 0 || length > this.limits.bulkBytesMax) {
      return this.#break('Protocol error: invalid bulk length')
    }
    if (this.#argsBytes + length > this.limits.requestBytesMax) {
      return this.#break('Protocol error: the arguments of a request are too long together')
    }
    this.#bulk = length
    return true
  }

  #finish(): void {
    const args = this.#args
    this.#args = []
    this.#argsBytes = 0
    this.#firstInChunk = 0
    const name = args.shift()
    if (name === undefined) return
    const spelt = name.latin1Slice(0, Math.min(name.length, nameBytesMax))
    const upper = this.#nameOf(spelt)
    this.#decoded.push({ kind: 'request', name: upper, spelt: spelt === upper ? undefined : spelt, args })
  }

  /** In upper case; the spellings that a client uses are kept, for there are few. */
  #nameOf(spelt: string): string {
    const known = this.#names.get(spelt)
    if (known !== undefined) return known
    const name = spelt.toUpperCase()
    if (this.#names.size < 64) this.#names.set(spelt, name)
    return name
  }

  #break(reason: string): false {
    this.#isBroken = true
    this.#held = Buffer.alloc(0)
    this.#heldBytes = 0
    this.#args = []
    this.#argsBytes = 0
    this.#firstInChunk = 0
    this.#decoded.push({ kind: 'fatal', reason })
    return false
  }

  #hold(chunk: Buffer, from: number): void {
    this.#append(chunk, from, chunk.length)
  }

  #append(chunk: Buffer, from: number, to: number): void {
    const length = this.#heldBytes + to - from
    if (this.#held.length < length) {
      const wanted = this.#bulk >= 0 ? this.#bulk + 2 : headBytesMax
      const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(length, 2 * this.#held.length), Math.max(wanted, length)))
      this.#held.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    chunk.copy(this.#held, this.#heldBytes, from, to)
    this.#heldBytes = length
  }
}

const malformedLine = 'Protocol error: a line ends with CR and LF'
const unfinished = -1
const malformed = -2

/** Where the CR of the line's CRLF is. */
function endOfLine(chunk: Buffer, at: number): number {
  const last = Math.min(chunk.length, at + headBytesMax)
  for (let i = at; i < last; i++) {
    if (chunk[i] === lineFeed) return malformed
    if (chunk[i] !== carriageReturn) continue
    if (i + 1 === chunk.length) return unfinished
    return chunk[i + 1] === lineFeed ? i : malformed
  }
  return unfinished
}

/** A decimal number without sign tricks: "-1", "0", "17", and not "+1", "01" or "". */
function numberIn(chunk: Buffer, from: number, end: number): number | undefined {
  const isNegative = chunk[from] === 0x2d
  const first = isNegative ? from + 1 : from
  if (first >= end || end - first > 15) return undefined
  if (chunk[first] === 0x30 && (isNegative || end - first > 1)) return undefined
  let value = 0
  for (let i = first; i < end; i++) {
    const digit = (chunk[i] as number) - 0x30
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return isNegative ? -value : value
}

const shown = (byte: number | undefined): string =>
  byte !== undefined && byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ' '
