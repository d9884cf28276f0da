// DecisionQueue: the writes and decisions of one turn of the event loop, written as one batch.
//
//   write, decide ─▶ waiting ─▶ (once the turn has read its sockets) entries of all keys ─▶ each decision in order ─▶ batch
//
// While a batch is on its way to the disk, what has to get there too gathers for the next one (group commit): it would have
// to wait for another sync anyway, and many requests then share one record.
//
// Order is that of arrival, whoever waits for the disk and whoever does not. What a decision wrote is seen by those behind it in
// the same batch through an Overlay, and by those of later batches because the database shows a write to everything that
// begins after its call. Where decisions have to wait for entries from the disk, all that comes behind them waits too.
import { type Decision, type Entry, type Key, keyBytesMax, type Operation, StoreError } from '../store.ts'
import { Overlay } from './overlay.ts'

/** What the queue needs of a database. */
export interface Deciding {
  batch(operations: readonly Operation[], options?: { readonly sync?: boolean }): Promise<void>
  /** Puts of keys and values where they stand, each a write of its own. */
  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number, sync: boolean): Promise<void>
  /** All as one, each put where it stands; left out: one after the other within a turn comes to the same. */
  together?(writes: readonly Write[]): Promise<void>
  decide<Result>(
    keys: readonly Key[],
    decide: (
      entries: readonly (Entry | undefined)[],
      nowMs: number
    ) => { readonly operations: readonly Operation[]; readonly result: Result },
    options?: { readonly sync?: boolean }
  ): Promise<Result>
}

interface Waiting {
  readonly decision: Decision
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface QueueOptions {
  /** Calls back once this turn of the event loop has brought all that it brings. */
  readonly atEnd?: (call: () => void) => void
  /** The database answers no write before it is on disk. */
  readonly isAlwaysSynced?: boolean
}

/** Puts where they stand in a chunk: of each, offset and length of its key and of its value. */
export interface Placed {
  readonly source: Uint8Array
  readonly places: Uint32Array
  readonly from: number
  readonly count: number
}

export type Write = readonly Operation[] | Placed

export const isPlaced = (write: Write): write is Placed => 'places' in write

/** A batch that has grown to this is handed over without waiting for the turn's end. */
const operationsMax = 1_000
const bytesMax = 256 * 2 ** 10

export class DecisionQueue {
  readonly #database: Deciding
  readonly #atEnd: (call: () => void) => void
  readonly #isAlwaysSynced: boolean
  /** In order: what depends on nothing, and decisions. */
  #plainWrites: (Operation[] | Placed)[] = []
  #operations = 0
  #plain: Waiting['resolve'][] = []
  #plainRejects: Waiting['reject'][] = []
  #waiting: Waiting[] = []
  #bytes = 0
  /** What waits is to be on disk before it is answered. */
  #sync = false
  /** Decisions wait for what they are to see. */
  #isBlocked = false
  #isScheduled = false
  /** Batches on their way to the disk. */
  #syncing = 0
  readonly #running = new Set<Promise<unknown>>()

  constructor(database: Deciding, { atEnd = setImmediate, isAlwaysSynced = false }: QueueOptions = {}) {
    this.#database = database
    this.#atEnd = atEnd
    this.#isAlwaysSynced = isAlwaysSynced
  }

  /** Puts where they stand, each a write of its own: they go to the database by themselves where nothing is before them. */
  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number): Promise<void> {
    const isClear = !this.#isAlwaysSynced && !this.#isBlocked && this.#plain.length + this.#waiting.length === 0
    if (isClear) return this.#database.putPlaced(source, places, from, count, false)
    if (this.#waiting.length > 0) return this.write(operationsAt({ source, places, from, count }), false)
    this.#begin(false)
    this.#plainWrites.push({ source, places, from, count })
    this.#operations += count - from
    this.#bytes += source.length
    return this.#whenWritten()
  }

  write(operations: readonly Operation[], sync: boolean): Promise<void> {
    const fault = faultOf(operations)
    if (fault !== undefined) return Promise.reject(fault)
    if (this.#waiting.length > 0) return this.decide(writing(operations), sync) as Promise<void>
    this.#begin(sync)
    this.#add(operations)
    return this.#whenWritten()
  }

  #whenWritten(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#plain.push(resolve as () => void)
      this.#plainRejects.push(reject)
      this.#schedule()
    })
  }

  decide<Result>(decision: Decision<Result>, sync: boolean): Promise<Result> {
    for (const key of decision.keys) if (key.length > keyBytesMax) return Promise.reject(tooLong())
    this.#begin(sync)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decision, resolve: resolve as (result: unknown) => void, reject })
      this.#schedule()
    })
  }

  /** What waits for the disk and what does not go apart, unless something holds both back. */
  #begin(sync: boolean): void {
    if (sync !== this.#sync) this.#run(true)
    this.#sync = this.#plain.length + this.#waiting.length > 0 ? this.#sync || sync : sync
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    for (;;) {
      this.#run(true)
      if (this.#running.size === 0) return
      await Promise.allSettled([...this.#running])
    }
  }

  #add(operations: readonly Operation[]): void {
    const last = this.#plainWrites.at(-1)
    const batch = Array.isArray(last) ? last : []
    if (batch !== last) this.#plainWrites.push(batch)
    for (const operation of operations) {
      batch.push(bounded(operation))
      if (operation.type === 'put') this.#bytes += operation.key.length + operation.value.length
    }
    this.#operations += operations.length
  }

  #schedule(): void {
    if (this.#operations + this.#waiting.length >= operationsMax || this.#bytes >= bytesMax) this.#run(true)
    else if (!this.#isScheduled) {
      this.#isScheduled = true
      this.#atEnd(() => {
        this.#isScheduled = false
        this.#run()
      })
    }
  }

  /** Unless `isUrgent`, what has to reach the disk waits while another batch is on its way there, and grows. */
  #run(isUrgent = false): void {
    const writes = this.#plainWrites
    const waiting = this.#waiting
    const plain = this.#plain
    const rejects = this.#plainRejects
    if (this.#isBlocked || plain.length + waiting.length === 0) return
    const isSynced = this.#sync || this.#isAlwaysSynced
    if (isSynced && this.#syncing > 0 && !isUrgent) return
    const options = { sync: this.#sync }
    this.#plainWrites = []
    this.#operations = 0
    this.#waiting = []
    this.#plain = []
    this.#plainRejects = []
    this.#bytes = 0
    if (plain.length > 0) {
      this.#track(
        this.#synced(this.#writeAll(writes, this.#sync), isSynced).then(
          () => {
            for (const resolve of plain) resolve(undefined)
          },
          (error: unknown) => {
            for (const reject of rejects) reject(error)
          }
        )
      )
    }
    if (waiting.length > 0) this.#track(this.#decideAll(waiting, options, isSynced))
  }

  /** All within this call: the database makes one record of them. */
  #writeAll(writes: readonly (Operation[] | Placed)[], sync: boolean): Promise<unknown> {
    if (this.#database.together !== undefined) return this.#database.together(writes)
    const written = writes.map((write) => {
      if (Array.isArray(write)) return this.#database.batch(write, { sync })
      const { source, places, from, count } = write
      return this.#database.putPlaced(source, places, from, count, sync)
    })
    return written.length === 1 && written[0] !== undefined ? written[0] : Promise.all(written)
  }

  /** Once it is on disk, what waited for that goes first, before anybody is answered: the disk is not to wait for us. */
  #synced<Result>(work: Promise<Result>, isSynced: boolean): Promise<Result> {
    if (!isSynced) return work
    this.#syncing++
    return work.finally(() => {
      this.#syncing--
      this.#run()
    })
  }

  async #decideAll(waiting: readonly Waiting[], options: { readonly sync: boolean }, isSynced: boolean): Promise<void> {
    const keys = waiting.flatMap(({ decision }) => decision.keys)
    // From the call on, until they are made: mostly that is within the call.
    this.#isBlocked = true
    let isLate = false
    try {
      const decided = this.#database.decide(
        keys,
        (entries, nowMs) => {
          const overlay = new Overlay(keys, entries, nowMs)
          const result = waiting.map(({ decision }) => overlay.run(decision))
          this.#isBlocked = false
          if (isLate) this.#schedule()
          return { operations: overlay.operations.map(bounded), result }
        },
        options
      )
      isLate = true
      const outcomes = await this.#synced(decided, isSynced)
      for (const [i, outcome] of outcomes.entries()) {
        if ('error' in outcome) waiting[i]?.reject(outcome.error)
        else waiting[i]?.resolve(outcome.result)
      }
    } catch (error) {
      this.#isBlocked = false
      for (const { reject } of waiting) reject(error)
      this.#schedule()
    }
  }

  #track(work: Promise<unknown>): void {
    this.#running.add(work)
    void work.finally(() => this.#running.delete(work))
  }
}

/** A write that has to come after decisions. */
export function writing(operations: readonly Operation[]): Decision<void> {
  return {
    keys: [],
    decide: (view) => {
      for (const operation of operations) {
        if (operation.type === 'put') view.put(operation.key, operation.value, operation.expiresAt)
        else if (operation.type === 'del') view.del(operation.key)
        else view.deleteRange(operation.range)
      }
    }
  }
}

/** Puts of keys and values where they stand, as operations that borrow them. */
export function operationsAt({ source, places, from, count }: Placed): Operation[] {
  const operations: Operation[] = []
  const field = (at: number) => {
    const start = places[at] as number
    return source.subarray(start, start + (places[at + 1] as number))
  }
  for (let i = from; i < count; i++) operations.push({ type: 'put', key: field(4 * i), value: field(4 * i + 2) })
  return operations
}

/** The database asks for a bound, lest one was forgotten; here none is the range of all. */
function bounded(operation: Operation): Operation {
  if (operation.type !== 'deleteRange' || operation.range.gte !== undefined) return operation
  return { type: 'deleteRange', range: { ...operation.range, gte: beginning } }
}

const beginning = Buffer.alloc(0)

/** What the database would refuse with everything that is written beside it. */
function faultOf(operations: readonly Operation[]): StoreError | undefined {
  for (const operation of operations) {
    if (operation.type !== 'deleteRange' && operation.key.length > keyBytesMax) return tooLong()
  }
  return undefined
}

const tooLong = (): StoreError => new StoreError('TOO_LARGE', `A key has at most ${keyBytesMax} bytes.`)
