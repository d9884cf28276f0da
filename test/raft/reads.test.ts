// Reads wait for an index of the leader's that was asked for after they began; few questions serve many.
import { expect, test } from 'vitest'
import { Reads } from '../../server/raft/reads.ts'

function reads({ leads = true } = {}) {
  const asked: number[] = []
  const ends: (() => void)[] = []
  const state = { nowMs: 0, leads, asked, answerAtOnce: undefined as number | undefined }
  const all: Reads = new Reads(
    {
      ask: () => {
        if (!state.leads) return undefined
        asked.push(asked.length + 1)
        if (state.answerAtOnce !== undefined) all.answered([{ id: asked.length, index: state.answerAtOnce }])
        return asked.length
      },
      nowMs: () => state.nowMs,
      atEnd: (call) => ends.push(call)
    },
    10
  )
  const endTurn = () => {
    for (const end of ends.splice(0)) end()
  }
  return { all, state, endTurn }
}

/** What a promise came to by now. */
async function outcomes(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const pending = Symbol('pending')
  const settled = promises.map((promise) =>
    Promise.race([
      promise.catch((error: { code?: string }) => error.code),
      Promise.resolve().then(() => Promise.resolve(pending))
    ])
  )
  return (await Promise.all(settled)).map((one) => (one === pending ? 'pending' : one))
}

test('those of one turn share a question, and later ones the next', async () => {
  const { all, state, endTurn } = reads()
  const first = [all.wait(), all.wait()]
  expect(state.asked).toEqual([])
  endTurn()
  expect(state.asked).toEqual([1])
  const second = [all.wait(), all.wait()]
  endTurn()
  expect(state.asked).toEqual([1])
  all.answered([{ id: 1, index: 12 }])
  expect(await outcomes([...first, ...second])).toEqual(['pending', 'pending', 'pending', 'pending'])
  endTurn()
  expect(state.asked).toEqual([1, 2])
  all.applied(12)
  expect(await Promise.all(first)).toEqual([12, 12])
  all.answered([{ id: 2, index: 12 }])
  expect(await Promise.all(second)).toEqual([12, 12])
})

test('an answer of an old question is none, and one within the call is', async () => {
  const { all, state, endTurn } = reads()
  const first = all.wait()
  endTurn()
  all.leaderChanged()
  expect(state.asked).toEqual([1, 2])
  all.answered([{ id: 1, index: 1 }])
  expect(await outcomes([first])).toEqual(['pending'])
  all.answered([{ id: 2, index: 3 }])
  expect(await first).toBe(3)
  state.answerAtOnce = 5
  const second = all.wait()
  endTurn()
  expect(await second).toBe(5)
})

test('who is not answered asks again, and gives up after two seconds', async () => {
  const { all, state, endTurn } = reads()
  const read = all.wait()
  endTurn()
  for (state.nowMs = 0; state.nowMs < 2_000; state.nowMs += 100) all.tick()
  expect(state.asked.length).toBeGreaterThan(5)
  expect(state.asked.length).toBeLessThan(12)
  expect(await outcomes([read])).toEqual(['pending'])
  all.tick()
  expect(await outcomes([read])).toEqual(['NO_LEADER'])
})

test('where nobody leads, the question is kept until somebody does', async () => {
  const { all, state, endTurn } = reads({ leads: false })
  const read = all.wait()
  endTurn()
  all.tick()
  expect(state.asked).toEqual([])
  state.leads = true
  all.tick()
  expect(state.asked).toEqual([1])
  all.answered([{ id: 1, index: 4 }])
  expect(await read).toBe(4)
})

test('the end rejects all', async () => {
  const { all, endTurn } = reads()
  const applied = all.wait()
  endTurn()
  all.answered([{ id: 1, index: 99 }])
  const asked = all.wait()
  endTurn()
  const next = all.wait()
  all.close(Object.assign(new Error('it is over'), { code: 'OVER' }))
  expect(await outcomes([applied, asked, next])).toEqual(['OVER', 'OVER', 'OVER'])
})
