// Reads that are never stale, the leader's lease, and handing leadership over.
import { describe, expect, test } from 'vitest'
import { emptyMembership } from '../../server/raft/core/membership.ts'
import { Group, type GroupOptions } from './support/group.ts'

const kindsTo = (group: Group, to: number): string[] =>
  group.sent.filter((message) => message.to === to).map(({ kind }) => kind)

describe('a read', () => {
  test('is answered with what was committed when it came, once a quorum has confirmed the leader', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a')
    const id = group.node(1).readIndex()
    group.process(1)
    expect(group.member(1).reads).toEqual([])
    group.settle()
    expect(group.member(1).reads).toEqual([{ id, index: 3 }])
  })

  test('of a follower goes to the leader and comes back', () => {
    const group = new Group(3).elect(1)
    const ids = [group.node(2).readIndex(), group.node(2).readIndex(), group.node(3).readIndex()]
    group.settle()
    expect(group.member(2).reads).toEqual([
      { id: ids[0], index: 2 },
      { id: ids[1], index: 2 }
    ])
    expect(group.member(3).reads).toEqual([{ id: ids[2], index: 2 }])
  })

  test('has a new id each time, from where the run’s ids start', () => {
    const group = new Group(3, { config: { readIdStart: 700 } }).elect(1)
    const ids = [1, 1, 2, 2].map((id) => group.node(id).readIndex())
    expect(ids).toEqual([700, 701, 700, 701])
    group.restart(2, { readIdStart: 900 })
    expect(group.node(2).readIndex()).toBeUndefined()
    group.tick(1)
    expect(group.node(2).readIndex()).toBe(900)
  })

  test('is not asked where there is no leader', () => {
    const group = new Group(3)
    expect(group.node(1).readIndex()).toBeUndefined()
    group.node(1).step({ kind: 'readIndex', to: 1, from: 2, id: 1 })
    expect(group.node(1).hasReady()).toBe(false)
  })

  test('is forwarded on to where leadership has moved', () => {
    const group = new Group(3).elect(1)
    group.node(2).step({ kind: 'readIndex', to: 2, from: 3, id: 5 })
    group.settle()
    expect(group.member(3).reads).toEqual([{ id: 5, index: 2 }])
  })

  test('waits until the leader has committed something of its term', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a')
    group.isLost = ({ kind }) => kind === 'appendResponse'
    group.node(1).transferLeader(2)
    group.settle()
    const id = group.node(2).readIndex()
    group.tick(2)
    expect(group.node(2).status()).toMatchObject({ role: 'leader', commit: 3 })
    expect(group.member(2).reads).toEqual([])
    group.isLost = () => false
    group.tick(2, 2)
    expect(group.member(2).reads).toEqual([{ id, index: 4 }])
  })

  test('of a leader without other voters is answered at once, but not before its term’s first entry is committed', () => {
    const group = new Group(1)
    group.member(1).storage.hardState = { term: 1, vote: 0, commit: 1 }
    group.restart(1).slow.add(1)
    group.node(1).campaign()
    // The pre-vote, the vote.
    group.settle().sync(1).settle().sync(1).settle()
    expect(group.leaders).toEqual([1])
    const id = group.node(1).readIndex()
    group.settle()
    expect(group.member(1).reads).toEqual([])
    group.sync(1).settle()
    expect(group.member(1).reads).toEqual([{ id, index: 2 }])
  })

  test('is not answered by a leader that is cut off, nor by answers to earlier heartbeats', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ from }) => from !== 1
    group.tick(1, 3)
    group.node(1).readIndex()
    group.settle()
    const rounds = group.sent.flatMap((message) => (message.kind === 'heartbeat' ? [message.round] : []))
    const last = Math.max(...rounds)
    group.node(1).step({ kind: 'heartbeatResponse', to: 1, from: 2, term: 1, round: last - 1 })
    group.settle()
    expect(group.member(1).reads).toEqual([])
    group.node(1).step({ kind: 'heartbeatResponse', to: 1, from: 2, term: 1, round: last })
    group.settle()
    expect(group.member(1).reads).toHaveLength(1)
  })

  test('shares the heartbeats of one that came in the same turn, not those that have left', () => {
    const group = new Group(3).elect(1)
    group.sent.length = 0
    for (let i = 0; i < 5; i++) group.node(1).readIndex()
    group.process(1)
    expect(kindsTo(group, 2)).toEqual(['heartbeat'])
    group.node(1).readIndex()
    group.process(1)
    expect(kindsTo(group, 2)).toEqual(['heartbeat', 'heartbeat'])
    group.settle()
    expect(group.member(1).reads.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('is lost with the leadership it waited for: it is asked again with another id', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ kind }) => kind === 'heartbeatResponse'
    const lost = group.node(1).readIndex()
    group.settle()
    group.isLost = () => false
    group.node(1).transferLeader(2)
    group.settle()
    const again = group.node(1).readIndex()
    group.settle()
    expect(again).not.toBe(lost)
    expect(group.member(1).reads).toEqual([{ id: again, index: 3 }])
  })

  test('needs a majority of both halves of a joint membership', () => {
    const group = new Group(4, { membership: { ...emptyMembership, voters: [1, 2, 3] } }).elect(1)
    group.node(1).proposeMembership({
      version: 2,
      transition: 'explicit',
      changes: [
        { kind: 'remove', id: 2 },
        { kind: 'remove', id: 3 },
        { kind: 'voter', id: 4 }
      ]
    })
    group.settle()
    group.isLost = ({ to }) => to === 4
    group.node(1).readIndex()
    group.settle()
    expect(group.member(1).reads).toEqual([])
    // Left, the others are enough: no heartbeat is waited for.
    group.isLost = ({ kind }) => kind === 'heartbeat' || kind === 'heartbeatResponse'
    group.node(1).step({ kind: 'heartbeatResponse', to: 1, from: 4, term: 1, round: 1 })
    group.settle()
    expect(group.member(1).reads).toHaveLength(1)
  })
})

describe('the lease', () => {
  const leased: GroupOptions = { config: { reads: 'lease' } }
  const isAnsweredAtOnce = (group: Group, id: number): boolean => {
    const before = group.member(id).reads.length
    group.node(id).readIndex()
    group.process(id)
    return group.member(id).reads.length > before
  }

  test('answers at once while a quorum has been heard from', () => {
    const group = new Group(3, leased).elect(1)
    expect(isAnsweredAtOnce(group, 1)).toBe(false)
    group.settle()
    expect(isAnsweredAtOnce(group, 1)).toBe(true)
    group.node(2).readIndex()
    group.sent.length = 0
    group.settle()
    expect(group.member(2).reads).toHaveLength(1)
    expect(group.sent.map(({ kind }) => kind)).toEqual(['readIndex', 'readIndexResponse'])
  })

  test('ends before anybody who was heard could vote for another, and the read waits for a quorum', () => {
    const group = new Group(3, leased).elect(1)
    group.tick(1)
    group.isLost = () => true
    group.tick(1, 7)
    expect(isAnsweredAtOnce(group, 1)).toBe(true)
    group.tick(1)
    expect(isAnsweredAtOnce(group, 1)).toBe(false)
    // Another node that stopped hearing it in that moment would not be voted for yet.
    for (let i = 0; i < 8; i++) group.node(2).tick()
    group.node(2).step({ kind: 'vote', to: 2, from: 3, term: 9, index: 9, logTerm: 9, transfer: false })
    expect(group.node(2).status().term).toBe(1)
  })

  test('is too short to be kept where the election timeout is', () => {
    const group = new Group(3, { config: { reads: 'lease', electionTicks: 2 } }).elect(1)
    group.tick(1)
    expect(isAnsweredAtOnce(group, 1)).toBe(false)
  })

  test('of a leader without other voters is its own', () => {
    const group = new Group(1, leased).elect(1)
    group.tick(1)
    expect(isAnsweredAtOnce(group, 1)).toBe(true)
  })

  test('is broken by a transfer, for the rest of the term', () => {
    const group = new Group(3, leased).elect(1)
    group.tick(1)
    group.isLost = ({ kind }) => kind === 'timeoutNow'
    group.node(1).transferLeader(2)
    group.settle()
    expect(isAnsweredAtOnce(group, 1)).toBe(false)
    group.settle()
    group.tick(1, 15)
    expect(group.node(1).status()).toMatchObject({ role: 'leader', transferee: 0 })
    expect(isAnsweredAtOnce(group, 1)).toBe(false)
    group.settle()
    expect(group.member(1).reads).toHaveLength(2)
  })

  test('is kept by a voter that has just restarted, and by one that is told to campaign', () => {
    const group = new Group(3, leased).elect(1)
    group.node(2).campaign()
    expect(group.node(2).status().role).toBe('follower')
    group.crash(2).restart(2)
    const ask = () =>
      group.node(2).step({ kind: 'vote', to: 2, from: 3, term: 9, index: 9, logTerm: 9, transfer: false })
    ask()
    expect(group.node(2).status().term).toBe(1)
    for (let i = 0; i < 10; i++) group.node(2).tick()
    ask()
    expect(group.node(2).status().term).toBe(9)
  })

  test('does not let a follower forget its leader', () => {
    const group = new Group(3, leased).elect(1)
    group.node(2).forgetLeader()
    expect(group.node(2).status().leader).toBe(1)
  })
})

describe('a transfer', () => {
  test('hands over to a peer that has everything, without waiting for anything', () => {
    const group = new Group(3).elect(1)
    group.node(1).transferLeader(2)
    group.settle()
    expect(group.leaders).toEqual([2])
    expect(group.node(1).status()).toMatchObject({ role: 'follower', term: 2, leader: 2 })
  })

  test('brings a peer up to date first, and drops proposals meanwhile', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ to, kind }) => to === 2 && kind === 'append'
    group.propose(1, 'a')
    group.node(1).transferLeader(2)
    group.settle()
    expect(group.node(1).status()).toMatchObject({ role: 'leader', transferee: 2 })
    expect(group.propose(1, 'b')).toEqual({ status: 'dropped', reason: 'transferring' })
    group.isLost = () => false
    group.tick(1)
    expect(group.leaders).toEqual([2])
    expect(group.words(2)).toEqual(['a'])
  })

  test('that takes longer than an election timeout is given up', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ kind }) => kind === 'timeoutNow'
    group.node(1).transferLeader(2)
    group.tick(1, 9)
    expect(group.node(1).status().transferee).toBe(2)
    group.tick(1)
    expect(group.node(1).status()).toMatchObject({ role: 'leader', transferee: 0 })
    expect(group.propose(1, 'a').status).toBe('appended')
  })

  test('may be asked of a follower, and asked again for another', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ kind }) => kind === 'timeoutNow'
    group.node(2).transferLeader(2)
    group.settle()
    expect(group.node(1).status().transferee).toBe(2)
    group.sent.length = 0
    group.node(1).transferLeader(2)
    expect(group.node(1).hasReady()).toBe(false)
    group.isLost = () => false
    group.node(1).transferLeader(3)
    group.settle()
    expect(group.leaders).toEqual([3])
  })

  test('to itself ends one that is under way; to a learner or a stranger changes nothing', () => {
    const membership = { ...emptyMembership, voters: [1, 2], learners: [3] }
    const group = new Group(3, { membership }).elect(1)
    for (const id of [3, 9]) group.node(1).transferLeader(id)
    group.settle()
    expect(group.node(1).status().transferee).toBe(0)
    group.isLost = ({ kind }) => kind === 'timeoutNow'
    group.node(1).transferLeader(2)
    group.node(1).transferLeader(1)
    expect(group.node(1).status().transferee).toBe(0)
  })

  test('without a leader is asked of nobody', () => {
    const group = new Group(3)
    group.node(1).transferLeader(2)
    group.node(2).step({ kind: 'timeoutNow', to: 2, from: 1, term: 0 })
    group.node(2).step({ kind: 'transferLeader', to: 2, from: 1, term: 1, transferee: 1 })
    expect(group.node(1).hasReady()).toBe(false)
    // Told to by a leader of its term, it campaigned.
    expect(group.node(2).status().role).not.toBe('leader')
  })

  test('does not make a candidate of one that campaigns already', () => {
    const group = new Group(3)
    group.isLost = () => true
    group.node(1).campaign()
    group.settle()
    group.node(1).step({ kind: 'timeoutNow', to: 1, from: 2, term: 0 })
    expect(group.node(1).status().role).toBe('preCandidate')
  })
})
