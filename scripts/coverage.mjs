// Line coverage of lib/ and server/ (V8, through vitest) and of native/core (gcov, through GoogleTest and through vitest over
// an addon of the same objects). Fails below 90 % in lib/ or native/core, or with more than 10 ignore comments.
//
//   node scripts/coverage.mjs          runs the tests and reports; figures in coverage/summary.json
//   node scripts/coverage.mjs --keep   reports what the last run left
//
// A line of C++ is ignored by LCOV_EXCL_LINE on it, or between LCOV_EXCL_START and LCOV_EXCL_STOP; of TypeScript by a
// `v8 ignore` comment. Each such comment is listed.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { exitNotThere, filesUnder, inRoot, output, root, run, runTool } from './support/project.mjs'

const percentMin = 90
const ignoresMax = 10
const nativeBuild = inRoot('build-dev', 'coverage')
const typescriptReport = inRoot('coverage', 'typescript', 'coverage-final.json')

// Suites that run no line of lib/ or native/core in this process, or none that others do not run: their time would be lost.
const uncounted = ['test/tidy.test.ts', 'test/examples.test.ts', 'test/readme.test.ts', 'test/real-input.test.ts']
const notMeasured = [
  'test/cluster/**',
  'test/processes/**',
  'test/bench/**',
  'test/cli/**',
  'test/simulation/{mutants,simulation}.test.ts',
  'test/server/{differential,hostile}.test.ts',
  'test/server/clients/**'
]

function runTests() {
  for (const path of filesUnder('build-dev/coverage', (name) => name.endsWith('.gcda'))) rmSync(inRoot(path))
  rmSync(inRoot('coverage'), { recursive: true, force: true })
  const native = run(process.execPath, [inRoot('scripts', 'native-tests.mjs'), '--coverage', '--addon'], {
    env: { VARVE_TEST_SUMMARY: '' }
  })
  if (native !== 0 && native !== exitNotThere) return native
  const binding = `${nativeBuild}/varve.node`
  const excludes = [...uncounted, ...notMeasured].flatMap((pattern) => ['--exclude', pattern])
  return runTool('vitest', ['run', '--coverage', '--passWithNoTests', ...excludes], {
    env: {
      VARVE_TEST_SUMMARY: '',
      VARVE_INSTRUMENTED: '1',
      ...(existsSync(binding) ? { VARVE_NATIVE_BINDING: binding } : {})
    }
  })
}

/** file → line → count, of the core, from every counter file gcov finds. */
function nativeLines() {
  const lines = new Map()
  for (const counters of filesUnder('build-dev/coverage', (name) => name.endsWith('.gcda'))) {
    const report = output('gcov', ['--json-format', '--stdout', inRoot(counters)], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    for (const text of (report ?? '').split('\n').filter(Boolean)) {
      const { files, current_working_directory: directory } = JSON.parse(text)
      for (const { file, lines: counted } of files) {
        const path = relative(root, resolve(directory, file)).replaceAll('\\', '/')
        if (!path.startsWith('native/core/')) continue
        const known = lines.get(path) ?? lines.set(path, new Map()).get(path)
        for (const { line_number: line, count } of counted) known.set(line, (known.get(line) ?? 0) + count)
      }
    }
  }
  for (const [path, counts] of lines) for (const line of excludedLines(path)) counts.delete(line)
  return lines
}

function excludedLines(path) {
  const excluded = []
  let inside = false
  for (const [index, line] of readFileSync(inRoot(path), 'utf8').split('\n').entries()) {
    if (line.includes('LCOV_EXCL_START')) inside = true
    if (inside || line.includes('LCOV_EXCL_LINE')) excluded.push(index + 1)
    if (line.includes('LCOV_EXCL_STOP')) inside = false
  }
  return excluded
}

/** file → line → count, from the statements of vitest's report. */
function typescriptLines() {
  if (!existsSync(typescriptReport)) return new Map()
  const report = JSON.parse(readFileSync(typescriptReport, 'utf8'))
  return new Map(
    Object.values(report).map(({ path, statementMap, s }) => {
      const counts = new Map()
      for (const [id, { start }] of Object.entries(statementMap)) {
        counts.set(start.line, Math.max(counts.get(start.line) ?? 0, s[id]))
      }
      return [relative(root, path).replaceAll('\\', '/'), counts]
    })
  )
}

function tally(lines, folder) {
  const files = [...lines]
    .filter(([path]) => path.startsWith(folder))
    .map(([path, counts]) => {
      const covered = [...counts.values()].filter((count) => count > 0).length
      return { path, covered, lines: counts.size }
    })
  const sum = (key) => files.reduce((total, file) => total + file[key], 0)
  const [covered, total] = [sum('covered'), sum('lines')]
  const percent = total === 0 ? undefined : Math.floor((covered / total) * 10_000) / 100
  return { folder, covered, lines: total, percent, files }
}

function ignoreComments() {
  const files = ['lib', 'server', 'native'].flatMap((folder) => filesUnder(folder, (name) => /\.(ts|cc|h)$/.test(name)))
  return files.flatMap((path) =>
    readFileSync(inRoot(path), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        /LCOV_EXCL_(LINE|START)|(v8|c8|istanbul) ignore/.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : []
      )
  )
}

function print({ folder, covered, lines, percent, files }) {
  console.log(
    `coverage: ${folder} ${percent === undefined ? 'has no counted lines' : `${percent} % of ${lines} lines`}`
  )
  const rest = files
    .filter((file) => file.covered < file.lines)
    .sort((a, b) => b.lines - b.covered - (a.lines - a.covered))
  for (const file of rest.slice(0, 12))
    console.log(`  ${file.path}: ${file.lines - file.covered} of ${file.lines} lines not run`)
  return { folder, covered, lines, percent }
}

const status = process.argv.includes('--keep') ? 0 : runTests()
if (status !== 0) {
  console.error('coverage: the tests failed, so there is nothing to report')
  process.exit(status)
}
const native = nativeLines()
const typescript = typescriptLines()
const summary = [tally(typescript, 'lib/'), tally(native, 'native/core/'), tally(typescript, 'server/')].map(print)
const ignores = ignoreComments()
console.log(`coverage: ${ignores.length} ignore comments (at most ${ignoresMax})`)
for (const comment of ignores) console.log(`  ${comment}`)
mkdirSync(inRoot('coverage'), { recursive: true })
writeFileSync(inRoot('coverage', 'summary.json'), `${JSON.stringify({ summary, ignores }, null, 2)}\n`)

const [library, core] = summary
if (ignores.length > ignoresMax) process.exit(1)
if ([library, core].some(({ percent }) => percent !== undefined && percent < percentMin)) {
  console.error(`coverage: below ${percentMin} %`)
  process.exit(1)
}
const unmeasured = [library, core].filter(({ percent }) => percent === undefined)
if (unmeasured.length > 0) {
  console.log(`coverage: nothing to measure in ${unmeasured.map(({ folder }) => folder).join(' and ')}`)
  process.exit(exitNotThere)
}
