// The log of a damaged database: whether it is whole, and what can be read of it, as a table.

import native from '#native'
import { join, walName } from '../../disk/files.ts'
import { outcome } from '../../disk/jobs.ts'
import type { VarveError } from '../../errors.ts'
import { replay } from '../../log/replay.ts'
import { tableOptions } from '../../options.ts'
import { type FlushedState, type TableFile, tableFileOf, type Version } from '../../tree/version.ts'
import { type DamagedFile, lostWritesOf } from './lost.ts'
import { damageOf } from './state.ts'
import { newTable, type Workshop } from './tables.ts'

const memtableBytes = 1 << 20

export type ExaminedLog = { readonly lastIndex: number } | { readonly error: VarveError }

/** The index of the last entry of a log that recovery would take as it is; or why it would not. */
export async function examineLog(
  { disk, directory }: Workshop,
  walNumbers: readonly number[],
  version: Version
): Promise<ExaminedLog> {
  // An engine has one log, once.
  const engine = native.createEngine(disk.executor, disk.fs, 0)
  const memtable = native.createMemtable(engine, memtableBytes)
  try {
    const { index } = await replay(engine, directory, walNumbers, version, memtable, null)
    return { lastIndex: index }
  } catch (error) {
    return { error: damageOf(error) }
  } finally {
    native.release(memtable)
    native.release(engine)
  }
}

export interface SavedLog {
  /** What was in the log and not yet in tables; undefined: nothing. */
  readonly table: TableFile | undefined
  /** Up to where log and tables go together. */
  readonly upTo: FlushedState
  readonly damaged: readonly DamagedFile[]
}

export interface LogToSave {
  readonly walNumbers: readonly number[]
  /** index 0: only the sequence is known. */
  readonly flushed: FlushedState
  /** Entries up to here were on disk at least. */
  readonly syncedIndex: number
  /** Whether more than that were not: else a log without a mark at its end may lack some. */
  readonly isEndKnown: boolean
  /** Of a log that is whole: entries above are a torn end. */
  readonly lastIndex: number | undefined
  /** Tables were lost, which entries at or below `flushed` may make good for. */
  readonly isFromStart: boolean
  readonly error: string
}

/** What can be read of the log becomes a table. */
export async function saveLog(workshop: Workshop, log: LogToSave): Promise<SavedLog> {
  const { engine, directory, signal } = workshop
  const memtable = native.createMemtable(engine, memtableBytes)
  try {
    const { flushed } = log
    const request = {
      segments: log.walNumbers.map((number) => ({ path: join(directory, walName(number)), number })),
      flushedIndex: flushed.index,
      flushedTerm: flushed.term,
      flushedSequence: flushed.sequence,
      flushedTimeMs: flushed.timeMs,
      syncedIndex: log.syncedIndex,
      isEndKnown: log.isEndKnown,
      fromStart: log.isFromStart,
      memtable,
      ...(log.lastIndex === undefined ? {} : { lastIndex: log.lastIndex })
    }
    const { index, term, sequence, timeMs, lost } = await outcome(native.salvageWal(engine, request), signal)
    const table = workshop.isDryRun ? undefined : await flush(workshop, memtable)
    const lastSequence = Math.max(sequence, flushed.sequence, table?.sequenceLast ?? 0)
    // Alone, no index is above its sequence.
    const lastIndex = flushed.index === 0 ? Math.max(index, lastSequence) : Math.max(index, flushed.index)
    const upTo = { index: lastIndex, term: Math.max(1, term), timeMs, sequence: lastSequence }
    return { table, upTo, damaged: damagedFiles(lost, log.error) }
  } finally {
    native.release(memtable)
  }
}

async function flush(workshop: Workshop, memtable: native.Memtable): Promise<TableFile | undefined> {
  const { entries, rangeTombstones } = native.memtableStats(memtable)
  if (entries + rangeTombstones === 0) return undefined
  const { number, path, id } = newTable(workshop)
  const everything = [[new Uint8Array(0), new Uint8Array(65_600).fill(255)]]
  const { outputs } = await outcome(
    native.flushJob(workshop.engine, {
      memtables: [memtable],
      output: { path, id },
      table: tableOptions,
      facts: { snapshots: [], expiredMs: 0, bottommost: false, deeper: everything }
    }),
    workshop.signal
  )
  const [written] = outputs
  return written === undefined ? undefined : tableFileOf(number, id, written.properties)
}

// One for each segment that something was lost of.
function damagedFiles(lost: readonly native.LostRecords[], error: string): DamagedFile[] {
  const files = new Map<string, native.LostRecords[]>()
  for (const one of lost) {
    const name = one.file === '' ? 'wal' : one.file.slice(one.file.lastIndexOf('/') + 1)
    files.set(name, [...(files.get(name) ?? []), one])
  }
  return [...files].map(([name, records]) => ({ name, error, lost: records.map(lostWritesOf) }))
}
