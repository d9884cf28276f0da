// Parts: what an open database is made of, one of each, wired together; its spaces share them.

import { EventEmitter } from 'node:events'
import native from '#native'
import type { CopySource } from './copies/source.ts'
import { VarveError } from './errors.ts'
import { Log } from './log/log.ts'
import type { Environment, Settings } from './options.ts'
import type { EntryIterator } from './read/iterator.ts'
import { Slabs } from './read/slabs.ts'
import { type Snapshot, Snapshots } from './read/snapshot.ts'
import { Turn } from './read/turn.ts'
import type { Recovered } from './recovery.ts'
import { LeveledPicker } from './tree/compaction/leveled.ts'
import type { Manifest } from './tree/manifest.ts'
import { Scheduler } from './tree/scheduler.ts'
import { Sweeper } from './tree/sweeper.ts'
import { Tree } from './tree/tree.ts'
import { Writer } from './write/writer.ts'

export class Parts {
  readonly directory: string
  readonly settings: Settings
  readonly environment: Environment
  readonly recovered: Recovered
  readonly engine: native.Engine
  readonly tree: Tree
  readonly log: Log
  readonly scheduler: Scheduler
  readonly sweeper: Sweeper
  readonly writer: Writer
  readonly turn = new Turn()
  readonly slabs = new Slabs()
  readonly snapshots = new Snapshots()
  readonly iterators = new Set<EntryIterator>()
  readonly events = new EventEmitter()
  /** Copies under way: closing ends them. */
  readonly copies = new Set<Promise<unknown>>()
  readonly closing = new AbortController()
  isClosed = false
  #nextNumber: number

  constructor(directory: string, settings: Settings, environment: Environment, recovered: Recovered) {
    this.directory = directory
    this.settings = settings
    this.environment = environment
    this.recovered = recovered
    this.engine = recovered.engine
    this.#nextNumber = recovered.nextNumber
    for (const [name, listener] of Object.entries(settings.events)) this.events.on(name, listener)
    const { memtableBytes, memoryBytes, blockCacheBytes } = settings
    this.tree = new Tree(
      { engine: this.engine, directory, memtableBytes, memoryBytes, blockCacheBytes },
      recovered.version,
      recovered.tables,
      recovered.memtable
    )
    this.log = this.#makeLog()
    this.sweeper = new Sweeper(recovered.disk, directory, this.tree)
    this.scheduler = this.#makeScheduler()
    this.writer = this.#makeWriter()
    if (recovered.manifest !== undefined) {
      void this.log.prepare().catch(() => undefined)
      this.scheduler.wake()
    }
  }

  #makeLog(): Log {
    const { engine, directory, settings, environment, recovered } = this
    return new Log(
      {
        engine,
        disk: recovered.disk,
        directory,
        segmentBytes: recovered.segmentBytes,
        syncIntervalMs: settings.syncIntervalMs,
        nextNumber: this.nextNumber,
        random: environment.random,
        onPoison: this.#onPoison
      },
      0
    )
  }

  #makeScheduler(): Scheduler {
    const { engine, directory, tree, log, sweeper, settings, environment, recovered } = this
    const { memtableBytes, tableBytes, clock } = settings
    return new Scheduler({
      engine,
      directory,
      tree,
      tableBytes,
      nextNumber: this.nextNumber,
      random: environment.random,
      clock,
      emit: this.emit,
      onPoison: this.#onPoison,
      log,
      sweeper,
      picker: new LeveledPicker({ memtableBytes, tableBytes }),
      manifest: recovered.manifest as Manifest,
      snapshots: () => this.snapshots.sequences(),
      expiredMs: () => Math.min(log.state().timeMs, this.snapshots.oldestTimeMs()),
      currentNumber: () => this.#nextNumber,
      syncDirectory: () => recovered.disk.syncDirectory(directory)
    })
  }

  #makeWriter(): Writer {
    const { engine, tree, log, scheduler, turn, settings, emit } = this
    const { durability, memtableBytes, clock } = settings
    return new Writer({ engine, tree, log, scheduler, turn, durability, memtableBytes, clock, emit })
  }

  /** The number of the next file. */
  readonly nextNumber = (): number => this.#nextNumber++

  readonly #onPoison = (error: Error): void => this.writer.poison(error)

  checkOpen(): void {
    if (this.isClosed) throw new VarveError('VARVE_CLOSED', 'The database is closed.')
  }

  checkWritable(): void {
    this.checkOpen()
    if (this.settings.readOnly) throw new VarveError('VARVE_READ_ONLY', 'The database was opened with readOnly.')
  }

  snapshot(): Snapshot {
    this.checkOpen()
    this.writer.settleSync()
    const { sequence, timeMs } = this.log.state()
    return this.snapshots.open(sequence, Math.max(timeMs, this.settings.clock()))
  }

  /** The memtable becomes a table; resolves when it is one. */
  async flush(): Promise<void> {
    this.checkWritable()
    await this.writer.settle()
    this.rotate()
    await this.scheduler.drainFlushes()
  }

  /** Freezes the memtable, if anything is in it. */
  rotate(): void {
    const { entries, rangeTombstones } = native.memtableStats(this.tree.memtable)
    if (entries + rangeTombstones === 0) return
    const { index, term, timeMs, sequence } = this.log.state()
    this.tree.rotate({ index, term, timeMs, sequence })
    this.scheduler.wake()
  }

  /** What is visible now becomes tables: like flush, but what is written later does not hold it up. */
  async #flushVisible(): Promise<void> {
    await this.writer.settle()
    this.rotate()
    const [newest] = this.tree.frozen
    if (newest !== undefined) await this.scheduler.drainFlushes(newest.upTo.index)
  }

  /** Runs something that copies this database; closing ends it. */
  copy<Result>(work: (source: CopySource) => Promise<Result>): Promise<Result> {
    this.checkWritable()
    const { directory, recovered, engine, tree, environment, settings, sweeper, closing } = this
    const running = work({
      directory,
      disk: recovered.disk,
      engine,
      tree,
      random: environment.random,
      clock: settings.clock,
      flush: () => this.#flushVisible(),
      sweep: () => void sweeper.sweep(),
      closing: closing.signal
    }).finally(() => this.copies.delete(running))
    this.copies.add(running)
    return running
  }

  /** Ends the copies under way. */
  async endCopies(): Promise<void> {
    this.closing.abort(new VarveError('VARVE_ABORTED', 'The copy was cancelled by closing its database.'))
    await Promise.allSettled(this.copies)
  }

  readonly emit = (event: string, detail: unknown): void => {
    const { logger } = this.settings
    if (event === 'background-error' || event === 'poisoned') logger?.error(`varve ${event}: ${messageOf(detail)}`)
    if (event === 'stall') logger?.warn('varve: writers wait for flush and compaction')
    this.events.emit(event, detail)
  }
}

function messageOf(detail: unknown): string {
  const error = (detail as { error?: unknown }).error
  return error instanceof Error ? error.message : String(error)
}
