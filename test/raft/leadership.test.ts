// Who leads, and what calls come to that only the leader answers.
import { expect, test } from 'vitest'
import { Leadership } from '../../server/raft/leadership.ts'

function leadership() {
  const state = { nowMs: 0 }
  const all = new Leadership({
    id: 1,
    nowMs: () => state.nowMs,
    addressOf: (id) => (id === 2 ? 'two:6379' : undefined)
  })
  return { all, state }
}

const codeOf = (error: unknown) => (error as { code?: string }).code

test('a leader decides once an entry of its term is applied', async () => {
  const { all } = leadership()
  const before = all.whenReady()
  all.roleChanged({ leader: 1, role: 'leader' })
  expect([all.isLeader, all.isReady]).toEqual([true, false])
  const held = all.whenReady()
  all.ready()
  await Promise.all([before, held])
  expect(all.whenReady()).toBe(undefined)
  all.roleChanged({ leader: 0, role: 'follower' })
  expect([all.isLeader, all.isReady, all.leader, all.lastLeader]).toEqual([false, false, 0, 1])
})

test('a follower says where the leader is, to those as well that were held', async () => {
  const { all } = leadership()
  const held = Promise.resolve(all.whenReady()).catch((error: unknown) => error)
  all.roleChanged({ leader: 2, role: 'follower' })
  expect(await held).toMatchObject({ code: 'NOT_LEADER', leader: 'two:6379' })
  all.ready()
  expect(all.isReady).toBe(false)
  await expect(all.whenReady()).rejects.toMatchObject({ code: 'NOT_LEADER' })
  all.roleChanged({ leader: 3, role: 'follower' })
  await expect(all.whenReady()).rejects.toMatchObject({ code: 'NOT_LEADER', leader: undefined })
})

test('who is held for two seconds is refused, and the end refuses all', async () => {
  const { all, state } = leadership()
  const first = Promise.resolve(all.whenReady()).catch(codeOf)
  state.nowMs = 1_500
  const second = Promise.resolve(all.whenReady()).catch(codeOf)
  all.tick()
  state.nowMs = 2_000
  all.tick()
  expect(await first).toBe('NO_LEADER')
  all.close(Object.assign(new Error('it is over'), { code: 'OVER' }))
  expect(await second).toBe('OVER')
})
