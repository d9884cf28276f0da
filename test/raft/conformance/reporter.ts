// Prints one line a conformance file, and for one that does not hold where it begins to differ.

import type { Reporter, TestCase, TestModule } from 'vitest/node'

export default class ConformanceReporter implements Reporter {
  #passed = 0
  #failed = 0

  onTestCaseResult(test: TestCase): void {
    const { state, errors = [] } = test.result()
    // What the runner itself is tested for is told only when it fails.
    const isFile = test.parent.type === 'suite' && test.parent.name === 'conformance'
    if (!isFile && state === 'passed') return
    if (state === 'passed') this.#passed++
    else this.#failed++
    console.log(`${state.padEnd(7)} ${test.name}`)
    for (const { message, diff } of errors) console.log(`${message}\n${diff ?? ''}`)
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const { message } of modules.flatMap((module) => module.errors())) console.log(message)
    console.log(`${this.#passed} of ${this.#passed + this.#failed} files hold`)
  }
}
