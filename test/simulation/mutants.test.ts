// The simulator can see: each mutant of the core turns it red within two minutes, and the unchanged sources do not.
import { afterAll, describe, expect, test } from 'vitest'
import { report } from '../support/campaign.ts'
import { type Hunt, Hunts } from './support/hunt.ts'
import { mutants, mutate, readSources } from './support/mutants.ts'

const huntSeconds = 120
const cleanSeconds = 2

const sources = readSources()
const hunts = new Hunts(sources)
const found: Record<string, { readonly seconds: number } & Hunt> = {}

afterAll(() => {
  hunts.close()
  report('simulation mutants', { built: mutants.length, found: Object.keys(found).length, mutants: found })
})

describe('mutants', () => {
  test.each(mutants)('is seen: $name', { timeout: 3 * huntSeconds * 1000 }, async (mutant) => {
    const start = performance.now()
    const { seedClass } = mutant
    const result = await hunts.hunt(mutate(sources, mutant), { seedClass, seconds: huntSeconds, form: 'model' })
    const seconds = Math.round((performance.now() - start) / 100) / 10
    console.log(`${mutant.name}: ${result.promised ?? 'NOT SEEN'} after ${result.seeds} seeds, ${seconds} s`)
    expect(result).toHaveProperty('promised')
    // A patch that does not run is not a mutant.
    expect(result.sentence).not.toMatch(/is not (defined|a function|iterable)|Cannot (read|access)/)
    found[mutant.name] = { seconds, ...result }
  })

  test('the unchanged copy is not red', async () => {
    const result = await hunts.hunt(sources, { seedClass: 'mixed', seconds: cleanSeconds, form: 'model' })
    expect(result.promised).toBeUndefined()
    expect(result.seeds).toBeGreaterThan(0)
  })

  test('a mutant whose patch no longer fits is an error', () => {
    const edits = [{ file: 'server/raft/core/log.ts', find: 'nothing reads like this', replace: '' }]
    expect(() => mutate(sources, { name: 'stale', seedClass: 'mixed', edits })).toThrow(/finds 0 times/)
    const twice = [{ file: 'server/raft/core/log.ts', find: 'return', replace: '' }]
    expect(() => mutate(sources, { name: 'vague', seedClass: 'mixed', edits: twice })).toThrow(/must find 1 times/)
  })
})
