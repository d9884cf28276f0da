// Jobs of the data plane as promises. One wake callback an environment takes all outcomes that are there; the process
// is kept alive while anybody waits for one.

import native from '#native'
import { toVarveError } from '../errors.ts'

interface Waiter {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
}

const waiters = new Map<number, Waiter>()
let awake = false

function takeOutcomes(): void {
  const outcomes = native.drain()
  for (let i = 0; i < outcomes.length; i += 3) {
    const job = outcomes[i] as number
    const waiter = waiters.get(job)
    if (waiter === undefined) continue
    waiters.delete(job)
    const error = outcomes[i + 1]
    if (error === undefined) waiter.resolve(outcomes[i + 2] as never)
    else waiter.reject(toVarveError(error))
  }
  if (waiters.size === 0) native.keepAlive(false)
}

/** The outcome of a job; errors come as VarveError. An aborted signal cancels the job, if it can still be stopped. */
export function outcome<Result>(job: native.Job<Result>, signal?: AbortSignal): Promise<Result> {
  if (!awake) {
    native.setWake(takeOutcomes)
    awake = true
  }
  if (waiters.size === 0) native.keepAlive(true)
  const promise = new Promise<Result>((resolve, reject) => {
    waiters.set(job, { resolve: resolve as (result: never) => void, reject })
  })
  return signal === undefined ? promise : cancelling(job, promise, signal)
}

function cancelling<Result>(job: number, promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const cancel = (): void => native.cancel(job)
  if (signal.aborted) cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', cancel))
}

/** Outcomes that are there are handed out now (stepped executors). */
export function settleJobs(): void {
  takeOutcomes()
}
