// Log: the wal as the control plane sees it: which segment is next, when to sync, what may be dropped.
//
// Native segments hold the records; here are their numbers and files. The next segment is made in advance, so that a
// rotation is one synchronous call; until it is there the active one grows. Dropped segments' files become next ones.
// One sync at a time: what arrives meanwhile is the next group.
//
// A segment that meets a full disk is sealed at its last whole record: that is where the header of the next one says that
// it ended. Nothing more is appended until there is a next one.

import native from '#native'
import { join, walName } from '../disk/files.ts'
import { attempt, type Disk, isFull } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { toVarveError, VarveError } from '../errors.ts'
import { Spares } from './spares.ts'

export interface LogOptions {
  readonly engine: native.Engine
  readonly disk: Disk
  readonly directory: string
  readonly segmentBytes: number
  readonly syncIntervalMs: number
  readonly nextNumber: () => number
  readonly random: (bytes: number) => Uint8Array
  /** A background sync failed: nothing more may be written. */
  readonly onPoison: (error: Error) => void
  /** A segment was made, or could not be: a moment to look at the space that is left. */
  readonly onSegment: () => void
}

interface Waiter {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

function waiter(): Waiter {
  let resolve: () => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  return { promise, resolve, reject }
}

const noop = 2
const syncMark = 5
const recordKindRoom = Buffer.alloc(256)
const noMembership = new Uint8Array(0)
// With the active segment and the next one: twice a memtable, of which a segment is half.
const sparesMax = 2

export class Log {
  readonly #options: LogOptions
  readonly #spares: Spares
  readonly #fullBytes: number
  #bytes: number
  #next: { readonly segment: native.Segment; readonly number: number } | undefined
  #preparing: Promise<void> | undefined
  #running = false
  #waiting: Waiter | undefined
  #timer: NodeJS.Timeout | undefined
  #appended = false
  #isSealed = false
  #closed = false
  #keepFrom = Number.POSITIVE_INFINITY
  #firstIndex: number

  constructor(options: LogOptions, activeBytes: number) {
    this.#options = options
    this.#spares = new Spares(options.disk, options.segmentBytes, sparesMax)
    // The group that fills a segment still fits: a longer file would not be kept.
    this.#fullBytes = options.segmentBytes - (options.segmentBytes >>> 4)
    this.#bytes = activeBytes
    this.#firstIndex = this.state().firstIndex
  }

  /** Of the first entry that it still holds; of the next one where it holds none. */
  get firstIndex(): number {
    return this.#firstIndex
  }

  /** Index, sequence and the rest of the last record. */
  state(): native.LogState & { firstIndex: number; needsSync: boolean } {
    return native.walState(this.#options.engine)
  }

  /** A record of that many bytes was appended: rotates when the segment is full. */
  noteAppend(bytes: number): void {
    this.#bytes += bytes
    this.#appended = true
    if (this.#bytes < this.#fullBytes) return
    try {
      this.rotate()
    } catch (error) {
      // The record is in the log: that the next segment cannot begin is no failure of its write. Without space the active
      // one grows until another was made.
      if (isFull(error)) void this.prepare().catch(() => undefined)
      else this.#options.onPoison(toVarveError(error))
    }
  }

  /** Creates the next segment in advance. */
  prepare(): Promise<void> {
    this.#preparing ??= this.#create().finally(() => {
      this.#preparing = undefined
    })
    return this.#preparing
  }

  async #create(): Promise<void> {
    if (this.#next !== undefined || this.#closed) return
    const { engine, disk, directory, segmentBytes } = this.#options
    const number = this.#options.nextNumber()
    const path = join(directory, walName(number))
    let segment: native.Segment | undefined
    try {
      const make = (await this.#spares.moveTo(path)) ? native.recycleSegment : native.createSegment
      segment = await outcome(make(engine, path, segmentBytes))
      await disk.syncDirectory(directory)
    } catch (error) {
      await this.#remove(number, segment)
      throw error
    } finally {
      this.#options.onSegment()
    }
    this.#next = { segment, number }
  }

  // What cannot be removed now is superfluous at the next open.
  async #remove(number: number, segment: native.Segment | undefined): Promise<void> {
    const { disk, directory } = this.#options
    if (segment !== undefined) native.release(segment)
    await disk.unlink(join(directory, walName(number))).catch(() => undefined)
  }

  /** Sends later records to the next segment; false when it is not there yet (it is being made then). */
  rotate(): boolean {
    const next = this.#next
    if (next === undefined) {
      void this.prepare().catch(() => undefined)
      return false
    }
    this.#next = undefined
    const { engine, random } = this.#options
    try {
      attempt(() => native.activateSegment(engine, next.segment, next.number, random(16), random(8)))
    } catch (error) {
      if (isFull(error)) void this.#remove(next.number, next.segment)
      else native.release(next.segment)
      throw error
    }
    native.release(next.segment)
    this.#isSealed = false
    this.#bytes = 0
    void this.prepare().catch(() => undefined)
    return true
  }

  /** The active segment met a full disk and takes nothing more: later records go to the next one, once it is there. */
  leave(): void {
    this.#isSealed = true
    try {
      this.rotate()
    } catch {
      // What stands in the way shows at the next write.
    }
  }

  /** Resolves when records can be appended, with room for those after them; rejects while there is no space for it. */
  async goOn(): Promise<void> {
    await this.prepare()
    if (!this.#isSealed) return
    this.rotate()
    await this.prepare()
  }

  /** Whether files of dropped segments are kept for the next ones; those kept are removed when not. */
  async keepSpares(keeps: boolean): Promise<void> {
    this.#spares.keep(keeps)
    if (!keeps) await this.#spares.clear()
  }

  /** Resolves when everything appended before the call is on disk. */
  sync(): Promise<void> {
    this.#waiting ??= waiter()
    const { promise } = this.#waiting
    if (!this.#running) void this.#runSyncs()
    return promise
  }

  async #runSyncs(): Promise<void> {
    this.#running = true
    while (this.#waiting !== undefined) {
      const group: Waiter = this.#waiting
      this.#waiting = undefined
      this.#appended = false
      try {
        await outcome(native.syncJob(this.#options.engine))
        group.resolve()
      } catch (error) {
        group.reject(toVarveError(error))
      }
    }
    this.#running = false
  }

  /** A sync starts within the interval; its failure poisons. */
  syncSoon(): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.sync().then(
        () => this.#mark(),
        (error: Error) => this.#options.onPoison(error)
      )
    }, this.#options.syncIntervalMs)
    this.#timer.unref()
  }

  // A sync with nothing after it: says so in the log, so that damage below is told from a torn tail.
  #mark(): void {
    if (this.#appended || this.#closed) return
    try {
      native.appendRecord(this.#options.engine, syncMark, 0, 0, 0, 0, recordKindRoom, 0)
    } catch {
      // The mark is a courtesy to recovery; what failed shows at the next append.
    }
  }

  /** An empty record, for the time alone; false when it could not be written. */
  passTime(timeMs: number): boolean {
    const { term } = this.state()
    try {
      attempt(() => native.appendRecord(this.#options.engine, noop, Math.max(1, term), 0, timeMs, 0, recordKindRoom, 0))
    } catch (error) {
      if (isFull(error)) this.leave()
      else this.#options.onPoison(toVarveError(error))
      return false
    }
    this.noteAppend(recordKindRoom.length)
    return true
  }

  /** Entries from this index on are kept, flushed or not. */
  keepFrom(index: number): void {
    this.#keepFrom = index
  }

  /** Begins anew after `position`, which tables reach: call the result, once it is there, in the turn in which they do. */
  async prepareRestart(position: native.LogPosition): Promise<() => void> {
    await this.prepare()
    return () => {
      native.resetWal(this.#options.engine, position, noMembership)
      if (!this.rotate()) throw new VarveError('VARVE_CLOSED', 'The log was closed while it began anew.')
      this.#firstIndex = this.state().firstIndex
    }
  }

  /** Drops segments below an index that was flushed; their files are kept for the next ones, or removed. */
  dropBelow(index: number): Promise<void> {
    return this.dropAll(Math.max(0, Math.min(index, this.#keepFrom - 1)))
  }

  /** The same, whatever is to be kept. */
  async dropAll(index: number): Promise<void> {
    // A segment goes only when a later one is on disk, and with durability 'os' nothing else would sync one.
    try {
      await this.sync()
    } catch (error) {
      this.#options.onPoison(error as Error)
      return
    }
    const paths = native.dropSegments(this.#options.engine, index)
    this.#firstIndex = this.state().firstIndex
    for (const path of paths) await this.#spares.add(path)
  }

  /** Leaves an active segment that has grown long (the next one was not there in time), if all of it was flushed. */
  async shrink(index: number): Promise<void> {
    if (this.#bytes < this.#fullBytes || this.#closed) return
    await this.prepare()
    if (this.rotate()) await this.dropBelow(index)
  }

  async #removePrepared(): Promise<void> {
    const next = this.#next
    this.#next = undefined
    if (next !== undefined) await this.#remove(next.number, next.segment)
    await this.#spares.clear().catch(() => undefined)
  }

  /** Everything on disk, marked, nothing running. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#preparing?.catch(() => undefined)
    try {
      if (native.walState(this.#options.engine).needsSync) await this.sync()
      this.#mark()
      if (native.walState(this.#options.engine).needsSync) await this.sync()
    } finally {
      this.#closed = true
      await this.#removePrepared()
    }
  }
}
