// Reclaim, pure: which tables hold enough garbage to be rewritten for it alone.
//
// Garbage is what a merge would drop: entries kept only for snapshots that are closed, tombstones and what they delete,
// entries that have expired. All of a table's sequences must be older than every snapshot: then a merge drops all of it,
// and the same table is never picked twice for the same garbage.
//
// Where nothing lies below a table it is rewritten where it is; else it goes down one level together with what it overlaps,
// for a tombstone cannot be dropped above what it deletes.

import { limits } from '../../options.ts'
import { overlaps, type TableFile, type Version } from '../version.ts'
import type { Compaction } from './picker.ts'

const lastLevel = limits.levels - 1

export interface Garbage {
  /** Of all entries that would be read: at least one in so many is garbage. */
  readonly oneIn: number
  /** Entries kept for snapshots, and tombstones, count too. */
  readonly withTombstones: boolean
}

/** Entries of a table that have expired, at a guess: they are spread evenly over its range of times. */
export function expiredOf({ expiring, expiresFirstMs, expiresLastMs }: TableFile, timeMs: number): number {
  if (expiring === 0 || timeMs < expiresFirstMs) return 0
  if (timeMs >= expiresLastMs) return expiring
  return (expiring * (timeMs - expiresFirstMs + 1)) / (expiresLastMs - expiresFirstMs + 1)
}

const entriesOf = (tables: readonly TableFile[]): number => tables.reduce((sum, table) => sum + table.entries, 0)

/** Whether so much of a table, read together with `below`, is garbage. A range tombstone's share is not known: enough. */
function isWorth(table: TableFile, below: readonly TableFile[], timeMs: number, garbage: Garbage): boolean {
  if (garbage.withTombstones && table.rangeTombstones > 0) return true
  const tombstones = garbage.withTombstones ? 2 * table.tombstones : 0
  const gone = tombstones + expiredOf(table, timeMs)
  return gone > 0 && gone * garbage.oneIn >= table.entries + entriesOf(below)
}

/** The first table below level 0 whose garbage is worth a merge. */
export function pickGarbage(
  version: Version,
  busy: ReadonlySet<number>,
  timeMs: number,
  oldestSnapshot: number,
  garbage: Garbage
): Compaction | undefined {
  for (let level = lastLevel; level > 0; level--) {
    for (const table of version.levels[level] ?? []) {
      if (busy.has(table.number) || table.sequenceLast > oldestSnapshot) continue
      if (garbage.withTombstones && table.snapshotSequenceLast > 0) return inPlace(table, level, 'kept')
      if (!isWorth(table, [], timeMs, garbage)) continue
      const reason = expiredOf(table, timeMs) > 0 ? 'expired' : 'tombstones'
      const touches = (other: TableFile): boolean =>
        overlaps(other, table.keyFirst, table.keyLast, table.boundIsRangeEnd)
      if (!version.levels.slice(level + 1).some((tables) => tables.some(touches))) return inPlace(table, level, reason)
      const below = (version.levels[level + 1] ?? []).filter(touches)
      if (below.some(({ number }) => busy.has(number)) || !isWorth(table, below, timeMs, garbage)) continue
      return {
        reason,
        inputs: [{ level, tables: [table] }, ...(below.length > 0 ? [{ level: level + 1, tables: below }] : [])],
        outputLevel: level + 1,
        isMove: below.length === 0
      }
    }
  }
  return undefined
}

function inPlace(table: TableFile, level: number, reason: Compaction['reason']): Compaction {
  return { reason, inputs: [{ level, tables: [table] }], outputLevel: level, isMove: false }
}

/** Whether level 0, taken as a whole, is worth it. */
export function isLevel0Worth(version: Version, timeMs: number, oldestSnapshot: number, garbage: Garbage): boolean {
  const level0 = version.levels[0] ?? []
  if (level0.length === 0 || level0.some((table) => table.sequenceLast > oldestSnapshot)) return false
  if (level0.some((table) => table.rangeTombstones > 0 || table.snapshotSequenceLast > 0)) return true
  const gone = level0.reduce((sum, table) => sum + 2 * table.tombstones + expiredOf(table, timeMs), 0)
  return gone > 0 && gone * garbage.oneIn >= entriesOf(level0)
}

/** When, after `timeMs`, so much of a table will have expired that it is worth a merge; Infinity when never. */
export function nextExpiryMs(version: Version, timeMs: number, { oneIn }: Garbage): number {
  let next = Number.POSITIVE_INFINITY
  for (const { entries, expiring, expiresFirstMs, expiresLastMs } of version.levels.flat()) {
    if (expiring * oneIn < entries || expiring === 0) continue
    const enoughMs = expiresFirstMs + Math.ceil(((expiresLastMs - expiresFirstMs) * entries) / (expiring * oneIn))
    // What lies below may make the first moment too early.
    for (const moment of [Math.min(enoughMs, expiresLastMs), expiresLastMs])
      if (moment > timeMs) next = Math.min(next, moment)
  }
  return next
}
