// Version: the tables of a database, level by level; immutable. VersionEdit: the difference between two.
//
// Level 0: runs that may overlap, newest first. Deeper levels: disjoint tables in key order.

import type native from '#native'
import { assert } from '../assert.ts'
import { limits } from '../options.ts'

export interface TableFile {
  readonly number: number
  readonly id: Uint8Array
  readonly fileBytes: number
  /** Stored form (space id first). */
  readonly keyFirst: Buffer
  readonly keyLast: Buffer
  /** keyLast is a range tombstone's end, so not itself in the table. */
  readonly boundIsRangeEnd: boolean
  readonly entries: number
  readonly tombstones: number
  readonly rangeTombstones: number
  readonly expiring: number
  readonly expiresFirstMs: number
  readonly expiresLastMs: number
  readonly sequenceFirst: number
  readonly sequenceLast: number
  readonly snapshotSequenceLast: number
}

export type Levels = readonly (readonly TableFile[])[]

export interface FlushedState {
  readonly index: number
  readonly term: number
  readonly timeMs: number
  readonly sequence: number
  /** Of a member: who belongs to its group after that index, as its owner says it; JSON. */
  readonly membership?: unknown
}

/** Whose directory it is, where it is that of a member of a cluster. */
export interface MemberIdentity {
  readonly clusterId: string
  readonly memberId: number
  /** Up to this index of the log it was a database alone: to the group that is a snapshot, not entries. */
  readonly sinceIndex: number
}

export interface VersionEdit {
  readonly add: readonly { readonly level: number; readonly table: TableFile }[]
  readonly remove: readonly { readonly level: number; readonly number: number }[]
  readonly flushed?: FlushedState
  /** Entries of the log up to here are on disk: what is missing of them is damage, not a torn end. */
  readonly syncedIndex?: number
  readonly nextNumber?: number
  readonly member?: MemberIdentity
}

export interface Version {
  readonly levels: Levels
  readonly flushed: FlushedState
  readonly syncedIndex: number
  readonly member?: MemberIdentity
}

export const emptyVersion: Version = {
  levels: Array.from({ length: limits.levels }, () => []),
  flushed: { index: 0, term: 0, timeMs: 0, sequence: 0 },
  syncedIndex: 0
}

export function tableFileOf(number: number, id: Uint8Array, properties: native.TableProperties): TableFile {
  const { fileBytes, keyFirst, keyLast, boundIsRangeEnd, entries, tombstones, rangeTombstones, expiring } = properties
  const { expiresFirstMs, expiresLastMs, sequenceFirst, sequenceLast, snapshotSequenceLast } = properties
  return {
    number,
    id,
    fileBytes,
    keyFirst,
    keyLast,
    boundIsRangeEnd,
    entries,
    tombstones,
    rangeTombstones,
    expiring,
    expiresFirstMs,
    expiresLastMs,
    sequenceFirst,
    sequenceLast,
    snapshotSequenceLast
  }
}

export function applyEdit(version: Version, edit: VersionEdit): Version {
  const levels = version.levels.map((tables) => [...tables])
  for (const { level, number } of edit.remove) {
    const tables = levels[level]
    const at = tables?.findIndex((table) => table.number === number) ?? -1
    assert(tables !== undefined && at >= 0, `edit removes table ${number}, which level ${level} does not hold`)
    tables.splice(at, 1)
  }
  for (const { level, table } of edit.add) levels[level]?.push(table)
  levels[0]?.sort((a, b) => b.sequenceLast - a.sequenceLast || b.number - a.number)
  for (const tables of levels.slice(1)) checkDisjoint(tables.sort((a, b) => a.keyFirst.compare(b.keyFirst)))
  const member = edit.member ?? version.member
  return {
    levels,
    flushed: laterOf(version.flushed, edit.flushed),
    syncedIndex: edit.syncedIndex ?? version.syncedIndex,
    ...(member === undefined ? {} : { member })
  }
}

// Edits are made at one time and take effect at another: what was flushed is never taken back.
function laterOf(now: FlushedState, then: FlushedState | undefined): FlushedState {
  return then === undefined || then.index < now.index ? now : then
}

/** The same entries as a database alone: what a copy is. */
export function aloneOf({ levels, flushed, syncedIndex }: Version): Version {
  return { levels, flushed: flushedAlone(flushed), syncedIndex }
}

export function flushedAlone({ index, term, timeMs, sequence }: FlushedState): FlushedState {
  return { index, term, timeMs, sequence }
}

function checkDisjoint(tables: readonly TableFile[]): void {
  tables.forEach((table, i) => {
    const next = tables[i + 1]
    const isApart = next === undefined || !overlaps(table, next.keyFirst, next.keyLast)
    assert(isApart, `tables ${table.number} and ${next?.number} of one level overlap`)
  })
}

/** Whether two key spans share a key. */
export function overlaps(table: TableFile, first: Buffer, last: Buffer, lastIsEnd = false): boolean {
  const below = table.keyLast.compare(first)
  if (below < 0 || (below === 0 && table.boundIsRangeEnd)) return false
  const above = last.compare(table.keyFirst)
  return above > 0 || (above === 0 && !lastIsEnd)
}

export const bytesOf = (tables: readonly TableFile[]): number => tables.reduce((sum, table) => sum + table.fileBytes, 0)

/** The span that holds all of them; undefined for none. */
export function spanOf(tables: readonly TableFile[]): { first: Buffer; last: Buffer } | undefined {
  const [head, ...rest] = tables
  if (head === undefined) return undefined
  let { keyFirst: first, keyLast: last } = head
  for (const table of rest) {
    if (table.keyFirst.compare(first) < 0) first = table.keyFirst
    if (table.keyLast.compare(last) > 0) last = table.keyLast
  }
  return { first, last }
}
