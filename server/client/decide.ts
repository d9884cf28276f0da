// Deciding over the wire: entries are read, something is made of them, and it is written if they still are what they were;
// else all of it again. Somebody's write always goes through, so the tries end.
import type { ReplyValue } from '../protocol/resp-replies.ts'
import type { RequestPart } from '../protocol/resp-requests.ts'
import { appliedOf, type Entries, entriesOf } from './answers.ts'
import type { CallOptions } from './call.ts'
import { ClientError } from './errors.ts'

export type Send = (parts: readonly RequestPart[], isRead: boolean, options: CallOptions) => Promise<ReplyValue>

export interface Made<Result> {
  /** Words of APPLY; none: nothing is written. */
  readonly words: readonly RequestPart[]
  readonly result: Result
}

export interface DecideOptions extends CallOptions {
  /** Resolve when it is on disk, whatever the server's durability. */
  readonly sync?: boolean
}

export interface Deciding {
  readonly send: Send
  readonly nowMs: () => number
  /** Of all tries together. */
  readonly timeoutMs: number
}

export async function decide<Result>(
  { send, nowMs, timeoutMs }: Deciding,
  keys: readonly (string | Uint8Array)[],
  make: (entries: Entries) => Made<Result>,
  { sync = false, signal }: DecideOptions
): Promise<Result> {
  const endMs = nowMs() + timeoutMs
  for (let tries = 0; ; tries++) {
    const leftMs = Math.ceil(endMs - nowMs())
    if (leftMs <= 0) throw contended(tries)
    const options = { timeoutMs: leftMs, ...(signal === undefined ? {} : { signal }) }
    const seen = entriesOf(await send(['ENTRIES', ...keys], true, options))
    const { words, result } = make(seen)
    // One entry was what it was at one moment; several may be of several.
    if (words.length === 0 && keys.length < 2) return result
    const checks = keys.flatMap((key, i) => ['IF', key, seen.entries[i]?.sequence ?? 0])
    const request = ['APPLY', ...(sync ? ['SYNC'] : []), ...checks, ...words]
    if (appliedOf(await send(request, words.length === 0, options))) return result
  }
}

const contended = (tries: number): ClientError =>
  new ClientError('TIMEOUT', `Others wrote what it had read, ${tries} times. Nothing was written.`)
