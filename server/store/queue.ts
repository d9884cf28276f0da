// DecisionQueue: the writes and decisions of one turn of the event loop, written as one batch.
//
//   write, decide ─▶ waiting ─▶ (once the turn has read its sockets) entries of all keys ─▶ each decision in order ─▶ batch
//
// Order is that of arrival. What a decision wrote is seen by those behind it in the same batch through an Overlay, and by
// those of later batches because the database shows a write to everything that begins after its call.
import type { Decision, Entry, Key, Operation } from '../store.ts'
import { Overlay } from './overlay.ts'

/** What the queue needs of a database. */
export interface Deciding {
  batch(operations: readonly Operation[], options?: { readonly sync?: boolean }): Promise<void>
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

/** A batch that has grown to this is handed over without waiting for the turn's end. */
const operationsMax = 1_000
const bytesMax = 256 * 2 ** 10

export class DecisionQueue {
  readonly #database: Deciding
  readonly #options: { readonly sync: boolean }
  /** In order: operations that depend on nothing, and decisions. */
  #operations: Operation[] = []
  #plain: Waiting['resolve'][] = []
  #plainRejects: Waiting['reject'][] = []
  #waiting: Waiting[] = []
  #bytes = 0
  #isScheduled = false
  readonly #running = new Set<Promise<unknown>>()

  constructor(database: Deciding, sync: boolean) {
    this.#database = database
    this.#options = { sync }
  }

  write(operations: readonly Operation[]): Promise<void> {
    if (this.#waiting.length > 0) return this.decide(writing(operations)) as Promise<void>
    for (const operation of operations) this.#add(operation)
    return new Promise((resolve, reject) => {
      this.#plain.push(resolve as () => void)
      this.#plainRejects.push(reject)
      this.#schedule()
    })
  }

  decide<Result>(decision: Decision<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decision, resolve: resolve as (result: unknown) => void, reject })
      this.#schedule()
    })
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    this.#run()
    while (this.#running.size > 0) await Promise.allSettled([...this.#running])
  }

  #add(operation: Operation): void {
    this.#operations.push(operation)
    if (operation.type === 'put') this.#bytes += operation.key.length + operation.value.length
  }

  #schedule(): void {
    if (this.#operations.length + this.#waiting.length >= operationsMax || this.#bytes >= bytesMax) this.#run()
    else if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(() => {
        this.#isScheduled = false
        this.#run()
      })
    }
  }

  #run(): void {
    const operations = this.#operations
    const waiting = this.#waiting
    const plain = this.#plain
    const rejects = this.#plainRejects
    if (plain.length + waiting.length === 0) return
    this.#operations = []
    this.#waiting = []
    this.#plain = []
    this.#plainRejects = []
    this.#bytes = 0
    if (plain.length > 0) {
      this.#track(
        this.#database.batch(operations, this.#options).then(
          () => {
            for (const resolve of plain) resolve(undefined)
          },
          (error: unknown) => {
            for (const reject of rejects) reject(error)
          }
        )
      )
    }
    if (waiting.length > 0) this.#track(this.#decideAll(waiting))
  }

  async #decideAll(waiting: readonly Waiting[]): Promise<void> {
    const keys = waiting.flatMap(({ decision }) => decision.keys)
    try {
      const outcomes = await this.#database.decide(
        keys,
        (entries, nowMs) => {
          const overlay = new Overlay(keys, entries, nowMs)
          const result = waiting.map(({ decision }) => overlay.run(decision))
          return { operations: overlay.operations, result }
        },
        this.#options
      )
      for (const [i, outcome] of outcomes.entries()) {
        if ('error' in outcome) waiting[i]?.reject(outcome.error)
        else waiting[i]?.resolve(outcome.result)
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
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
