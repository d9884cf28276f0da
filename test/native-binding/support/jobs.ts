// Jobs of the addon as promises, and stepped by hand.
import native from '#native'

interface Waiter {
  resolve(result: unknown): void
  reject(error: Error): void
}

const waiters = new Map<number, Waiter>()
const early = new Map<number, { error: Error | undefined; result: unknown }>()

/** Takes the outcomes there are. */
export function settle(): void {
  const outcomes = native.drain()
  for (let i = 0; i < outcomes.length; i += 3) {
    const job = outcomes[i] as number
    const error = outcomes[i + 1] as Error | undefined
    const result = outcomes[i + 2]
    const waiter = waiters.get(job)
    waiters.delete(job)
    if (!waiter) early.set(job, { error, result })
    else if (error) waiter.reject(error)
    else waiter.resolve(result)
  }
}

native.setWake(settle)

export function done<Result>(job: native.Job<Result>): Promise<Result> {
  return new Promise<unknown>((resolve, reject) => {
    const outcome = early.get(job)
    early.delete(job)
    if (!outcome) waiters.set(job, { resolve, reject })
    else if (outcome.error) reject(outcome.error)
    else resolve(outcome.result)
  }) as Promise<Result>
}

/** Steps until the job is over; what it came to is returned or thrown at once. */
export function stepped<Result>(executor: native.Executor, job: native.Job<Result>): Result {
  for (;;) {
    const outcome = early.get(job)
    if (outcome) {
      early.delete(job)
      if (outcome.error) throw outcome.error
      return outcome.result as Result
    }
    if (!native.step(executor)) throw new Error('nothing is left to step, and the job is not over')
    settle()
  }
}

/** What is thrown, as the addon's own kind of error. */
export function failure(call: () => unknown): native.NativeError {
  try {
    call()
  } catch (error) {
    if (error instanceof Error) return error as native.NativeError
  }
  throw new Error('it did not throw an Error')
}

export async function rejection(job: native.Job<unknown>): Promise<native.NativeError> {
  const outcome = await done(job).then(
    () => undefined,
    (error: unknown) => error
  )
  if (outcome instanceof Error) return outcome as native.NativeError
  throw new Error('it did not fail')
}
