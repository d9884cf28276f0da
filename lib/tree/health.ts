// Health: whether the database takes writes, and why it does not. The disk's free space is watched here.
//
//   ok        everything goes on
//   slowed    flush and compaction do not keep up: promises of writers are held back
//   stopped   the disk is full, or too little of it is free: puts are refused, and nothing of them is written; deletes,
//             flush and compaction go on, from the reserve, and reads always
//   poisoned  the log or the manifest could not be written: nothing more is, until the database is opened again
//
// Free space is looked at after each new segment, flush and compaction, and once a second while something is written;
// never for a write. Puts must leave free: the reserve; what the memtables take once they are flushed; two segments, the next
// one and what may be written until the next look; and as much as level 0 will hold then, so that it can be merged. While stopped it is looked at again and again, after
// growing delays; writing goes on once there is enough (with some slack) and log and manifest can be continued.

import type { Disk } from '../disk/fs.ts'
import { VarveError } from '../errors.ts'
import { Alarm } from './alarm.ts'
import type { Tree } from './tree.ts'
import { bytesOf } from './version.ts'

export type HealthState = 'ok' | 'slowed' | 'stopped' | 'poisoned'

export interface HealthContext {
  readonly disk: Disk
  readonly directory: string
  readonly tree: Tree
  /** Bytes of the disk kept free; undefined: by the size of the disk, at most `reserveBytesMax`. */
  readonly reserveBytes: number | undefined
  readonly reserveBytesMax: number
  readonly segmentBytes: number
  /** Makes what met a full disk able to go on; rejects while it is not. */
  readonly mend: () => Promise<void>
  /** The free space is known anew. */
  readonly onLook: () => void
  /** Puts are refused from now on (true), or taken again. */
  readonly onStop: (isStopped: boolean) => void
  readonly emit: (event: string, detail: unknown) => void
}

interface Stop {
  readonly error: VarveError
  /** What could not be written would need so much. */
  neededBytes: number
}

const pollMsFirst = 50
const pollMsMax = 5_000
/** Of the part of the disk that is the database's or free. */
const reserveShare = 1 / 8
const slackShare = 1 / 8

export class Health {
  readonly #context: HealthContext
  readonly #alarm = new Alarm(() => this.look())
  #reserveBytes: number | undefined
  #freeBytes: number | undefined
  #stop: Stop | undefined
  #poison: Error | undefined
  #pollMs = pollMsFirst
  #looking: Promise<void> | undefined
  #said: HealthState = 'ok'
  #isClosed = false
  readonly counts = { stops: 0 }

  constructor(context: HealthContext) {
    this.#context = context
    this.#reserveBytes = context.reserveBytes
  }

  get state(): HealthState {
    if (this.#poison !== undefined) return 'poisoned'
    if (this.#stop !== undefined) return 'stopped'
    return this.#context.tree.pressure() > 0 ? 'slowed' : 'ok'
  }

  /** Why a put is refused now. */
  get refusal(): VarveError | undefined {
    return this.#stop?.error
  }

  /** As far as known. */
  get freeBytes(): number | undefined {
    return this.#freeBytes
  }

  /** What a compaction may take: the reserve, but not what log and flushes need. Infinity where that is not known. */
  get spaceBytes(): number {
    if (this.#freeBytes === undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#freeBytes - this.#comingBytes())
  }

  // What flushes will need, and the log until the next look.
  #comingBytes(): number {
    const { tree, segmentBytes } = this.#context
    return tree.unflushedBytes() + 2 * segmentBytes
  }

  // What must be free for puts to be taken. With room to merge level 0, and what is flushed to it, whatever of it is garbage:
  // where that has none, what deletes give back never comes back, and the database stays full until somebody makes room.
  #least(slack: number): number {
    if (this.reserveBytes === 0) return 0
    const { tree } = this.#context
    const level0 = bytesOf(tree.version.levels[0] ?? []) + tree.unflushedBytes()
    return this.reserveBytes * (1 + slack) + this.#comingBytes() + level0
  }

  get reserveBytes(): number {
    return this.#reserveBytes ?? 0
  }

  /** Begins a look at the free space, and goes on from a stop if there is enough. */
  look(): void {
    if (this.#isClosed || this.#poison !== undefined) return
    if (this.#reserveBytes === 0 && this.#stop === undefined) return
    this.#looking ??= this.#look(slackShare).finally(() => {
      this.#looking = undefined
    })
  }

  async #look(slack: number): Promise<void> {
    const { disk, directory } = this.#context
    const free = await disk.freeBytes(directory).catch(() => undefined)
    if (this.#isClosed) return
    this.#freeBytes = free
    if (free !== undefined) this.#reserveBytes ??= this.#reserveOf(free)
    this.#context.onLook()
    if (this.#stop === undefined) {
      if (free !== undefined && free < this.#least(0)) this.#begin(reserveError(free, this.reserveBytes), 0)
      return
    }
    try {
      // In any case, for the deletes.
      await this.#context.mend()
      const needed = Math.max(this.#least(slack), this.#stop.neededBytes)
      if (free === undefined || free >= needed) this.#end()
    } catch {
      // Not yet. What is wrong besides the space shows where it is used.
    } finally {
      if (this.#stop !== undefined) this.#alarm.set(this.#pollMs)
      this.#pollMs = Math.min(this.#pollMs * 2, pollMsMax)
    }
  }

  // What the database may have of the disk is what it has and what is free: the same at each open, however full it is.
  #reserveOf(free: number): number {
    const own = this.#context.tree.version.levels.reduce((sum, tables) => sum + bytesOf(tables), 0)
    return Math.min(this.#context.reserveBytesMax, Math.floor((free + own) * reserveShare))
  }

  /** No space was left for something that would have needed `neededBytes`: puts are refused until there is. */
  full(error: VarveError, neededBytes: number): void {
    if (this.#isClosed || this.#poison !== undefined) return
    if (this.#stop === undefined) this.#begin(fullError(error), neededBytes)
    else this.#stop.neededBytes = Math.max(this.#stop.neededBytes, neededBytes)
  }

  /** Something was written that may have given space back. */
  eased(): void {
    if (this.#stop !== undefined) {
      this.#stop.neededBytes = 0
      this.#pollMs = pollMsFirst
      this.#alarm.clear()
    }
    this.look()
  }

  #begin(error: VarveError, neededBytes: number): void {
    this.#stop = { error, neededBytes }
    this.#pollMs = pollMsFirst
    this.counts.stops++
    this.#alarm.set(this.#pollMs)
    this.#context.onStop(true)
    this.#context.emit('stall', { reason: 'disk', error, freeBytes: this.#freeBytes, reserveBytes: this.reserveBytes })
    this.note()
  }

  #end(): void {
    if (this.#stop === undefined || this.#isClosed) return
    this.#stop = undefined
    this.#alarm.clear()
    this.#context.emit('recovered', { reason: 'disk', freeBytes: this.#freeBytes })
    this.note()
    this.#context.onStop(false)
  }

  /** Goes on from a stop now, if there is space; rejects with what stands in the way. */
  async resume(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking
    if (this.#stop !== undefined) {
      this.#alarm.clear()
      this.#stop.neededBytes = 0
      this.#looking = this.#look(0).finally(() => {
        this.#looking = undefined
      })
      await this.#looking
    }
    const failure = this.#poison ?? this.#stop?.error
    if (failure !== undefined) throw failure
  }

  poison(error: Error): void {
    this.#poison = error
    this.#alarm.end()
    this.note()
  }

  /** Tells of a change, if there is one. */
  note(): void {
    const { state } = this
    if (state === this.#said) return
    const before = this.#said
    this.#said = state
    this.#context.emit('health', { health: state, before })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#alarm.end()
    await this.#looking
  }
}

function fullError(cause: VarveError): VarveError {
  const { file, offset, message } = cause
  const text = `The disk is full: ${message}. Free some space: writing goes on by itself then, or at once by resume().`
  return new VarveError('VARVE_DISK_FULL', text, { cause, file, offset })
}

function reserveError(free: number, reserve: number): VarveError {
  return new VarveError(
    'VARVE_DISK_FULL',
    `The disk is nearly full: ${free} bytes are free, too few with a reserve of ${reserve} (limits.diskReserveBytes). ` +
      'Free some space; deletes still work, and writing goes on by itself.'
  )
}
