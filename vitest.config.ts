import { defineConfig } from 'vitest/config'

const long = Boolean(process.env['VARVE_LONG'])
const instrumented = Boolean(process.env['VARVE_INSTRUMENTED'])

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    setupFiles: instrumented ? ['test/support/exit.ts'] : [],
    maxWorkers: long ? 1 : 2,
    testTimeout: long ? 4 * 3_600_000 : instrumented ? 300_000 : 60_000,
    hookTimeout: long ? 3_600_000 : 60_000,
    teardownTimeout: 10_000,
    watch: false,
    reporters: ['default', './test/support/reporter.ts'],
    // The loader of the addon is CommonJS: Node runs it as it is.
    server: { deps: { external: [/\/native\/index\.cjs$/] } },
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts', 'server/**/*.ts'],
      reporter: ['text-summary', 'json'],
      reportsDirectory: 'coverage/typescript'
    }
  }
})
