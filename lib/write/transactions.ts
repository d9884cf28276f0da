// Transactions: runs a function as a transaction: again and again while others get in its way, and alone after losing
// three times.

import { VarveError } from '../errors.ts'
import type { Snapshot } from '../read/snapshot.ts'
import { Admission } from './admission.ts'
import { type Decisions, Fetch } from './decisions.ts'
import { ReadSet } from './read-set.ts'
import type { Spaces } from './spaces.ts'
import { Attempt } from './transaction.ts'
import type { Writer } from './writer.ts'

/** So many conflicts, and a transaction is admitted alone. */
const conflictsMax = 3

export interface TransactionOptions {
  /** How often it may be run again after a conflict. Left out: until it succeeds. */
  readonly retries?: number
  /** Resolve when it is on disk, whatever the database's durability. */
  readonly sync?: boolean
}

export interface TransactionsContext {
  readonly writer: Writer
  readonly spaces: Spaces
  readonly decisions: Decisions
  readonly snapshot: () => Snapshot
  readonly lastSequence: () => number
  readonly now: () => number
  /** What one transaction may read. */
  readonly entriesMax: number
}

export interface TransactionCounts {
  committed: number
  conflicts: number
  alone: number
}

export class Transactions {
  readonly #context: TransactionsContext
  readonly #admission = new Admission()
  readonly counts: TransactionCounts = { committed: 0, conflicts: 0, alone: 0 }

  constructor(context: TransactionsContext) {
    this.#context = context
  }

  async run<Result>(work: (attempt: Attempt) => Promise<Result>, options: TransactionOptions): Promise<Result> {
    const retriesMax = options.retries ?? Number.POSITIVE_INFINITY
    for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
      const outcome = await this.#once(work, options.sync === true, this.#admission)
      if (outcome !== undefined) return outcome.result
      if (conflicts >= retriesMax) throw conflict(conflicts)
    }
    this.counts.alone++
    return this.#admission.alone(async () => {
      for (let conflicts = conflictsMax; ; conflicts++) {
        const outcome = await this.#once(work, options.sync === true, undefined)
        if (outcome !== undefined) return outcome.result
        if (conflicts >= retriesMax) throw conflict(conflicts)
      }
    })
  }

  // undefined: a conflict. Without admission it is alone, and waits for nobody.
  async #once<Result>(
    work: (attempt: Attempt) => Promise<Result>,
    sync: boolean,
    admission: Admission | undefined
  ): Promise<{ readonly result: Result } | undefined> {
    await admission?.wait()
    const { writer, spaces, now, entriesMax } = this.#context
    for (let waiting = writer.settle(); waiting !== undefined; waiting = writer.settle()) await waiting
    const snapshot = this.#context.snapshot()
    try {
      const attempt = new Attempt(new ReadSet(entriesMax), snapshot, spaces, now)
      let result: Result
      try {
        result = await work(attempt)
      } finally {
        await attempt.end()
      }
      if (!(await this.#commit(attempt, sync, admission))) return undefined
      this.counts.committed++
      return { result }
    } finally {
      snapshot.close()
    }
  }

  async #commit(attempt: Attempt, sync: boolean, admission: Admission | undefined): Promise<boolean> {
    if (!attempt.hasWrites) return true
    const { spaces, decisions, lastSequence } = this.#context
    await admission?.wait()
    const written = await decisions.run((tier): Fetch | { readonly done: Promise<void> | undefined } => {
      const isUntouched = attempt.readSet.isTimeless && lastSequence() === attempt.sequence
      const failed = isUntouched ? undefined : decisions.firstFailed(attempt.readSet.checks(), tier)
      if (failed instanceof Fetch) return failed
      if (failed !== undefined) return { done: undefined }
      return { done: spaces.write((batch, into) => attempt.layDown(batch, into), sync) }
    })
    if (written.done === undefined) {
      this.counts.conflicts++
      return false
    }
    await written.done
    return true
  }
}

function conflict(retries: number): VarveError {
  return new VarveError(
    'VARVE_CONFLICT',
    `What the transaction read was changed by others before it could write, ${retries + 1} times. Allow more retries.`
  )
}
