// The metamorphic test: one random program, many option sets, one history. Whatever the sizes of memtables and tables, the
// cache, the durability, and the order of background work, and however often it is reopened and killed, the database must
// answer the same, and what the model says.
import { expect, test } from 'vitest'
import { campaign, isInstrumented, isLong, report, seedOf } from '../support/campaign.ts'
import { compare, type Difference, explain, hashOf, shrink } from './support/metamorphic-compare.ts'
import { newTally } from './support/metamorphic-database.ts'
import { generate } from './support/metamorphic-generator.ts'
import { type Mistake, Model } from './support/metamorphic-model.ts'
import { optionSets } from './support/metamorphic-options.ts'
import type { Operation } from './support/metamorphic-program.ts'

const size = campaign('metamorphic', {
  short: { programs: 2, operations: 5_600 },
  long: { programs: 50, operations: 5_600 },
  instrumented: { programs: 1, operations: 400 }
})
const spaces = 3
const shrinkMs = isLong ? 120_000 : 20_000

test('every option set gives one history, and the model’s', { timeout: isLong ? 3_600_000 : 300_000 }, async () => {
  const seed = seedOf('metamorphic')
  expect(optionSets.length).toBeGreaterThanOrEqual(16)
  const tally = newTally()
  const kinds: Record<string, number> = {}
  let executions = 0
  for (let i = 0; i < size.programs; i++) {
    const programSeed = (seed + i) % 2 ** 32
    const program = generate(programSeed, { operations: size.operations, spaces, optionSets: optionSets.length })
    const model = new Model()
    const expected = model.history(program)
    for (const [name, count] of Object.entries(model.counts)) kinds[name] = (kinds[name] ?? 0) + count
    for (const { do: kind } of program) kinds[kind] = (kinds[kind] ?? 0) + 1
    const histories = new Set([hashOf(expected)])
    for (let optionSet = 0; optionSet < optionSets.length; optionSet++) {
      const { hash, difference } = await compare(program, expected, optionSet, tally)
      if (difference !== undefined) {
        const small = await shrink(difference, undefined, performance.now() + shrinkMs)
        expect.fail(explain(programSeed, small, difference))
      }
      histories.add(hash)
      executions += program.length
    }
    expect([...histories]).toEqual([hashOf(expected)])
  }
  const figures = { programs: size.programs, optionSets: optionSets.length, executions, ...tally }
  console.log(`metamorphic: ${JSON.stringify(figures)}\n${JSON.stringify(kinds)}`)
  report('metamorphic', { ...figures, kinds })
  if (isInstrumented) return
  expect(executions).toBeGreaterThanOrEqual(isLong ? 5_000_000 : 200_000)
  expect(tally.flushes).toBeGreaterThanOrEqual(200)
  expect(tally.compactions).toBeGreaterThanOrEqual(100)
  expect(tally.moves).toBeGreaterThanOrEqual(10)
  expect(tally.levelsMost).toBeGreaterThanOrEqual(3)
  for (const name of ['conflicts', 'conditionsHeld']) expect(kinds[name]).toBeGreaterThanOrEqual(50)
  expect(tally.reopens).toBeGreaterThan(0)
  expect(tally.crashes).toBeGreaterThan(0)
})

// A model that is wrong on purpose must be told from the database, and by a program that a person can read.
const mistakes: readonly Mistake[] = ['range-end', 'expiry', 'snapshot', 'phantom', 'sequence', 'seek']
test.each(mistakes)('tells a wrong model: %s', { timeout: 120_000 }, async (mistake) => {
  let seed = seedOf('metamorphic mistakes')
  let difference: Difference | undefined
  // One program in twenty does not come to what would show it.
  for (let i = 0; difference === undefined && i < 10; i++) {
    seed = (seed + 1) % 2 ** 32
    const program = generate(seed, { operations: 3_000, spaces, optionSets: optionSets.length })
    difference = (await compare(program, new Model(mistake).history(program), 0)).difference
  }
  if (difference === undefined) return expect.fail('The model’s mistake was not noticed.')
  const small = await shrink(difference, mistake, performance.now() + 30_000)
  console.log(explain(seed, small, difference))
  expect(small.program.length).toBeLessThan(20)
  const again = await compare(small.program, new Model(mistake).history(small.program), 0)
  expect(again.difference?.index).toBe(small.program.length - 1)
  const right = await compare(small.program, new Model().history(small.program), 0)
  expect(right.difference).toBeUndefined()
})

test('a program is text that can be read back', () => {
  const program = generate(1, { operations: 500, spaces, optionSets: optionSets.length })
  const copy = program.map((operation) => JSON.parse(JSON.stringify(operation)) as Operation)
  expect(copy).toEqual(program)
  expect(generate(1, { operations: 500, spaces, optionSets: optionSets.length })).toEqual(program)
})
