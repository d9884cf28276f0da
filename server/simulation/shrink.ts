// Makes a failing run small: leaves out faults, and then steps, as long as the same promise is broken. What other faults do,
// and what the network and the clients draw, does not depend on those that are left out (see random.ts), so most of a run
// stays as it was.
import type { Fault } from './plan.ts'
import type { Broken } from './violation.ts'

/** What there must be to shrink a run, of the model or of production code. */
export interface Shrinkable<Kind extends string> {
  readonly steps: number
  readonly plan: readonly Fault<Kind>[]
  readonly violation?: Broken
}

export interface Shrunk<Outcome> {
  readonly outcome: Outcome
  /** How many runs it took. */
  readonly runs: number
}

const runsMaxDefault = 300
const stepsMin = 100

/**
 * A smaller run that fails like `outcome`; `outcome` itself if there is none. `run` repeats it, with fewer faults or steps.
 */
export async function shrink<Kind extends string, Outcome extends Shrinkable<Kind>>(
  outcome: Outcome,
  run: (changed: { readonly plan: readonly Fault<Kind>[]; readonly steps: number }) => Outcome | Promise<Outcome>,
  runsMax = runsMaxDefault
): Promise<Shrunk<Outcome>> {
  let smallest = outcome
  let runs = 0
  const fails = async (plan: readonly Fault<Kind>[], steps: number): Promise<boolean> => {
    if (runs >= runsMax) return false
    runs++
    const tried = await run({ plan, steps })
    if (tried.violation?.promised !== outcome.violation?.promised) return false
    smallest = tried
    return true
  }
  if (outcome.violation === undefined) return { outcome, runs }
  await fails(outcome.plan, outcome.steps)
  await fewerFaults(smallest.plan, (plan) => fails(plan, smallest.steps))
  // Fewer steps end the faulty part sooner, and so may make room to leave out more.
  while (smallest.steps / 2 >= stepsMin && (await fails(smallest.plan, Math.floor(smallest.steps / 2))));
  await fewerFaults(smallest.plan, (plan) => fails(plan, smallest.steps))
  return { outcome: smallest, runs }
}

// Leaves out halves, quarters, … and single faults, for as long as it still fails.
async function fewerFaults<Kind extends string>(
  faults: readonly Fault<Kind>[],
  fails: (plan: readonly Fault<Kind>[]) => Promise<boolean>
): Promise<void> {
  let plan = faults
  for (let size = Math.ceil(plan.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < plan.length; ) {
      const without = [...plan.slice(0, at), ...plan.slice(at + size)]
      if (await fails(without)) plan = without
      else at += size
    }
  }
}
