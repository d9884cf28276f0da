// Scheduler: runs flushes and compactions in the background, one of each at a time, and says when writers must wait.
//
// A rotation wakes the flush; a flush or compaction that was installed wakes the picker. Flush and compaction run at the
// same time: their edits go through the manifest's queue. A failed table write is reported and tried again with growing
// delays; writers are held at the frozen limit meanwhile. A table that a compaction cannot read is set aside: it stays
// where it is, still read, and nothing that would have to read it is picked again until the next open.

import native from '#native'
import { join, tableName } from '../disk/files.ts'
import { attempt } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { VarveError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { limits, tableOptions } from '../options.ts'
import { type CompactorContext, moveEdit, startMerge } from './compaction/compactor.ts'
import type { Compaction, Picker } from './compaction/picker.ts'
import type { Manifest } from './manifest.ts'
import type { Sweeper } from './sweeper.ts'
import type { FrozenMemtable } from './tree.ts'
import { applyEdit, type TableFile, tableFileOf, type VersionEdit } from './version.ts'

export interface SchedulerContext extends CompactorContext {
  readonly manifest: Manifest
  readonly log: Log
  readonly sweeper: Sweeper
  readonly picker: Picker
  readonly clock: () => number
  readonly currentNumber: () => number
  readonly syncDirectory: () => Promise<void>
  readonly emit: (event: string, detail: unknown) => void
  readonly onPoison: (error: Error) => void
}

export interface BackgroundCounts {
  flushes: number
  compactions: number
  moves: number
  flushBytes: number
  compactionBytesRead: number
  compactionBytesWritten: number
  yields: number
}

const retryMsMax = 5_000
/** How long a compaction goes on gently after the last sync that was waited for, at most twice that. */
const paceMs = 20

export class Scheduler {
  readonly #context: SchedulerContext
  readonly counts: BackgroundCounts = {
    flushes: 0,
    compactions: 0,
    moves: 0,
    flushBytes: 0,
    compactionBytesRead: 0,
    compactionBytesWritten: 0,
    yields: 0
  }
  #flushing: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #job: number | undefined
  #pacing: NodeJS.Timeout | undefined
  #syncWaited = false
  #isGentle = false
  #closing = false
  #ending = false
  #gaveUp = false
  #holdsWriters = true
  #paused = 0
  #failure: Error | undefined
  readonly #relief: (() => void)[] = []
  readonly #pauses = new Set<() => void>()

  constructor(context: SchedulerContext) {
    this.#context = context
  }

  /** Something changed: starts what is due. */
  wake(): void {
    if (this.#closing || this.#gaveUp || this.#failure !== undefined) return
    if (this.#flushing === undefined && this.#context.tree.frozen.length > 0) {
      this.#flushing = this.#retrying('flush', () => this.#flushOnce()).finally(() => {
        this.#flushing = undefined
        this.#relieve()
        this.wake()
      })
    }
    this.#wakeCompaction()
  }

  #wakeCompaction(): void {
    if (this.#closing || this.#paused > 0 || this.#compacting !== undefined || this.#failure !== undefined) return
    const { tree, picker, clock, snapshots } = this.#context
    const picked = picker.pick(tree.version, tree.busy, clock(), snapshots()[0] ?? Number.MAX_SAFE_INTEGER)
    if (picked === undefined) return
    this.#compacting = this.#retrying('compaction', () => this.#compactOnce(picked), 1).finally(() => {
      this.#compacting = undefined
      this.#relieve()
      this.wake()
    })
  }

  /** Somebody waits for a sync: a compaction that is not urgent leaves the disk to it, until a while after the last. */
  yieldToSync(): void {
    this.#syncWaited = true
    if (this.#pacing === undefined && !this.#closing) this.#paceOn()
  }

  #paceOn(): void {
    const isAwaited = this.#syncWaited
    this.#syncWaited = false
    this.#pace(isAwaited)
    this.#pacing = isAwaited ? setTimeout(() => this.#paceOn(), paceMs) : undefined
    this.#pacing?.unref()
  }

  // What writers would soon have to wait for goes on at full speed.
  #pace(isAwaited = true): void {
    const { version, frozen } = this.#context.tree
    const isUrgent = (version.levels[0]?.length ?? 0) >= 2 * limits.level0Trigger || frozen.length > 1
    const isGentle = isAwaited && !isUrgent
    if (this.#job === undefined || isGentle === this.#isGentle) return
    this.#isGentle = isGentle
    if (isGentle) this.counts.yields++
    native.pace(this.#job, isGentle ? 1 : 0)
  }

  /** Resolves when writers may go on. */
  relief(): Promise<void> {
    if (!this.#holdsWriters || this.#context.tree.pressure() < 2) return Promise.resolve()
    return new Promise((resolve) => this.#relief.push(resolve))
  }

  #relieve(): void {
    if (this.#holdsWriters && this.#context.tree.pressure() === 2) return
    for (const resolve of this.#relief.splice(0)) resolve()
  }

  /** Resolves when no memtable up to this index of the log waits for its flush; rejects with what stands in the way. */
  async drainFlushes(upToIndex = Number.MAX_SAFE_INTEGER): Promise<void> {
    const { tree } = this.#context
    while (tree.version.flushed.index < upToIndex && (tree.frozen.length > 0 || this.#flushing !== undefined)) {
      if (this.#closing || this.#gaveUp) throw new VarveError('VARVE_CLOSED', 'The database is closing.')
      if (this.#failure !== undefined) throw this.#failure
      this.wake()
      await this.#flushing
    }
  }

  /** Resolves when nothing is due any more: flushes and compactions. */
  async drain(): Promise<void> {
    for (;;) {
      await this.drainFlushes()
      this.#wakeCompaction()
      if (this.#compacting === undefined) return
      await this.#compacting
    }
  }

  /** Runs a compaction made by hand, alone: `pick` is asked when no other runs. */
  async runExclusive(pick: () => Compaction | undefined): Promise<void> {
    this.#paused++
    try {
      while (this.#compacting !== undefined) await this.#compacting
      const picked = pick()
      if (picked === undefined || this.#closing) return
      const damage = this.#damageIn(picked)
      if (damage !== undefined) throw damage
      const running = this.#compactOnce(picked)
      const over = running
        .then(
          () => undefined,
          () => undefined
        )
        .finally(() => {
          this.#compacting = undefined
        })
      this.#compacting = over
      // Not before `over`: what is woken at the end must find that nothing runs.
      await over
      await running
    } finally {
      this.#paused--
      this.#relieve()
      this.wake()
    }
  }

  // What keeps a compaction from being run: a table set aside among its inputs.
  #damageIn(compaction: Compaction): VarveError | undefined {
    const { aside } = this.#context.tree
    if (aside.size === 0) return undefined
    const tables = compaction.inputs.flatMap((input) => input.tables)
    return tables.map(({ number }) => aside.get(number)).find((error) => error !== undefined)
  }

  async #retrying(what: string, work: () => Promise<void>, triesMax = Number.POSITIVE_INFINITY): Promise<void> {
    let delayMs = 20
    for (let tries = 1; ; tries++) {
      try {
        await work()
        return
      } catch (error) {
        if (this.#closing) return
        this.#context.emit('background-error', { what, error })
        if (this.#ending) {
          this.#gaveUp = true
          return
        }
        if (error instanceof VarveError && error.code === 'VARVE_POISONED') return
        const goesOn = await this.#pause(delayMs)
        if (!goesOn || tries >= triesMax) return
        delayMs = Math.min(delayMs * 2, retryMsMax)
      }
    }
  }

  // False when it was ended by closing.
  #pause(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (goesOn: boolean): void => {
        clearTimeout(timer)
        this.#pauses.delete(cut)
        resolve(goesOn)
      }
      const cut = (): void => end(false)
      const timer = setTimeout(() => end(!this.#closing), ms)
      timer.unref()
      this.#pauses.add(cut)
    })
  }

  async #flushOnce(): Promise<void> {
    const { tree, engine, directory } = this.#context
    const batch: readonly FrozenMemtable[] = [...tree.frozen].reverse()
    const newest = batch.at(-1)
    if (newest === undefined) return
    const number = this.#context.nextNumber()
    const id = this.#context.random(16)
    const result = await outcome(
      native.flushJob(engine, {
        memtables: batch.map((one) => one.memtable),
        output: { path: join(directory, tableName(number)), id },
        table: tableOptions,
        facts: { snapshots: this.#context.snapshots(), expiredMs: 0, bottommost: false, deeper: everything }
      })
    )
    const tables = result.outputs.map(({ properties }) => tableFileOf(number, id, properties))
    const add = tables.map((table) => ({ level: 0, table }))
    await this.#installed({ add, remove: [], flushed: newest.upTo }, tables, batch)
    this.counts.flushes++
    this.counts.flushBytes += result.bytesOut
    this.#context.emit('flush', { tables: tables.length, bytes: result.bytesOut })
    await this.#context.log.dropBelow(newest.upTo.index)
  }

  async #compactOnce(compaction: Compaction): Promise<void> {
    const { tree } = this.#context
    const inputs = compaction.inputs.flatMap(({ tables }) => tables)
    for (const table of inputs) tree.busy.add(table.number)
    try {
      if (compaction.isMove) {
        await this.#installed(moveEdit(compaction), [], [])
        this.counts.moves += inputs.length
        return
      }
      const { job, done } = startMerge(compaction, this.#context)
      this.#job = job
      this.#isGentle = false
      if (this.#pacing !== undefined) this.#pace()
      const { edit, bytesRead, bytesWritten, tables } = await done
      await this.#installed(edit, tables, [])
      this.counts.compactions++
      this.counts.compactionBytesRead += bytesRead
      this.counts.compactionBytesWritten += bytesWritten
      this.#context.emit('compaction', {
        reason: compaction.reason,
        level: compaction.outputLevel,
        bytesRead,
        bytesWritten
      })
    } catch (error) {
      this.#setAside(inputs, error)
      throw error
    } finally {
      this.#job = undefined
      for (const { number } of inputs) if (!tree.aside.has(number)) tree.busy.delete(number)
    }
  }

  // The input that an error of reading names.
  #setAside(inputs: readonly TableFile[], error: unknown): void {
    if (!(error instanceof VarveError) || error.file === undefined) return
    if (error.code !== 'VARVE_CORRUPTION' && error.code !== 'VARVE_IO_ERROR') return
    const { file } = error
    const damaged = inputs.find(({ number }) => file.endsWith(`/${tableName(number)}`))
    if (damaged !== undefined) this.#context.tree.aside.set(damaged.number, error)
  }

  // Tables' names durable, then the manifest's line, then the view.
  async #installed(edit: VersionEdit, tables: readonly TableFile[], flushed: readonly FrozenMemtable[]): Promise<void> {
    const { tree, manifest, sweeper, currentNumber, log } = this.#context
    if (tables.length > 0) await this.#context.syncDirectory()
    for (const table of tables) await tree.open(table)
    try {
      await manifest.append(
        () => {
          // An edit that breaks the tree must not become durable.
          applyEdit(tree.version, edit)
          return { ...edit, syncedIndex: log.state().syncedIndex, nextNumber: currentNumber() }
        },
        (durable) => attempt(() => tree.install(durable, flushed))
      )
    } catch (error) {
      const poison = new VarveError(
        'VARVE_POISONED',
        `The manifest could not be written: ${String((error as Error).message)}`,
        { cause: error }
      )
      this.#failure = poison
      this.#context.onPoison(poison)
      throw poison
    }
    void sweeper.sweep()
  }

  /** Closing begins: what fails from now on is not tried again, for the log has it; and no writer is held back. */
  end(): void {
    this.#ending = true
    for (const cut of this.#pauses) cut()
    this.letWritersGo()
  }

  /** No writer is held back any more: nothing more will be written. */
  letWritersGo(): void {
    this.#holdsWriters = false
    this.#relieve()
  }

  get gaveUp(): boolean {
    return this.#gaveUp
  }

  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#pacing)
    this.#pacing = undefined
    for (const cut of this.#pauses) cut()
    this.letWritersGo()
    if (this.#job !== undefined) native.cancel(this.#job)
    await this.#flushing
    await this.#compacting
  }
}

// A flush knows nothing of what lies below it: every key may be there.
const everything: readonly (readonly Uint8Array[])[] = [[new Uint8Array(0), new Uint8Array(65_600).fill(255)]]
