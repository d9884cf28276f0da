// Replies of the server as what they should be; anything else is no varve server.
import { ReplyError, type ReplyValue } from '../protocol/resp-replies.ts'
import type { Entry } from '../store.ts'
import { ClientError, errorOfReply } from './errors.ts'

export interface ServerStatus {
  readonly nodeId: number
  readonly role: 'LEADER' | 'FOLLOWER'
  readonly term: number
  /** Index of the last applied record. */
  readonly commitIndex: number
  readonly activeConnections: number
}

export function bytesOrNone(reply: ReplyValue | undefined): Buffer | undefined {
  if (reply === null) return undefined
  if (Buffer.isBuffer(reply)) return reply
  throw unexpected('a value', reply)
}

export function numberOf(reply: ReplyValue | undefined): number {
  if (typeof reply === 'number') return reply
  throw unexpected('a number', reply)
}

export function listOf(reply: ReplyValue | undefined): readonly ReplyValue[] {
  if (Array.isArray(reply)) return reply as readonly ReplyValue[]
  throw unexpected('a list', reply)
}

/** Of APPLY: whether its checks held. */
export function appliedOf(reply: ReplyValue): boolean {
  if (reply === 'OK') return true
  if (reply === null) return false
  throw unexpected('OK', reply)
}

export interface Entries {
  readonly nowMs: number
  readonly entries: readonly (Entry | undefined)[]
}

/** Of ENTRIES. */
export function entriesOf(reply: ReplyValue): Entries {
  const [nowMs, ...entries] = listOf(reply)
  return { nowMs: numberOf(nowMs), entries: entries.map(entryOf) }
}

function entryOf(reply: ReplyValue): Entry | undefined {
  if (reply === null) return undefined
  const [value, sequence, expiresAt] = listOf(reply)
  const bytes = bytesOrNone(value)
  if (bytes === undefined) throw unexpected('an entry', reply)
  const at = numberOf(expiresAt)
  return { value: bytes, sequence: numberOf(sequence), expiresAt: at < 0 ? undefined : at }
}

/** Of STATUS; a map, or with RESP2 a flat list. */
export function statusOf(reply: ReplyValue): ServerStatus {
  const pairs = new Map<string, ReplyValue>()
  if (reply instanceof Map) for (const [name, value] of reply) pairs.set(String(name), value as ReplyValue)
  else {
    const items = listOf(reply)
    for (let i = 0; i + 1 < items.length; i += 2) pairs.set(String(items[i]), items[i + 1] ?? null)
  }
  return {
    nodeId: numberOf(pairs.get('node_id')),
    role: String(pairs.get('role')) === 'LEADER' ? 'LEADER' : 'FOLLOWER',
    term: numberOf(pairs.get('term')),
    commitIndex: numberOf(pairs.get('commit_index')),
    activeConnections: numberOf(pairs.get('active_connections'))
  }
}

function unexpected(what: string, reply: ReplyValue | undefined): ClientError {
  if (reply instanceof ReplyError) return errorOfReply(reply)
  const shown = Buffer.isBuffer(reply) ? 'bytes' : reply === null ? 'nothing' : typeof reply
  return new ClientError('PROTOCOL', `The server was to answer with ${what}, and answered with ${shown}.`)
}
