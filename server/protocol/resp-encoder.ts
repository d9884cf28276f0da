// RESP2 and RESP3, replies. What RESP2 has no type for is said with those it has: maps as flat arrays, texts as bulk
// strings, booleans as integers.
import { type ErrorCode, type Reply, textValue } from './reply.ts'

const carriageReturn = 0x0d
const lineFeed = 0x0a
const zero = 0x30

/** Replies are laid down here and copied out once their length is known. */
const scratchBytes = 64 * 2 ** 10
/** It stays as long as the replies made it, up to this: long values would else leave as much garbage behind. */
const keptBytesMax = 4 * 2 ** 20
let scratch = Buffer.allocUnsafeSlow(scratchBytes)
let at = 0

export function encodeResp(replies: readonly Reply[], version: 2 | 3): Buffer {
  const [only] = replies
  if (replies.length === 1 && only?.kind === 'encoded') return only.bytes
  at = 0
  for (const reply of replies) write(reply, version)
  const bytes = Buffer.allocUnsafe(at)
  scratch.copy(bytes, 0, 0, at)
  if (scratch.length > keptBytesMax) scratch = Buffer.allocUnsafeSlow(scratchBytes)
  return bytes
}

function write(reply: Reply, version: 2 | 3): void {
  switch (reply.kind) {
    case 'value':
      writeBulk(reply.value)
      return
    case 'ok':
      writeText('+OK\r\n')
      return
    case 'pong':
      writeText('+PONG\r\n')
      return
    case 'missing':
      writeText(version === 3 ? '_\r\n' : '$-1\r\n')
      return
    case 'missing-array':
      writeText(version === 3 ? '_\r\n' : '*-1\r\n')
      return
    case 'integer':
      writeInteger(reply.value)
      return
    case 'simple':
      writeText(`+${oneLine(reply.text)}\r\n`)
      return
    case 'error':
      writeUtf8(`-${oneLine(errorText(reply.code, reply.message))}\r\n`)
      return
    case 'boolean':
      writeBoolean(reply.value, version)
      return
    case 'double':
      writeDouble(reply.value, version)
      return
    case 'array':
      writeItems(0x2a, reply.items, version)
      return
    case 'set':
      writeItems(version === 3 ? 0x7e : 0x2a, reply.items, version)
      return
    case 'push':
      writeItems(version === 3 ? 0x3e : 0x2a, reply.items, version)
      return
    case 'map':
      writeMap(reply.pairs, version)
      return
    case 'text':
      writeLongText(reply.text, version)
      return
    case 'lines':
      writeItems(0x2a, reply.lines.map(textValue), version)
      return
    case 'entries':
      writeItems(
        0x2a,
        reply.entries.flatMap(([key, value]) => [
          { kind: 'value', value: key } as const,
          { kind: 'value', value } as const
        ]),
        version
      )
      return
    case 'encoded':
      writeBytes(reply.bytes)
      return
    case 'unknown-outcome':
    case 'unanswered':
      return
    case 'many':
      for (const each of reply.replies) write(each, version)
  }
}

function writeBoolean(value: boolean, version: 2 | 3): void {
  if (version === 3) writeText(value ? '#t\r\n' : '#f\r\n')
  else writeNumber(0x3a, value ? 1 : 0)
}

function writeDouble(value: number, version: 2 | 3): void {
  if (version === 3) writeText(`,${value}\r\n`)
  else writeBulk(Buffer.from(String(value)))
}

function writeInteger(value: number | bigint): void {
  if (typeof value === 'number' && Number.isSafeInteger(value)) writeNumber(0x3a, value)
  else writeText(`:${value}\r\n`)
}

function writeItems(head: number, items: readonly Reply[], version: 2 | 3): void {
  writeNumber(head, items.length)
  for (const item of items) write(item, version)
}

function writeMap(pairs: readonly (readonly [Reply, Reply])[], version: 2 | 3): void {
  if (version === 3) writeNumber(0x25, pairs.length)
  else writeNumber(0x2a, 2 * pairs.length)
  for (const [key, value] of pairs) {
    write(key, version)
    write(value, version)
  }
}

function writeLongText(text: string, version: 2 | 3): void {
  if (version === 2) {
    writeBulk(Buffer.from(text))
    return
  }
  const bytes = Buffer.from(`txt:${text}`)
  writeNumber(0x3d, bytes.length)
  writeBytes(bytes)
  writeEnd()
}

function writeBulk(value: Uint8Array): void {
  const { length } = value
  writeNumber(0x24, length)
  reserve(length + 2)
  scratch.set(value, at)
  at += length
  writeEnd()
}

/** A head byte, a number, CRLF. */
function writeNumber(head: number, value: number): void {
  reserve(32)
  scratch[at++] = head
  if (value < 0) scratch[at++] = 0x2d
  let rest = Math.abs(value)
  let digits = 1
  for (let limit = 10; rest >= limit && digits < 16; limit *= 10) digits++
  const end = at + digits
  for (let i = end - 1; i >= at; i--) {
    const next = Math.floor(rest / 10)
    scratch[i] = zero + (rest - next * 10)
    rest = next
  }
  at = end
  writeEnd()
}

function writeEnd(): void {
  reserve(2)
  scratch[at++] = carriageReturn
  scratch[at++] = lineFeed
}

function writeBytes(bytes: Uint8Array): void {
  reserve(bytes.length)
  scratch.set(bytes, at)
  at += bytes.length
}

/** Latin1, short. */
function writeText(text: string): void {
  reserve(text.length)
  for (let i = 0; i < text.length; i++) scratch[at++] = text.charCodeAt(i)
}

function writeUtf8(text: string): void {
  writeBytes(Buffer.from(text))
}

function reserve(bytes: number): void {
  if (at + bytes <= scratch.length) return
  const grown = Buffer.allocUnsafeSlow(Math.max(2 * scratch.length, at + bytes))
  scratch.copy(grown, 0, 0, at)
  scratch = grown
}

/** With the words that Redis' clients know. */
function errorText(code: ErrorCode, message: string): string {
  if (code === 'NOT_LEADER') return `READONLY You can't write against a read only replica. The leader is ${message}.`
  return code === 'NO_LEADER' ? `CLUSTERDOWN ${message}` : `${code} ${message}`
}

/** As Redis does: a byte stays a byte, but at the end. */
const oneLine = (text: string): string => text.replace(/[\r\n]+$/, '').replace(/[\r\n]/g, ' ')
