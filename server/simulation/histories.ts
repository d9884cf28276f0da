// What the clients of a run saw, checked against what registers, registers with compare-and-swap and counters answer.
import type { HistoryKind } from './clients.ts'
import { checkHistory, type Operation } from './linearizability.ts'
import { type Call, counterModel, type Reply, registerModel, swapModel } from './models.ts'
import { Violation } from './violation.ts'

export interface HistoryLimits {
  /** Of the search of one key. */
  readonly stepsMax?: number
  /** A search that was given up is no broken promise. */
  readonly mayGiveUp?: boolean
}

/** Throws where they cannot be explained. Returns how many kinds have a key whose search was given up. */
export function checkHistories(
  histories: Readonly<Record<HistoryKind, readonly Operation<Call, Reply>[]>>,
  { stepsMax, mayGiveUp = false }: HistoryLimits = {}
): number {
  const verdicts = [
    checkHistory(registerModel, histories.register, stepsMax),
    checkHistory(swapModel, histories.swap, stepsMax),
    checkHistory(counterModel, histories.counter, stepsMax)
  ]
  let undecided = 0
  for (const verdict of verdicts) {
    if (verdict.verdict === 'linearizable') continue
    if (verdict.verdict === 'undecided' && mayGiveUp) {
      undecided++
      continue
    }
    const { key, operations, placed } = verdict
    throw new Violation(
      'linearizability',
      `The history of ${key} is ${verdict.verdict}: ${placed} of ${operations.length} operations can be explained.`
    )
  }
  return undecided
}
