// The linearizability checker: hand-made histories, and random ones against a brute-force judge that shares no code with it.
import { describe, expect, test } from 'vitest'
import { checkHistory, type Operation } from '../../server/simulation/linearizability.ts'
import {
  type Call,
  type Cell,
  counterModel,
  execute,
  type Model,
  type Reply,
  registerModel,
  swapModel
} from '../../server/simulation/models.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'

type HistoryOperation = Operation<Call, Reply>

// What was called when, and when it returned what; without an end nobody saw it return.
function operation(call: Call, calledAt: number, end?: number, value: Cell = null, key = 'k') {
  const returned = end === undefined ? {} : { returned: { at: end, reply: { value } } }
  return { key, call, calledAt, ...returned } satisfies HistoryOperation
}
const put = (value: number) => ({ kind: 'put', value }) as const
const get = { kind: 'get' } as const
const add = (by: number) => ({ kind: 'add', by }) as const
const swap = (expected: Cell, value: number) => ({ kind: 'swap', expected, value }) as const

const verdictOf = (model: Model<Cell, Call, Reply>, history: HistoryOperation[]) => checkHistory(model, history).verdict

describe('registers', () => {
  const register = (...history: HistoryOperation[]) => verdictOf(registerModel, history)

  test('nothing happened', () => {
    expect(register()).toBe('linearizable')
  })

  test('reads see what was put before them', () => {
    expect(register(operation(get, 0, 1), operation(put(1), 2, 3), operation(get, 4, 5, 1))).toBe('linearizable')
    expect(register(operation(put(1), 0, 1), operation(get, 2, 3))).toBe('illegal')
    expect(register(operation(put(1), 0, 1), operation(put(2), 2, 3), operation(get, 4, 5, 1))).toBe('illegal')
    expect(register(operation(get, 0, 1, 7))).toBe('illegal')
  })

  test('a read beside a put may see it or not, but not lose it again', () => {
    const long = operation(put(1), 0, 10)
    expect(register(long, operation(get, 1, 2), operation(get, 3, 4, 1))).toBe('linearizable')
    expect(register(long, operation(get, 1, 2, 1), operation(get, 3, 4))).toBe('illegal')
    expect(register(long, operation(get, 1, 5, 1), operation(get, 3, 4))).toBe('linearizable')
  })

  test('calls and returns at one moment are concurrent', () => {
    expect(register(operation(put(1), 0, 1), operation(get, 1, 2))).toBe('linearizable')
  })

  test('a put without a reply takes effect at any later moment, or never', () => {
    const lost = operation(put(1), 0)
    expect(register(lost, operation(get, 5, 6))).toBe('linearizable')
    expect(register(lost, operation(get, 5, 6), operation(get, 7, 8, 1))).toBe('linearizable')
    expect(register(lost, operation(put(2), 1, 2), operation(get, 3, 4, 2), operation(get, 5, 6, 1))).toBe(
      'linearizable'
    )
    expect(register(lost, operation(get, 1, 2, 1), operation(get, 3, 4))).toBe('illegal')
    expect(register(operation(get, 0, 1, 1), operation(put(1), 2))).toBe('illegal')
    const twice = [operation(put(2), 1, 2), operation(get, 3, 4, 1), operation(put(3), 5, 6), operation(get, 7, 8, 1)]
    expect(register(lost, ...twice)).toBe('illegal')
  })

  test('keys are independent, and the verdict names the one at fault', () => {
    const history = [
      operation(put(1), 0, 1, null, 'a'),
      operation(get, 2, 3, null, 'b'),
      operation(put(9), 4, 5, null, 'b'),
      operation(get, 6, 7, null, 'b')
    ]
    expect(checkHistory(registerModel, history)).toMatchObject({ verdict: 'illegal', key: 'b', placed: 2 })
    expect(register(...history.slice(0, 3))).toBe('linearizable')
  })
})

describe('counters', () => {
  const counter = (...history: HistoryOperation[]) => verdictOf(counterModel, history)

  test('every addition is there once', () => {
    expect(counter(operation(add(1), 0, 5, 3), operation(add(2), 1, 4, 2))).toBe('linearizable')
    expect(counter(operation(add(1), 0, 5, 1), operation(add(2), 1, 4, 2))).toBe('illegal')
    expect(counter(operation(add(1), 0, 1, 1), operation(get, 2, 3, 2))).toBe('illegal')
    expect(counter(operation(add(1), 0), operation(get, 2, 3, 1), operation(get, 4, 5, 2))).toBe('illegal')
  })
})

describe('compare and swap', () => {
  const swaps = (...history: HistoryOperation[]) => verdictOf(swapModel, history)

  test('one of two swaps from the same value wins', () => {
    const both = (first: Cell, second: Cell) =>
      swaps(operation(put(1), 0, 1), operation(swap(1, 2), 2, 5, first), operation(swap(1, 3), 3, 4, second))
    expect(both(1, 0)).toBe('linearizable')
    expect(both(0, 1)).toBe('linearizable')
    expect(both(1, 1)).toBe('illegal')
    expect(both(0, 0)).toBe('illegal')
  })

  test('a swap that nobody saw end may have failed', () => {
    expect(swaps(operation(swap(null, 2), 0), operation(get, 1, 2), operation(get, 3, 4, 2))).toBe('linearizable')
    expect(swaps(operation(swap(5, 2), 0), operation(get, 1, 2, 2))).toBe('illegal')
  })
})

test('a search that takes too long is undecided, not legal', () => {
  const history = [operation(put(1), 0, 9), operation(put(2), 0, 9), operation(get, 10, 11, 3)]
  expect(checkHistory(registerModel, history, 3).verdict).toBe('undecided')
  expect(checkHistory(registerModel, history).verdict).toBe('illegal')
})

test('unknown outcomes in number do not make the search explode', () => {
  const history: HistoryOperation[] = []
  for (let i = 0; i < 200; i++) {
    history.push(operation(put(i), 10 * i))
    if (i % 4 === 0) history.push(operation(put(1000 + i), 10 * i + 1, 10 * i + 2))
    history.push(operation(get, 10 * i + 3, 10 * i + 4, 1000 + (i - (i % 4))))
  }
  const verdict = checkHistory(registerModel, history)
  expect(verdict.verdict).toBe('linearizable')
  expect(verdict.steps).toBeLessThan(5_000)
})

// The judge: every order of every choice of operations, replayed. It has no list, no memory and no search order in common
// with the checker.
function isLegalByForce(model: Model<Cell, Call, Reply>, history: readonly HistoryOperation[]): boolean {
  const precedes = (a: HistoryOperation, b: HistoryOperation) => a.returned !== undefined && a.returned.at < b.calledAt
  const extend = (order: readonly HistoryOperation[]): boolean => {
    let state: Cell | undefined = model.initial
    for (const { call, returned } of order) {
      state = model.step(state, call, returned?.reply)
      if (state === undefined) return false
    }
    const rest = history.filter((candidate) => !order.includes(candidate))
    if (rest.every(({ returned }) => returned === undefined)) return true
    return rest.some(
      (candidate) => !order.some((earlier) => precedes(candidate, earlier)) && extend([...order, candidate])
    )
  }
  return extend([])
}

// A history as a real object would make it, with replies that are sometimes bent: about half of the histories are illegal.
function randomHistory(random: () => number, model: Model<Cell, Call, Reply>): HistoryOperation[] {
  const { below, oneOf } = drawsOf(random)
  const bends = random() < 0.6 ? 0.25 : 0
  const losses = oneOf([0, 0.2, 0.6])
  const count = 2 + below(5)
  const drafts = Array.from({ length: count }, () => {
    const calledAt = below(2 * count)
    return { calledAt, end: calledAt + 1 + below(count), point: random() }
  })
  // Each takes effect at a moment of its own between call and return.
  drafts.sort((a, b) => a.calledAt + a.point * (a.end - a.calledAt) - (b.calledAt + b.point * (b.end - b.calledAt)))
  let state: Cell = null
  return drafts.map(({ calledAt, end }) => {
    const kind = oneOf(
      model === counterModel ? ['add', 'get'] : model === swapModel ? ['put', 'get', 'swap'] : ['put', 'get']
    )
    const value = 1 + below(3)
    const call = (
      kind === 'get'
        ? get
        : kind === 'add'
          ? add(value)
          : kind === 'put'
            ? put(value)
            : swap(oneOf([null, 1, 2, 3]), value)
    ) as Call
    const isLost = random() < losses
    const after = isLost && random() < 0.5 ? { state, reply: { value: null } } : execute(state, call)
    state = after.state
    if (isLost) return operation(call, calledAt)
    const bent = random() < bends ? oneOf([null, 0, 1, 2, 3]) : after.reply.value
    return operation(call, calledAt, end, bent)
  })
}

test('agrees with brute force on random histories', () => {
  const count = campaign('linearizability', { short: 12_000, long: 200_000, instrumented: 10_000 })
  const random = randomOf(seedOf('linearizability'))
  const models = [registerModel, counterModel, swapModel]
  let legal = 0
  for (let i = 0; i < count; i++) {
    const model = models[i % models.length] ?? registerModel
    const history = randomHistory(random, model)
    const expected = isLegalByForce(model, history)
    if (expected) legal++
    const { verdict } = checkHistory(model, history)
    if ((verdict === 'linearizable') !== expected) expect({ model: model.name, history, verdict, expected }).toBeNull()
  }
  expect(legal).toBeGreaterThan(count / 5)
  expect(count - legal).toBeGreaterThan(count / 5)
  report('linearizability', { histories: count, legal, illegal: count - legal })
})
