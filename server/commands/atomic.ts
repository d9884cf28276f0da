// Several plans as one decision: nothing of anybody else comes between them, and what they write is one batch. What they read
// is read at their place in the log, each seeing what those before it wrote.
import type { Reply } from '../protocol/reply.ts'
import type { Decision, DecisionView, Key, Operation } from '../store.ts'
import { sequenceOf, type Watched } from './caller.ts'
import type { Plan } from './plan.ts'

/** A plan's reply, or the plan itself: what a connection answers has to wait until it is known that the rest was done. */
export type Answer = Reply | SessionPlan

export type SessionPlan = Extract<Plan, { kind: 'session' }>

/** Plans that can be among these: `slow` ones call the store many times, and runs are plain requests alone. */
export type AtomicPlan = Exclude<Plan, { kind: 'slow' | 'run' | 'forward' }>

/** Decides nothing, undefined, where a watched key is not as it was. */
export function decisionOf(
  plans: readonly AtomicPlan[],
  watched: readonly Watched[]
): Decision<readonly Answer[] | undefined> {
  return {
    keys: [...watched.map(({ key }) => key), ...plans.flatMap(keysOf)],
    decide: (view) => {
      if (watched.some(({ key, sequence }) => sequenceOf(view.get(key)) !== sequence)) return undefined
      return plans.map((plan) => answerOf(plan, view))
    }
  }
}

function keysOf(plan: AtomicPlan): readonly Key[] {
  return plan.kind === 'lookup' || plan.kind === 'entries' || plan.kind === 'decide' ? plan.keys : []
}

function answerOf(plan: AtomicPlan, view: DecisionView): Answer {
  switch (plan.kind) {
    case 'reply':
      return plan.reply
    case 'lookup':
      return plan.reply(plan.keys.map((key) => view.get(key)?.value))
    case 'entries':
      return plan.reply(
        plan.keys.map((key) => view.get(key)),
        view.nowMs
      )
    case 'write':
      for (const operation of plan.operations) perform(operation, view)
      return plan.reply
    case 'decide':
      return plan.decide(view)
    case 'session':
      return plan
  }
}

function perform(operation: Operation, view: DecisionView): void {
  if (operation.type === 'put') view.put(operation.key, operation.value, operation.expiresAt)
  else if (operation.type === 'del') view.del(operation.key)
  else view.deleteRange(operation.range)
}
