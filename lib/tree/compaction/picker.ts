// Picker: decides what to compact next. Pure: the same version, busy set and time give the same answer.

import { bytesOf, type TableFile, type Version } from '../version.ts'

export interface Compaction {
  /** Why, in a word, for events and logs. */
  readonly reason: 'level0' | 'size' | 'manual' | 'kept' | 'expired' | 'tombstones' | 'garbage'
  readonly inputs: readonly { readonly level: number; readonly tables: readonly TableFile[] }[]
  readonly outputLevel: number
  /** The tables only change level: an edit, no job. */
  readonly isMove: boolean
  /** Bytes of an output before another is begun, where it is not the usual number. */
  readonly outputBytesMax?: number
}

export interface PickerOptions {
  readonly memtableBytes: number
  readonly tableBytes: number
}

export interface Picker {
  /**
   * What is due, the most urgent first. `oldestSnapshot`: entries that only snapshots before it may read are garbage.
   * `spaceBytes`: what is picked will not need more, as far as can be told beforehand.
   */
  pick(
    version: Version,
    busy: ReadonlySet<number>,
    timeMs: number,
    oldestSnapshot: number,
    spaceBytes?: number
  ): Compaction | undefined
  /** What is worth it when nothing else is due and nothing is written: tables that hold garbage. */
  reclaim(version: Version, busy: ReadonlySet<number>, timeMs: number, oldestSnapshot: number): Compaction | undefined
  /** When, after `timeMs`, `reclaim` may find more because time has passed; Infinity: never. */
  nextReclaimMs(version: Version, timeMs: number): number
  /** One step towards all tables in the last level; undefined when there is none to take, or no space. */
  deepen(version: Version, busy: ReadonlySet<number>, spaceBytes: number): Compaction | undefined
}

/** Bytes that the outputs may take, at a guess: every tombstone ends an entry, and range tombstones end all. */
export function outputBytesOf({ inputs, isMove }: Compaction): number {
  const tables = inputs.flatMap((input) => input.tables)
  if (isMove || tables.some(({ rangeTombstones }) => rangeTombstones > 0)) return 0
  const entries = tables.reduce((sum, table) => sum + table.entries, 0)
  const tombstones = tables.reduce((sum, table) => sum + table.tombstones, 0)
  return bytesOf(tables) * Math.max(0, 1 - (2 * tombstones) / Math.max(1, entries))
}
