// The scripts and the loader around the database, as a user of a clone meets them.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
let work = ''

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'varve-project-'))
})
afterAll(() => rmSync(work, { recursive: true }))

function node(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { LD_PRELOAD: _, ...inherited } = process.env
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { ...inherited, ...env } })
}

test('setup refuses a step that there is not', () => {
  const { status, stderr } = node(['scripts/setup.mjs', 'adon'])
  expect(status).toBe(2)
  expect(stderr).toContain('there is no step "adon"; the steps are packages, addon, types')
})

test('npm run test:conformance fails where there are no files', () => {
  const { status, stderr } = node(['scripts/conformance.mjs'], { VARVE_RAFT_TESTDATA: work })
  expect(status).toBe(1)
  expect(stderr).toContain(`There are no conformance files in ${work}`)
})

describe('the loader', () => {
  const load = `try { require('./native/index.cjs').about() } catch (e) { console.log(e.code + '\\n' + e.message) }`

  test('loads no other binding than the one VARVE_NATIVE_BINDING names', () => {
    const { stdout } = node(['-e', load], { VARVE_NATIVE_BINDING: 'nowhere.node' })
    expect(stdout).toContain('VARVE_NATIVE_UNAVAILABLE')
    expect(stdout).toContain('- VARVE_NATIVE_BINDING=nowhere.node: Cannot find module')
    expect(stdout).not.toContain('prebuild')
  })

  test('is a help page where there is neither a build nor a prebuild', () => {
    const installed = join(work, 'varve', 'native')
    mkdirSync(installed, { recursive: true })
    copyFileSync(join(root, 'native', 'index.cjs'), join(installed, 'index.cjs'))
    const { stdout } = node(['-e', load.replace('./native', installed)], { VARVE_NATIVE_BINDING: '' })
    expect(stdout).toContain(`on ${process.platform}-${process.arch}`)
    expect(stdout).toContain(`Node.js ${process.versions.node}`)
    expect(stdout).toContain(`npx node-gyp rebuild --directory="${installed}"`)
  })
})

describe('a skip', () => {
  const suite = `
    import { test } from 'vitest'
    import { skipUnless } from ${JSON.stringify(join(root, 'test/support/skip.ts'))}
    test.runIf(skipUnless('a moon', false, 'needs a moon'))('howls', () => {})
    test('stays', () => {})`

  test('is reported by name and counted', () => {
    const report = join(work, 'skips.jsonl')
    const summary = join(work, 'summary.json')
    symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'))
    writeFileSync(join(work, 'a.test.mjs'), suite)
    const reporter = join(root, 'test/support/reporter.ts')
    const args = ['run', '--root', work, '--reporter', reporter]
    const { status, stderr } = node(['node_modules/vitest/vitest.mjs', ...args], {
      VARVE_SKIP_REPORT: report,
      VARVE_TEST_SUMMARY: summary
    })
    expect({ status, stderr }).toMatchObject({ status: 0 })
    expect(JSON.parse(readFileSync(report, 'utf8'))).toEqual({ name: 'a moon', reason: 'needs a moon' })
    expect(JSON.parse(readFileSync(summary, 'utf8'))).toEqual({ passed: 1, failed: 0, skipped: 1, broken: 0 })
  })
})
