// A machine for tests: a disk in memory, jobs that are stepped one by one, and time that passes only when nothing else is
// left to do. So a run with the same seed makes the same calls to the disk in the same order, and one that waits for ever
// is found out at once.
//
//   const machine = new Machine(seed)
//   const db = await machine.run(machine.open({ memtableBytes: 16 << 10 }))
import { vi } from 'vitest'
import native from '#native'
import type { Database } from '../../../lib/database.ts'
import { outcome, settleJobs } from '../../../lib/disk/jobs.ts'
import { type Verification, verifyIn } from '../../../lib/inspect.ts'
import { openIn } from '../../../lib/open.ts'
import type { Environment, OpenOptions } from '../../../lib/options.ts'
import { randomOf } from '../../support/random.mjs'

export const directory = '/data'
const idleTurnsMax = 50
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Timers that a machine moves on: to be called once in a file that uses it; undone by vi.useRealTimers. */
export function useMachineTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
}

/** What `run` throws when the work cannot end: no job, no timer, or too many of these. */
export class Waits extends Error {}

export class Machine {
  readonly fs = native.memoryFileSystem()
  readonly #order: number
  readonly #random: () => number
  #executors: native.Executor[] = []

  /** order 0: jobs run in the order they were asked for; else their lanes take turns at random. */
  constructor(seed: number, order = 0) {
    this.#random = randomOf(seed)
    this.#order = order
  }

  readonly environment = (): Environment => {
    const executor = native.steppedExecutor(this.#order)
    this.#executors.push(executor)
    return {
      fs: this.fs,
      executor,
      random: (bytes) => Uint8Array.from({ length: bytes }, () => 1 + Math.floor(this.#random() * 255))
    }
  }

  /** Gives the disk back, with all that is on it. */
  release(): void {
    native.release(this.fs)
  }

  open(options: OpenOptions): Promise<Database> {
    return openIn<string, string>(directory, { clock: () => 1_700_000_000_000, ...options }, this.environment)
  }

  verify(): Promise<Verification> {
    return verifyIn(directory, {}, this.environment)
  }

  #step(): boolean {
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
    return worked
  }

  /** One task of each executor, and what follows from it; false: there was none. */
  async advance(): Promise<boolean> {
    const worked = this.#step()
    settleJobs()
    await turn()
    return worked
  }

  /** Steps jobs, and timers when there are no jobs, until the work is over. Throws Waits when it never is. */
  async run<Result>(work: Promise<Result>, timersMax = 1000): Promise<Result> {
    let over = false
    const note = (): void => {
      over = true
    }
    work.then(note, note)
    let timers = 0
    for (let idle = 0; !over; ) {
      const worked = this.#step()
      settleJobs()
      await turn()
      if (worked) idle = 0
      else if (!over && ++idle > 2 && vi.getTimerCount() > 0) {
        if (++timers > timersMax) throw new Waits(`It still waits after ${timers} timers.`)
        vi.advanceTimersToNextTimer()
        idle = 0
      } else if (idle > idleTurnsMax) throw new Waits('It waits, and there is nothing left to do.')
    }
    return work
  }
}

/** The files of a directory in memory and what they hold. */
export type Files = ReadonlyMap<string, Buffer>

export async function filesOf(machine: Machine): Promise<Files> {
  const { executor, fs } = machine.environment()
  const job = native.list(executor, fs, directory)
  const names = await machine.run(outcome(job))
  native.release(executor)
  return new Map(names.sort().map((name) => [name, native.memoryDump(fs, `${directory}/${name}`)]))
}

/** Another machine, with these files, all of them on disk. */
export function machineWith(files: Files): Machine {
  const machine = new Machine(1)
  const { fs } = machine
  const { executor } = machine.environment()
  native.makeDirectory(executor, fs, directory)
  for (const [name, bytes] of files) native.writeFile(executor, fs, `${directory}/${name}`, bytes)
  native.syncDirectory(executor, fs, directory)
  native.syncDirectory(executor, fs, '/')
  while (native.step(executor));
  settleJobs()
  native.release(executor)
  return machine
}
