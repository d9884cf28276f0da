// npm test: the native core's own tests, then vitest, then the account of what was skipped.
//
//   npm test                         everything
//   npm test -- test/tidy.test.ts    only the named files (any argument of `vitest run`), without the native tests
//
// In CI a skip that test/skips.txt does not list fails the run.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureScratch, exitNotThere, inCi, inRoot, readList, run, runTool } from './support/project.mjs'

const scratch = ensureScratch()
const skipReport = join(scratch, `skips.${process.pid}.jsonl`)
const summaryPath = process.env.VARVE_TEST_SUMMARY ?? join(scratch, `summary.${process.pid}.json`)
const env = { VARVE_SKIP_REPORT: skipReport, VARVE_TEST_SUMMARY: summaryPath }
const args = process.argv.slice(2)

function readSkips() {
  if (!existsSync(skipReport)) return new Map()
  const lines = readFileSync(skipReport, 'utf8').split('\n').filter(Boolean)
  return new Map(lines.map((line) => JSON.parse(line)).map(({ name, reason }) => [name, reason]))
}

function readSummary() {
  try {
    return JSON.parse(readFileSync(summaryPath, 'utf8'))
  } catch {
    return undefined
  }
}

/** The faults in what was skipped, as sentences; none outside CI. */
function faultsOf(skips, skippedCount) {
  if (!inCi) return []
  const allowed = new Set(readList(inRoot('test', 'skips.txt')))
  const faults = [...skips.keys()]
    .filter((name) => !allowed.has(name))
    .map((name) => `"${name}" was skipped, and test/skips.txt does not list it.`)
  if (skippedCount > 0 && skips.size === 0 && args.length === 0) {
    faults.push(`${skippedCount} tests were skipped without skipUnless() of test/support/skip.ts.`)
  }
  return faults
}

function runNativeTests() {
  const status = run(process.execPath, [inRoot('scripts', 'native-tests.mjs')], { env })
  if (status === exitNotThere) return 0
  console.log('')
  return status
}

rmSync(summaryPath, { force: true })
writeFileSync(skipReport, '')
const nativeStatus = args.length === 0 ? runNativeTests() : 0
const nativeSummary = readSummary()
rmSync(summaryPath, { force: true })
const vitestStatus = runTool('vitest', ['run', ...args], { env })

const skips = readSkips()
const counts = readSummary()
rmSync(skipReport, { force: true })
if (skips.size > 0) {
  console.log('Skipped, by name:')
  for (const [name, reason] of skips) console.log(`  ${name} (${reason})`)
}
const faults = faultsOf(skips, counts?.skipped ?? 0)
for (const fault of faults) console.error(fault)
if (counts) {
  counts.failed += counts.broken + faults.length + (nativeSummary?.failed ?? (nativeStatus === 0 ? 0 : 1))
  counts.passed += nativeSummary?.passed ?? 0
  writeFileSync(summaryPath, `${JSON.stringify(counts)}\n`)
  console.log(`Native and vitest together: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
}
if (!process.env.VARVE_TEST_SUMMARY) rmSync(summaryPath, { force: true })
process.exit(nativeStatus || vitestStatus || (faults.length > 0 ? 1 : 0))
