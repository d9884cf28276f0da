// The simulator can see: each mutant of the core turns it red within two minutes, and the unchanged sources do not.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { report } from '../support/campaign.ts'
import { compile, mutants, mutate, readSources } from './support/mutants.ts'

const huntSeconds = 120
const cleanSeconds = 2
const hunter = fileURLToPath(new URL('support/hunt.mjs', import.meta.url))

interface Hunt {
  readonly seeds: number
  readonly promised?: string
  readonly sentence?: string
}

const sources = readSources()
const compiled = new Map([...sources].map(([path, text]) => [path, compile(path, text)]))
const scratch = mkdtempSync(join(tmpdir(), 'varve-mutants-'))
const found: Record<string, { readonly seconds: number } & Hunt> = {}

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
  report('simulation mutants', { built: mutants.length, found: Object.keys(found).length, mutants: found })
})

// Simulates a copy of the sources until a promise is broken.
async function hunt(changed: ReadonlyMap<string, string>, seedClass: string, seconds: number): Promise<Hunt> {
  const folder = mkdtempSync(join(scratch, 'copy-'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const [path, text] of changed) {
    const target = join(folder, path.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text === sources.get(path) ? (compiled.get(path) ?? '') : compile(path, text))
  }
  const args = [hunter, folder, seedClass, String(seconds)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 2 * huntSeconds * 1000 })
  return JSON.parse(stdout)
}

describe('mutants', () => {
  test.each(mutants)('is seen: $name', { timeout: 3 * huntSeconds * 1000 }, async (mutant) => {
    const start = performance.now()
    const result = await hunt(mutate(sources, mutant), mutant.seedClass, huntSeconds)
    const seconds = Math.round((performance.now() - start) / 100) / 10
    console.log(`${mutant.name}: ${result.promised ?? 'NOT SEEN'} after ${result.seeds} seeds, ${seconds} s`)
    expect(result).toHaveProperty('promised')
    // A patch that does not run is not a mutant.
    expect(result.sentence).not.toMatch(/is not (defined|a function|iterable)|Cannot (read|access)/)
    found[mutant.name] = { seconds, ...result }
  })

  test('the unchanged copy is not red', async () => {
    const result = await hunt(sources, 'mixed', cleanSeconds)
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
