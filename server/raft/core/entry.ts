// How large entries count, and how many of them fit a limit.
//
// `entryBytes` counts what an entry costs in a message or in flight to the state machine; `payloadBytes` only what the
// proposer gave. The no-op of a term and the change that leaves a joint membership have no payload bytes: no limit on
// uncommitted bytes ever refuses them.

import type { Entry, MembershipChange, Payload } from './types.ts'

/** What an entry counts beyond its payload. */
export const entryOverheadBytes = 32
const peerChangeBytes = 16

export const noPayload: Payload = { size: 0, ref: undefined }

/** The change that leaves a joint membership. */
export const leavingChange: MembershipChange = { version: 2, transition: 'auto', changes: [] }

export function payloadBytes(entry: Entry): number {
  if (entry.kind === 'normal') return entry.payload.size
  return entry.change.changes.length * peerChangeBytes + (entry.change.payload?.size ?? 0)
}

export function entryBytes(entry: Entry): number {
  return payloadBytes(entry) + entryOverheadBytes
}

export function totalPayloadBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += payloadBytes(entry)
  return bytes
}

export function totalEntryBytes(entries: readonly Entry[]): number {
  return totalPayloadBytes(entries) + entries.length * entryOverheadBytes
}

/** How many of the entries from the first on make `bytesMax` together: at least one, if there is one. */
export function countWithin(entries: readonly Entry[], bytesMax: number): number {
  let bytes = 0
  let count = 0
  for (const entry of entries) {
    bytes += entryBytes(entry)
    if (bytes > bytesMax && count > 0) break
    count++
  }
  return count
}

/** The entries from the first on that make `bytesMax` together, at least one: what a `LogStorage` returns. */
export function limitEntries(entries: readonly Entry[], bytesMax: number): readonly Entry[] {
  if (bytesMax === Number.POSITIVE_INFINITY) return entries
  const count = countWithin(entries, bytesMax)
  return count === entries.length ? entries : entries.slice(0, count)
}
