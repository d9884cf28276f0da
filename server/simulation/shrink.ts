// Makes a failing run small: leaves out faults, and then steps, as long as the same promise is broken. What other faults do,
// and what the network and the clients draw, does not depend on those that are left out (see random.ts), so most of a run
// stays as it was.
import type { Fault } from './plan.ts'
import { type Outcome, type SimulationOptions, simulate } from './simulation.ts'

export interface Shrunk {
  readonly outcome: Outcome
  /** How many runs it took. */
  readonly runs: number
}

const runsMaxDefault = 300
const stepsMin = 100

/** A smaller run that fails like `outcome`, which failed with these options; `outcome` itself if there is none. */
export function shrink(options: SimulationOptions, outcome: Outcome, runsMax = runsMaxDefault): Shrunk {
  let smallest = outcome
  let runs = 0
  const fails = (plan: readonly Fault[], steps: number): boolean => {
    if (runs >= runsMax) return false
    runs++
    const tried = simulate({ ...options, plan, steps })
    if (tried.violation?.promised !== outcome.violation?.promised) return false
    smallest = tried
    return true
  }
  if (outcome.violation === undefined) return { outcome, runs }
  fails(outcome.plan, outcome.steps)
  fewerFaults(smallest.plan, (plan) => fails(plan, smallest.steps))
  // Fewer steps end the faulty part sooner, and so may make room to leave out more.
  while (smallest.steps / 2 >= stepsMin && fails(smallest.plan, Math.floor(smallest.steps / 2)));
  fewerFaults(smallest.plan, (plan) => fails(plan, smallest.steps))
  return { outcome: smallest, runs }
}

// Leaves out halves, quarters, … and single faults, for as long as it still fails.
function fewerFaults(faults: readonly Fault[], fails: (plan: readonly Fault[]) => boolean): void {
  let plan = faults
  for (let size = Math.ceil(plan.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < plan.length; ) {
      const without = [...plan.slice(0, at), ...plan.slice(at + size)]
      if (fails(without)) plan = without
      else at += size
    }
  }
}
