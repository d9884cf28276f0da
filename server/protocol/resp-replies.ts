// RESP2 and RESP3, replies as a client reads them, in any fragmentation. Pure codec, no sockets.
//
//   reply     = line | blob | aggregate
//   line      = ( "+" | "-" | ":" | "_" | "#" | "," | "(" ) text CRLF
//   blob      = ( "$" | "!" | "=" ) length CRLF bytes CRLF
//   aggregate = ( "*" | "~" | ">" | "%" | "|" ) count CRLF replies        of "%" and "|" twice as many
//
//   "*2\r\n$5\r\nhello\r\n:7\r\n"  →  [Buffer "hello", 7]
//
// 1. What an announced length or count promises is never allocated before it has come.
// 2. Every byte is looked at once and copied at most a constant number of times: what is unfinished keeps its place.
// 3. Bytes that are no reply throw, and so does every push after that.
// 4. Blobs are views of the chunk they came in where they came in one piece: who keeps a short one keeps its chunk.

/** A reply that says that something went wrong; it may stand inside others. */
export class ReplyError {
  /** The first word, in upper case: ERR, WRONGTYPE. */
  readonly code: string
  readonly message: string

  constructor(text: string) {
    this.code = /^[A-Z][A-Z_]*(?= |$)/.exec(text)?.[0] ?? ''
    this.message = text.slice(this.code.length).trimStart()
  }
}

/** What nobody asked for: published messages. */
export class Push {
  readonly items: readonly ReplyValue[]

  constructor(items: readonly ReplyValue[]) {
    this.items = items
  }
}

export type ReplyValue =
  | Buffer
  /** A simple or a verbatim text. */
  | string
  /** A bigint where a number would not be exact. */
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | Push
  | readonly ReplyValue[]
  | ReadonlyMap<ReplyValue, ReplyValue>

export interface ReplyLimits {
  readonly blobBytesMax: number
  /** Of one aggregate. */
  readonly itemsMax: number
  readonly depthMax: number
}

export const defaultReplyLimits: ReplyLimits = { blobBytesMax: 2 ** 30, itemsMax: 2 ** 24, depthMax: 16 }

/** A line: what begins a reply, or all of it. */
const lineBytesMax = 64 * 2 ** 10

interface Aggregate {
  readonly type: number
  readonly items: ReplyValue[]
  missing: number
}

const carriageReturn = 0x0d
const lineFeed = 0x0a
const code = (character: string): number => character.charCodeAt(0)
const types = {
  simple: code('+'),
  error: code('-'),
  integer: code(':'),
  null: code('_'),
  boolean: code('#'),
  double: code(','),
  bigNumber: code('('),
  blob: code('$'),
  blobError: code('!'),
  verbatim: code('='),
  array: code('*'),
  set: code('~'),
  push: code('>'),
  map: code('%'),
  attribute: code('|')
} as const

export class ReplyParser {
  readonly #limits: ReplyLimits
  #held = Buffer.alloc(0)
  #heldBytes = 0
  /** The blob that is under way: its type and length. */
  #blobType = 0
  #blobBytes = -1
  readonly #open: Aggregate[] = []
  #done: ReplyValue[] = []
  #fault: Error | undefined

  constructor(limits: Partial<ReplyLimits> = {}) {
    this.#limits = { ...defaultReplyLimits, ...limits }
  }

  /** Whether the input stops in the middle of a reply. */
  get isUnfinished(): boolean {
    return this.#heldBytes > 0 || this.#blobBytes >= 0 || this.#open.length > 0
  }

  /** Bytes of memory held for the piece that is unfinished. */
  get heldBytes(): number {
    return this.#held.length
  }

  /** The replies that end in this chunk, in order. */
  push(chunk: Buffer): readonly ReplyValue[] {
    if (this.#fault !== undefined) throw this.#fault
    this.#done = []
    let at = this.#heldBytes > 0 ? this.#fill(chunk) : 0
    if (at >= 0) {
      at = this.#decode(chunk, at)
      if (at < chunk.length) this.#append(chunk, at, chunk.length)
    }
    return this.#done
  }

  /** Completes the piece that is held with the start of a chunk; where the chunk goes on, or -1. */
  #fill(chunk: Buffer): number {
    const found = chunk.indexOf(lineFeed)
    const missing = this.#blobBytes >= 0 ? this.#blobBytes + 2 - this.#heldBytes : found + 1
    const isWhole = missing > 0 && missing <= chunk.length
    this.#append(chunk, 0, isWhole ? missing : chunk.length)
    if (!isWhole) {
      if (this.#blobBytes < 0) this.#checkLine(this.#heldBytes)
      return -1
    }
    // Blobs keep its memory, so the next piece gets its own.
    const piece = this.#held.subarray(0, this.#heldBytes)
    this.#held = Buffer.alloc(0)
    this.#heldBytes = 0
    this.#decode(piece, 0)
    return missing
  }

  /** Reads pieces from `at` on; where the first unfinished one begins. */
  #decode(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length) {
      if (this.#blobBytes >= 0) {
        const end = at + this.#blobBytes
        if (end + 2 > chunk.length) return at
        if (chunk[end] !== carriageReturn || chunk[end + 1] !== lineFeed)
          throw this.#break('a blob is longer than it said')
        const bytes = chunk.subarray(at, end)
        this.#blobBytes = -1
        at = end + 2
        this.#add(blobOf(this.#blobType, bytes))
        continue
      }
      const lineEnd = chunk.indexOf(lineFeed, at)
      this.#checkLine((lineEnd === -1 ? chunk.length : lineEnd) - at)
      if (lineEnd === -1) return at
      if (lineEnd === at || chunk[lineEnd - 1] !== carriageReturn) throw this.#break('a line ends with CR and LF')
      this.#line(chunk[at] as number, chunk, at + 1, lineEnd - 1)
      at = lineEnd + 1
    }
    return at
  }

  #line(type: number, chunk: Buffer, from: number, end: number): void {
    switch (type) {
      case types.blob:
      case types.blobError:
      case types.verbatim:
        this.#beginBlob(type, this.#count(chunk, from, end, this.#limits.blobBytesMax))
        return
      case types.array:
      case types.set:
      case types.push:
      case types.map:
      case types.attribute:
        this.#beginAggregate(type, this.#count(chunk, from, end, this.#limits.itemsMax))
        return
      case types.integer:
        this.#add(this.#integer(chunk.latin1Slice(from, end)))
        return
      default:
        this.#add(this.#text(type, chunk.toString('utf8', from, end)))
    }
  }

  #beginBlob(type: number, length: number): void {
    if (length === -1) {
      this.#add(null)
      return
    }
    this.#blobType = type
    this.#blobBytes = length
  }

  #beginAggregate(type: number, count: number): void {
    if (count === -1) {
      this.#add(null)
      return
    }
    const isPaired = type === types.map || type === types.attribute
    this.#open.push({ type, items: [], missing: isPaired ? 2 * count : count })
    if (this.#open.length > this.#limits.depthMax) throw this.#break('replies stand too deep in each other')
    if (count === 0) this.#closeFull()
  }

  /** A whole value: into the aggregate that is open, or it is a reply. */
  #add(value: ReplyValue): void {
    const open = this.#open.at(-1)
    if (open === undefined) {
      this.#done.push(value)
      return
    }
    open.items.push(value)
    open.missing--
    if (open.missing === 0) this.#closeFull()
  }

  #closeFull(): void {
    const full = this.#open.pop()
    // What is said about the reply that follows is nothing that a caller asked for.
    if (full === undefined || full.type === types.attribute) return
    this.#add(aggregateOf(full))
  }

  #text(type: number, text: string): ReplyValue {
    switch (type) {
      case types.simple:
        return text
      case types.error:
        return new ReplyError(text)
      case types.null:
        if (text === '') return null
        break
      case types.boolean:
        if (text === 't' || text === 'f') return text === 't'
        break
      case types.bigNumber:
        return this.#integer(text)
      case types.double: {
        const number = doubleOf(text)
        if (number !== undefined) return number
      }
    }
    throw this.#break(`a line that begins with ${shown(type)} is none, or its text is not of that type`)
  }

  #integer(text: string): number | bigint {
    if (!/^[+-]?\d{1,400}$/.test(text)) throw this.#break('an integer is none')
    const number = Number(text)
    return Number.isSafeInteger(number) ? number : BigInt(text)
  }

  #count(chunk: Buffer, from: number, end: number, max: number): number {
    const text = end - from > 16 ? '' : chunk.latin1Slice(from, end)
    const count = /^(-1|\d+)$/.test(text) ? Number(text) : max + 1
    if (count > max) throw this.#break('a length or count is none, or over its limit')
    return count
  }

  #checkLine(bytes: number): void {
    if (bytes > lineBytesMax) throw this.#break('a line is too long')
  }

  #break(reason: string): Error {
    this.#fault = new Error(`What came is no RESP: ${reason}.`)
    this.#held = Buffer.alloc(0)
    this.#heldBytes = 0
    this.#open.length = 0
    return this.#fault
  }

  #append(chunk: Buffer, from: number, to: number): void {
    const length = this.#heldBytes + to - from
    if (this.#held.length < length) {
      const wanted = this.#blobBytes >= 0 ? this.#blobBytes + 2 : lineBytesMax
      const grown = Buffer.allocUnsafeSlow(Math.max(length, Math.min(2 * this.#held.length, wanted), 64))
      this.#held.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    chunk.copy(this.#held, this.#heldBytes, from, to)
    this.#heldBytes = length
  }
}

const shown = (byte: number): string =>
  byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `the byte ${byte}`

function blobOf(type: number, bytes: Buffer): ReplyValue {
  if (type === types.blobError) return new ReplyError(bytes.toString())
  // "txt:" or "mkd:" comes first.
  return type === types.verbatim ? bytes.toString('utf8', 4) : bytes
}

function aggregateOf({ type, items }: Aggregate): ReplyValue {
  if (type === types.push) return new Push(items)
  if (type !== types.map) return items
  const map = new Map<ReplyValue, ReplyValue>()
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i] ?? null
    map.set(Buffer.isBuffer(key) ? key.toString() : key, items[i + 1] ?? null)
  }
  return map
}

function doubleOf(text: string): number | undefined {
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === '-inf') return Number.NEGATIVE_INFINITY
  if (text === 'nan') return Number.NaN
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}
