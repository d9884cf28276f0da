// The simulation of production code can see: each mutant turns it red within two minutes, and the unchanged sources do not.
import { afterAll, describe, expect, test } from 'vitest'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { type Hunt, Hunts } from './support/hunt.ts'
import { mutate } from './support/mutants.ts'
import { productionMutants, readProductionSources } from './support/production-mutants.ts'

const huntSeconds = 120
const cleanSeconds = 2

/** Some of them, others each time; all of them in the long form. */
const count = campaign('mutants of production', { short: 3, long: productionMutants.length, instrumented: 1 })
const from = seedOf('mutants of production') % productionMutants.length
const hunted = [...productionMutants.slice(from), ...productionMutants.slice(0, from)].slice(0, count)

const sources = readProductionSources()
const hunts = new Hunts(sources)
const found: Record<string, { readonly seconds: number } & Hunt> = {}

afterAll(() => {
  hunts.close()
  report('simulation mutants of production', {
    built: hunted.length,
    found: Object.keys(found).length,
    mutants: found
  })
})

describe('mutants of production code', () => {
  test('each fits its source', () => {
    for (const mutant of productionMutants) expect(mutate(sources, mutant)).not.toEqual(sources)
  })

  test.each(hunted)('is seen: $name', { timeout: 10 * huntSeconds * 1000 }, async (mutant) => {
    const start = performance.now()
    const { seedClass } = mutant
    const result = await hunts.hunt(mutate(sources, mutant), { seedClass, seconds: huntSeconds, form: 'production' })
    const seconds = Math.round((performance.now() - start) / 100) / 10
    console.log(`${mutant.name}: ${result.promised ?? 'NOT SEEN'} after ${result.seeds} seeds, ${seconds} s`)
    expect(result).toHaveProperty('promised')
    // A patch that does not run is not a mutant.
    expect(result.sentence).not.toMatch(/is not (defined|a function|iterable)|Cannot (read|access)/)
    found[mutant.name] = { seconds, ...result }
  })

  test('the unchanged copy is not red', { timeout: 60_000 }, async () => {
    const result = await hunts.hunt(sources, { seedClass: 'mixed', seconds: cleanSeconds, form: 'production' })
    expect(result.promised).toBeUndefined()
    expect(result.seeds).toBeGreaterThan(0)
  })
})
