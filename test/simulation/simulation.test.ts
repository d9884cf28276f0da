// Whole clusters under faults: every seed keeps every promise, and the same seed is the same run.
import { describe, expect, test } from 'vitest'
import { seedClasses } from '../../server/simulation/plan.ts'
import { simulate, type Totals } from '../../server/simulation/simulation.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'

const steps = 5_000
const operationsMin = 200
const faultsMin = 5
// Of each of these the long form must have seen so many.
const counted = ['elections', 'truncations', 'snapshots', 'crashes', 'membershipChanges'] as const
const countedMin = 10_000

type Sum = { -readonly [Name in keyof Totals]: number }

function add(sum: Sum | undefined, totals: Totals): Sum {
  if (sum === undefined) return { ...totals }
  for (const name of Object.keys(totals) as (keyof Totals)[]) sum[name] += totals[name]
  return sum
}

// On a busy machine the short form takes its time; the default of the long form stands.
const timeout = isLong ? 4 * 3_600_000 : 240_000

describe('simulation', () => {
  test('no seed breaks a promise', { timeout }, () => {
    const seeds = campaign('simulation', { short: 300, long: 20_000, instrumented: 40 })
    const first = seedOf('simulation')
    let sum: Sum | undefined
    for (let seed = first; seed < first + seeds; seed++) {
      const { violation, totals } = simulate({ seed, steps })
      if (violation) throw new Error(`varve simulate --seed ${seed} --steps ${steps}: ${JSON.stringify(violation)}`)
      if (totals.events < steps || totals.operations < operationsMin || totals.faults < faultsMin) {
        throw new Error(`varve simulate --seed ${seed} --steps ${steps} shows too little: ${JSON.stringify(totals)}`)
      }
      sum = add(sum, totals)
    }
    console.log(`simulation of ${seeds} seeds: ${JSON.stringify(sum)}`)
    report('simulation', { seeds, steps, violations: 0, totals: sum })
    // Each happens, in whatever number of seeds.
    for (const name of counted) expect(sum?.[name]).toBeGreaterThanOrEqual(isLong ? countedMin : 1)
  })

  test('a seed is a run: its trace hash says so', () => {
    const reruns = campaign('simulation reruns', { short: seedClasses.length, long: 1_000 })
    const first = seedOf('simulation reruns')
    const hashes = new Set<string>()
    for (let seed = first; seed < first + reruns; seed++) {
      const options = { seed, steps: isLong ? steps : 1_000 }
      const once = simulate(options)
      const again = simulate(options)
      if (once.traceHash !== again.traceHash) throw new Error(`Seed ${seed} made two different runs.`)
      expect(again).toEqual(once)
      hashes.add(once.traceHash)
    }
    expect(hashes.size).toBe(reruns)
    report('simulation reruns', { reruns, identical: reruns })
  })

  test('a listener hears the run and does not change it', () => {
    const lines: string[] = []
    const heard = simulate({ seed: 3, steps: 500, listener: (line) => lines.push(line) })
    expect(heard.traceHash).toBe(simulate({ seed: 3, steps: 500 }).traceHash)
    expect(lines.length).toBeGreaterThan(500)
    expect(lines[0]).toBe('0 ms  start 1 1 1 0')
  })

  test('without faults nothing is lost and nobody is elected twice', () => {
    const { violation, totals } = simulate({ seed: 1, steps: 2_000, plan: [], seedClass: 'mixed' })
    expect(violation).toBeUndefined()
    expect(totals).toMatchObject({ faults: 0, truncations: 0, membershipChanges: 0 })
    // The run itself ends with the loss of the leader.
    expect(totals.crashes).toBe(1)
  })

  test('a class that does not exist is named, with those that do', () => {
    expect(() => simulate({ seed: 1, steps: 100, seedClass: 'nonsense' })).toThrow(/"nonsense".*mixed, partitions/)
  })
})
