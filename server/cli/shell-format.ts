// Replies as `varve shell` shows them, and as JSON.
import { ReplyError, type ReplyValue } from '../protocol/resp-replies.ts'
import { printable, textOrBase64 } from './range.ts'

/** The lines of a reply: "text", (integer) 7, (nil), 1) … */
export function replyLines(reply: ReplyValue): string[] {
  if (reply === null) return ['(nil)']
  if (typeof reply === 'string') return [reply]
  if (typeof reply === 'number' || typeof reply === 'bigint') return [`(integer) ${reply}`]
  if (typeof reply === 'boolean') return [`(${reply})`]
  if (Buffer.isBuffer(reply)) return [`"${printable(reply).replaceAll('"', '\\"')}"`]
  if (reply instanceof ReplyError) return [`(error) ${reply.code} ${reply.message}`]
  if (reply instanceof Map) return mapLines(reply)
  return Array.isArray(reply) ? itemLines(reply as readonly ReplyValue[]) : ['(push)']
}

function itemLines(items: readonly ReplyValue[]): string[] {
  if (items.length === 0) return ['(empty)']
  const columns = String(items.length).length
  return items.flatMap((item, i) => indented(`${String(i + 1).padStart(columns)}) `, replyLines(item)))
}

function mapLines(pairs: ReadonlyMap<ReplyValue, ReplyValue>): string[] {
  if (pairs.size === 0) return ['(empty)']
  return [...pairs].flatMap(([key, value]) => indented(`${replyLines(key).join(' ')} => `, replyLines(value)))
}

const indented = (head: string, lines: readonly string[]): string[] =>
  lines.map((line, i) => (i === 0 ? head : ' '.repeat(head.length)) + line)

/** A reply as JSON holds it; bytes that are no text as {"base64"}. */
export function replyJson(reply: ReplyValue): unknown {
  if (Buffer.isBuffer(reply)) {
    const { text, isBase64 } = textOrBase64(reply)
    return isBase64 ? { base64: text } : text
  }
  if (typeof reply === 'bigint') return String(reply)
  if (reply instanceof ReplyError) return { error: `${reply.code} ${reply.message}`.trim() }
  if (reply instanceof Map) return Object.fromEntries([...reply].map(([key, value]) => [String(key), replyJson(value)]))
  return Array.isArray(reply) ? (reply as readonly ReplyValue[]).map(replyJson) : reply
}
