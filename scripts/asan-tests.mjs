// The addon under AddressSanitizer and UndefinedBehaviorSanitizer inside Node, for the suites that work the binding most.
// A suite takes part by the line `// asan: yes` in its head comment (its first 10 lines).
//
//   node scripts/asan-tests.mjs [file …]    exits 77 while no suite takes part
import { existsSync, readFileSync } from 'node:fs'
import { exitNotThere, filesUnder, inRoot, output, run, runTool } from './support/project.mjs'

const takesPart = (path) => /^\/\/ asan: yes$/m.test(readFileSync(inRoot(path), 'utf8').split('\n', 10).join('\n'))
const asked = process.argv.slice(2)
const files = asked.length > 0 ? asked : filesUnder('test', (name) => name.endsWith('.test.ts')).filter(takesPart)
if (files.length === 0) {
  console.log('asan: no suite says "// asan: yes" in its head')
  process.exit(exitNotThere)
}

const build = ['--sanitize=address,undefined', '--addon', '--no-run']
const status = run(process.execPath, [inRoot('scripts', 'native-tests.mjs'), ...build])
if (status !== 0) process.exit(status)

const runtimes = ['libasan.so', 'libubsan.so'].map((name) => output('g++', [`-print-file-name=${name}`])?.trim())
if (!runtimes.every((path) => path && existsSync(path))) {
  console.error(`asan: g++ does not say where its sanitizer runtimes are (${runtimes.join(', ')})`)
  process.exit(1)
}
process.exit(
  runTool('vitest', ['run', ...files], {
    env: {
      LD_PRELOAD: runtimes.join(' '),
      // Node frees nothing at its end, so leaks are not looked for here; the tests of the core look for them.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:allocator_may_return_null=1',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
      VARVE_INSTRUMENTED: '1',
      VARVE_NATIVE_BINDING: inRoot('build-dev', 'address-undefined', 'varve.node')
    }
  })
)
