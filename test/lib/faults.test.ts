// The n-th call to the disk fails, for every n: once or from then on, with an error, without space, or in the midst of a
// write. Every call of the database must succeed or reject with a VarveError, and nothing acknowledged may be lost.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { type Fault, FaultRun } from './support/fault-run.ts'
import { useMachineTime } from './support/machine.ts'

/** One in `step` calls fails. */
const { step } = campaign('faults', { short: { step: 20 }, long: { step: 1 }, instrumented: { step: 100 } })
const seed = seedOf('faults')
const random = randomOf(seed)
const { below } = drawsOf(random)
const counts = { runs: 0, failures: 0, calls: 0 }
const unhandled: unknown[] = []
const note = (error: unknown): void => {
  unhandled.push(error)
}

beforeAll(() => {
  useMachineTime()
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
  console.log(`faults: ${JSON.stringify(counts)}`)
  report('faults', counts)
})

const kinds = [
  { name: 'EIO', errno: 5, shortWrite: false },
  { name: 'ENOSPC', errno: 28, shortWrite: false },
  { name: 'a short write, EIO', errno: 5, shortWrite: true },
  { name: 'a short write, ENOSPC', errno: 28, shortWrite: true }
]
const faults = kinds.flatMap((kind): Fault[] => [
  { ...kind, forever: false },
  { ...kind, forever: true }
])

async function run(fault: Fault, n: number, order: number, powerCut: number | undefined): Promise<boolean> {
  try {
    const one = new FaultRun(seed, order, fault)
    const isOver = await one.work(n)
    await one.checkAfter(powerCut)
    expect(unhandled).toEqual([])
    one.machine.release()
    counts.runs++
    counts.failures += one.failures
    return isOver
  } catch (error) {
    const after = powerCut === undefined ? 'the process died' : `a power cut of seed ${powerCut}`
    throw new Error(`call ${n} of order ${order} fails, then ${after}: ${String(error)}`, { cause: error })
  }
}

test.each(faults)('$name, for ever: $forever', async (fault) => {
  let isOver = false
  for (let n = 1 + below(step); !isOver; n += 1 + below(step * 2 - 1)) {
    isOver = await run(fault, n, 0, undefined)
    // In another order the n-th call is another one.
    await run(fault, n, 1 + below(2 ** 31), below(4) === 0 ? 0 : 1 + below(2 ** 31))
    if (!isOver) counts.calls = Math.max(counts.calls, n)
  }
})
