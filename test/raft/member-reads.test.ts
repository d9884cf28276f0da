// How reads of a member are made: local ones, with and without a bound, and those that rest on the leader's lease.
import { afterEach, describe, expect, test } from 'vitest'
import type { ClusterMember } from '../../server/raft/member.ts'
import { type Operation, type Store, StoreError } from '../../server/store.ts'
import { seedOf } from '../support/campaign.ts'
import { Members, type MembersOptions } from './support/members.ts'

const seed = seedOf('member reads')
let open: Members[] = []
afterEach(async () => {
  const members = open
  open = []
  for (const each of members) {
    await each.close()
    expect(each.failures).toEqual([])
  }
})

async function start(options: MembersOptions = {}) {
  const members = await Members.start(3, seed, options)
  open.push(members)
  const leader = await members.elected()
  const [follower] = members.nodes.filter(({ store }) => store !== leader)
  return { members, leader, leaderId: leader.raftStatus.id, follower: follower?.store as ClusterMember }
}

const key = Buffer.from('k')
const put = (value: string): Operation => ({ type: 'put', key, value: Buffer.from(value) })
const read = async (store: Store) => (await store.getMany([key])).map(String)[0]
const readNow = (store: Store) => store.getManyNow?.([key], 1_000)?.map(String)[0]
const codeOf = (error: unknown): string => (error instanceof StoreError ? error.code : String(error))
const pageOf = async (store: Store) => {
  const view = store.pin()
  const page = await view.page({}, { entriesMax: 10, bytesMax: 1_000 })
  await view.close()
  return page.map(String)
}

describe('local reads', () => {
  test('tell what this member has, however old', async () => {
    const { members, leader, follower } = await start()
    const local = follower.reading({ reads: 'local' })
    await leader.write([put('old')])
    expect(await read(follower)).toBe('old')
    members.isolate(follower.raftStatus.id)
    await leader.write([put('new')])
    expect(readNow(local)).toBe('old')
    expect(await read(local)).toBe('old')
    expect((await local.getEntries([key]))[0]?.value.toString()).toBe('old')
    expect(await pageOf(local)).toEqual(['k,old'])
    members.mend()
    expect(await read(follower)).toBe('new')
    expect(await read(local)).toBe('new')
  })

  test('with a bound are no older than that: then the leader is asked', async () => {
    let skewMs = 0
    const { members, leader, follower } = await start({ nowMs: () => performance.now() + skewMs })
    const boundMs = 600_000
    const local = follower.reading({ reads: 'local', maxStalenessMs: boundMs })
    await leader.write([put('old')])
    // Nothing is known of how old it is: it asks.
    expect(readNow(local)).toBeUndefined()
    expect(await read(local)).toBe('old')
    expect(readNow(local)).toBe('old')
    members.isolate(follower.raftStatus.id)
    await leader.write([put('new')])
    skewMs += boundMs - 60_000
    expect(readNow(local)).toBe('old')
    skewMs += 60_001
    expect(readNow(local)).toBeUndefined()
    const late = read(local).catch(codeOf)
    const page = pageOf(local).catch(codeOf)
    skewMs += 2_000
    expect(await late).toBe('NO_LEADER')
    expect(await page).toBe('NO_LEADER')
    members.mend()
    await members.until(() => follower.leadership.leader !== 0)
    expect(await read(local)).toBe('new')
    expect(readNow(local)).toBe('new')
  })

  test('ask ahead of their bound', async () => {
    let skewMs = 0
    const { leader, follower, members } = await start({ nowMs: () => performance.now() + skewMs })
    const local = follower.reading({ reads: 'local', maxStalenessMs: 600_000 })
    await leader.write([put('old')])
    expect(await read(local)).toBe('old')
    skewMs += 400_000
    expect(readNow(local)).toBe('old')
    await members.until(() => follower.stalenessMs < 300_000)
    skewMs += 400_000
    expect(readNow(local)).toBe('old')
  })

  test('writes and decisions go where those of the member go', async () => {
    const { leader, follower } = await start()
    const local = follower.reading({ reads: 'local' })
    expect(await local.write([put('v')]).catch(codeOf)).toBe('NOT_LEADER')
    expect(await local.decide({ keys: [], decide: () => 1 }).catch(codeOf)).toBe('NOT_LEADER')
    await leader.reading({ reads: 'local' }).write([put('v')])
    expect(await read(leader.reading({ reads: 'local' }))).toBe('v')
  })
})

describe('reads by lease', () => {
  test('are answered by a leader that can ask nobody just now', async () => {
    const { members, leader, leaderId, follower } = await start({ reads: 'lease' })
    await leader.write([put('v')])
    expect(await read(follower)).toBe('v')
    // A lease begins with a round of heartbeats that is answered.
    const ticks = members.ticks + 4
    await members.until(() => members.ticks >= ticks)
    members.isolate(leaderId)
    expect(await read(leader)).toBe('v')
    expect(leader.leadership.isLeader).toBe(true)
  })

  test('are not, by one that stood still: its lease is over, though no tick told it so', async () => {
    const { members, leader, leaderId } = await start({ reads: 'lease' })
    await leader.write([put('old')])
    const ticks = members.ticks + 4
    await members.until(() => members.ticks >= ticks)
    expect(await read(leader)).toBe('old')
    members.pause(leaderId)
    await members.until(() => members.leader !== undefined && members.leader.id !== leaderId)
    await members.leader?.store?.write([put('new')])
    expect(leader.leadership.isReady).toBe(true)
    members.resume(leaderId)
    expect(await read(leader)).toBe('new')
  })
})
