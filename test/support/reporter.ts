// Writes what a run counted to the file named by VARVE_TEST_SUMMARY, for scripts/test.mjs and `.ci/run`.
import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const path = process.env['VARVE_TEST_SUMMARY']
    if (!path) return
    const summary = { passed: 0, failed: 0, skipped: 0, broken: 0 }
    for (const module of modules) {
      // A file that fails outside its tests (an import, a hook) counts as one failure of its own.
      if (module.errors().length > 0) summary.broken++
      for (const test of module.children.allTests()) {
        const state = test.result().state
        if (state === 'pending') summary.skipped++
        else summary[state]++
      }
    }
    writeFileSync(path, `${JSON.stringify(summary)}\n`)
  }
}
