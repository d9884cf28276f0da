// Counting: how many entries a range has: exactly, by moving past them, or about, from the sizes of tables.

import native from '#native'
import { attempt } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { VarveError } from '../errors.ts'
import type { Tree } from '../tree/tree.ts'
import type { Bounds } from './iterator.ts'
import { diskNeeded, type Tier, tiers, wouldBlock } from './reader.ts'
import type { Turn } from './turn.ts'

/** So many entries a call: about a millisecond. */
const sliceEntries = 10_000
const doneFlag = 1
const blockedFlag = 8

export interface CountContext {
  readonly engine: native.Engine
  readonly space: number
  readonly bounds: Bounds
  /** -1: what is there now. */
  readonly sequence: number
  readonly nowMs: number
  readonly turn: Turn
  readonly signal: AbortSignal | undefined
}

/** All entries of the range; the loop goes on meanwhile. */
export async function countEntries(context: CountContext): Promise<number> {
  const { engine, space, bounds, sequence, nowMs, turn, signal } = context
  const facts = new Float64Array(2)
  const doNotFillCache = 2
  const scan = attempt(() => native.openScan(engine, space, doNotFillCache, bounds.start, bounds.end, sequence, nowMs))
  try {
    for (let entries = 0; ; ) {
      if (signal?.aborted === true) throw aborted(signal)
      entries += attempt(() => native.scanCount(scan, tiers.noWait, sliceEntries, facts))
      const flags = facts[1] as number
      if ((flags & doneFlag) !== 0) return entries
      if ((flags & blockedFlag) !== 0) {
        const slice = await outcome(attempt(() => native.scanCountJob(scan, sliceEntries)))
        entries += slice.entries
        if (slice.done) return entries
      }
      await turn.breath(sliceEntries / 8)
    }
  } finally {
    native.release(scan)
  }
}

function aborted(signal: AbortSignal): VarveError {
  return new VarveError('VARVE_ABORTED', 'The count was aborted by its signal.', { cause: signal.reason })
}

export interface RangeCount {
  /** Not counted beyond one more than was asked for. */
  readonly entries: number
  /** The newest of them; 0 when there are none. */
  readonly sequenceLast: number
}

export interface CountedRange extends Bounds {
  readonly space: number
  readonly nowMs: number
  readonly entriesMax: number
}

const facts = new Float64Array(2)

/** What is in a range now, at once; `diskNeeded` where the tier does not reach. */
export function countIn(engine: native.Engine, range: CountedRange, tier: Tier): RangeCount | typeof diskNeeded {
  const { space, start, end, nowMs, entriesMax } = range
  const answer = attempt(() => native.checkRange(engine, space, start, end, -1, nowMs, tier, entriesMax, facts))
  return answer === wouldBlock ? diskNeeded : { entries: facts[0] as number, sequenceLast: facts[1] as number }
}

/** The same, on a read thread. */
export function countInFromDisk(engine: native.Engine, range: CountedRange): Promise<RangeCount> {
  const { space, start, end, nowMs, entriesMax } = range
  return outcome(attempt(() => native.checkRangeJob(engine, space, start, end, -1, nowMs, entriesMax)))
}

/**
 * About how many entries lie between two stored keys: of each table its share by bytes, of what is in memory the same share
 * as of all tables.
 */
export function estimateEntries(tree: Tree, first: Buffer, last: Buffer): number {
  let inRange = 0
  let inTables = 0
  for (const file of tree.version.levels.flat()) {
    const { handle } = tree.table(file.number)
    const bytes = native.tableOffset(handle, last) - native.tableOffset(handle, first)
    const kept = Math.max(0, file.entries - 2 * file.tombstones)
    inTables += kept
    // Offsets are those of data blocks, about all of the file.
    inRange += kept * Math.min(1, Math.max(0, bytes) / file.fileBytes)
  }
  let inMemory = 0
  for (const memtable of [tree.memtable, ...tree.frozen.map((one) => one.memtable)]) {
    const { entries, tombstones } = native.memtableStats(memtable)
    inMemory += Math.max(0, entries - 2 * tombstones)
  }
  const share = inTables === 0 ? 1 : inRange / inTables
  return Math.round(inRange + inMemory * share)
}
