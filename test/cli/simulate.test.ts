// varve simulate, as its users have it: the same seed prints the same run.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { lineOf, sentencesOf } from '../../server/cli/simulate.ts'
import type { FaultKind } from '../../server/simulation/plan.ts'
import { simulateProduction } from '../../server/simulation/production/simulation.ts'
import { shrink } from '../../server/simulation/shrink.ts'
import { type Outcome, simulate } from '../../server/simulation/simulation.ts'
import { forgetfulDisk } from '../simulation/support/forgetful.ts'
import { temporaryDirectory, varve } from '../support/varve.ts'

const directory = temporaryDirectory()
afterAll(() => directory[Symbol.dispose]())

describe('varve simulate', () => {
  test('replays a seed identically, and prints its trace hash and totals', async () => {
    const args = ['simulate', '--seed', '7', '--steps', '1000']
    const [once, again, other] = await Promise.all([varve(args), varve(args), varve([...args, '--class', 'crashes'])])
    expect(once).toEqual(again)
    expect(once).toMatchObject({ code: 0, stderr: '' })
    expect(once.stdout).toMatch(/^seed 7 {2}class \w+ {2}trace [0-9a-f]{16} {2}events \d+ .* elections \d+ .* ok\n$/)
    expect(once.stdout).toBe(`${lineOf(simulate({ seed: 7, steps: 1_000 }))}\n`)
    expect(other.stdout).toContain('class crashes')
    expect(other.stdout).not.toBe(once.stdout)
  })

  test('prints JSON, one line a seed', async () => {
    const { code, stdout } = await varve(['simulate', '--seed', '3', '--seeds', '2', '--steps', '600', '--json'])
    const outcomes = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect([code, outcomes.map(({ seed }) => seed)]).toEqual([0, [3, 4]])
    expect(outcomes[0]).toMatchObject({
      steps: 600,
      traceHash: expect.any(String),
      totals: { operations: expect.any(Number) }
    })
  })

  test('runs a plan of faults, and prints every event', async () => {
    const path = join(directory.path, 'plan.json')
    writeFileSync(path, JSON.stringify([{ kind: 'crash', atMs: 500, forMs: 200, pick: 0, second: 0 }]))
    const args = ['simulate', '--seed', '3', '--steps', '600', '--plan', path, '--events']
    const { code, stdout } = await varve(args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^500 ms {2}crash /m)
    expect(stdout).toContain('faults 1  ')
  })

  test('runs production code', async () => {
    const args = ['simulate', '--production', '--seed', '7', '--steps', '500']
    const { code, stdout, stderr } = await varve(args)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(`${lineOf(await simulateProduction({ seed: 7, steps: 500 }))}\n`)
    const noClass = await varve([...args, '--class', 'crashes'])
    expect(noClass.stderr).toContain('There is no seed class "crashes". There are: mixed, power, ')
  })

  test('says what is wrong with how it was called', async () => {
    const path = join(directory.path, 'flood.json')
    writeFileSync(path, '[{"kind":"flood"}]')
    const [noClass, noPlan, noSeed, noFile] = await Promise.all([
      varve(['simulate', '--class', 'nonsense']),
      varve(['simulate', '--plan', path]),
      varve(['simulate', '--seed', '1.5']),
      varve(['simulate', '--plan', join(directory.path, 'absent.json')])
    ])
    expect([noClass.code, noPlan.code, noSeed.code, noFile.code]).toEqual([2, 2, 2, 2])
    expect(noClass.stderr).toContain('There is no seed class "nonsense". There are: mixed, ')
    expect(noPlan.stderr).toContain('flood.json is not a plan of faults: fault 0 must have a kind (crash, ')
    expect(noSeed.stderr).toContain('It must be a whole number.')
    expect(noFile.stderr).toContain('absent.json is not a plan of faults: ENOENT')
  })
})

test('a run that failed is told with the smaller one that fails alike', async () => {
  const options = { seed: 22, steps: 2_000, seedClass: 'crashes', makeDisk: forgetfulDisk }
  const outcome = simulate(options)
  expect(lineOf(outcome)).toMatch(/ {2}BROKEN: [\w ]+\. [A-Z].*\.$/)
  const shrunk = await shrink<FaultKind, Outcome>(outcome, (changed) => simulate({ ...options, ...changed }))
  expect(sentencesOf(shrunk)[0]).toMatch(
    /^The smallest of \d+ other runs that fails alike has \d+ faults?: .*\. \(at \d+ ms\)$/
  )
  expect(sentencesOf(shrunk)[2]).toBe(
    `varve simulate --seed 22 --steps ${shrunk.outcome.steps} --class crashes --plan <file> --events`
  )
})
