// The line protocol: pure codec, no sockets.
//
//   request = name *( SP argument ) [ CR ] LF        the name in any case; exactly one space separates
//   reply   = "+OK" | "+PONG" | "-NOT_FOUND" | "-" code SP reason | value | block | entries, each line ended as the request's
//   block   = lines, then an empty line (STATUS)
//   entries = *( key SP value ), then "+END " count " skipped " count (SCAN); keys with spaces or line breaks, empty keys,
//             and values with line breaks are skipped
//
//   "PUT hello big  world\r\n"  →  PUT, ["hello", "big  world"]        the last argument of PUT is the rest of the line
//   "PUT hello \n"              →  PUT, ["hello", ""]                   with its separator, a value may be empty
//   "PUT hello\n"               →  PUT, ["hello"]                       one argument too few
//
// A value is carried verbatim, so one that holds CR or LF cannot be carried: GET answers "-ERR value has line breaks". A
// stored value that itself reads "-NOT_FOUND" or "-ERR …" looks like that reply; only a binary-safe protocol tells them apart.
import { LineSplitter } from './lines.ts'
import { emptying, piecesOf } from './pieces.ts'
import type { Reply } from './reply.ts'
import type { Codec, Decoded, RequestLimits } from './request.ts'

/** What the codec must know of a command: the number of its arguments, and whether the last takes the rest of the line. */
export interface ArgumentShape {
  readonly count: number
  readonly takesRest: boolean
}

const space = 0x20
const lineFeed = 0x0a
const carriageReturn = 0x0d
/** Longer first words are no command; they are not made a string of. */
const nameBytesMax = 32
/** What a browser, or a page in one, would say first: nothing of it may be executed. */
const foreignStart = /^(POST|OPTIONS|HEAD|CONNECT|Host:)/i
const foreignEnd = / HTTP\/1\.\d$/

export class LineCodec implements Codec {
  readonly name = 'line'
  readonly #lines: LineSplitter
  readonly #shapeOf: (name: string) => ArgumentShape | undefined
  #limits: RequestLimits
  #isFirst = true

  constructor(limits: RequestLimits, shapeOf: (name: string) => ArgumentShape | undefined) {
    this.#lines = new LineSplitter(limits.lineBytesMax)
    this.#shapeOf = shapeOf
    this.#limits = limits
  }

  get limits(): RequestLimits {
    return this.#limits
  }

  set limits(limits: RequestLimits) {
    this.#limits = limits
    this.#lines.lineBytesMax = limits.lineBytesMax
  }

  push(chunk: Buffer): Decoded[] {
    const decoded: Decoded[] = []
    this.#lines.push(chunk, (line) => decoded.push(line === undefined ? this.#tooLong() : this.#decode(line)))
    return decoded
  }

  encode(replies: readonly Reply[]): Buffer {
    return encodeReplies(replies, this.#lines.endsWithCrlf ? crlf : lf)
  }

  pieces(replies: Reply[], bytes: number, onEncoded?: (part: Reply) => void): Generator<Buffer, void> {
    const lineEnd = this.#lines.endsWithCrlf ? crlf : lf
    return piecesOf(partsOf(replies), bytes, (parts) => encodeReplies(parts, lineEnd), onEncoded)
  }

  /** Such a line is never executed: its sender may have died in it. */
  get isUnfinished(): boolean {
    return this.#lines.isUnfinished
  }

  get heldBytes(): number {
    return this.#lines.heldBytes
  }

  #tooLong(): Decoded {
    // As the first line it was not looked at; the one after it is: a browser says "Host:" there.
    const reason = `line too long, the limit is ${this.#limits.lineBytesMax} bytes`
    return { kind: 'refused', reason, code: 'TOO_LARGE' }
  }

  #decode(line: Buffer): Decoded {
    if (this.#isFirst) {
      this.#isFirst = false
      if (isForeign(line)) return { kind: 'foreign' }
    }
    const nameEnd = line.indexOf(space)
    const nameBytes = nameEnd === -1 ? line.length : nameEnd
    if (nameBytes === 0) return refuse(line.length === 0 ? 'empty line' : 'a line begins with its command, not a space')
    if (nameBytes > nameBytesMax) return refuse('unknown command')
    const name = line.toString('latin1', 0, nameBytes).toUpperCase()
    const shape = this.#shapeOf(name)
    const args = nameEnd === -1 || shape === undefined ? [] : splitArguments(line, nameEnd + 1, shape)
    return { kind: 'request', name, args }
  }
}

const refuse = (reason: string): Decoded => ({ kind: 'refused', reason })

const isForeign = (line: Buffer): boolean =>
  foreignStart.test(line.toString('latin1', 0, 8)) ||
  foreignEnd.test(line.toString('latin1', Math.max(0, line.length - 9)))

/** At most one argument more than the command takes, so that one too many shows without cutting up the whole line. */
function splitArguments(line: Buffer, from: number, { count, takesRest }: ArgumentShape): Buffer[] {
  const args: Buffer[] = []
  let start = from
  for (;;) {
    const isLast = args.length === (takesRest ? count - 1 : count)
    const end = isLast ? -1 : line.indexOf(space, start)
    if (end === -1) {
      args.push(line.subarray(start))
      return args
    }
    args.push(line.subarray(start, end))
    start = end + 1
  }
}

const lf = Buffer.from('\n')
const crlf = Buffer.from('\r\n')
const okLine = Buffer.from('+OK')
const pongLine = Buffer.from('+PONG')
const missingLine = Buffer.from('-NOT_FOUND')
const lineBreaksLine = Buffer.from('-ERR value has line breaks')

/** Entries one by one, and what is said at their end. */
function* partsOf(replies: Reply[]): Generator<Reply, void> {
  for (const reply of emptying(replies)) {
    if (reply.kind === 'many') yield* partsOf([...reply.replies])
    else if (reply.kind !== 'entries') yield reply
    else {
      let skipped = 0
      for (const [key, value] of emptying(reply.entries)) {
        if (isCarried(key, value)) yield { kind: 'encoded', bytes: Buffer.concat([key, spaceByte, value]), count: 0 }
        else skipped++
      }
      yield { kind: 'encoded', bytes: endOf(reply.entries.length, skipped), count: 0 }
    }
  }
}

/** The replies in one buffer, in order. */
export function encodeReplies(replies: readonly Reply[], lineEnd: Buffer = lf): Buffer {
  const parts: Uint8Array[] = []
  for (const reply of replies) layDown(reply, parts, lineEnd)
  return Buffer.concat(parts)
}

function layDown(reply: Reply, parts: Uint8Array[], lineEnd: Buffer): void {
  if (reply.kind === 'lines') {
    for (const line of reply.lines) parts.push(Buffer.from(oneLine(line)), lineEnd)
    parts.push(lineEnd)
  } else if (reply.kind === 'entries') layDownEntries(reply.entries, parts, lineEnd)
  else if (reply.kind === 'many') for (const each of reply.replies) layDown(each, parts, lineEnd)
  else parts.push(encodeReply(reply), lineEnd)
}

/** A reply without its line end. */
function encodeReply(reply: Reply): Uint8Array {
  switch (reply.kind) {
    case 'ok':
      return okLine
    case 'pong':
      return pongLine
    case 'missing':
      return missingLine
    case 'encoded':
      return reply.bytes
    case 'value':
      return hasLineBreak(reply.value) ? lineBreaksLine : reply.value
    case 'error':
      return Buffer.from(`-${reply.code} ${oneLine(reply.message)}`)
    case 'unknown-outcome':
      return Buffer.from('-TIMEOUT outcome unknown')
    case 'integer':
      return Buffer.from(String(reply.value))
    default:
      return Buffer.from('-ERR this reply needs RESP')
  }
}

type Entries = readonly (readonly [key: Uint8Array, value: Uint8Array])[]

function layDownEntries(entries: Entries, parts: Uint8Array[], lineEnd: Buffer): void {
  let skipped = 0
  for (const [key, value] of entries) {
    if (isCarried(key, value)) parts.push(key, spaceByte, value, lineEnd)
    else skipped++
  }
  parts.push(endOf(entries.length, skipped), lineEnd)
}

const isCarried = (key: Uint8Array, value: Uint8Array): boolean =>
  key.length > 0 && !key.includes(space) && !hasLineBreak(key) && !hasLineBreak(value)

const endOf = (entries: number, skipped: number): Buffer => Buffer.from(`+END ${entries - skipped} skipped ${skipped}`)

const spaceByte = Buffer.from(' ')

const hasLineBreak = (value: Uint8Array): boolean => value.includes(lineFeed) || value.includes(carriageReturn)

const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ')
