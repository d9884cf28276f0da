// Applier: committed entries of a member's log go into the memtable, in their order, each once: what the group has decided
// becomes visible here. It stands in the place of the writer, which a member's database has no use for.
//
// 1. `position` is that of the last entry applied, with the membership after it. A memtable is frozen at a position, so
//    what is flushed, and what is written of it in the same edit, ends exactly with an entry.
// 2. A record is visible as a whole or not at all. The loop is let go between slices of records, and held back while flushes
//    do not keep up; what was committed is not refused.

import native from '#native'
import { assert } from '../assert.ts'
import { attempt } from '../disk/fs.ts'
import { toVarveError, VarveError } from '../errors.ts'
import type { LogEntry } from '../log/entry.ts'
import type { Time } from '../log/time.ts'
import { limits } from '../options.ts'
import type { Turn } from '../read/turn.ts'
import type { Scheduler } from '../tree/scheduler.ts'
import type { Tree } from '../tree/tree.ts'
import type { Upkeep } from '../tree/upkeep.ts'
import type { FlushedState } from '../tree/version.ts'

export interface ApplierContext {
  readonly engine: native.Engine
  readonly tree: Tree
  readonly scheduler: Scheduler
  readonly upkeep: Upkeep
  readonly turn: Turn
  readonly time: Time
  readonly memtableBytes: number
  /** Why nothing goes on any more; undefined: it does. */
  readonly failure: () => Error | undefined
  /** An entry could be applied in part only: nothing may go on. */
  readonly onPoison: (error: Error) => void
}

/** Facts of an entry in the log; its payload is read from there. */
export type Applicable = Pick<LogEntry, 'index' | 'term' | 'timeMs' | 'operations' | 'payload'>

export class Applier {
  readonly #context: ApplierContext
  #position: FlushedState
  #queue: Promise<void> = Promise.resolve()
  #isOver = false
  readonly counts = { entries: 0, operations: 0, payloadBytes: 0 }

  /** Goes on from what is in tables. */
  constructor(context: ApplierContext, flushed: FlushedState) {
    this.#context = context
    this.#position = flushed
  }

  get position(): FlushedState {
    return this.#position
  }

  /**
   * Applies the entries that follow the last one applied; calls are carried out in their order. With `membership` it is the
   * group's from the last of these entries on. Resolves when they are visible.
   */
  apply(entries: readonly Applicable[], membership?: unknown): Promise<void> {
    const applied = this.#queue.then(() => this.#apply(entries, membership))
    this.#queue = applied.catch(() => undefined)
    return applied
  }

  /** Runs `work` alone, after what was to be applied before; later entries follow the position that it moved to. */
  alone(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }

  /** Tables came that reach so far. */
  moveTo(position: FlushedState): void {
    this.#position = position
    this.#context.time.reach(position.timeMs)
  }

  async #apply(entries: readonly Applicable[], membership: unknown): Promise<void> {
    const { turn } = this.#context
    for (let at = 0; at < entries.length; ) {
      await this.#relief()
      const slice = sliceFrom(entries, at)
      at += slice.length
      const operations = this.#applySlice(slice, at === entries.length ? membership : undefined)
      const pause = turn.breath(operations)
      if (pause !== undefined && at < entries.length) await pause
    }
  }

  // Memory is bounded by waiting here; the log grows meanwhile.
  async #relief(): Promise<void> {
    const { tree, scheduler } = this.#context
    for (;;) {
      this.#checkGoingOn()
      if (tree.pressure() < 2) return
      await scheduler.relief()
    }
  }

  #checkGoingOn(): void {
    const failure = this.#context.failure()
    if (failure !== undefined) throw failure
    if (this.#isOver) throw new VarveError('VARVE_CLOSED', 'The database is closed.')
  }

  #applySlice(slice: readonly Applicable[], membership: unknown): number {
    const { engine, time, upkeep } = this.#context
    const next = positionAfter(this.#position, slice)
    const { index } = this.#position
    let memtableBytes: number
    try {
      memtableBytes = attempt(() => native.applyRecords(engine, index + 1, next.index))
      const visible = native.visibleSequence(engine)
      assert(visible === next.sequence, `entry ${next.index} ends at sequence ${visible}, not ${next.sequence}`)
    } catch (error) {
      this.#context.onPoison(toVarveError(error))
      throw this.#context.failure() ?? error
    }
    this.#position = membership === undefined ? next : { ...next, membership }
    time.reach(next.timeMs)
    upkeep.noteWrite()
    const operations = countOf(slice)
    this.counts.entries += slice.length
    this.counts.operations += operations
    for (const { payload } of slice) this.counts.payloadBytes += payload.length
    this.#rotateIfFull(memtableBytes)
    return operations
  }

  #rotateIfFull(memtableBytes: number): void {
    const { tree, scheduler, memtableBytes: full } = this.#context
    if (memtableBytes < full) return
    tree.rotate(this.#position)
    scheduler.wake()
  }

  /** Nothing more is applied; entries that were not are still in the log. */
  end(): void {
    this.#isOver = true
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.end()
    await this.#queue
  }
}

const countOf = (slice: readonly Applicable[]): number => slice.reduce((sum, { operations }) => sum + operations, 0)

function positionAfter(position: FlushedState, slice: readonly Applicable[]): FlushedState {
  let { index, term, timeMs, sequence } = position
  for (const entry of slice) {
    assert(entry.index === index + 1, `entry ${entry.index} is to be applied after entry ${index}`)
    index = entry.index
    term = entry.term
    timeMs = Math.max(timeMs, entry.timeMs)
    sequence += entry.operations
  }
  return { ...position, index, term, timeMs, sequence }
}

// One entry at least, and others while they are small together.
function sliceFrom(entries: readonly Applicable[], from: number): readonly Applicable[] {
  let operations = 0
  let bytes = 0
  let to = from
  for (let entry = entries[to]; entry !== undefined; entry = entries[++to]) {
    operations += entry.operations
    bytes += entry.payload.length
    if (to > from && (operations > limits.slicedOperations || bytes > limits.slicedBytes)) break
  }
  return entries.slice(from, to)
}
