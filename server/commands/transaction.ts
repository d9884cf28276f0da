// MULTI · EXEC · DISCARD · WATCH key … · UNWATCH
//
// Between MULTI and EXEC requests become plans that wait (planner.ts). EXEC makes one decision of all of them, so a transaction is
// one batch, or none where it only reads. WATCH remembers the sequence of each key's entry: a key that was written since has
// another one. A key that was absent and is absent again counts as untouched.
import { arrayReply, emptyArray, errorReply, missingArray, ok, type Reply } from '../protocol/reply.ts'
import { type Answer, type AtomicPlan, decisionOf } from './atomic.ts'
import { type Caller, sequenceOf, type Watched } from './caller.ts'
import { type Arguments, allKeys, type Command } from './command.ts'
import { sessionPlan } from './session-plan.ts'

const group = 'transactions'

export const multi: Command = {
  name: 'MULTI',
  arity: 1,
  flags: ['fast', 'no_multi'],
  group,
  summary: 'Begins a transaction: what follows waits for EXEC.',
  plan: () =>
    sessionPlan((caller) => {
      if (caller.transaction !== undefined) return errorReply('MULTI calls can not be nested')
      caller.transaction = { plans: [], requests: [], bytes: 0, isBroken: false }
      return ok
    })
}

export const discard: Command = {
  name: 'DISCARD',
  arity: 1,
  flags: ['fast', 'no_multi'],
  group,
  summary: 'Forgets the transaction and what is watched.',
  plan: () =>
    sessionPlan((caller) => {
      if (caller.transaction === undefined) return errorReply('DISCARD without MULTI')
      caller.transaction = undefined
      caller.watched.clear()
      return ok
    })
}

export const exec: Command = {
  name: 'EXEC',
  arity: 1,
  flags: ['no_multi'],
  group,
  summary: 'Does what the transaction holds, all at once, if no watched key was written since.',
  plan: () => ({ kind: 'slow', run: runExec })
}

async function runExec(caller: Caller): Promise<Reply> {
  const { transaction } = caller
  if (transaction === undefined) return errorReply('EXEC without MULTI')
  const watched = [...caller.watched.values()]
  caller.transaction = undefined
  caller.watched.clear()
  if (transaction.isBroken) return errorReply('Transaction discarded because of previous errors.', 'EXECABORT')
  const plans = transaction.plans as AtomicPlan[]
  if (plans.length === 0 && watched.length === 0) return emptyArray
  const { forwarding } = caller.server
  if (forwarding?.isNeeded === true) {
    const reply = await forwarding.exec(transaction.requests, watched, caller)
    if (reply.kind !== 'array') return reply
    return arrayReply(reply.items.map((item, i) => replyOf(plans[i]?.kind === 'session' ? plans[i] : item, caller)))
  }
  const sync = plans.some((plan) => 'sync' in plan && plan.sync === true)
  const answers = await caller.store.decide(decisionOf(plans, watched), { sync })
  return answers === undefined ? missingArray : arrayReply(answers.map((answer) => replyOf(answer, caller)))
}

const replyOf = (answer: Answer, caller: Caller): Reply => (answer.kind === 'session' ? answer.run(caller) : answer)

export const watch: Command = {
  name: 'WATCH',
  arity: -2,
  flags: ['fast', 'no_multi'],
  keys: allKeys,
  group,
  summary: 'Lets EXEC do nothing if one of these keys is written before it.',
  usage: 'key [key ...]',
  plan: (keys: Arguments) => ({ kind: 'slow', run: (caller) => runWatch(caller, keys) })
}

async function runWatch({ transaction, watched, store }: Caller, keys: Arguments): Promise<Reply> {
  if (transaction !== undefined) return errorReply('WATCH inside MULTI is not allowed')
  const added = new Map<string, Buffer>()
  for (const key of keys) {
    const text = key.toString('latin1')
    if (!watched.has(text)) added.set(text, key)
  }
  const entries = await store.getEntries([...added.values()])
  for (const [i, [text, key]] of [...added].entries()) {
    // The bytes of an argument may be a piece of a large chunk.
    const kept: Watched = { key: Buffer.from(key), sequence: sequenceOf(entries[i]) }
    watched.set(text, kept)
  }
  return ok
}

export const unwatch: Command = {
  name: 'UNWATCH',
  arity: 1,
  flags: ['fast'],
  group,
  summary: 'Forgets what is watched.',
  plan: () =>
    sessionPlan(({ watched }) => {
      watched.clear()
      return ok
    })
}
