// Entries of the consensus ⇄ entries of the wal. The core hands a payload's `ref` on untouched: here it is an EntryBody, as
// the log keeps it and a transport sends it. A membership change is JSON in the log:
//
//   {"version":1,"transition":"auto","changes":[{"kind":"voter","id":7}],"payload":"eyJuYW1lIjoiYSJ9"}
//
// where `payload`, if any, is what the proposer said besides (addresses, say), as base64url.

import { type EntryBody, emptyBody, type LogEntry } from '../../lib/member.ts'
import type { Entry, MembershipChange, Payload } from './core/types.ts'

/** A proposal of batches, or of an empty entry for its time. */
export function payloadOf(body: EntryBody): Payload {
  return { size: body.payload.length, ref: body }
}

/** What a membership change says besides: bytes. */
export function changePayloadOf(bytes: Uint8Array): Payload {
  return { size: bytes.length, ref: bytes }
}

/** What a normal entry carries: batches, or nothing. */
export const bodyOfPayload = ({ ref }: Payload): EntryBody => (ref === undefined ? emptyBody : (ref as EntryBody))

export function toLogEntry(entry: Entry): LogEntry {
  const { index, term } = entry
  if (entry.kind === 'normal') return { ...bodyOfPayload(entry.payload), index, term }
  return { kind: 'membership', timeMs: 0, operations: 0, payload: encodeChange(entry.change), index, term }
}

export function toEntry(logged: LogEntry): Entry {
  const { kind, index, term, payload } = logged
  if (kind === 'membership') return { kind: 'membership', index, term, change: decodeChange(payload) }
  // That of a no-op has its time: the same entry must have the same one everywhere.
  return { kind: 'normal', index, term, payload: payloadOf(logged) }
}

interface ChangeLine extends Omit<MembershipChange, 'payload'> {
  readonly payload?: string
}

export function encodeChange({ version, transition, changes, payload }: MembershipChange): Buffer {
  const said = payload === undefined ? {} : { payload: Buffer.from(payload.ref as Uint8Array).toString('base64url') }
  const line: ChangeLine = { version, transition, changes, ...said }
  return Buffer.from(JSON.stringify(line))
}

export function decodeChange(bytes: Uint8Array): MembershipChange {
  const { payload, ...change } = JSON.parse(Buffer.from(bytes).toString('utf8')) as ChangeLine
  if (payload === undefined) return change
  return { ...change, payload: changePayloadOf(Buffer.from(payload, 'base64url')) }
}

const batchHeaderBytes = 8

/** Whether an entry is of the system's own space: its batches are, if the first operation's key is. */
export function isOfSystem(entry: Entry): boolean {
  if (entry.kind !== 'normal' || entry.payload.ref === undefined) return false
  const { payload } = entry.payload.ref as EntryBody
  // A kind, the key's length as a varint, and the key, which begins with its space: 0 is the system's.
  let at = batchHeaderBytes + 1
  while (at < payload.length && ((payload[at] as number) & 0x80) !== 0) at++
  return payload[at + 1] === 0
}
