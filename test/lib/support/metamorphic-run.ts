// Runs a metamorphic program on one option set: what each operation answered, as text.
import { type Snapshot, type Space, VarveError } from '../../../lib/index.ts'
import { failure, listText } from './metamorphic-answers.ts'
import { Coding } from './metamorphic-coding.ts'
import { type Bytes, type Opened, type Tally, World } from './metamorphic-database.ts'
import { synced } from './metamorphic-keys.ts'
import { type Operation, startMs, type Upkeep, type Write } from './metamorphic-program.ts'
import { everything, hold, read, type Walk } from './metamorphic-run-reads.ts'
import { runTransaction } from './metamorphic-run-transaction.ts'
import { conditional, write } from './metamorphic-run-writes.ts'

export interface Remembered {
  readonly value: string
  readonly sequence: number
}

/** What the operations of a run share. */
export interface RunState {
  readonly db: Opened
  readonly coding: Coding
  readonly snapshots: (Snapshot | undefined)[]
  readonly walks: (Walk | undefined)[]
  /** What getEntry found last. */
  readonly slots: (Remembered | undefined)[]
  space(id: number): Space<Bytes, Bytes>
  advance(ms: number): void
}

export class Run implements RunState {
  readonly world: World
  readonly snapshots: (Snapshot | undefined)[] = []
  readonly walks: (Walk | undefined)[] = []
  readonly slots: (Remembered | undefined)[] = []
  /** What the last failure said. */
  lastError: unknown
  #coding = new Coding({})
  #nowMs = startMs
  /** What was not waited for. */
  #writes: Promise<unknown>[] = []
  #failure: unknown
  #spaces: (Space<Bytes, Bytes> | undefined)[] = []
  /** Spaces whose names are stored. */
  readonly #there = new Set([0])

  constructor(optionSet: number, seed: number, tally: Tally) {
    this.world = new World(optionSet, seed, () => this.#nowMs, tally)
  }

  get db(): Opened {
    return this.world.db
  }

  get coding(): Coding {
    return this.#coding
  }

  space(id: number): Space<Bytes, Bytes> {
    if (id === 0) return this.world.db
    const space = this.#spaces[id] ?? (this.world.db.space(`s${id}`) as Space<Bytes, Bytes>)
    this.#spaces[id] = space
    return space
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }

  async open(): Promise<void> {
    await this.world.open(0)
    this.#opened()
  }

  #opened(): void {
    this.#coding = new Coding(this.world.set.options)
    this.#spaces = []
  }

  async answer(operation: Operation): Promise<string> {
    this.world.nudge()
    try {
      const text = await this.#run(operation)
      if (this.#failure !== undefined) throw this.#failure
      return text
    } catch (error) {
      this.#failure = undefined
      this.lastError = error
      return failure(error instanceof VarveError ? error.code : String(error))
    }
  }

  #run(operation: Operation): Promise<string> | string {
    switch (operation.do) {
      case 'put':
      case 'del':
      case 'deleteRange':
      case 'batch': {
        const written = write(this, operation)
        if (operation.wait || !this.#areThere(operation)) return written.then(() => this.#wrote(operation))
        this.#later(written)
        return 'ok'
      }
      case 'putIf':
      case 'delIf':
      case 'increment':
      case 'touch':
      case 'persist':
        return conditional(this, operation)
      case 'openSnapshot':
      case 'closeSnapshot':
      case 'openIterator':
      case 'closeIterator':
      case 'next':
      case 'nextv':
      case 'seek':
        return hold(this, operation)
      case 'transaction':
        return runTransaction(this, operation)
      case 'advance':
      case 'flush':
      case 'compact':
      case 'estimate':
      case 'drain':
      case 'clear':
      case 'spaces':
      case 'dropSpace':
      case 'peek':
      case 'checkpoint':
      case 'backup':
      case 'reopen':
      case 'crash':
        return this.#maintain(operation)
      default:
        return read(this, operation)
    }
  }

  #areThere(operation: Write): boolean {
    return spacesOf(operation).every((id) => this.#there.has(id))
  }

  #wrote(operation: Write): string {
    for (const id of spacesOf(operation)) this.#there.add(id)
    return 'ok'
  }

  /** A failure of what nobody waits for is the next operation's. */
  #later(work: Promise<unknown>): void {
    const noted = work.catch((error: unknown) => {
      this.#failure ??= error
    })
    this.#writes.push(noted)
    if (this.#writes.length > 1000) this.#writes = this.#writes.slice(-500)
  }

  // A flush or compaction that nobody waits for ends with the database.
  #upkeep(work: Promise<unknown>, wait: boolean): Promise<unknown> {
    const { db } = this
    const noted = work.catch((error: unknown) => {
      if (wait || this.world.isOpen(db)) throw error
    })
    if (wait) return noted
    this.#later(noted)
    return Promise.resolve()
  }

  async #maintain(operation: Upkeep): Promise<string> {
    switch (operation.do) {
      case 'advance':
        this.advance(operation.ms)
        break
      case 'flush':
        await this.#upkeep(this.db.flush(), operation.wait)
        this.world.noteLevels()
        break
      case 'compact': {
        const space = this.space(operation.space)
        await this.#upkeep(space.compact(this.#coding.range(operation.range)), operation.wait)
        break
      }
      case 'clear': {
        const { range, limit, reverse } = operation
        const options = { ...this.#coding.range(range), ...(limit === undefined ? {} : { limit }) }
        await this.space(operation.space).clear({ ...options, reverse: reverse === true })
        break
      }
      case 'estimate':
        return this.#estimate(operation.space, this.#coding.range(operation.range))
      case 'spaces':
        return listText(this.db.spaces())
      case 'dropSpace':
        return this.#drop(operation.space)
      case 'drain':
        await this.db.drain()
        break
      case 'reopen':
        await this.world.reopen(operation.shift)
        this.#opened()
        break
      case 'crash':
        await this.#crash(operation)
        break
      case 'peek': {
        const told = await this.world.peek(operation.shift, everything)
        this.#opened()
        return told
      }
      case 'checkpoint':
      case 'backup':
        return this.#copy(operation.do, operation.shift, operation.moves)
    }
    return 'ok'
  }

  async #drop(id: number): Promise<string> {
    const space = this.space(id)
    await this.db.dropSpace(space.name)
    this.#spaces[id] = undefined
    this.#there.delete(id)
    await space.get(this.#coding.key('k'))
    return 'it still answers'
  }

  async #copy(kind: 'checkpoint' | 'backup', shift: number, moves: boolean): Promise<string> {
    const directory = await this.world.copy(kind)
    const told = await this.world.aside(directory, shift, everything)
    if (moves) {
      await this.world.moveTo(directory, shift)
      this.#opened()
    }
    return told
  }

  #estimate(id: number, range: object): string {
    const space = this.space(id)
    const sizes = [space.estimateCount(range), space.approximateSize(range)]
    return sizes.every((size) => Number.isSafeInteger(size) && size >= 0) ? 'ok' : `estimates ${sizes.join(', ')}`
  }

  /** Everything is on disk, or at least acknowledged: so it is known what must be there afterwards. */
  async #crash({ kind, shift, seed }: Extract<Upkeep, { do: 'crash' }>): Promise<void> {
    if (kind === 'process') await Promise.all(this.#writes)
    else await this.db.put(this.#coding.key(synced.key), this.#coding.value(synced.value), { sync: true })
    await this.world.crash(kind, shift, seed)
    this.#opened()
  }

  /** What is at the end of every run: nothing that was not waited for may have failed. */
  async close(): Promise<void> {
    await this.world.close()
    await Promise.all(this.#writes)
    if (this.#failure !== undefined) throw this.#failure
  }
}

function spacesOf(operation: Write): readonly number[] {
  return operation.do === 'batch' ? operation.changes.map(({ space }) => space) : [operation.space]
}
