// The line protocol: pure codec, no sockets.
//
//   request = name *( SP argument ) [ CR ] LF        the name in any case; exactly one space separates
//   reply   = "+OK" | "+PONG" | "-NOT_FOUND" | "-ERR " reason | value | block, each ended by LF
//   block   = lines, then an empty line (STATUS)
//
//   "PUT hello big  world\r\n"  →  PUT, ["hello", "big  world"]        the last argument of PUT is the rest of the line
//   "PUT hello \n"              →  PUT, ["hello", ""]                   with its separator, a value may be empty
//   "PUT hello\n"               →  PUT, ["hello"]                       one argument too few
//
// A value is carried verbatim, so one that holds CR or LF cannot be carried: GET answers "-ERR value has line breaks". A
// stored value that itself reads "-NOT_FOUND" or "-ERR …" looks like that reply; only a binary-safe protocol tells them apart.
import { LineSplitter } from './lines.ts'
import type { Reply } from './reply.ts'
import type { ArgumentShape, Decoded } from './request.ts'

const space = 0x20
const lineFeed = 0x0a
const carriageReturn = 0x0d
/** Longer first words are no command; they are not made a string of. */
const nameBytesMax = 32

export class TextDecoder {
  readonly #lines: LineSplitter
  readonly #shapeOf: (name: string) => ArgumentShape | undefined
  readonly #tooLong: Decoded

  constructor(lineBytesMax: number, shapeOf: (name: string) => ArgumentShape | undefined) {
    this.#lines = new LineSplitter(lineBytesMax)
    this.#shapeOf = shapeOf
    this.#tooLong = refuse(`line too long, the limit is ${lineBytesMax} bytes`)
  }

  /** The requests that end in this chunk. */
  push(chunk: Buffer): Decoded[] {
    const decoded: Decoded[] = []
    this.#lines.push(chunk, (line) => decoded.push(line === undefined ? this.#tooLong : this.#decode(line)))
    return decoded
  }

  /** Whether the input stops in the middle of a line. Such a line is never executed: its sender may have died in it. */
  get isUnfinished(): boolean {
    return this.#lines.isUnfinished
  }

  #decode(line: Buffer): Decoded {
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

const okLine = Buffer.from('+OK')
const pongLine = Buffer.from('+PONG')
const missingLine = Buffer.from('-NOT_FOUND')
const lineBreaksLine = Buffer.from('-ERR value has line breaks')

/** The replies in one buffer, in order. */
export function encodeReplies(replies: readonly Reply[]): Buffer {
  const lines = replies.map(encodeReply)
  let length = lines.length
  for (const line of lines) length += line.length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const line of lines) {
    bytes.set(line, at)
    at += line.length
    bytes[at++] = lineFeed
  }
  return bytes
}

/** A reply without its last LF. */
function encodeReply(reply: Reply): Uint8Array {
  switch (reply.kind) {
    case 'ok':
      return okLine
    case 'pong':
      return pongLine
    case 'missing':
      return missingLine
    case 'value':
      return hasLineBreak(reply.value) ? lineBreaksLine : reply.value
    case 'lines':
      return Buffer.from(reply.lines.map((line) => `${oneLine(line)}\n`).join(''))
    case 'error':
      return Buffer.from(`-ERR ${oneLine(reply.message)}`)
  }
}

const hasLineBreak = (value: Uint8Array): boolean => value.includes(lineFeed) || value.includes(carriageReturn)

const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ')
