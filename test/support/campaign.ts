// Campaigns: tests that exist in a short form (`npm test`) and in a full form (`npm run test:long`, VARVE_LONG=1).
//
//   const cycles = campaign('kill -9 loop', { short: 20, long: 1_000 })
//   const seed = seedOf('model')                      // VARVE_SEED or a random one, always printed
//   report('model', { operations, flushes })          // kept by test:long under test/results/model.json
import { randomInt } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { commit } from '../../scripts/support/commit.mjs'

/** Whether the full form runs. */
export const isLong: boolean = Boolean(process.env['VARVE_LONG'])

/** Whether sanitizers or coverage slow everything down: the place to leave out judgements on time. */
export const isInstrumented: boolean = Boolean(process.env['VARVE_INSTRUMENTED'])

const seeds = new Map<string, number>()
const directory = new URL('../results/', import.meta.url)

interface Sizes<T> {
  readonly short: T
  readonly long: T
  /** Under sanitizers and coverage; the short size where it is not given. */
  readonly instrumented?: T
}

/** The size of a campaign in this run, printed so that a log tells what was run. */
export function campaign<T>(name: string, sizes: Sizes<T>): T {
  const [form, size] = isLong
    ? ['long', sizes.long]
    : isInstrumented && sizes.instrumented !== undefined
      ? ['instrumented', sizes.instrumented]
      : ['short', sizes.short]
  console.log(`campaign ${name}: ${form} form, ${JSON.stringify(size)}`)
  return size
}

/** The seed of a random test, an integer below 2^32: VARVE_SEED if set, else drawn once per name. */
export function seedOf(name: string): number {
  const known = seeds.get(name)
  if (known !== undefined) return known
  const given = process.env['VARVE_SEED']
  const seed = given ? Number(given) : randomInt(2 ** 32)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`VARVE_SEED must be a whole number, not "${given}"`)
  seeds.set(name, seed)
  console.log(`seed of ${name}: ${seed} (rerun with VARVE_SEED=${seed})`)
  return seed
}

/** Keeps a campaign's figures with its seed and commit. The short form keeps nothing. */
export function report(name: string, figures: Readonly<Record<string, unknown>>): void {
  if (!isLong) return
  mkdirSync(directory, { recursive: true })
  const file = `${name.replace(/[^A-Za-z0-9.-]+/g, '-')}.json`
  const content = { name, seed: seeds.get(name) ?? null, commit: commit(), figures }
  writeFileSync(new URL(file, directory), `${JSON.stringify(content, null, 2)}\n`)
}
