// Upkeep: what is done when nothing is written, so that space comes back that no write would bring back: tables with
// garbage are compacted, memtables with entries that expire are flushed, and time goes on.
//
// A write, an edit or a closed snapshot wakes it; it looks about once a second until all has been quiet for a while, does
// what is worth it, step by step, and sleeps, until the moment at which more will have expired or for good: what has nothing
// to do costs nothing. While the disk is full it does not wait for quiet.

import native from '#native'
import { VarveError } from '../errors.ts'
import { limits } from '../options.ts'
import { Alarm } from './alarm.ts'
import { type Compaction, outputBytesOf, type Picker } from './compaction/picker.ts'
import { entriesPerLive } from './estimate.ts'
import type { Health } from './health.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tree } from './tree.ts'
import { bytesOf, type Version } from './version.ts'

export interface UpkeepCounts {
  /** Compactions for garbage alone. */
  reclaims: number
  /** How often it was estimated how much is garbage. */
  estimates: number
  /** Empty records, so that time goes on. */
  emptyRecords: number
}

export interface UpkeepContext {
  readonly engine: native.Engine
  readonly tree: Tree
  readonly health: Health
  readonly scheduler: Scheduler
  readonly picker: Picker
  readonly memtableBytes: number
  readonly now: () => number
  /** What live snapshots and iterators read at; the oldest time, the lowest sequence. */
  readonly pinned: () => { readonly sequence: number; readonly timeMs: number }
  /** Of the last record that is in memtables. */
  readonly position: () => { readonly timeMs: number; readonly sequence: number }
  /** Sees to it that an empty record with this time comes into the log; false when it could not be written. */
  readonly passTime: (timeMs: number) => boolean
  /** Bytes handed over by writers so far. */
  readonly written: () => number
  /** The memtable is to be flushed. */
  readonly rotate: () => void
  readonly emit: (event: string, detail: unknown) => void
}

const tickMs = 1_000
/** So many ticks in a row without more than a few writes are quiet. */
const quietTicks = 5
/** A tick is quiet below this share of a memtable. */
const quietShare = 1 / 80
/** At most once in so long an empty record makes time go on. */
const passTimeMs = 60_000
/** Entries of tables for each live one from which on level is merged into level. */
const worthMerging = 1.2
/** What is in memory is looked after from this size on, or a quarter of a memtable. */
const worthBytes = 1 << 20

export class Upkeep {
  readonly #context: UpkeepContext
  readonly #worthBytes: number
  readonly #alarm = new Alarm(() => this.#tick())
  #isAwake = false
  #quiet = 0
  #written = 0
  #running: Promise<void> | undefined
  /** What a live snapshot or iterator, or the last empty record, was in the way of. */
  #waitsForPins = false
  #waitsForTime = false
  #timePassedMs = Number.NEGATIVE_INFINITY
  /** The last estimate was made of this. */
  #estimated: { readonly version: Version; readonly written: number } | undefined
  #isOver = false
  readonly counts: UpkeepCounts = { reclaims: 0, estimates: 0, emptyRecords: 0 }

  constructor(context: UpkeepContext) {
    this.#context = context
    this.#worthBytes = Math.min(worthBytes, context.memtableBytes / 4)
  }

  /** Something was written. */
  noteWrite(): void {
    if (!this.#isAwake) this.wake()
  }

  /** A snapshot or an iterator was closed. */
  noteClosed(): void {
    if (this.#waitsForPins) this.wake()
  }

  wake(): void {
    if (this.#isOver || this.#isAwake) return
    this.#isAwake = true
    this.#quiet = 0
    this.#alarm.clear()
    this.#alarm.set(tickMs)
  }

  #tick(): void {
    const { written, memtableBytes, health } = this.#context
    this.#isAwake = true
    const bytes = written()
    if (bytes !== this.#written) health.look()
    this.#quiet = bytes - this.#written < memtableBytes * quietShare ? this.#quiet + 1 : 0
    this.#written = bytes
    if (health.state === 'poisoned') return
    if (!this.#isQuiet) this.#alarm.set(tickMs)
    else this.#running ??= this.#run()
  }

  get #isQuiet(): boolean {
    return this.#quiet >= quietTicks || this.#context.health.refusal !== undefined
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isOver && (await this.#step()));
    } catch (error) {
      // A full disk and an end are nothing new.
      const code = error instanceof VarveError ? error.code : undefined
      if (!this.#isOver && code !== 'VARVE_DISK_FULL' && code !== 'VARVE_CLOSED')
        this.#context.emit('background-error', { what: 'upkeep', error })
    }
    this.#running = undefined
    this.#sleep()
  }

  // Until it is woken, or until more will have expired; while the disk is full for a second.
  #sleep(): void {
    const { tree, picker, now, health } = this.#context
    this.#isAwake = false
    if (health.refusal !== undefined) {
      this.wake()
      return
    }
    const nowMs = now()
    const soonestMs = this.#timePassedMs + passTimeMs
    const nextMs = this.#waitsForTime ? soonestMs : Math.max(soonestMs, picker.nextReclaimMs(tree.version, nowMs))
    if (nextMs !== Number.POSITIVE_INFINITY) this.#alarm.set(Math.max(nextMs - nowMs, tickMs))
  }

  // Whether something was done: there may be more then.
  async #step(): Promise<boolean> {
    const { scheduler, position, pinned } = this.#context
    this.#waitsForPins = false
    this.#waitsForTime = false
    this.#makeRoom()
    await scheduler.drain()
    if (this.#isOver) return false
    const { sequence, timeMs } = pinned()
    if (await this.#compact(() => this.#reclaimable(Math.min(position().timeMs, timeMs), sequence))) return true
    if (this.#isMemtableWorth()) return await this.#flush()
    if (this.#passTime()) return true
    this.#waitsForPins = this.#reclaimable(this.#context.now(), Number.MAX_SAFE_INTEGER) !== undefined
    return await this.#mergeDown()
  }

  #reclaimable(timeMs: number, oldestSnapshot: number): Compaction | undefined {
    const { tree, picker } = this.#context
    return picker.reclaim(tree.version, tree.busy, timeMs, oldestSnapshot)
  }

  // False when there is nothing to compact, or no space for it.
  async #compact(pick: () => Compaction | undefined): Promise<boolean> {
    const { scheduler, health } = this.#context
    const fitting = (): Compaction | undefined => {
      const picked = pick()
      return picked !== undefined && outputBytesOf(picked) <= health.spaceBytes ? picked : undefined
    }
    if (fitting() === undefined) return false
    await scheduler.runExclusive(fitting)
    this.counts.reclaims++
    return true
  }

  async #flush(): Promise<boolean> {
    const { scheduler, rotate } = this.#context
    rotate()
    await scheduler.drainFlushes()
    return true
  }

  // What may expire has its time known once it is in a table.
  #isMemtableWorth(): boolean {
    const { bytes, expiring } = native.memtableStats(this.#context.tree.memtable)
    return expiring > 0 && bytes >= this.#worthBytes
  }

  // On a full disk a flush gives back the segments of the log, and lets tombstones meet what they delete: that of a frozen
  // memtable for which there is no space may be a small one together with the deletes that came after it.
  #makeRoom(): void {
    const { tree, health, rotate } = this.#context
    if (health.refusal !== undefined && this.#quiet > 0 && tree.frozen.length < limits.frozenMax - 1) rotate()
  }

  // Compaction goes by the time of the log, which stands still when nothing is written.
  #passTime(): boolean {
    const { position, passTime, now, pinned } = this.#context
    const { sequence, timeMs } = pinned()
    const nowMs = now()
    const untilMs = Math.min(nowMs, timeMs)
    const { timeMs: logMs } = position()
    if (untilMs <= logMs || this.#reclaimable(untilMs, sequence) === undefined) return false
    // What is there already needs space, not time.
    if (this.#reclaimable(Math.min(logMs, timeMs), sequence) !== undefined) return false
    this.#waitsForTime = nowMs < this.#timePassedMs + passTimeMs
    if (this.#waitsForTime || !passTime(nowMs)) return false
    this.#timePassedMs = nowMs
    this.counts.emptyRecords++
    return true
  }

  // Overwritten entries lie on different levels, and no table says how many of its own are dead: an estimate does.
  async #mergeDown(): Promise<boolean> {
    const { engine, tree, picker, position, health, now, pinned, written } = this.#context
    const memtable = native.memtableStats(tree.memtable)
    const inMemory = memtable.entries + memtable.rangeTombstones > 0
    const deepen = (): Compaction | undefined => picker.deepen(tree.version, tree.busy, health.spaceBytes)
    const bytes = tree.version.levels.reduce((sum, tables) => sum + bytesOf(tables), 0)
    if (bytes < this.#worthBytes || this.#isEstimated() || (!inMemory && deepen() === undefined)) return false
    if (pinned().sequence < position().sequence) {
      this.#waitsForPins = true
      return false
    }
    const estimated = { version: tree.version, written: written() }
    this.counts.estimates++
    const entries = await entriesPerLive({ engine, tree, nowMs: now() })
    if (entries >= worthMerging) {
      if (inMemory) return await this.#flush()
      if (await this.#compact(deepen)) return true
    }
    this.#estimated = estimated
    return false
  }

  #isEstimated(): boolean {
    const { tree, written, memtableBytes } = this.#context
    const last = this.#estimated
    return last !== undefined && last.version === tree.version && written() - last.written < memtableBytes / 8
  }

  /** Nothing is begun any more. */
  end(): void {
    this.#isOver = true
    this.#alarm.end()
  }

  async close(): Promise<void> {
    this.end()
    await this.#running
  }
}
