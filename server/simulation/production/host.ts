// Host: the machine of a node: a disk in memory that loses power, fails and is slow when it is told to, and the jobs of the
// process that runs on it. A job is done some virtual time after it was asked for, a task at a time, so other things happen
// between any two of them.
//
// 1. `wake` is to be called after whatever may have asked for a job.
// 2. A power cut and the end of a process take effect at once; what the dead process still has to clean up is done by
//    `drain`, in no time.
import native from '#native'
import { settleJobs } from '../../../lib/disk/jobs.ts'
import type { Environment } from '../../../lib/options.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import { Violation } from '../violation.ts'
import type { DiskSettings } from './settings.ts'
import type { VirtualTime } from './time.ts'

export interface HostContext {
  readonly scheduler: Scheduler
  readonly time: VirtualTime
  readonly random: Random
  readonly settings: DiskSettings
}

/** Of the operations of a disk in memory (native/core/file_memory.h). */
export const diskOperations = { write: 4, sync: 8, names: 32, directorySync: 64, all: 255 } as const

export interface DiskFault {
  /** The how manieth call from now on fails, of the operations that are meant. */
  readonly atCall: number
  readonly operations: number
  readonly forever: boolean
}

const ioError = 5
const idleMax = 200

export class Host {
  readonly fs = native.memoryFileSystem()
  readonly #context: HostContext
  #executors: native.Executor[] = []
  #isAwake = false
  /** How many times slower the disk is than it should be. */
  slowness = 1
  /** The process stands still: what its disk has done it does not see. */
  isPaused = false
  #fault: DiskFault | undefined
  #isFaulty = false

  constructor(context: HostContext) {
    this.#context = context
  }

  readonly environment = (): Environment => {
    const { random, settings } = this.#context
    const executor = native.steppedExecutor(settings.isOrdered ? 0 : random.between(1, 2 ** 31))
    this.#executors.push(executor)
    return {
      fs: this.fs,
      executor,
      random: (bytes) => Uint8Array.from({ length: bytes }, () => random.between(1, 255))
    }
  }

  /** Calls of the disk fail, or did in this life of the process. */
  get isFaulty(): boolean {
    return this.#isFaulty
  }

  /** A process begins. */
  begin(): void {
    this.isPaused = false
    this.#isFaulty = this.#fault !== undefined
  }

  /** There may be jobs to do. */
  wake(): void {
    if (this.#isAwake || this.isPaused || this.#executors.length === 0) return
    this.#isAwake = true
    const { scheduler, random, settings } = this.#context
    const delayMs = random.between(settings.msMin, settings.msMax) * this.slowness
    scheduler.after(delayMs, () => {
      this.#isAwake = false
      if (this.isPaused) return
      const tasks = random.between(1, settings.tasksMax)
      let done = 0
      while (done < tasks && this.step()) done++
      // What follows from them may ask for more.
      if (done > 0) this.wake()
    })
  }

  /** One task, of the executors that have any; false: there was none. */
  step(): boolean {
    let worked = false
    this.#executors = this.#executors.filter((executor) => {
      try {
        if (native.step(executor)) worked = true
        return true
      } catch {
        // Released by its database, with nothing left to do.
        return false
      }
    })
    if (worked) settleJobs()
    return worked
  }

  /** Does what there is to do until the work is over, in no time. */
  async drain<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false
    const note = (): void => {
      isOver = true
    }
    work.then(note, note)
    for (let idle = 0; ; idle++) {
      if (this.step()) idle = 0
      await this.#context.time.settle()
      if (isOver) return work
      if (idle > idleMax) throw new Violation('liveness', 'A database that is opened or closed waits for ever.')
    }
  }

  cutPower(): void {
    const { random } = this.#context
    // Seed 0: nothing of what was not synced is kept.
    native.memoryCrash(this.fs, random.chance(25) ? 0 : random.between(1, 2 ** 31))
  }

  /** The process ends, the machine goes on: nothing that was written is lost. */
  kill(): void {
    native.memoryKill(this.fs)
  }

  fail(fault: DiskFault): void {
    this.#fault = fault
    this.#isFaulty = true
    this.#setFault(fault)
  }

  /** Nothing fails any more. */
  mend(): void {
    this.#fault = undefined
    this.#setFault(undefined)
  }

  /** What a process still holds that is gone: nothing of what it does now reaches the disk. */
  async bury(work: Promise<void>): Promise<void> {
    this.#setFault({ atCall: 1, operations: diskOperations.all, forever: true })
    await this.drain(work)
    this.#setFault(this.#fault)
  }

  #setFault(fault: DiskFault | undefined): void {
    native.memoryFaults(this.fs, fault === undefined ? null : { ...fault, errno: ioError })
  }

  release(): void {
    native.release(this.fs)
  }
}
