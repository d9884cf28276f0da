// What members make of their disks: one that is slow, one that fails, and time that goes on for what has expired.
import { afterEach, expect, test, vi } from 'vitest'
import native from '#native'
import type { ClusterMember } from '../../server/raft/member.ts'
import { type Operation, StoreError } from '../../server/store.ts'
import { seedOf } from '../support/campaign.ts'
import { Members, type MembersOptions } from './support/members.ts'

const seed = seedOf('member disks')
const open: Members[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const each of open.splice(0)) await each.close()
})

async function start(options: MembersOptions = {}) {
  const members = await Members.start(3, seed, options)
  open.push(members)
  const leader = await members.elected()
  return { members, leader, node: members.node(leader.raftStatus.id) }
}

const put = (key: string, value: string, expiresAt?: number): Operation => ({
  type: 'put',
  key: Buffer.from(key),
  value: Buffer.from(value),
  ...(expiresAt === undefined ? {} : { expiresAt })
})
const read = async (store: ClusterMember, key: string) => (await store.getMany([Buffer.from(key)])).map(String)[0]
const codeOf = (error: unknown): string => (error instanceof StoreError ? error.code : String(error))
const syncOperations = 4

/** A leader that is not the one before. */
const next = async (members: Members, before: ClusterMember): Promise<ClusterMember> => {
  await members.until(() => members.leader !== undefined && members.leader.store !== before)
  return members.leader?.store as ClusterMember
}

test('a leader whose disk takes longer than an election timeout hands over', async () => {
  const { members, leader, node } = await start()
  await leader.write([put('k', 'before')])
  const log = node.member?.log as NonNullable<typeof node.member>['log']
  const sync = log.sync.bind(log)
  let letGo = () => {}
  const stuck = new Promise<void>((resolve) => {
    letGo = resolve
  })
  log.sync = async () => {
    await stuck
    await sync()
  }
  const begun = members.ticks
  const { term } = leader.raftStatus
  // The others have it, and it is committed: only who asked does not learn so.
  const asked = leader.write([put('k', 'during')]).then(() => 'done', codeOf)
  const heir = await next(members, leader)
  expect(await asked).toBe('OUTCOME_UNKNOWN')
  expect(heir.raftStatus.term).toBe(term + 1)
  expect(members.ticks - begun).toBeLessThan(20 + 10)
  expect(await read(heir, 'k')).toBe('during')
  await heir.write([put('k', 'after')])
  letGo()
  expect(await read(leader, 'k')).toBe('after')
  expect(members.failures).toEqual([])
})

test('a leader that waits for its disk for less goes on leading', async () => {
  const { members, leader, node } = await start()
  const log = node.member?.log as NonNullable<typeof node.member>['log']
  const sync = log.sync.bind(log)
  log.sync = async () => {
    const end = members.ticks + 10
    await members.until(() => members.ticks >= end)
    await sync()
  }
  for (let i = 0; i < 4; i++) await leader.write([put('k', `${i}`)])
  expect(members.leader?.store).toBe(leader)
})

test('a member whose sync fails takes no part any more, and the others go on', async () => {
  const { members, leader, node } = await start()
  await leader.write([put('k', 'before')])
  native.memoryFaults(node.fs, { atCall: 1, forever: true, operations: syncOperations })
  const asked = leader.write([put('k', 'during')]).then(() => 'done', codeOf)
  const heir = await next(members, leader)
  expect(await asked).toBe('OUTCOME_UNKNOWN')
  expect(members.failures).toHaveLength(1)
  expect(await leader.write([put('k', 'late')]).catch(codeOf)).toBe('NO_LEADER')
  expect(await read(leader, 'k').catch((error: unknown) => error)).toBe(members.failures[0])
  expect(['before', 'during']).toContain(await read(heir, 'k'))
  await heir.write([put('k', 'after')])
  expect(await read(heir, 'k')).toBe('after')
  native.memoryFaults(node.fs, null)
})

test('what has expired goes by itself, on all members', async () => {
  let skewMs = 0
  const clock = () => Date.now() + skewMs
  // Only what the engine looks after later: the cluster's own time goes on by intervals.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { members, leader } = await start({ engine: { memtableBytes: 64 << 10, tableBytes: 64 << 10, clock } })
  const expiresAt = clock() + 20_000
  const keys = 2_000
  for (let at = 0; at < keys; at += 100) {
    const batch = Array.from({ length: 100 }, (_, i) => put(`key ${at + i}`, 'v'.repeat(100), expiresAt))
    await leader.write(batch)
  }
  const tableBytes = () =>
    members.nodes.map(({ member }) => {
      const pinned = member?.pin()
      pinned?.unpin()
      return pinned?.version.levels.flat().reduce((sum, { fileBytes }) => sum + fileBytes, 0) ?? 0
    })
  for (const { member } of members.nodes) await member?.flush()
  for (const bytes of tableBytes()) expect(bytes).toBeGreaterThan(keys * 100)
  const { lastIndex } = leader.raftStatus
  for (let second = 0; second < 200 && tableBytes().some((bytes) => bytes > 10_000); second++) {
    skewMs += 1_000
    vi.advanceTimersByTime(1_000)
    // Flush and compaction are on threads of their own, as fast as the machine is.
    const untilMs = performance.now() + 25
    while (performance.now() < untilMs) await new Promise((resolve) => setImmediate(resolve))
  }
  for (const bytes of tableBytes()) expect(bytes).toBeLessThan(10_000)
  expect(leader.raftStatus.lastIndex - lastIndex).toBeGreaterThan(0)
  expect(leader.raftStatus.lastIndex - lastIndex).toBeLessThanOrEqual(4)
  expect(members.failures).toEqual([])
})
