// Scheduler: runs flushes and compactions in the background, one of each at a time, and says when writers must wait.
//
// A rotation wakes the flush; a flush or compaction that was installed wakes the picker. Flush and compaction run at the
// same time: their edits go through the manifest's queue. A failed table write is reported and tried again with growing
// delays; writers are held at the frozen limit meanwhile, but not by a full disk: they are refused then. A table that a
// compaction cannot read is set aside: it stays where it is, still read, and nothing that would have to read it is picked
// again until the next open.

import native from '#native'
import { join, tableName } from '../disk/files.ts'
import { isFull } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { VarveError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { tableOptions } from '../options.ts'
import { type CompactorContext, moveEdit, startMerge } from './compaction/compactor.ts'
import { type Compaction, outputBytesOf, type Picker } from './compaction/picker.ts'
import type { Health } from './health.ts'
import type { Installer } from './installer.ts'
import { Pacing } from './pacing.ts'
import type { FrozenMemtable } from './tree.ts'
import { bytesOf, type TableFile, tableFileOf } from './version.ts'

export interface SchedulerContext extends CompactorContext {
  readonly log: Log
  readonly picker: Picker
  readonly installer: Installer
  readonly health: Health
  readonly emit: (event: string, detail: unknown) => void
}

export interface BackgroundCounts {
  flushes: number
  compactions: number
  moves: number
  flushBytes: number
  compactionBytesRead: number
  compactionBytesWritten: number
}

const retryMsFirst = 20
const retryMsMax = 5_000

export class Scheduler {
  readonly #context: SchedulerContext
  readonly #pacing: Pacing
  readonly counts: BackgroundCounts = {
    flushes: 0,
    compactions: 0,
    moves: 0,
    flushBytes: 0,
    compactionBytesRead: 0,
    compactionBytesWritten: 0
  }
  #flushing: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  #closing = false
  #ending = false
  #gaveUp = false
  #holdsWriters = true
  #paused = 0
  /** A compaction is due for which there was no space. */
  #isShort = false
  /** How often in a row a compaction found no space. */
  #shortages = 0
  readonly #relief: (() => void)[] = []
  #flushWaiters: ((error: Error) => void)[] = []
  readonly #pauses = new Set<() => void>()

  constructor(context: SchedulerContext) {
    this.#context = context
    this.#pacing = new Pacing(context.tree)
  }

  /** Compactions that slowed down for writers who waited for a sync. */
  get yields(): number {
    return this.#pacing.yields
  }

  get #failure(): Error | undefined {
    return this.#context.installer.failure
  }

  /** Something changed: starts what is due. */
  wake(): void {
    this.#context.health.note()
    if (this.#closing || this.#gaveUp || this.#failure !== undefined) return
    if (this.#flushing === undefined && this.#context.tree.frozen.length > 0) {
      this.#flushing = this.#retrying('flush', () => this.#flushOnce()).finally(() => {
        this.#flushing = undefined
        this.#flushWaiters = []
        this.#relieve()
        this.wake()
      })
    }
    this.#wakeCompaction()
  }

  #wakeCompaction(): void {
    if (this.#closing || this.#paused > 0 || this.#compacting !== undefined || this.#failure !== undefined) return
    const picked = this.#pick(this.#context.health.spaceBytes)
    this.#isShort = false
    if (picked === undefined) {
      this.#noteShort()
      return
    }
    this.#compacting = this.#retrying('compaction', () => this.#compactPicked(picked), 1).finally(() => {
      this.#compacting = undefined
      this.#relieve()
      this.wake()
    })
  }

  #pick(spaceBytes: number): Compaction | undefined {
    const { tree, picker, expiredMs, snapshots } = this.#context
    const oldest = snapshots()[0] ?? Number.MAX_SAFE_INTEGER
    return picker.pick(tree.version, tree.busy, expiredMs(), oldest, spaceBytes)
  }

  // Something may be due for which there is no space. Before writers wait for it in vain, they are refused.
  #noteShort(): void {
    const { health, tree } = this.#context
    if (health.spaceBytes === Number.POSITIVE_INFINITY) return
    const picked = this.#pick(Number.POSITIVE_INFINITY)
    if (picked === undefined) return
    this.#isShort = true
    if (tree.pressure() === 0) return
    const bytes = Math.ceil(outputBytesOf(picked))
    const error = new VarveError('VARVE_DISK_FULL', `a compaction that is due needs ${bytes} bytes`)
    health.full(error, bytes)
    this.#letGo()
  }

  /** The free space is known anew. */
  noteSpace(): void {
    if (this.#isShort) this.#wakeCompaction()
  }

  // Without it level 0 would grow until it holds writers: better to refuse them while there is some space.
  async #compactPicked(compaction: Compaction): Promise<void> {
    try {
      await this.#compactOnce(compaction)
    } catch (error) {
      const bytes = compaction.inputs.reduce((sum, { tables }) => sum + bytesOf(tables), 0)
      if (isFull(error)) this.#context.health.full(error, bytes)
      throw error
    }
  }

  /** Somebody waits for a sync: a compaction that is not urgent leaves the disk to it, until a while after the last. */
  yieldToSync(): void {
    this.#pacing.yieldToSync()
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

  /**
   * Resolves when no memtable up to this index of the log waits for its flush; rejects with what stands in the way, a full
   * disk too.
   */
  async drainFlushes(upToIndex = Number.MAX_SAFE_INTEGER): Promise<void> {
    const { tree } = this.#context
    while (tree.version.flushed.index < upToIndex && (tree.frozen.length > 0 || this.#flushing !== undefined)) {
      if (this.#closing || this.#gaveUp) throw new VarveError('VARVE_CLOSED', 'The database is closing.')
      if (this.#failure !== undefined) throw this.#failure
      this.wake()
      const full = new Promise<void>((_, reject) => this.#flushWaiters.push(reject))
      await Promise.race([this.#flushing, full])
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
  runExclusive(pick: () => Compaction | undefined): Promise<void> {
    return this.exclusively(async () => {
      const picked = pick()
      if (picked === undefined || this.#closing) return
      const damage = this.#damageIn(picked)
      if (damage !== undefined) throw damage
      await this.#compactOnce(picked)
    })
  }

  /** Runs `work` while no compaction runs, and none but what it runs itself is begun. */
  async exclusively(work: () => Promise<void>): Promise<void> {
    this.#paused++
    try {
      while (this.#compacting !== undefined) await this.#compacting
      const running = work()
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
    let delayMs = retryMsFirst
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
        if (isFull(error)) {
          this.#noteFull(error, tries)
          if (triesMax === 1) delayMs = Math.min(retryMsFirst * 2 ** this.#shortages++, retryMsMax)
        }
        const goesOn = await this.#pause(delayMs)
        if (!goesOn || tries >= triesMax) return
        delayMs = Math.min(delayMs * 2, retryMsMax)
      }
    }
  }

  // Whoever waits for a flush is told that it may take long.
  #noteFull(error: Error, tries: number): void {
    this.#letGo()
    if (tries > 1) for (const reject of this.#flushWaiters.splice(0)) reject(error)
  }

  // Writers that are held back waited for what will not be over soon. What they wrote is in the log.
  #letGo(): void {
    for (const resolve of this.#relief.splice(0)) resolve()
  }

  /** There may be space again: what waits to be tried again is tried now. */
  hurry(): void {
    this.#shortages = 0
    for (const cut of this.#pauses) cut()
    this.wake()
  }

  // False when it was cut short.
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
    const { tree, health, log } = this.#context
    const batch: readonly FrozenMemtable[] = [...tree.frozen].reverse()
    const newest = batch.at(-1)
    if (newest === undefined) return
    try {
      await this.#flushTables(batch, newest)
    } catch (error) {
      const bytes = batch.reduce((sum, { memtable }) => sum + native.memtableStats(memtable).bytes, 0)
      if (isFull(error)) health.full(error, bytes)
      throw error
    }
    await log.dropBelow(newest.upTo.index)
    health.eased()
  }

  async #flushTables(batch: readonly FrozenMemtable[], newest: FrozenMemtable): Promise<void> {
    const { engine, directory, installer } = this.#context
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
    await installer.install({ add, remove: [], flushed: newest.upTo }, tables, batch)
    this.counts.flushes++
    this.counts.flushBytes += result.bytesOut
    this.#context.emit('flush', { tables: tables.length, bytes: result.bytesOut })
  }

  async #compactOnce(compaction: Compaction): Promise<void> {
    const { tree, installer } = this.#context
    const inputs = compaction.inputs.flatMap(({ tables }) => tables)
    for (const table of inputs) tree.busy.add(table.number)
    try {
      if (compaction.isMove) {
        await installer.install(moveEdit(compaction), [], [])
        this.counts.moves += inputs.length
      } else await this.#merge(compaction)
      this.#shortages = 0
    } catch (error) {
      this.#setAside(inputs, error)
      throw error
    } finally {
      this.#pacing.end()
      for (const { number } of inputs) if (!tree.aside.has(number)) tree.busy.delete(number)
    }
  }

  async #merge(compaction: Compaction): Promise<void> {
    const { job, done } = startMerge(compaction, this.#context)
    this.#pacing.begin(job)
    const { edit, bytesRead, bytesWritten, tables } = await done
    await this.#context.installer.install(edit, tables, [])
    this.counts.compactions++
    this.counts.compactionBytesRead += bytesRead
    this.counts.compactionBytesWritten += bytesWritten
    const { reason, outputLevel: level } = compaction
    this.#context.emit('compaction', { reason, level, bytesRead, bytesWritten })
  }

  // The input that an error of reading names.
  #setAside(inputs: readonly TableFile[], error: unknown): void {
    if (!(error instanceof VarveError) || error.file === undefined) return
    if (error.code !== 'VARVE_CORRUPTION' && error.code !== 'VARVE_IO_ERROR') return
    const { file } = error
    const damaged = inputs.find(({ number }) => file.endsWith(`/${tableName(number)}`))
    if (damaged !== undefined) this.#context.tree.aside.set(damaged.number, error)
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
    for (const cut of this.#pauses) cut()
    this.letWritersGo()
    this.#pacing.close()
    await this.#flushing
    await this.#compacting
  }
}

// A flush knows nothing of what lies below it: every key may be there.
const everything: readonly (readonly Uint8Array[])[] = [[new Uint8Array(0), new Uint8Array(65_600).fill(255)]]
