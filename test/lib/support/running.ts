// A database on a machine whose clock goes on with its timers.
import type { Database } from '../../../lib/database.ts'
import type { OpenOptions } from '../../../lib/index.ts'
import { Machine } from './machine.ts'

export interface Running {
  readonly machine: Machine
  readonly db: Database
  /** Time passes, and whatever rings meanwhile is done. */
  sleep(ms: number): Promise<void>
}

const stepMs = 100

export async function running(options: OpenOptions, seed = 1): Promise<Running> {
  const machine = new Machine(seed)
  const time = { ms: 1_700_000_000_000 }
  const db = await machine.run(machine.open({ ...options, clock: () => time.ms }))
  const sleep = async (ms: number): Promise<void> => {
    // In steps, so that what rings finds the clock where it should be.
    for (let slept = 0; slept < ms; slept += stepMs) {
      time.ms += stepMs
      await machine.run(new Promise((resolve) => setTimeout(resolve, stepMs)))
    }
  }
  return { machine, db, sleep }
}
