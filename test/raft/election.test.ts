// Who leads: campaigns, votes, pre-votes, quorums that are checked.
import { describe, expect, test } from 'vitest'
import { emptyMembership } from '../../server/raft/core/membership.ts'
import type { PeerMessage } from '../../server/raft/core/types.ts'
import { Group, voters } from './support/group.ts'

const between =
  (a: number, b: number) =>
  ({ from, to }: PeerMessage): boolean =>
    (from === a && to === b) || (from === b && to === a)

describe('a campaign', () => {
  test('begins by itself when no leader is heard, after the election timeout or up to twice as long', () => {
    const group = new Group(3)
    let ticks = 0
    while (group.leaders.length === 0) {
      for (const { id } of group.members) group.node(id).tick()
      group.settle()
      ticks++
    }
    expect(ticks).toBeGreaterThanOrEqual(10)
    expect(ticks).toBeLessThan(20)
  })

  test('is spread by the seed, the same each time', () => {
    const ticksOf = (seed: number): number => {
      const group = new Group(1, { config: { electionSeed: seed } })
      let ticks = 0
      for (; group.leaders.length === 0; ticks++) group.tick(1)
      return ticks
    }
    const spread = Array.from({ length: 50 }, (_, seed) => ticksOf(seed))
    expect(spread).toEqual(Array.from({ length: 50 }, (_, seed) => ticksOf(seed)))
    expect(new Set(spread).size).toBe(10)
  })

  test('is not for a learner, nor for a node that knows of no group', () => {
    const group = new Group(2, { membership: { ...emptyMembership, voters: [1], learners: [2] } })
    const stranger = group.add(3)
    for (const id of [2, 3]) {
      group.node(id).campaign()
      group.tick(id, 30)
    }
    expect(group.leaders).toEqual([])
    expect(stranger.node.status()).toMatchObject({ role: 'follower', term: 0 })
  })

  test('waits for a membership that is committed to be applied', () => {
    const group = new Group(3).elect(1)
    group.node(1).proposeMembership({ version: 2, transition: 'auto', changes: [{ kind: 'learner', id: 4 }] })
    group.settle()
    const { storage } = group.member(2)
    // As if the node had stopped just before it applied the change.
    group.crash(2)
    group.member(2).appliedIndex = 2
    group.restart(2)
    expect(storage.hardState?.commit).toBe(3)
    group.node(2).campaign()
    expect(group.node(2).status().role).toBe('follower')
    group.process(2)
    group.node(2).campaign()
    expect(group.node(2).status().role).toBe('preCandidate')
  })

  test('is ignored by a leader', () => {
    const group = new Group(3).elect(1)
    group.node(1).campaign()
    group.settle()
    expect(group.node(1).status()).toMatchObject({ role: 'leader', term: 1 })
  })

  test('is lost when a majority rejects it', () => {
    const group = new Group(3, { config: { preVote: false, checkQuorum: false } }).elect(1)
    group.isLost = ({ to }) => to === 3
    group.propose(1, 'a')
    group.isLost = () => false
    group.node(3).campaign()
    group.settle()
    expect(group.node(3).status()).toMatchObject({ role: 'follower', term: 2 })
    expect(group.node(1).status()).toMatchObject({ role: 'follower', term: 2 })
  })

  test('with a pre-vote that is rejected disturbs nobody', () => {
    const group = new Group(3, { config: { checkQuorum: false } }).elect(1)
    group.isLost = ({ to }) => to === 3
    group.propose(1, 'a')
    group.isLost = () => false
    group.node(3).campaign()
    group.settle()
    expect(group.members.map(({ node }) => node.status().term)).toEqual([1, 1, 1])
    expect(group.node(3).status().role).toBe('follower')
    expect(group.leaders).toEqual([1])
  })

  test('ends when the leader of its term is heard', () => {
    const group = new Group(3, { config: { checkQuorum: false } }).elect(1)
    for (const kind of ['heartbeat', 'append'] as const) {
      group.isLost = ({ from }) => from === 2
      group.node(2).campaign()
      group.settle()
      expect(group.node(2).status().role).toBe('preCandidate')
      if (kind === 'append') group.propose(1, 'a')
      else group.tick(1)
      expect(group.node(2).status()).toMatchObject({ role: 'follower', leader: 1 })
      group.isLost = () => false
    }
  })

  test('goes on when a second election timeout passes without an answer', () => {
    const group = new Group(3, { config: { preVote: false } })
    group.isLost = () => true
    group.node(1).campaign()
    group.tick(1, 20)
    expect(group.node(1).status().role).toBe('candidate')
    expect(group.node(1).status().term).toBeGreaterThan(1)
  })
})

describe('votes', () => {
  test('wait to be durable, and so do requests for them', () => {
    const group = new Group(3, { config: { preVote: false } })
    group.slow.add(1).add(2)
    group.node(1).campaign()
    group.settle()
    expect(group.sent).toEqual([])
    group.sync(1).settle()
    expect(group.sent.map(({ kind, from, to }) => [kind, from, to])).toEqual([
      ['vote', 1, 2],
      ['vote', 1, 3],
      ['voteResponse', 3, 1],
      // Elected by its own vote and node 3's. Its first entry travels while it is written.
      ['append', 1, 2],
      ['append', 1, 3],
      ['appendResponse', 3, 1]
    ])
    expect(group.node(1).status()).toMatchObject({ role: 'leader', commit: 1 })
  })

  test('for a campaign that was forgotten in a crash do not count for the next one', () => {
    const group = new Group(3, { config: { preVote: false, checkQuorum: false } }).elect(1)
    // Node 2 takes an entry, commits it nowhere, and loses it with its term.
    group.slow.add(2)
    group.propose(1, 'a')
    group.node(2).campaign()
    group.settle()
    group.crash(2).restart(2).settle()
    expect(group.node(2).status()).toMatchObject({ role: 'follower', term: 1, lastIndex: 2 })
    expect(group.sent.some(({ kind, term }: { kind: string; term?: number }) => kind === 'vote' && term === 2)).toBe(
      false
    )
    group.slow.delete(2)
    group.node(2).campaign()
    group.settle()
    expect(group.node(2).status().role).toBe('follower')
    expect(group.node(1).status().commit).toBe(3)
  })

  test('are given once a term, also after a restart, and again to the same candidate', () => {
    const group = new Group(3, { config: { preVote: false, checkQuorum: false } })
    const ask = (from: number) =>
      group.node(3).step({ kind: 'vote', to: 3, from, term: 5, index: 1, logTerm: 1, transfer: false })
    const answers = () => group.sent.filter(({ kind }) => kind === 'voteResponse').splice(-1)
    ask(1)
    group.process(3)
    expect(answers()).toMatchObject([{ to: 1, reject: false }])
    group.crash(3).restart(3)
    ask(2)
    group.process(3)
    expect(answers()).toMatchObject([{ to: 2, reject: true }])
    ask(1)
    group.process(3)
    expect(answers()).toMatchObject([{ to: 1, reject: false }])
  })

  test('are not given to a log that ends earlier, in term or in index', () => {
    const group = new Group(3, { config: { preVote: false } }).elect(1)
    group.propose(1, 'a')
    const ends = [
      { index: 2, logTerm: 1, reject: true },
      { index: 9, logTerm: 0, reject: true },
      { index: 3, logTerm: 1, reject: false }
    ]
    group.node(1).transferLeader(3)
    for (const [i, { index, logTerm, reject }] of ends.entries()) {
      group.node(2).step({ kind: 'vote', to: 2, from: 3, term: 10 + i, index, logTerm, transfer: true })
      group.process(2)
      expect(group.sent.at(-1)).toMatchObject({ kind: 'voteResponse', reject, term: 10 + i })
    }
  })

  test('for a lower term are ignored, pre-votes are rejected so that their sender learns the term', () => {
    const group = new Group(3).elect(1)
    group.node(1).step({ kind: 'vote', to: 1, from: 2, term: 0, index: 9, logTerm: 9, transfer: false })
    expect(group.node(1).hasReady()).toBe(false)
    group.node(2).step({ kind: 'preVote', to: 2, from: 3, term: 0, index: 9, logTerm: 9 })
    group.process(2)
    expect(group.sent.at(-1)).toMatchObject({ kind: 'preVoteResponse', term: 1, reject: true })
  })

  test('that come late, after the campaign, change nothing', () => {
    const group = new Group(3).elect(1)
    for (const kind of ['voteResponse', 'preVoteResponse'] as const) {
      group.node(1).step({ kind, to: 1, from: 2, term: 1, reject: true })
      group.node(2).step({ kind, to: 2, from: 3, term: 1, reject: false })
    }
    expect(group.members.map(({ node }) => node.hasReady())).toEqual([false, false, false])
  })

  test('count once each', () => {
    const group = new Group(5, { config: { preVote: false } })
    group.isLost = () => true
    group.node(1).campaign()
    group.settle()
    for (let i = 0; i < 3; i++) group.node(1).step({ kind: 'voteResponse', to: 1, from: 2, term: 1, reject: false })
    expect(group.node(1).status().role).toBe('candidate')
    group.node(1).step({ kind: 'voteResponse', to: 1, from: 3, term: 1, reject: false })
    expect(group.node(1).status().role).toBe('leader')
  })
})

describe('with quorums that are checked', () => {
  test('a leader that hears from no quorum steps down', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ to }) => to === 1
    group.tick(1, 9)
    expect(group.leaders).toEqual([1])
    group.tick(1, 11)
    expect(group.node(1).status()).toMatchObject({ role: 'follower', leader: 0, term: 1 })
  })

  test('one that hears from a quorum goes on, and learners are none', () => {
    const group = new Group(4, { membership: { ...emptyMembership, voters: [1, 2, 3], learners: [4] } }).elect(1)
    group.isLost = between(1, 3)
    group.tick(1, 50)
    expect(group.leaders).toEqual([1])
    group.isLost = ({ from, to }) => from !== 4 && to !== 4
    group.tick(1, 20)
    expect(group.leaders).toEqual([])
  })

  test('whoever hears from a leader does not vote, not even in a higher term', () => {
    const group = new Group(3, { config: { preVote: false } }).elect(1)
    group.node(2).campaign()
    group.settle()
    expect(group.node(3).status()).toMatchObject({ term: 1, leader: 1 })
    expect(group.node(1).status()).toMatchObject({ term: 1, role: 'leader' })
  })

  test('a node that is ahead of its leader in terms makes it step down, and follows the next', () => {
    const group = new Group(3, { config: { preVote: false } }).elect(1)
    group.isLost = ({ from, to }) => from === 3 || to === 3
    group.node(3).campaign()
    group.settle()
    group.isLost = () => false
    group.tick(1)
    expect(group.node(1).status()).toMatchObject({ term: 2, role: 'follower' })
    while (group.leaders.length === 0) for (const { id } of group.members) group.tick(id)
    expect(new Set(group.members.map(({ node }) => node.status().term)).size).toBe(1)
  })

  test('without them, and without pre-votes, it is not told: its vote tells', () => {
    const group = new Group(3, { config: { preVote: false, checkQuorum: false } }).elect(1)
    group.node(3).step({ kind: 'vote', to: 3, from: 2, term: 7, index: 0, logTerm: 0, transfer: false })
    group.process(3)
    group.wire = []
    group.sent.length = 0
    group.node(1).tick()
    group.process(1)
    group.deliver(3)
    expect(group.node(3).hasReady()).toBe(false)
  })
})

describe('a restart', () => {
  test('goes on from term, vote, log and commit', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a', 'b')
    group.crash(1).restart(1)
    expect(group.node(1).status()).toMatchObject({
      term: 1,
      vote: 1,
      commit: 4,
      applied: 4,
      lastIndex: 4,
      role: 'follower'
    })
  })

  test('takes what was applied, or cut, as committed, because the commit need not have been durable', () => {
    const group = new Group(1).elect(1)
    group.propose(1, 'a', 'b')
    const { storage } = group.member(1)
    storage.hardState = { term: 1, vote: 1, commit: 0 }
    group.crash(1).restart(1)
    expect(group.node(1).status()).toMatchObject({ commit: 4, applied: 4 })
    storage.compact(3)
    group.member(1).appliedIndex = 0
    group.restart(1)
    expect(group.node(1).status()).toMatchObject({ commit: 3, applied: 3 })
  })

  test('refuses a storage that lost what it had committed', () => {
    const group = new Group(1).elect(1)
    group.member(1).storage.hardState = { term: 1, vote: 1, commit: 9 }
    group.crash(1)
    expect(() => group.restart(1)).toThrow('entry 9 is committed, but the log ends at 2')
  })

  test('refuses a membership that contradicts itself', () => {
    const faulty = [
      [{ ...voters(1), learners: [1] }, '1 both as a learner and as a voter'],
      [{ ...voters(1), learnersNext: [2] }, '2 as the next learner, but not as an outgoing voter'],
      [{ ...voters(1), autoLeave: true }, 'is to be left, but it is not joint']
    ] as const
    for (const [membership, sentence] of faulty) expect(() => new Group(1, { membership })).toThrow(sentence)
  })
})

describe('forgetting the leader', () => {
  test('lets a follower vote, and the leader is heard again', () => {
    const group = new Group(3).elect(1)
    group.node(2).forgetLeader()
    expect(group.node(2).status().leader).toBe(0)
    group.node(3).forgetLeader()
    group.node(1).forgetLeader()
    expect(group.leaders).toEqual([1])
    group.node(2).campaign()
    group.settle()
    expect(group.leaders).toEqual([2])
    group.node(3).forgetLeader()
    group.tick(2)
    expect(group.node(3).status().leader).toBe(2)
  })
})
