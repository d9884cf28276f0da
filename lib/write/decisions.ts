// Decisions: what depends on what is there, decided and written in one go, so that nothing comes between: the writer is
// the only one, and a decision is a synchronous function. What it must know from the disk is fetched first, and then it is
// asked again.

import { diskNeeded, type Tier, tiers } from '../read/reader.ts'
import type { Check, Checker } from './checks.ts'
import type { Writer } from './writer.ts'

/** After so many fetches the disk is waited for on the spot: somebody drops blocks as fast as they come. */
const fetchesMax = 4

/** What a decision says when it must be asked again after `fetch`. */
export class Fetch {
  readonly fetch: () => Promise<unknown>

  constructor(fetch: () => Promise<unknown>) {
    this.fetch = fetch
  }
}

export class Decisions {
  readonly #writer: Writer
  readonly checker: Checker

  constructor(writer: Writer, checker: Checker) {
    this.#writer = writer
    this.checker = checker
  }

  /** Runs `decide` when all that was called before is visible; what it writes is the next thing in the log. */
  async run<Result>(decide: (tier: Tier) => Result | Fetch): Promise<Result> {
    for (let fetches = 0; ; fetches++) {
      for (let waiting = this.#writer.settle(); waiting !== undefined; waiting = this.#writer.settle()) await waiting
      // It may have been closed while this one waited, or before it came this far.
      this.#writer.checkOpen()
      const decided = decide(fetches < fetchesMax ? tiers.noWait : tiers.mayBlock)
      if (!(decided instanceof Fetch)) return decided
      await decided.fetch()
    }
  }

  /** The first check that does not hold; undefined when all do. */
  firstFailed(checks: Iterable<Check>, tier: Tier): Check | undefined | Fetch {
    for (const check of checks) {
      const holds = this.checker.holds(check, tier)
      if (holds === diskNeeded) return new Fetch(() => this.checker.fetch(check))
      if (!holds) return check
    }
    return undefined
  }
}
