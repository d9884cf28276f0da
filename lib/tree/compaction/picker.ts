// Picker: decides what to compact next. Pure: the same version, busy set and time give the same answer.

import type { TableFile, Version } from '../version.ts'

export interface Compaction {
  /** Why, in a word, for events and logs. */
  readonly reason: 'level0' | 'size' | 'manual'
  readonly inputs: readonly { readonly level: number; readonly tables: readonly TableFile[] }[]
  readonly outputLevel: number
  /** The tables only change level: an edit, no job. */
  readonly isMove: boolean
}

export interface PickerOptions {
  readonly memtableBytes: number
  readonly tableBytes: number
}

export interface Picker {
  pick(version: Version, busy: ReadonlySet<number>, timeMs: number, oldestSnapshot: number): Compaction | undefined
}
