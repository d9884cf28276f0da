// Calls that wait for a leader: in order, once, and not for ever.
import { expect, test } from 'vitest'
import { Hold } from '../../server/store/hold.ts'
import { FakeClock } from './support/served.ts'

function start() {
  const clock = new FakeClock()
  const state = { isReady: false }
  const made: string[] = []
  const hold = new Hold({ nowMs: clock.nowMs, after: clock.after, isReady: () => state.isReady })
  const told: string[] = []
  const call = (name: string, made_ = () => Promise.resolve(name)) => {
    const promise = hold.run(() => {
      made.push(name)
      return made_()
    })
    void promise.then(
      (result) => told.push(`${name}: ${result}`),
      (error: { code?: string; message: string }) => told.push(`${name}: ${error.code ?? error.message}`)
    )
    return promise
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return { clock, state, made, hold, told, call, settled }
}

test('with a leader a call is made at once', () => {
  const { state, made, call } = start()
  state.isReady = true
  void call('a')
  expect(made).toEqual(['a'])
})

test('without one calls wait, and are made in their order', async () => {
  const { state, made, hold, told, call, settled } = start()
  for (const name of ['a', 'b', 'c']) void call(name)
  hold.release()
  expect(made).toEqual([])
  state.isReady = true
  hold.release()
  expect(made).toEqual(['a', 'b', 'c'])
  await settled()
  expect(told).toEqual(['a: a', 'b: b', 'c: c'])
  expect(hold.count).toBe(0)
})

test('a call does not overtake those that are held, nor one that is made on the way', async () => {
  const { state, made, hold, call, settled } = start()
  void call('a', () => {
    void call('c')
    return Promise.resolve('a')
  })
  void call('b')
  state.isReady = true
  void call('late')
  expect(made).toEqual([])
  hold.release()
  await settled()
  expect(made).toEqual(['a', 'b', 'late', 'c'])
})

test('a leader that is lost meanwhile leaves the rest held', () => {
  const { state, made, hold, call } = start()
  void call('a', () => {
    state.isReady = false
    return Promise.resolve('a')
  })
  void call('b')
  state.isReady = true
  hold.release()
  expect([made, hold.count]).toEqual([['a'], 1])
})

test('nobody comes: each is refused after two seconds of its own, and was never made', async () => {
  const { clock, made, told, call, settled } = start()
  void call('a').catch(() => {})
  clock.pass(1)
  void call('b').catch(() => {})
  await settled()
  expect(told).toEqual([])
  clock.pass(1)
  await settled()
  expect(told).toEqual(['a: NO_LEADER'])
  clock.pass(1)
  await settled()
  expect([told, made]).toEqual([['a: NO_LEADER', 'b: NO_LEADER'], []])
})

test('what throws rejects; the end rejects all', async () => {
  const { state, hold, told, call, settled } = start()
  void call('a', () => {
    throw new Error('thrown')
  }).catch(() => {})
  state.isReady = true
  hold.release()
  state.isReady = false
  void call('b').catch(() => {})
  hold.close()
  await settled()
  expect(told.sort()).toEqual(['a: thrown', 'b: NO_LEADER'])
})
