// What the clients of a run saw, checked against what registers, registers with compare-and-swap and counters answer.
import type { HistoryKind } from './clients.ts'
import { checkHistory, type Operation } from './linearizability.ts'
import { type Call, counterModel, type Reply, registerModel, swapModel } from './models.ts'
import { Violation } from './violation.ts'

/** Throws where they cannot be explained. */
export function checkHistories(histories: Readonly<Record<HistoryKind, readonly Operation<Call, Reply>[]>>): void {
  const verdicts = [
    checkHistory(registerModel, histories.register),
    checkHistory(swapModel, histories.swap),
    checkHistory(counterModel, histories.counter)
  ]
  for (const verdict of verdicts) {
    if (verdict.verdict === 'linearizable') continue
    const { key, operations, placed } = verdict
    throw new Violation(
      'linearizability',
      `The history of ${key} is ${verdict.verdict}: ${placed} of ${operations.length} operations can be explained.`
    )
  }
}
