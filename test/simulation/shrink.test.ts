// A failing run is made small, and the small one fails again. The failure is a disk that lies, put in where other storage
// comes in.
import { expect, test } from 'vitest'
import { type Fault, planOf } from '../../server/simulation/plan.ts'
import { shrink } from '../../server/simulation/shrink.ts'
import { type Outcome, type SimulationOptions, simulate } from '../../server/simulation/simulation.ts'
import { forgetfulDisk } from './support/forgetful.ts'

// The first of its class that elects a leader without something: which one that is may change with the core.
function failingRun(): { readonly options: SimulationOptions; readonly outcome: Outcome } {
  for (let seed = 1; seed <= 20; seed++) {
    const options = { seed, steps: 2_000, seedClass: 'crashes', makeDisk: forgetfulDisk }
    const outcome = simulate(options)
    if (outcome.violation?.promised === 'leader completeness') return { options, outcome }
  }
  throw new Error('Twenty seeds did not elect a leader without what its disk forgot.')
}

const { options, outcome } = failingRun()

const again = (known: SimulationOptions) => (changed: Partial<SimulationOptions>) => simulate({ ...known, ...changed })

test('a failing run is shrunk to the crashes that matter', async () => {
  const { outcome: smallest, runs } = await shrink(outcome, again(options))
  expect(smallest.violation?.promised).toBe(outcome.violation?.promised)
  expect(smallest.plan.length).toBeLessThanOrEqual(Math.min(3, outcome.plan.length))
  expect(smallest.steps).toBeLessThan(outcome.steps)
  expect(runs).toBeLessThanOrEqual(300)
  // The plan, as it is printed, is all that is needed.
  const plan = planOf(JSON.parse(JSON.stringify(smallest.plan)))
  expect(simulate({ ...options, plan, steps: smallest.steps })).toEqual(smallest)
  // Each of its faults is needed.
  for (const left of plan) {
    const others = plan.filter((other) => other !== left)
    const without = simulate({ ...options, plan: others, steps: smallest.steps })
    expect(without.violation?.promised).not.toBe(outcome.violation?.promised)
  }
})

test('a run that did not fail stays as it is', async () => {
  const well: SimulationOptions = { seed: 5, steps: 500, seedClass: 'crashes' }
  const unharmed = simulate(well)
  expect(await shrink(unharmed, again(well))).toEqual({ outcome: unharmed, runs: 0 })
})

test('a run repeats from the plan of what happened', () => {
  const repeated = again(options)({ plan: outcome.plan })
  expect([repeated.traceHash, repeated.violation]).toEqual([outcome.traceHash, outcome.violation])
})

const fault: Fault = { kind: 'crash', atMs: 1, forMs: 2, pick: 3, second: 4 }
test.each<[unknown, RegExp]>([
  [{}, /must be a list/],
  [[fault, { ...fault, kind: 'flood' }], /fault 1 must have a kind \(crash, /],
  [[{ ...fault, atMs: -1 }], /fault 0/],
  [[{ ...fault, pick: 'one' }], /fault 0/],
  [[null], /fault 0/]
])('%j is no plan', (value, said) => {
  expect(() => planOf(value)).toThrow(said)
})
