// Parts: what an open database is made of, one of each, wired together; its spaces share them.

import { EventEmitter } from 'node:events'
import native from '#native'
import { VarveError } from './errors.ts'
import { Log } from './log/log.ts'
import { Time } from './log/time.ts'
import { type Environment, limits, type Settings } from './options.ts'
import { EntryReader } from './read/entry.ts'
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
import { Checker } from './write/checks.ts'
import { Conditional } from './write/conditional.ts'
import { Decisions } from './write/decisions.ts'
import { Spaces } from './write/spaces.ts'
import { Transactions } from './write/transactions.ts'
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
  readonly time: Time
  readonly entries: EntryReader
  readonly decisions: Decisions
  readonly conditional: Conditional
  readonly transactions: Transactions
  readonly spaces: Spaces
  readonly turn = new Turn()
  readonly slabs = new Slabs()
  readonly snapshots = new Snapshots()
  readonly iterators = new Set<EntryIterator>()
  readonly events = new EventEmitter()
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
    this.time = new Time(settings.clock, this.log.state().timeMs)
    this.sweeper = new Sweeper(recovered.disk, directory, this.tree)
    this.scheduler = this.#makeScheduler()
    this.writer = this.#makeWriter()
    this.entries = new EntryReader(this.engine)
    const { engine, writer, entries, time, turn, slabs } = this
    this.spaces = new Spaces({ engine, writer, turn, slabs, clock: time.now })
    const { spaces } = this
    this.decisions = new Decisions(writer, new Checker(engine, entries, time))
    this.conditional = new Conditional({ spaces, decisions: this.decisions, entries, time })
    this.transactions = new Transactions({
      writer,
      spaces,
      decisions: this.decisions,
      snapshot: () => this.snapshot(),
      lastSequence: () => native.visibleSequence(engine),
      now: time.now,
      entriesMax: limits.checkedEntriesMax
    })
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
    const { engine, directory, tree, log, sweeper, settings, environment, recovered, time } = this
    const { memtableBytes, tableBytes } = settings
    return new Scheduler({
      engine,
      directory,
      tree,
      tableBytes,
      nextNumber: this.nextNumber,
      random: environment.random,
      clock: time.now,
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
    const { engine, tree, log, scheduler, turn, settings, emit, time } = this
    const { durability, memtableBytes } = settings
    return new Writer({ engine, tree, log, scheduler, turn, durability, memtableBytes, clock: time.now, emit })
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
    return this.snapshots.open(native.visibleSequence(this.engine), this.time.now())
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
