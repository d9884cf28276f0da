// Builds and runs the tests of the native core (CMake and GoogleTest) in build-dev/<variant>/.
//
//   node scripts/native-tests.mjs                                 plain
//   node scripts/native-tests.mjs --sanitize=address,undefined    or --sanitize=thread
//   node scripts/native-tests.mjs --coverage                      counts executed lines for scripts/coverage.mjs
//   … --addon          builds build-dev/<variant>/varve.node too (load it with VARVE_NATIVE_BINDING)
//   … --no-run         builds only
//   … --filter=Wal*    is handed to GoogleTest
//
// Exits 77 when there is nothing to test, or no CMake or GoogleTest to test with.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitNotThere, hasCommand, inCi, inRoot, output, run } from './support/project.mjs'
import { reportSkip } from './support/skips.mjs'

const { values: options } = parseArgs({
  options: {
    sanitize: { type: 'string', default: '' },
    coverage: { type: 'boolean', default: false },
    addon: { type: 'boolean', default: false },
    run: { type: 'boolean', default: true },
    filter: { type: 'string', default: '*' }
  },
  allowNegative: true
})
if (!['', 'address,undefined', 'thread'].includes(options.sanitize)) {
  console.error(`--sanitize is "address,undefined" or "thread", not "${options.sanitize}"`)
  process.exit(2)
}

const variant = options.sanitize.replace(',', '-') || (options.coverage ? 'coverage' : 'plain')
const directory = inRoot('build-dev', variant)
const testFolder = inRoot('test', 'native')
const gtestHeader = [
  '/usr/include/gtest/gtest.h',
  '/usr/local/include/gtest/gtest.h',
  '/opt/homebrew/include/gtest/gtest.h'
]

/** Why the tests cannot be built, as a phrase; undefined when they can. */
function obstacle() {
  if (!hasCommand('cmake')) return 'needs cmake'
  if (!gtestHeader.some(existsSync)) return 'needs GoogleTest (Debian: libgtest-dev)'
  return undefined
}

function build() {
  const flags = {
    CMAKE_BUILD_TYPE: options.coverage || options.sanitize ? 'Debug' : 'RelWithDebInfo',
    // Lines are enough to find a place; all that is known of types takes half of the time to compile.
    CMAKE_CXX_FLAGS_RELWITHDEBINFO: '-O1 -g1 -DNDEBUG',
    VARVE_SANITIZE: options.sanitize,
    VARVE_COVERAGE: options.coverage ? 'ON' : 'OFF',
    VARVE_ADDON: options.addon ? 'ON' : 'OFF',
    VARVE_WERROR: inCi ? 'ON' : 'OFF'
  }
  const defines = Object.entries(flags).map(([name, value]) => `-D${name}=${value}`)
  const configured = run('cmake', ['-G', 'Unix Makefiles', '-S', '.', '-B', directory, ...defines], {
    stdio: ['ignore', 'ignore', 'inherit']
  })
  return configured || run('cmake', ['--build', directory, '--parallel', '2', '--', '--no-print-directory', '-s'])
}

// ThreadSanitizer of older compilers cannot place its memory under a kernel that randomises addresses a lot.
function withoutRandomAddresses() {
  const prefix = ['setarch', process.arch === 'x64' ? 'x86_64' : 'aarch64', '-R']
  return output(prefix[0], [...prefix.slice(1), 'true']) === undefined ? [] : prefix
}

function runTests() {
  const result = join(directory, 'result.json')
  rmSync(result, { force: true })
  const prefix = options.sanitize === 'thread' ? withoutRandomAddresses() : []
  const command = [...prefix, join(directory, 'varve_tests'), '--gtest_brief=1', `--gtest_filter=${options.filter}`]
  const status = run(command[0], [...command.slice(1), `--gtest_output=json:${result}`], {
    env: {
      ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
      TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1'
    }
  })
  return { status, result }
}

async function count({ status, result }) {
  const path = process.env.VARVE_TEST_SUMMARY
  if (!path) return
  const { default: totals } = await import(result, { with: { type: 'json' } }).catch(() => ({
    default: { tests: 1, failures: 1 }
  }))
  const failed = totals.failures || (status === 0 ? 0 : 1)
  writeFileSync(path, `${JSON.stringify({ passed: Math.max(0, totals.tests - failed), failed })}\n`)
}

const hasTests = existsSync(testFolder) && readdirSync(testFolder).some((name) => name.endsWith('_test.cc'))
const missing = obstacle()
if (missing) reportSkip('native tests', missing)
else if (!hasTests && !options.addon) console.log('native tests: none are there (test/native/*_test.cc)')
if (missing || (!hasTests && !options.addon)) process.exit(exitNotThere)

const built = build()
if (built !== 0 || !options.run || !hasTests) process.exit(built)
const outcome = runTests()
await count(outcome)
process.exit(outcome.status)
