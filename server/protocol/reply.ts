// What a command answers, before a codec makes bytes of it.

export type Reply =
  | { readonly kind: 'ok' }
  | { readonly kind: 'pong' }
  /** A short text that is no data: +QUEUED, +string. */
  | { readonly kind: 'simple'; readonly text: string }
  /** No such entry. */
  | { readonly kind: 'missing' }
  /** No array: of EXEC that was aborted. */
  | { readonly kind: 'missing-array' }
  | { readonly kind: 'value'; readonly value: Uint8Array }
  | { readonly kind: 'integer'; readonly value: number | bigint }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'array'; readonly items: readonly Reply[] }
  | { readonly kind: 'set'; readonly items: readonly Reply[] }
  /** Something nobody asked for, as published messages are. */
  | { readonly kind: 'push'; readonly items: readonly Reply[] }
  | { readonly kind: 'map'; readonly pairs: readonly (readonly [Reply, Reply])[] }
  /** A long text for people: INFO. */
  | { readonly kind: 'text'; readonly text: string }
  /** STATUS of the line protocol. */
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  /** SCAN of the line protocol: entries, then how many there were and how many could not be carried. */
  | { readonly kind: 'entries'; readonly entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[] }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string }
  /** Nobody knows whether it was done. RESP has no word that clients would not take for "ask again": nothing is said there,
   * and the connection closes. */
  | { readonly kind: 'unknown-outcome' }
  /** It was not done, and whoever asked should ask elsewhere: nothing is said, and the connection closes. RESP only. */
  | { readonly kind: 'unanswered' }
  /** Replies that are bytes already, in the language of the connection. */
  | { readonly kind: 'encoded'; readonly bytes: Buffer; readonly count: number }
  /** Several replies to one request, and none to QUIT's followers: SUBSCRIBE a b. */
  | { readonly kind: 'many'; readonly replies: readonly Reply[] }

/** The first word of an error: what programs look at. */
export type ErrorCode =
  | 'ERR'
  | 'WRONGTYPE'
  | 'NOAUTH'
  | 'WRONGPASS'
  | 'NOPERM'
  | 'NOPROTO'
  | 'EXECABORT'
  | 'BUSY'
  | 'TOO_LARGE'
  | 'NOT_LEADER'
  | 'NO_LEADER'
  | 'TIMEOUT'
  | 'READONLY'
  | 'MISCONF'
  | 'MOVED'
  | 'REDIRECT'
  | 'CLUSTERDOWN'
  | 'NOQUORUM'

/** About how many bytes these replies are. */
export function sizeOf(replies: readonly Reply[]): number {
  let bytes = 0
  for (const reply of replies) {
    if (reply.kind === 'encoded') bytes += reply.bytes.length
    else if (reply.kind === 'value') bytes += reply.value.length + 16
    else if (reply.kind === 'array' || reply.kind === 'push') bytes += sizeOf(reply.items) + 16
    else if (reply.kind === 'entries') for (const [key, value] of reply.entries) bytes += key.length + value.length + 32
    else if (reply.kind === 'many') bytes += sizeOf(reply.replies)
    else bytes += 32
  }
  return bytes
}

export const ok: Reply = { kind: 'ok' }
export const pong: Reply = { kind: 'pong' }
export const missing: Reply = { kind: 'missing' }
export const missingArray: Reply = { kind: 'missing-array' }
export const emptyArray: Reply = { kind: 'array', items: [] }
export const unknownOutcome: Reply = { kind: 'unknown-outcome' }
export const unanswered: Reply = { kind: 'unanswered' }
export const queued: Reply = { kind: 'simple', text: 'QUEUED' }
export const valueReply = (value: Uint8Array): Reply => ({ kind: 'value', value })
export const textValue = (text: string): Reply => ({ kind: 'value', value: Buffer.from(text) })
export const valueOrMissing = (value: Uint8Array | undefined): Reply =>
  value === undefined ? missing : valueReply(value)
export const linesReply = (lines: readonly string[]): Reply => ({ kind: 'lines', lines })
export const integerReply = (value: number | bigint): Reply => ({ kind: 'integer', value })
export const arrayReply = (items: readonly Reply[]): Reply => ({ kind: 'array', items })
export const errorReply = (message: string, code: ErrorCode = 'ERR'): Reply => ({ kind: 'error', code, message })
