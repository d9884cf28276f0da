// The database under a metamorphic program: opened on a disk in memory with one option set after the other, and killed
// where the program says so. Jobs run on threads, or are stepped: some between two operations, and as many as are needed
// while somebody waits.
import native from '#native'
import { restoreIn } from '../../../lib/copies/restore.ts'
import type { Database } from '../../../lib/database.ts'
import { settleJobs } from '../../../lib/disk/jobs.ts'
import { openIn } from '../../../lib/open.ts'
import type { Environment, OpenOptions } from '../../../lib/options.ts'
import { drawsOf, randomOf } from '../../support/random.mjs'
import { type OptionSet, optionSets } from './metamorphic-options.ts'

export type Bytes = string | Uint8Array
export type Opened = Database<Bytes, Bytes>
export interface Tally {
  flushes: number
  compactions: number
  moves: number
  reopens: number
  crashes: number
  levelsMost: number
}
export const newTally = (): Tally => ({ flushes: 0, compactions: 0, moves: 0, reopens: 0, crashes: 0, levelsMost: 0 })

/** Steps an executor on every turn of the loop, until it is released. */
class Pump {
  readonly #below: (n: number) => number
  #executor: native.Executor | undefined

  constructor(seed: number) {
    this.#below = drawsOf(randomOf(seed)).below
  }

  start(executor: native.Executor): void {
    this.#executor = executor
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    if (!this.step(1 + this.#below(4))) return
    setImmediate(this.#turn)
  }

  /** A few jobs, or none, between two operations. */
  nudge(): void {
    if (this.#executor !== undefined && this.#below(4) === 0) this.step(this.#below(3))
  }

  step(count: number): boolean {
    const executor = this.#executor
    if (executor === undefined) return false
    try {
      for (let i = 0; i < count && native.step(executor); i++);
    } catch {
      // Released by its database.
      if (this.#executor === executor) this.#executor = undefined
      return false
    }
    settleJobs()
    return true
  }
}

export class World {
  readonly fs = native.memoryFileSystem()
  readonly tally: Tally
  readonly #first: number
  readonly #clock: () => number
  readonly #seed: number
  #set: OptionSet
  #directory = '/data'
  #copies = 0
  #db: Opened | undefined
  #pump: Pump | undefined

  /** `first`: the option set it begins with. */
  constructor(first: number, seed: number, clock: () => number, tally: Tally) {
    this.#first = first
    this.#seed = seed
    this.#clock = clock
    this.tally = tally
    this.#set = this.#setAt(0)
  }

  #setAt(shift: number): OptionSet {
    return optionSets[(this.#first + shift) % optionSets.length] ?? { name: 'defaults', options: {} }
  }

  /** What it is open with. */
  get set(): OptionSet {
    return this.#set
  }

  get db(): Opened {
    if (this.#db === undefined) throw new Error('The database is not open.')
    return this.#db
  }

  isOpen(db: Opened): boolean {
    return this.#db === db
  }

  async open(shift: number): Promise<void> {
    this.#set = this.#setAt(shift)
    native.memoryCold(this.fs, this.#set.isCold === true)
    this.#pump = undefined
    this.#db = await this.#open(this.#directory, this.#set, {})
  }

  #open(directory: string, set: OptionSet, more: OpenOptions): Promise<Opened> {
    const options = { ...set.options, ...more, clock: this.#clock }
    return openIn<Bytes, Bytes>(directory, options, () => this.#environment(set))
  }

  #environment({ stepped }: OptionSet): Environment {
    const executor = stepped === undefined ? native.threadExecutor(2, 1) : native.steppedExecutor(stepped)
    if (stepped !== undefined) {
      const pump = new Pump(this.#seed)
      pump.start(executor)
      this.#pump ??= pump
    }
    return { fs: this.fs, executor, random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)) }
  }

  /** What is told of another database, or of this one before it is opened again; by what it is open with. */
  async aside(
    directory: string,
    shift: number,
    tell: (db: Opened, set: OptionSet) => Promise<string>,
    more: OpenOptions = {}
  ): Promise<string> {
    const set = this.#setAt(shift)
    const db = await this.#open(directory, set, more)
    try {
      return await tell(db, set)
    } finally {
      await db.close()
    }
  }

  /** For reading only; then it is open as ever. */
  async peek(shift: number, tell: (db: Opened, set: OptionSet) => Promise<string>): Promise<string> {
    await this.close()
    const told = await this.aside(this.#directory, shift, tell, { readOnly: true })
    await this.open(shift)
    return told
  }

  /** Another directory with all that is in this one. */
  async copy(kind: 'checkpoint' | 'backup'): Promise<string> {
    const directory = `/copy${++this.#copies}`
    if (kind === 'checkpoint') await this.db.checkpoint(directory)
    else {
      await this.db.backup('/backups')
      await restoreIn('/backups', directory, {}, () => this.#environment(this.#set))
    }
    return directory
  }

  /** Goes on in another directory. */
  async moveTo(directory: string, shift: number): Promise<void> {
    await this.close()
    this.#directory = directory
    await this.open(shift)
  }

  nudge(): void {
    this.#pump?.nudge()
  }

  /** The numbers of the database that is about to be closed. */
  #note(): void {
    const { background } = this.db.stats()
    this.tally.flushes += background.flushes
    this.tally.compactions += background.compactions
    this.tally.moves += background.moves
    this.noteLevels()
  }

  noteLevels(): void {
    const levels = this.db.stats().levels.filter(({ tables }) => tables > 0).length
    this.tally.levelsMost = Math.max(this.tally.levelsMost, levels)
  }

  async close(): Promise<void> {
    this.#note()
    const { db } = this
    this.#db = undefined
    await db.close()
  }

  async reopen(shift: number): Promise<void> {
    await this.close()
    this.tally.reopens++
    await this.open(shift)
  }

  /** Power fails, or only the process dies. */
  async crash(kind: 'power' | 'process', shift: number, seed: number): Promise<void> {
    this.#note()
    this.tally.crashes++
    // Nothing that the dead process still tries reaches the disk.
    native.memoryFaults(this.fs, { atCall: 1, forever: true })
    if (kind === 'process') native.memoryKill(this.fs)
    else native.memoryCrash(this.fs, seed)
    const { db } = this
    this.#db = undefined
    await db.close().catch(() => undefined)
    native.memoryFaults(this.fs, null)
    await this.open(shift)
  }

  /** After a failure, too: nothing may go on running behind the next run. */
  async end(): Promise<void> {
    await this.#db?.close().catch(() => undefined)
    native.release(this.fs)
  }
}
