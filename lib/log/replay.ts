// Replay: the wal above what was flushed goes into a memtable.

import native from '#native'
import { join, walName } from '../disk/files.ts'
import { outcome } from '../disk/jobs.ts'

/** What the manifest knows of the log. */
export interface LogEvidence {
  readonly flushed: {
    readonly index: number
    readonly term: number
    readonly timeMs: number
    readonly sequence: number
  }
  /** Entries up to here were on disk: a log without one of them is refused. */
  readonly syncedIndex: number
}

/** Which of the entries above what was flushed go into the memtable. */
export type Applies = 'all' | 'committed' | 'none'

/** Replays the segments, in the order of their numbers, and goes on in `copyTo`; null: it is only read. */
export function replay(
  engine: native.Engine,
  directory: string,
  walNumbers: readonly number[],
  { flushed, syncedIndex }: LogEvidence,
  memtable: native.Memtable,
  copyTo: native.ReplayRequest['copyTo'],
  applies: Applies = 'all'
): Promise<native.ReplayResult> {
  return outcome(
    native.replayJob(engine, {
      segments: walNumbers.map((number) => ({ path: join(directory, walName(number)), number })),
      flushedIndex: flushed.index,
      flushedTerm: flushed.term,
      flushedSequence: flushed.sequence,
      flushedTimeMs: flushed.timeMs,
      syncedIndex,
      ...(applies === 'none' ? { applyTo: flushed.index } : { onlyCommitted: applies === 'committed' }),
      memtable,
      copyTo
    })
  )
}
