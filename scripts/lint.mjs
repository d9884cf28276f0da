// npm run lint: format, types and static analysis. npm run format (--fix) mends what can be mended.
//
//   node scripts/lint.mjs                      every check
//   node scripts/lint.mjs --only=biome,types   the named ones
//
// A check whose tool is missing is left out by name; in CI that is a failure (scripts/debian-packages.txt lists the tools).
import { parseArgs } from 'node:util'
import { ensureScratch, filesUnder, hasCommand, inCi, inRoot, run, runTool } from './support/project.mjs'

const { values: options } = parseArgs({
  options: { fix: { type: 'boolean', default: false }, only: { type: 'string' } }
})
const nativeFiles = [
  ...filesUnder('native', (name) => /\.(cc|h)$/.test(name)),
  ...filesUnder('test/native', (name) => /\.(cc|h)$/.test(name))
]

const checks = {
  biome: {
    title: 'TypeScript and JSON: format and rules (biome)',
    run: () => runTool('biome', ['check', '--error-on-warnings', ...(options.fix ? ['--write'] : []), '.'])
  },
  types: {
    title: 'types of lib/ and server/, then of everything (tsc)',
    skipInFix: true,
    run: () =>
      runTool('tsc', ['-p', 'tsconfig.json', '--noEmit', '--incremental', 'false']) ||
      runTool('tsc', ['-p', 'tsconfig.test.json'])
  },
  'clang-format': {
    title: 'C++: format (clang-format)',
    tool: 'clang-format',
    files: nativeFiles,
    run: (files) =>
      run('clang-format', [...(options.fix ? ['-i'] : ['--dry-run', '-Werror']), '--style=file', ...files])
  },
  cppcheck: {
    title: 'C++: static analysis (cppcheck)',
    tool: 'cppcheck',
    skipInFix: true,
    files: nativeFiles.filter((path) => path.startsWith('native/') && path.endsWith('.cc')),
    run: runCppcheck
  }
}

function runCppcheck(files) {
  ensureScratch()
  return run('cppcheck', [
    '--std=c++20',
    '--language=c++',
    '--enable=warning,performance,portability',
    '--inline-suppr',
    `--suppressions-list=${inRoot('scripts', 'cppcheck-suppressions.txt')}`,
    '--error-exitcode=1',
    '--quiet',
    '-j2',
    '-Inative',
    '-D__linux__',
    '-D__x86_64__',
    ...files
  ])
}

function check([name, { title, tool, files, run: work, skipInFix }]) {
  if (options.fix && skipInFix) return true
  if (files?.length === 0) {
    console.log(`lint: ${name} has no files to look at`)
    return true
  }
  if (tool && !hasCommand(tool)) {
    console.log(`lint: skipped: ${name} (needs ${tool})`)
    return !inCi
  }
  const start = performance.now()
  const passed = work(files) === 0
  console.log(`lint: ${passed ? 'ok    ' : 'FAILED'} ${title}, ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return passed
}

const only = options.only?.split(',')
const unknown = only?.find((name) => !(name in checks))
if (unknown) {
  console.error(`lint: there is no check "${unknown}"; the checks are ${Object.keys(checks).join(', ')}.`)
  process.exit(2)
}
const results = Object.entries(checks)
  .filter(([name]) => !only || only.includes(name))
  .map(check)
process.exit(results.every(Boolean) ? 0 : 1)
