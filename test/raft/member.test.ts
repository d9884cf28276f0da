// Members of a cluster as stores: what one promises alone, and what happens when the leader goes.
import { afterEach, expect, test } from 'vitest'
import type { ClusterMember } from '../../server/raft/member.ts'
import { type Decision, type Operation, type Store, StoreError } from '../../server/store.ts'
import { storeContract } from '../server/support/store-contract.ts'
import { seedOf } from '../support/campaign.ts'
import { Members, type MembersOptions } from './support/members.ts'

const seed = seedOf('members')
let open: Members[] = []
afterEach(async () => {
  const members = open
  open = []
  for (const each of members) {
    await each.close()
    expect(each.failures).toEqual([])
  }
})

async function start(
  count: number,
  options: MembersOptions = {}
): Promise<{ members: Members; leader: ClusterMember }> {
  const members = await Members.start(count, seed, options)
  open.push(members)
  return { members, leader: await members.elected() }
}

const put = (key: string, value: string): Operation => ({
  type: 'put',
  key: Buffer.from(key),
  value: Buffer.from(value)
})
const read = async (store: Store, ...keys: string[]) =>
  (await store.getMany(keys.map((key) => Buffer.from(key)))).map((value) => value && Buffer.from(value).toString())
const add = (key: string, by = 1): Decision<number> => ({
  keys: [Buffer.from(key)],
  decide: (view) => {
    const sum = Number(view.get(Buffer.from(key))?.value ?? 0) + by
    view.put(Buffer.from(key), Buffer.from(String(sum)))
    return sum
  }
})
/** True: nobody had. */
const putOnce = (key: string): Decision<boolean> => ({
  keys: [Buffer.from(key)],
  decide: (view) => {
    if (view.get(Buffer.from(key)) !== undefined) return false
    view.put(Buffer.from(key), Buffer.from('v'))
    return true
  }
})
const others = (members: Members, store: Store): ClusterMember[] =>
  members.nodes.flatMap((node) => (node.store === undefined || node.store === store ? [] : [node.store]))
const codeOf = (error: unknown): string => (error instanceof StoreError ? error.code : String(error))

for (const count of [1, 3]) {
  storeContract(`a leader of ${count}`, {
    open: async () => {
      const { members, leader } = await start(count)
      return { store: leader, close: async () => void members }
    },
    pins: true
  })
}

test('what the leader wrote is read on every member', async () => {
  const { members, leader } = await start(3)
  for (let i = 0; i < 20; i++) {
    await leader.write([put('k', `${i}`)])
    for (const other of others(members, leader)) expect(await read(other, 'k', 'none')).toEqual([`${i}`, undefined])
  }
  const pinned = others(members, leader).map((other) => other.pin())
  for (const view of pinned) {
    const page = await view.page({}, { entriesMax: 10, bytesMax: 1000 })
    expect(page.map(String)).toEqual(['k,19'])
    await view.close()
  }
})

test('a follower says who leads', async () => {
  const { members, leader } = await start(3)
  const { leader: id } = leader.raftStatus
  for (const other of others(members, leader)) {
    const refused = await other.write([put('k', 'v')]).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'NOT_LEADER', leader: `member-${id}:6379` })
    expect(await other.decide(add('n')).catch(codeOf)).toBe('NOT_LEADER')
    expect(other.status()).toMatchObject({ role: 'FOLLOWER' })
  }
  expect(leader.status()).toMatchObject({ role: 'LEADER' })
})

test('decisions see what was decided before them, applied or not', async () => {
  const { members, leader } = await start(3)
  const sums = await Promise.all(Array.from({ length: 300 }, (_, i) => leader.decide(add(`n${i % 3}`))))
  expect(sums).toEqual(Array.from({ length: 300 }, (_, i) => Math.floor(i / 3) + 1))
  for (const other of others(members, leader))
    expect(await read(other, 'n0', 'n1', 'n2')).toEqual(['100', '100', '100'])
})

test('the leader goes: another leads, with all that was answered', async () => {
  const { members, leader } = await start(3)
  const answered: number[] = []
  const unknown: number[] = []
  let at = 0
  const writing = async (store: () => ClusterMember | undefined) => {
    while (at < 300) {
      const i = at++
      try {
        await store()?.write([put(`k${i}`, 'v')])
        answered.push(i)
      } catch (error) {
        expect(['OUTCOME_UNKNOWN', 'NO_LEADER', 'NOT_LEADER']).toContain(codeOf(error))
        if (codeOf(error) === 'OUTCOME_UNKNOWN') unknown.push(i)
      }
      if (i === 100) members.isolate(leader.raftStatus.id)
      if (i === 200) members.mend()
    }
  }
  const current = () => members.leader?.store ?? members.nodes[i++ % 3]?.store
  let i = 0
  await Promise.all([writing(current), writing(current), writing(current)])
  await members.until(() => members.leader !== undefined)
  const now = members.leader?.store as ClusterMember
  expect(answered.length).toBeGreaterThan(100)
  const keys = answered.map((n) => `k${n}`)
  for (const store of [now, ...others(members, now)])
    expect(new Set(await read(store, ...keys))).toEqual(new Set(['v']))
})

test("the leader's process ends: the others campaign by turns, and the first campaign is won", async () => {
  const { members, leader } = await start(3)
  await leader.write([put('a', '1')])
  const node = members.nodes.find(({ store }) => store === leader)
  if (node === undefined) throw new Error('nobody leads')
  const rest = others(members, leader)
  await members.until(() => rest.every(({ leadership }) => leadership.leader === node.id))
  const { term } = leader.raftStatus
  await members.down(node)
  // What it said last comes first, as the transport has it.
  await new Promise((resolve) => setImmediate(resolve))
  for (const other of rest) other.lost(node.id)
  const { ticks } = members
  const next = await members.elected()
  // No timeout of an election, of 20 ticks at least, has passed.
  expect(members.ticks - ticks).toBeLessThan(20)
  expect(next.raftStatus.term).toBe(term + 1)
  expect(await read(next, 'a')).toEqual(['1'])
})

test('a leader that is alone answers neither writes nor reads, and what it proposed has no known outcome', async () => {
  const { members, leader } = await start(3)
  await leader.write([put('k', 'before')])
  members.isolate(leader.raftStatus.id)
  const outcomes = await Promise.all([
    leader.write([put('k', 'lost')]).catch(codeOf),
    read(leader, 'k').catch(codeOf),
    leader.decide(add('n')).catch(codeOf)
  ])
  expect(outcomes[0]).toBe('OUTCOME_UNKNOWN')
  expect(outcomes[1]).toBe('NO_LEADER')
  expect(['OUTCOME_UNKNOWN', 'NO_LEADER']).toContain(outcomes[2])
  expect(await leader.write([put('k', 'late')]).catch(codeOf)).toBe('NO_LEADER')
  const next = await members.elected()
  expect(next).not.toBe(leader)
  expect(await read(next, 'k')).toEqual(['before'])
  members.mend()
  await next.write([put('k', 'after')])
  expect(await read(leader, 'k')).toEqual(['after'])
})

test('a leader that was deposed and leads again decides on what is committed, not on what it had proposed', async () => {
  const { members, leader } = await start(3)
  expect(await leader.decide(add('n'))).toBe(1)
  const { id, lastIndex: shared } = leader.raftStatus
  members.isolate(id)
  // What it decides then comes further behind in its log than its successors will have got when it leads again.
  const before = Array.from({ length: 10 }, (_, i) => leader.records.put(`${i}`, i).catch(codeOf))
  const lost = [leader.decide(add('n', 5)), leader.decide(putOnce('once')), leader.decide(add('n', 5))].map((each) =>
    each.catch(codeOf)
  )
  await members.until(() => leader.raftStatus.lastIndex > shared + before.length)
  await members.until(() => members.leader !== undefined && members.leader.id !== id)
  const next = members.leader?.store as ClusterMember
  members.mend()
  await members.until(() => leader.status().commitIndex === next.status().commitIndex)
  next.transferLeader(id)
  await members.until(() => leader.leadership.isReady)
  expect(leader.raftStatus.lastIndex).toBeLessThanOrEqual(shared + before.length)
  expect(await Promise.all([leader.decide(add('n')), leader.decide(putOnce('once'))])).toEqual([2, true])
  expect(new Set(await Promise.all([...before, ...lost]))).toEqual(new Set(['OUTCOME_UNKNOWN']))
  for (const store of [leader, ...others(members, leader)]) expect(await read(store, 'n', 'once')).toEqual(['2', 'v'])
})

test('members that start again have what they had, and serve', async () => {
  const { members, leader } = await start(3)
  for (let i = 0; i < 50; i++) await leader.write([put(`k${i}`, `${i}`)])
  expect(await leader.decide(add('n', 7))).toBe(7)
  for (const node of members.nodes) await members.down(node)
  for (const node of members.nodes) await members.up(node)
  const next = await members.elected()
  expect(await next.decide(add('n'))).toBe(8)
  for (const store of [next, ...others(members, next)])
    expect(await read(store, 'k0', 'k49', 'n')).toEqual(['0', '49', '8'])
})

test('records of the system are on every member, and not among the entries', async () => {
  const { members, leader } = await start(3)
  await leader.records.put('user/ann', { role: 'read' })
  await leader.records.put('user/bob', { role: 'admin' })
  await leader.records.del('user/ann')
  for (const store of [leader, ...others(members, leader)]) {
    expect(await store.records.list('user/')).toEqual([['user/bob', { role: 'admin' }]])
    expect(await read(store, 'user/bob')).toEqual([undefined])
  }
})

test('a snapshot is what is applied: reads of a member that took one wait for nothing, and users are read again', async () => {
  const { members, leader } = await start(3, { engine: { memtableBytes: 16 << 10 } })
  const node = members.node(leader.raftStatus.id)
  const [behind] = members.nodes.filter(({ store }) => store !== leader)
  const store = behind?.store as ClusterMember
  await leader.write([put('k', 'old')])
  expect(await read(store, 'k')).toEqual(['old'])
  let changes = 0
  store.records.onChange?.(() => changes++)
  members.isolate(store.raftStatus.id)
  await leader.write([put('k', 'new')])
  await leader.records.put('user:ada', { name: 'ada' })
  // Segments of the log go as a whole.
  for (let i = 0; i < 10; i++) await leader.write([put(`filler${i}`, 'v'.repeat(20_000))])
  await members.cutLog(node, store.raftStatus.lastIndex + 1)
  expect(changes).toBe(0)
  members.mend()
  await members.until(() => behind?.member?.applied.index === node.member?.applied.index)
  expect(await read(store, 'k')).toEqual(['new'])
  expect(await store.records.list('user:')).toEqual([['user:ada', { name: 'ada' }]])
  expect(changes).toBe(1)
  const { commitIndex: at } = leader.status()
  await members.until(() => members.installed.length > 0)
  expect(members.installed).toEqual([{ at, applied: at }])
  expect(store.status().commitIndex).toBe(leader.status().commitIndex)
  // Nothing was written after it.
  expect(behind?.member?.flushed.index).toBe(node.member?.applied.index)
})
