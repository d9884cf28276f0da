// Whole clusters of production code under faults: every seed keeps every promise, and the same seed is the same run, to the
// bytes on its disks.
import { describe, expect, test } from 'vitest'
import { productionClasses } from '../../server/simulation/production/plan.ts'
import {
  type ProductionOptions,
  type ProductionOutcome,
  type ProductionTotals,
  simulateProduction
} from '../../server/simulation/production/simulation.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'

const steps = 3_000
// Of each of these the long form must have seen so many.
const counted = ['elections', 'powerCuts', 'kills', 'stops', 'snapshots', 'acknowledged'] as const
const countedMin = 1_000

type Sum = { -readonly [Name in keyof ProductionTotals]: number }

function add(sum: Sum | undefined, totals: ProductionTotals): Sum {
  if (sum === undefined) return { ...totals }
  for (const name of Object.keys(totals) as (keyof ProductionTotals)[]) sum[name] += totals[name]
  return sum
}

const commandOf = ({ seed, seedClass }: ProductionOutcome): string =>
  `varve simulate --production --seed ${seed} --steps ${steps} --class ${seedClass}`

/** What a seed did, which broke no promise and did enough to say so. */
async function promised(options: ProductionOptions): Promise<ProductionTotals> {
  const outcome = await simulateProduction(options)
  const { violation, totals } = outcome
  if (violation) throw new Error(`${commandOf(outcome)}: ${JSON.stringify(violation)}`)
  if (totals.events < steps || totals.acknowledged < 30 || totals.faults < 8) {
    throw new Error(`${commandOf(outcome)} shows too little: ${JSON.stringify(totals)}`)
  }
  return totals
}

describe('simulation of production code', () => {
  test('no seed breaks a promise', { timeout: isLong ? 12 * 3_600_000 : 240_000 }, async () => {
    const seeds = campaign('simulation of production', { short: 28, long: 5_000, instrumented: 7 })
    const first = seedOf('simulation of production')
    let sum: Sum | undefined
    for (let seed = first; seed < first + seeds; seed++) {
      sum = add(sum, await promised({ seed, steps }))
      if (isLong && (seed - first) % 50 === 49) console.log(`${seed - first + 1} seeds: ${JSON.stringify(sum)}`)
    }
    // Of few seeds none may have installed a snapshot: some, even of their own class, install none.
    let runs = seeds
    for (; sum?.snapshots === 0 && runs < seeds + 30; runs++) {
      sum = add(sum, await promised({ seed: first + runs, steps, seedClass: 'snapshots' }))
    }
    console.log(`simulation of ${runs} seeds of production code: ${JSON.stringify(sum)}`)
    report('simulation of production', { seeds: runs, steps, violations: 0, totals: sum })
    // Each happens, in whatever number of seeds.
    for (const name of counted) expect(sum?.[name], name).toBeGreaterThanOrEqual(isLong ? countedMin : 1)
  })

  test('a seed is a run: its trace hash says so', { timeout: isLong ? 3_600_000 : 240_000 }, async () => {
    const reruns = campaign('simulation of production reruns', { short: 2, long: 100, instrumented: 2 })
    const first = seedOf('simulation of production reruns')
    const hashes = new Set<string>()
    for (let seed = first; seed < first + reruns; seed++) {
      const options = { seed, steps: 1_000 }
      const once = await simulateProduction(options)
      expect(await simulateProduction(options)).toEqual(once)
      hashes.add(once.traceHash)
    }
    expect(hashes.size).toBe(reruns)
    report('simulation of production reruns', { reruns, identical: reruns })
  })

  test('a run repeats from the plan of what happened', async () => {
    const options: ProductionOptions = { seed: 3, steps: 1_000, seedClass: 'mixed' }
    const once = await simulateProduction(options)
    const lines: string[] = []
    const again = await simulateProduction({ ...options, plan: once.plan, listener: (line) => lines.push(line) })
    expect(again).toEqual(once)
    expect(lines[0]).toBe('0 ms  start 1 1 0 0')
  })

  test('without faults nobody stops, and only the last power cut is one', async () => {
    const { violation, totals } = await simulateProduction({ seed: 1, steps: 1_000, plan: [], seedClass: 'mixed' })
    expect(violation).toBeUndefined()
    expect(totals).toMatchObject({ faults: 0, kills: 0, stops: 0 })
    // Of each node, once, when the run darkens.
    expect([3, 5]).toContain(totals.powerCuts)
  })

  test('a class that does not exist is named, with those that do', async () => {
    await expect(simulateProduction({ seed: 1, steps: 100, seedClass: 'nonsense' })).rejects.toThrow(
      new RegExp(`"nonsense".*${productionClasses.map(({ name }) => name).join(', ')}`)
    )
  })

  test('the time of the process is its own again', async () => {
    const before = [setTimeout, clearTimeout, setImmediate, clearImmediate]
    await simulateProduction({ seed: 2, steps: 300 })
    expect([setTimeout, clearTimeout, setImmediate, clearImmediate]).toEqual(before)
    expect(Object.hasOwn(performance, 'now')).toBe(false)
  })
})
