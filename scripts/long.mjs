// npm run test:long: every suite that has a full form (it uses test/support/campaign.ts), one file after the other, with
// VARVE_LONG=1. Each suite keeps its figures under test/results/<name>.json; test/results/long.json is the account: each
// suite with the seed and the commit of its last run. A run of some suites leaves what is told of the others.
//
//   npm run test:long                     all of them, from one random seed
//   npm run test:long -- model kill       those whose file name contains one of the words
//   VARVE_SEED=7 npm run test:long        the same again
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commit } from './support/commit.mjs'
import { filesUnder, inRoot, runTool } from './support/project.mjs'

const words = process.argv.slice(2)
const seed = Number(process.env.VARVE_SEED ?? randomInt(2 ** 32))
const results = inRoot('test', 'results')
const summaryPath = join(results, '.summary')
const accountPath = join(results, 'long.json')

const files = filesUnder('test', (name) => name.endsWith('.test.ts'))
  .filter((path) => /from '[./]*(support\/)?campaign\.ts'/.test(readFileSync(inRoot(path), 'utf8')))
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
if (files.length === 0) {
  console.error('No suite with a full form matches: none of the test files uses test/support/campaign.ts.')
  process.exit(1)
}

function runSuite(file) {
  const start = performance.now()
  const startedMs = Date.now()
  rmSync(summaryPath, { force: true })
  console.log(`\n${file}, full form, seed ${seed}`)
  const env = { VARVE_LONG: '1', VARVE_SEED: String(seed), VARVE_TEST_SUMMARY: summaryPath }
  const status = runTool('vitest', ['run', file], { env })
  let counts = {}
  try {
    counts = JSON.parse(readFileSync(summaryPath, 'utf8'))
  } catch {}
  return {
    file,
    passed: status === 0,
    seconds: Math.round((performance.now() - start) / 1000),
    tests: counts,
    seed,
    commit: commit(),
    started: new Date(startedMs).toISOString(),
    node: process.version,
    figures: figuresSince(startedMs)
  }
}

/** name → figures of the campaigns that reported since then. */
function figuresSince(startedMs) {
  return Object.fromEntries(
    readdirSync(results)
      .filter((name) => name.endsWith('.json') && name !== 'long.json')
      .map((name) => join(results, name))
      .filter((path) => statSync(path).mtimeMs >= startedMs)
      .map((path) => JSON.parse(readFileSync(path, 'utf8')))
      .map((content) => [content.name, content.figures])
  )
}

function writeAccount(run) {
  const kept = readAccount().filter(({ file }) => run.every((one) => one.file !== file) && existsSync(inRoot(file)))
  const suites = [...kept, ...run].sort((a, b) => (a.file < b.file ? -1 : 1))
  writeFileSync(accountPath, `${JSON.stringify({ suites }, null, 2)}\n`)
}

function readAccount() {
  return existsSync(accountPath) ? JSON.parse(readFileSync(accountPath, 'utf8')).suites : []
}

mkdirSync(results, { recursive: true })
const suites = []
for (const file of files) {
  suites.push(runSuite(file))
  writeAccount(suites)
}
rmSync(summaryPath, { force: true })
console.log(
  `\n${suites.filter((suite) => suite.passed).length} of ${suites.length} suites passed: test/results/long.json`
)
process.exit(suites.every((suite) => suite.passed) ? 0 : 1)
