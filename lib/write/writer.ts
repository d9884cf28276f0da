// Writer: the write path, top to bottom. Operations of a turn gather in one batch (the write group); a microtask hands
// it over: one record, one native call that appends it to the wal, applies it to the memtable and makes it visible; then
// the callers resolve when their durability is reached.
//
// Any read, snapshot or iterator that begins after a write call first hands over what waits, so it sees that write.
// Large groups are applied on the write lane, in order; until they are in, later groups queue behind them there.
// Backpressure never blocks the loop: it holds back the promises of writers.

import native from '#native'
import { Batch } from '../bytes/batch.ts'
import { isFull } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { nativeCode, toVarveError, VarveError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { type Durability, limits } from '../options.ts'
import type { Turn } from '../read/turn.ts'
import type { Health } from '../tree/health.ts'
import type { Scheduler } from '../tree/scheduler.ts'
import type { Tree } from '../tree/tree.ts'
import type { Upkeep } from '../tree/upkeep.ts'

export interface WriterContext {
  readonly engine: native.Engine
  readonly tree: Tree
  readonly log: Log
  readonly scheduler: Scheduler
  readonly upkeep: Upkeep
  readonly health: Health
  readonly turn: Turn
  /** Why it takes no writes at all: a member's come through its group. */
  readonly refusal: Error | undefined
  readonly durability: Durability
  readonly memtableBytes: number
  readonly clock: () => number
  readonly emit: (event: string, detail: unknown) => void
}

export type Operation =
  | { readonly type: 'put'; readonly key: string | Uint8Array; readonly value: string | Uint8Array }
  | { readonly type: 'del'; readonly key: string | Uint8Array }

interface Group {
  /** What it costs, in point reads. */
  weight: number
  readonly written: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  /** Somebody asked for it to be on disk. */
  durable: Promise<void> | undefined
  resolveDurable: () => void
  rejectDurable: (error: Error) => void
}

// Its reactions are microtasks without the cost of queueMicrotask, which makes a resource for async_hooks each time.
const settled = Promise.resolve()
const { frameStartBytes, frameEndBytes } = native.about()

export class Writer {
  readonly #context: WriterContext
  #batch = new Batch()
  #group: Group | undefined
  #offLoop = 0
  #lastJob: Promise<unknown> = Promise.resolve()
  #failure: Error | undefined
  #isStalled = false
  #closed = false
  readonly #pending = new Set<Promise<unknown>>()
  readonly counts = { operations: 0, records: 0, payloadBytes: 0, stalls: 0 }

  constructor(context: WriterContext) {
    this.#context = context
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  put(
    space: number,
    key: string | Uint8Array,
    value: string | Uint8Array,
    sync: boolean,
    expiresAtMs: number
  ): Promise<void> {
    const refusal = this.#refusal() ?? this.#context.health.refusal
    if (refusal !== undefined) return Promise.reject(refusal)
    this.#batch.put(space, key, value, expiresAtMs)
    return this.#join(sync)
  }

  /** Puts of keys and values where they stand in bytes, each for itself. */
  putPlaced(
    space: number,
    source: Uint8Array,
    places: Uint32Array,
    from: number,
    count: number,
    sync: boolean
  ): Promise<void> {
    const refusal = this.#refusal() ?? this.#context.health.refusal
    if (refusal !== undefined) return Promise.reject(refusal)
    if (this.#batch.operations + count - from > limits.slicedOperations && this.#group !== undefined) this.#handOver()
    this.#batch.putPlaced(space, source, places, from, count)
    return this.#join(sync)
  }

  del(space: number, key: string | Uint8Array, sync: boolean): Promise<void> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    this.#batch.del(space, key)
    return this.#join(sync)
  }

  /** All or nothing, in one record. `each` lays the operations down; what it throws undoes them. */
  batch(each: (batch: Batch) => void, sync: boolean): Promise<void> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    this.#batch.beginBatch()
    const mark = this.#batch.mark()
    try {
      each(this.#batch)
      const { refusal: full } = this.#context.health
      if (full !== undefined && this.#batch.puts > mark.puts) throw full
    } catch (error) {
      this.#batch.rewind(mark)
      this.#batch.endBatch()
      throw error
    }
    this.#batch.endBatch()
    return this.#join(sync)
  }

  /** What waits is handed over now, so that a read that begins sees it. A promise when it is applied off the loop. */
  settle(): Promise<unknown> | undefined {
    if (this.#group !== undefined) this.#handOver()
    return this.#offLoop > 0 ? this.#lastJob : undefined
  }

  /** The same for synchronous reads: blocks for what is applied off the loop. */
  settleSync(): void {
    if (this.#group !== undefined) this.#handOver()
    if (this.#offLoop > 0) native.waitForWrites(this.#context.engine)
  }

  /** Throws VARVE_CLOSED once it takes no more writes. */
  checkOpen(): void {
    if (this.#closed) throw new VarveError('VARVE_CLOSED', 'The database is closed.')
  }

  #refusal(): Error | undefined {
    if (this.#closed) return new VarveError('VARVE_CLOSED', 'The database is closed.')
    return this.#failure ?? this.#context.refusal
  }

  #join(sync: boolean): Promise<void> {
    let group = this.#group
    if (group === undefined) {
      group = newGroup()
      this.#group = group
      void settled.then(() => {
        if (this.#group === group) this.#handOver()
      })
    }
    const result = sync || this.#context.durability === 'sync' ? durablePart(group) : group.written
    if (this.#batch.payloadBytes >= limits.slicedBytes) this.#handOver()
    return result
  }

  #handOver(): void {
    const group = this.#group
    const batch = this.#batch
    if (group === undefined) return
    this.#group = undefined
    group.weight = batch.operations
    batch.finish()
    if (batch.operations === 0) {
      this.#written(group)
      return
    }
    const isLarge = batch.operations > limits.slicedOperations || batch.payloadBytes > limits.slicedBytes
    if (isLarge || this.#offLoop > 0) this.#writeOffLoop(group, batch)
    else this.#writeNow(group, batch)
  }

  #writeNow(group: Group, batch: Batch): void {
    const { engine, clock } = this.#context
    try {
      const { frame, payloadBytes, operations } = batch
      const write = (): number => native.write(engine, frame, payloadBytes, operations, clock())
      let memtableBytes: number
      try {
        memtableBytes = write()
      } catch (error) {
        this.#leaveFullSegment(error)
        throw error
      }
      this.#noteWritten(payloadBytes, operations, memtableBytes)
    } catch (error) {
      this.#fail(group, error)
      return
    } finally {
      batch.reset()
    }
    this.#written(group)
  }

  #writeOffLoop(group: Group, batch: Batch): void {
    const { engine, clock } = this.#context
    this.#batch = new Batch()
    this.#offLoop++
    const { frame, payloadBytes, operations } = batch
    let job: Promise<number>
    try {
      job = outcome(native.writeJob(engine, frame, payloadBytes, operations, clock()))
    } catch (error) {
      job = Promise.reject(toVarveError(error))
    }
    const done = job.then(
      (memtableBytes) => {
        this.#offLoop--
        this.#noteWritten(payloadBytes, operations, memtableBytes)
        this.#written(group)
      },
      (error: unknown) => {
        this.#offLoop--
        this.#leaveFullSegment(error)
        this.#fail(group, error)
      }
    )
    this.#lastJob = done
    this.#track(done)
  }

  #leaveFullSegment(error: unknown): void {
    if (nativeCode(error) === 'NO_SPACE') this.#context.log.leave()
  }

  #noteWritten(payloadBytes: number, operations: number, memtableBytes: number): void {
    const { log, tree, scheduler, upkeep, memtableBytes: full, durability } = this.#context
    upkeep.noteWrite()
    this.counts.records++
    this.counts.operations += operations
    this.counts.payloadBytes += payloadBytes
    log.noteAppend(frameStartBytes + payloadBytes + frameEndBytes)
    if (durability === 'interval') log.syncSoon()
    // A rotation waits for what the write lane still holds, so it comes after the last of it.
    if (memtableBytes < full || this.#offLoop > 0) return
    const { index, term, timeMs, sequence } = log.state()
    tree.rotate({ index, term, timeMs, sequence })
    scheduler.wake()
  }

  #written(group: Group): void {
    if (group.durable !== undefined) {
      this.#context.scheduler.yieldToSync()
      const synced = this.#context.log.sync().then(group.resolveDurable, (error: Error) => {
        this.poison(error)
        group.rejectDurable(this.#failure ?? error)
      })
      this.#track(synced)
    }
    const pressure = this.#context.tree.pressure()
    if (this.#isStalled && pressure < 2) this.#recover()
    if (pressure === 2) this.#stall(group)
    else if (pressure === 1) this.#slow(group)
    else this.#resolveWritten(group)
  }

  #resolveWritten(group: Group): void {
    const pause = this.#context.turn.breath(group.weight)
    if (pause === undefined) group.resolve()
    else void pause.then(group.resolve)
  }

  #stall(group: Group): void {
    if (!this.#isStalled) {
      this.#isStalled = true
      this.counts.stalls++
      this.#context.emit('stall', {
        reason: 'pressure',
        frozen: this.#context.tree.frozen.length,
        level0: this.#context.tree.version.levels[0]?.length
      })
    }
    const over = this.#context.scheduler.relief().then(() => {
      if (this.#isStalled && this.#context.tree.pressure() < 2) this.#recover()
      group.resolve()
    })
    this.#track(over)
  }

  #recover(): void {
    this.#isStalled = false
    this.#context.emit('recovered', { reason: 'pressure' })
  }

  // One turn of the loop's timers a group: writers with many in flight keep a fair rate.
  #slow(group: Group): void {
    const timer = setTimeout(group.resolve, 1)
    this.#track(group.written)
    timer.ref()
  }

  #fail(group: Group, cause: unknown): void {
    const error = toVarveError(cause)
    const code = nativeCode(error)
    if (code === 'IO_ERROR') this.poison(error)
    if (isFull(error)) this.#context.health.full(error, 0)
    const shown = code === 'IO_ERROR' ? (this.#failure ?? error) : error
    group.reject(shown)
    if (group.durable !== undefined) group.rejectDurable(shown)
  }

  /** Nothing more may be written: the log's state on disk is unknown. */
  poison(cause: Error): void {
    if (this.#failure !== undefined) return
    this.#failure =
      cause instanceof VarveError && cause.code === 'VARVE_POISONED'
        ? cause
        : new VarveError('VARVE_POISONED', `Writing stopped: ${cause.message}. Open the database again to go on.`, {
            cause
          })
    this.#context.scheduler.letWritersGo()
    this.#context.health.poison(this.#failure)
    this.#context.emit('poisoned', { error: this.#failure })
  }

  #track(work: Promise<unknown>): void {
    this.#pending.add(work)
    void work.catch(() => undefined).then(() => this.#pending.delete(work))
  }

  /** Lets accepted writes finish, then refuses. */
  async close(): Promise<void> {
    if (this.#group !== undefined) this.#handOver()
    this.#closed = true
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending])
  }
}

function newGroup(): Group {
  let resolve: () => void = nothing
  let reject: (error: Error) => void = nothing
  const written = new Promise<void>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  return { weight: 0, written, resolve, reject, durable: undefined, resolveDurable: nothing, rejectDurable: nothing }
}

function durablePart(group: Group): Promise<void> {
  group.durable ??= new Promise<void>((accept, refuse) => {
    group.resolveDurable = accept
    group.rejectDurable = refuse
  })
  // Its own promise tells; nobody may hold the group's other one.
  group.written.catch(nothing)
  return group.durable
}

function nothing(): void {}
