// LogEntry: an entry of a member's log: what is appended, sent, read back and applied. On disk it is one record
// (native/core/wal_format.h), and comes back from there as it went in.

import native from '#native'

const { frameStartBytes, frameEndBytes } = native.about()

export type EntryKind = 'batches' | 'noop' | 'membership'

/** What an entry carries, before and without its place in the log. */
export interface EntryBody {
  readonly kind: EntryKind
  /** Of its maker's clock; in the log raised to that of the entry before. */
  readonly timeMs: number
  /** Of its batches together; 0 for other kinds. */
  readonly operations: number
  /** Batches, a membership as its owner writes it, or nothing. */
  readonly payload: Uint8Array
  /**
   * The payload where it stands in a frame of its own, with the room of `frameStartBytes` before it and `frameEndBytes`
   * after it: so it is appended without being copied. The room is written to, the payload is not.
   */
  readonly frame?: Uint8Array
}

export interface LogEntry extends EntryBody {
  readonly index: number
  readonly term: number
}

/** Numbers of RecordKind. */
export const kindNumbers: Readonly<Record<EntryKind, number>> = { batches: 1, noop: 2, membership: 4 }
export const hardStateKind = 3

const kindOf = (number: number): EntryKind => (number === 1 ? 'batches' : number === 2 ? 'noop' : 'membership')

const noPayload = new Uint8Array(0)
export const emptyBody: EntryBody = { kind: 'noop', timeMs: 0, operations: 0, payload: noPayload }

/** A frame with a copy of the payload. */
export function framed(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameStartBytes + payload.length + frameEndBytes)
  frame.set(payload, frameStartBytes)
  return frame
}

/** The payload of a frame of the writer's (`Batch`), copied out of one that is much longer: entries are kept for a while. */
export function bodyOf(frame: Uint8Array, payloadBytes: number, operations: number, timeMs: number): EntryBody {
  const payload = frame.subarray(frameStartBytes, frameStartBytes + payloadBytes)
  const isRoomy = frame.length > 2 * (payloadBytes + frameStartBytes + frameEndBytes)
  const own = isRoomy ? framed(payload) : frame
  return {
    kind: 'batches',
    timeMs,
    operations,
    payload: own.subarray(frameStartBytes, frameStartBytes + payloadBytes),
    frame: own
  }
}

/** Whole records, one after the other, as `readRecords` gives them. */
export function entriesOf(records: Buffer): LogEntry[] {
  const entries: LogEntry[] = []
  for (let at = 0; at < records.length; ) {
    const payloadBytes = records.readUInt32LE(at + 4)
    const start = at + frameStartBytes
    entries.push({
      kind: kindOf(records.readUInt8(at + 8)),
      operations: records.readUInt32LE(at + 12),
      term: safeNumber(records, at + 24),
      index: safeNumber(records, at + 32),
      timeMs: safeNumber(records, at + 48),
      payload: records.subarray(start, start + payloadBytes)
    })
    at = start + Math.ceil(payloadBytes / 8) * 8
  }
  return entries
}

const safeNumber = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
