// Parts: what an open database is made of, one of each, wired together; its spaces share them.

import { EventEmitter } from 'node:events'
import native from '#native'
import type { CopySource } from './copies/source.ts'
import { VarveError } from './errors.ts'
import { Log } from './log/log.ts'
import { Time } from './log/time.ts'
import { type Environment, limits, type Settings } from './options.ts'
import { EntryReader } from './read/entry.ts'
import { Pins } from './read/pins.ts'
import { Slabs } from './read/slabs.ts'
import { Snapshot } from './read/snapshot.ts'
import { Turn } from './read/turn.ts'
import type { Recovered } from './recovery.ts'
import { LeveledPicker } from './tree/compaction/leveled.ts'
import type { Picker } from './tree/compaction/picker.ts'
import { Health } from './tree/health.ts'
import { Installer } from './tree/installer.ts'
import type { Manifest } from './tree/manifest.ts'
import { Scheduler } from './tree/scheduler.ts'
import { Sweeper } from './tree/sweeper.ts'
import { Tree } from './tree/tree.ts'
import { Upkeep } from './tree/upkeep.ts'
import { type FlushedState, flushedAlone } from './tree/version.ts'
import { Applier } from './write/applier.ts'
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
  readonly health: Health
  readonly installer: Installer
  readonly scheduler: Scheduler
  readonly upkeep: Upkeep
  readonly sweeper: Sweeper
  readonly writer: Writer
  /** Of a member of a cluster, whose entries come through its group: they are not written here but applied. */
  readonly applier: Applier | undefined
  readonly time: Time
  readonly entries: EntryReader
  readonly decisions: Decisions
  readonly conditional: Conditional
  readonly transactions: Transactions
  readonly spaces: Spaces
  readonly turn = new Turn()
  readonly slabs = new Slabs()
  readonly pins: Pins
  readonly events = new EventEmitter()
  /** Copies under way: closing ends them. */
  readonly copies = new Set<Promise<unknown>>()
  readonly closing = new AbortController()
  isClosed = false
  readonly #picker: Picker
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
    this.#picker = new LeveledPicker({ memtableBytes, tableBytes: settings.tableBytes })
    this.health = this.#makeHealth()
    this.log = this.#makeLog()
    this.time = new Time(settings.clock, this.#isMember ? recovered.version.flushed.timeMs : this.log.state().timeMs)
    this.pins = new Pins({
      clock: this.time.now,
      ageMsMax: settings.limits.snapshotAgeMaxMs,
      emit: this.emit,
      onClosed: () => this.upkeep.noteClosed(),
      onRefreshed: () => void this.sweeper.sweep()
    })
    this.sweeper = new Sweeper(recovered.disk, directory, this.tree)
    this.installer = this.#makeInstaller()
    this.scheduler = this.#makeScheduler()
    this.upkeep = this.#makeUpkeep()
    this.writer = this.#makeWriter()
    this.applier = this.#makeApplier()
    this.entries = new EntryReader(this.engine)
    const { engine, tree, writer, entries, time, turn, slabs } = this
    this.spaces = new Spaces({ engine, tree, writer, turn, slabs, clock: time.now, isReplicated: this.#isMember })
    const { spaces } = this
    this.decisions = new Decisions(writer, new Checker(engine, entries, time))
    this.conditional = new Conditional({ spaces, decisions: this.decisions, entries, time })
    this.transactions = new Transactions({
      writer,
      spaces,
      decisions: this.decisions,
      snapshot: () => this.snapshot(this.snapshot),
      lastSequence: () => native.visibleSequence(engine),
      now: time.now,
      entriesMax: settings.limits.checkedEntriesMax
    })
    if (recovered.manifest !== undefined) {
      void this.log.prepare().catch(() => undefined)
      this.scheduler.wake()
      this.upkeep.wake()
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
        onPoison: this.#onPoison,
        onSegment: () => this.health.look()
      },
      0
    )
  }

  #makeHealth(): Health {
    const { directory, tree, settings, recovered, emit } = this
    return new Health({
      disk: recovered.disk,
      directory,
      tree,
      reserveBytes: settings.limits.diskReserveBytes,
      reserveBytesMax: limits.diskReserveBytes,
      segmentBytes: recovered.segmentBytes,
      mend: async () => {
        await this.log.goOn()
        await this.installer.mend()
      },
      onLook: () => this.scheduler.noteSpace(),
      onStop: (isStopped) => {
        void this.log.keepSpares(!isStopped).catch(() => undefined)
        if (!isStopped) this.scheduler.hurry()
      },
      emit
    })
  }

  #makeInstaller(): Installer {
    const { directory, tree, sweeper, recovered } = this
    return new Installer({
      disk: recovered.disk,
      directory,
      tree,
      sweeper,
      manifest: recovered.manifest as Manifest,
      nextNumber: this.nextNumber,
      currentNumber: () => this.#nextNumber,
      provableIndex: this.provableIndex,
      onPoison: this.#onPoison,
      onSwept: () => {
        this.pins.noteView()
        this.health.eased()
        this.upkeep.wake()
      }
    })
  }

  #makeScheduler(): Scheduler {
    const { engine, directory, tree, log, installer, health, settings, environment, emit } = this
    const { tableBytes } = settings
    return new Scheduler({
      engine,
      directory,
      tree,
      tableBytes,
      nextNumber: this.nextNumber,
      random: environment.random,
      emit,
      log,
      installer,
      health,
      picker: this.#picker,
      snapshots: () => this.pins.sequences(),
      expiredMs: () => Math.min(this.position().timeMs, this.pins.oldestTimeMs())
    })
  }

  #makeUpkeep(): Upkeep {
    const { engine, tree, log, health, scheduler, settings, time, pins, emit } = this
    return new Upkeep({
      engine,
      tree,
      health,
      scheduler,
      picker: this.#picker,
      memtableBytes: settings.memtableBytes,
      now: time.now,
      pinned: () => ({
        sequence: pins.sequences()[0] ?? Number.MAX_SAFE_INTEGER,
        timeMs: pins.oldestTimeMs()
      }),
      position: () => this.position(),
      passTime: (timeMs) => {
        if (!this.#isMember) return log.passTime(timeMs)
        this.emit('time-wanted', { timeMs })
        return true
      },
      written: () => (this.applier ?? this.writer).counts.payloadBytes,
      rotate: () => this.rotate(),
      emit
    })
  }

  #makeWriter(): Writer {
    const { engine, tree, log, scheduler, upkeep, health, turn, settings, emit, time } = this
    const { durability, memtableBytes } = settings
    const clock = time.now
    const refusal = this.#isMember ? memberRefusal() : undefined
    const context = {
      engine,
      tree,
      log,
      scheduler,
      upkeep,
      health,
      turn,
      refusal,
      durability,
      memtableBytes,
      clock,
      emit
    }
    return new Writer(context)
  }

  get #isMember(): boolean {
    return this.recovered.version.member !== undefined && this.recovered.manifest !== undefined
  }

  #makeApplier(): Applier | undefined {
    if (!this.#isMember) return undefined
    const { engine, tree, scheduler, upkeep, turn, time, settings, recovered } = this
    return new Applier(
      {
        engine,
        tree,
        scheduler,
        upkeep,
        turn,
        time,
        memtableBytes: settings.memtableBytes,
        failure: () => this.writer.failure,
        onPoison: this.#onPoison
      },
      recovered.version.flushed
    )
  }

  /** The number of the next file. */
  readonly nextNumber = (): number => this.#nextNumber++

  readonly #onPoison = (error: Error): void => this.poison(error)

  /** Nothing may be written any more. */
  poison(error: Error): void {
    this.writer.poison(error)
  }

  /** Of the last record that is in memtables or tables: alone that is the last one there is. */
  position(): FlushedState {
    return this.applier?.position ?? flushedAlone(this.log.state())
  }

  /** Up to where a log that lacks an entry is damaged for certain: what is not committed may be superseded by less. */
  readonly provableIndex = (): number => {
    const { syncedIndex } = this.log.state()
    return this.applier === undefined ? syncedIndex : Math.min(syncedIndex, this.applier.position.index)
  }

  checkOpen(): void {
    if (this.isClosed) throw new VarveError('VARVE_CLOSED', 'The database is closed.')
  }

  checkWritable(): void {
    this.checkOwner()
    if (this.applier !== undefined) throw memberRefusal()
  }

  /** Whether files may be changed; entries are another matter. */
  checkOwner(): void {
    this.checkOpen()
    if (this.settings.readOnly) throw new VarveError('VARVE_READ_ONLY', 'The database was opened with readOnly.')
  }

  /** `opened`: the public call that asks for it. */
  snapshot(opened: (...options: never[]) => unknown): Snapshot {
    this.checkOpen()
    return new Snapshot(this.pins, this.now(), opened)
  }

  /** The present state to read at: the newest sequence, with all that was written before the call, and the time. */
  now(): { readonly sequence: number; readonly timeMs: number } {
    this.writer.settleSync()
    return { sequence: native.visibleSequence(this.engine), timeMs: this.time.now() }
  }

  /** The memtable becomes a table; resolves when it is one. */
  async flush(): Promise<void> {
    this.checkOwner()
    await this.writer.settle()
    this.rotate()
    await this.scheduler.drainFlushes()
  }

  /** Freezes the memtable, if anything is in it. */
  rotate(): void {
    const { entries, rangeTombstones } = native.memtableStats(this.tree.memtable)
    if (entries + rangeTombstones === 0) return
    this.tree.rotate(this.position())
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
    this.checkOwner()
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
    if (event === 'snapshot-old') logger?.warn(`varve: ${oldOf(detail)}`)
    if (event === 'stall') logger?.warn(`varve: ${stallOf(detail)}`)
    this.events.emit(event, detail)
  }
}

const memberRefusal = (): VarveError =>
  new VarveError('VARVE_READ_ONLY', 'This is a member of a cluster: entries are written through its group.')

function oldOf(detail: unknown): string {
  const { kind, ageMs, stack } = detail as { kind: string; ageMs: number; stack?: string }
  return `this ${kind} has been open for ${Math.round(ageMs / 1000)} s: close it.${stack === undefined ? '' : `\n${stack}`}`
}

function stallOf(detail: unknown): string {
  const { reason } = detail as { reason?: unknown }
  return reason === 'disk' ? messageOf(detail) : 'writers wait for flush and compaction'
}

function messageOf(detail: unknown): string {
  const error = (detail as { error?: unknown }).error
  return error instanceof Error ? error.message : String(error)
}
