// The world of a scenario: a database on a memory disk, with its jobs run step by step on this thread, a clock that stands
// and a fixed source of randomness. The same text gives the same bytes.
import native from '#native'
import type { Database } from '../../../lib/database.ts'
import { settleJobs } from '../../../lib/disk/jobs.ts'
import { VarveError } from '../../../lib/errors.ts'
import { openIn } from '../../../lib/open.ts'
import type { OpenOptions } from '../../../lib/options.ts'
import type { Iterator } from '../../../lib/read/items.ts'
import type { Snapshot } from '../../../lib/read/snapshot.ts'
import type { Directive } from './directives.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
// A job that ended sets off the next one within a turn or two.
const idleTurns = 4

export class World {
  readonly fs: native.FileSystem = native.memoryFileSystem()
  readonly snapshots = new Map<string, Snapshot>()
  readonly iterators = new Map<string, Iterator<string, string, [string, string]>>()
  #db: Database | undefined
  #executor: native.Executor | undefined
  #options: OpenOptions = {}
  #byte = 0
  /** What was begun and waits for its steps. */
  #begun: Promise<readonly string[]> | undefined

  get db(): Database {
    if (this.#db === undefined) throw new Error('no database is open')
    return this.#db
  }

  /** Runs a directive and all the work it sets off; what it says. */
  async run(directive: Directive, rest: string): Promise<readonly string[]> {
    const work = said(directive(this, rest))
    if (this.#begun !== undefined) return work
    const lines = await this.#stepped(work)
    await this.#rest()
    return lines
  }

  /** Starts a directive without a step of what it sets off. */
  begin(directive: Directive, rest: string): void {
    if (this.#begun !== undefined) throw new Error('something was begun already')
    this.#begun = said(directive(this, rest))
    void this.#begun.catch(() => undefined)
  }

  /** So many jobs; the number that there were. */
  async step(count: number): Promise<number> {
    for (let done = 0; done < count; done++) {
      let ran = false
      for (let turns = 0; !ran && turns < idleTurns; turns++) {
        ran = this.#step()
        await turn()
      }
      if (!ran) return done
    }
    return count
  }

  async finish(): Promise<readonly string[]> {
    const begun = this.#begun
    if (begun === undefined) throw new Error('nothing was begun')
    const lines = await this.#stepped(begun)
    this.#begun = undefined
    return lines
  }

  #step(): boolean {
    const ran = this.#executor !== undefined && native.step(this.#executor)
    settleJobs()
    return ran
  }

  async #stepped<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    void work.then(over, over)
    while (!isOver) {
      this.#step()
      await turn()
    }
    return work
  }

  // Until nothing is left to do.
  async #rest(): Promise<void> {
    while ((await this.step(1)) > 0);
  }

  async open(options: OpenOptions): Promise<void> {
    if (this.#db !== undefined) throw new Error('a database is open already')
    this.#options = options
    this.#executor = native.steppedExecutor(0)
    const { fs, fill } = this
    const environment = { fs, executor: this.#executor, random: fill }
    try {
      const all = { durability: 'os', clock: () => 1_000_000, ...options } as const
      this.#db = await openIn<string, string>('/data', all, () => environment)
    } catch (error) {
      // It was given back.
      this.#executor = undefined
      throw error
    }
  }

  /** Bytes that differ from one call to the next, and are the same in every run. */
  readonly fill = (bytes: number): Uint8Array => {
    this.#byte++
    return new Uint8Array(bytes).map((_, i) => (this.#byte >>> (8 * (i % 4))) ^ (i * 37))
  }

  get options(): OpenOptions {
    return this.#options
  }

  async close(): Promise<void> {
    const db = this.db
    this.#forget()
    await db.close().finally(() => {
      this.#executor = undefined
    })
  }

  /** The process is gone, or the power: nothing that the database does any more reaches the disk. */
  async die(end: () => void): Promise<void> {
    this.#begun = undefined
    end()
    native.memoryFaults(this.fs, { atCall: 1, forever: true })
    await this.close().catch(() => undefined)
    native.memoryFaults(this.fs, null)
  }

  #forget(): void {
    this.#db = undefined
    this.snapshots.clear()
    this.iterators.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#db !== undefined) await this.#stepped(this.close().catch(() => undefined))
  }
}

// An error of varve is something said: its code.
async function said(work: ReturnType<Directive>): Promise<readonly string[]> {
  try {
    return (await work) ?? []
  } catch (error) {
    if (error instanceof VarveError) return [error.code]
    throw error
  }
}
