// How entries get from the leader to the others: proposals, matching logs, flow.
import { describe, expect, test } from 'vitest'
import type { PeerMessage } from '../../server/raft/core/types.ts'
import { Group, normal, progressOf } from './support/group.ts'

const entriesTo = (group: Group, to: number): number[] =>
  group.wire.flatMap((message) => (message.kind === 'append' && message.to === to ? [message.entries.length] : []))

describe('proposals', () => {
  test('are applied by all, in order, and their payloads are the same objects', () => {
    const group = new Group(3).elect(1)
    const ref = { any: 'thing' }
    expect(group.node(1).propose([{ size: 5, ref }])).toEqual({
      status: 'appended',
      term: 1,
      firstIndex: 3,
      lastIndex: 3
    })
    group.settle()
    group.propose(1, 'a', 'b')
    for (const { id } of group.members) {
      expect(group.words(id)).toEqual([ref, 'a', 'b'])
      expect(group.words(id)[0]).toBe(ref)
    }
  })

  test('are forwarded by a follower, unless it may not', () => {
    const group = new Group(3).elect(1)
    expect(group.propose(2, 'a')).toEqual({ status: 'forwarded', to: 1 })
    expect(group.words(3)).toEqual(['a'])
    const own = new Group(3, { config: { forwardProposals: false } }).elect(1)
    expect(own.propose(2, 'a')).toEqual({ status: 'dropped', reason: 'notForwarded' })
  })

  test('are forwarded on when leadership has moved meanwhile', () => {
    const group = new Group(3).elect(1)
    group.node(3).propose([{ size: 1, ref: 'a' }])
    group.process(3)
    const [forwarded] = group.wire.splice(0)
    group.node(1).transferLeader(2)
    group.settle()
    group.wire.push(forwarded as PeerMessage)
    group.settle()
    expect(group.words(3)).toEqual(['a'])
  })

  test('without a leader are dropped, forwarded ones with a fault', () => {
    const group = new Group(3)
    expect(group.propose(1, 'a')).toEqual({ status: 'dropped', reason: 'noLeader' })
    const proposals = [{ kind: 'normal', payload: { size: 1, ref: 'a' } }] as const
    expect(group.node(1).step({ kind: 'propose', to: 1, from: 2, proposals })).toEqual({
      kind: 'dropped',
      reason: 'noLeader'
    })
    expect(() => group.node(1).propose([])).toThrow('a proposal needs a payload')
  })

  test('are dropped beyond the limit of uncommitted bytes, which applying frees', () => {
    const group = new Group(3, { config: { uncommittedBytesMax: 10 } }).elect(1)
    group.isLost = () => true
    expect(group.propose(1, 'longer than the limit').status).toBe('appended')
    expect(group.propose(1, 'a')).toEqual({ status: 'dropped', reason: 'uncommittedBytes' })
    group.isLost = () => false
    group.tick(1)
    expect(group.words(2)).toEqual(['longer than the limit'])
    expect(group.propose(1, '12345').status).toBe('appended')
  })
})

describe('logs that differ', () => {
  // Node 3 has entries of a term that was given up.
  const diverged = (config = {}) => {
    const group = new Group(3, { config: { checkQuorum: false, preVote: false, ...config } }).elect(3)
    group.isLost = ({ from }) => from === 3
    for (const word of ['x', 'y', 'z']) group.propose(3, word)
    group.isLost = ({ to, from }) => to === 3 || from === 3
    group.elect(1)
    group.propose(1, 'a')
    group.isLost = () => false
    return group
  }

  test('become the leader’s, and nothing that was given up is applied', () => {
    const group = diverged()
    group.tick(1)
    expect(group.node(3).status()).toMatchObject({ term: 2, commit: 4, lastIndex: 4 })
    expect(group.words(3)).toEqual(['a'])
    expect(group.member(3).storage.entries(2, 5, 1 << 20)).toEqual(group.member(1).storage.entries(2, 5, 1 << 20))
  })

  test('meet after a round trip a term, not an entry', () => {
    const group = diverged()
    group.propose(1, 'b', 'c', 'd', 'e', 'f')
    group.sent.length = 0
    group.tick(1)
    expect(group.sent.filter(({ kind, to }) => kind === 'append' && to === 3).length).toBeLessThan(5)
    expect(group.words(3)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('an old append does not cut what came after it', () => {
    const group = new Group(3).elect(1)
    group.node(1).propose([{ size: 1, ref: 'a' }])
    group.process(1)
    const old = group.wire.filter(({ to }) => to === 2)
    group.settle()
    group.isLost = ({ from }) => from === 2 || from === 3
    group.propose(1, 'b')
    expect(group.node(2).status()).toMatchObject({ lastIndex: 4, commit: 3 })
    group.wire.push(...old)
    group.settle()
    expect(group.node(2).status()).toMatchObject({ lastIndex: 4, commit: 3 })
    // Before what is committed, too: it is answered with where to go on.
    group.sent.length = 0
    group.node(2).step({ kind: 'append', to: 2, from: 1, term: 1, index: 1, logTerm: 1, entries: [], commit: 1 })
    group.process(2)
    expect(group.sent).toMatchObject([{ kind: 'appendResponse', reject: false, index: 3 }])
  })

  test('what is committed is never replaced', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a')
    const entries = [normal(9, 3, 'b')]
    const step = () =>
      group.node(2).step({ kind: 'append', to: 2, from: 3, term: 9, index: 2, logTerm: 1, entries, commit: 3 })
    step()
    expect(group.node(2).status()).toMatchObject({ commit: 3, lastIndex: 3 })
    group.settle()
    expect(group.words(2)).toEqual(['a'])
  })

  test('entries of an earlier term are committed by one of the leader’s own only', () => {
    const group = new Group(3, { config: { checkQuorum: false, preVote: false } }).elect(1)
    // Node 2 has the entry, node 1 does not know it.
    group.isLost = ({ kind, to }) => to === 3 || kind === 'appendResponse'
    group.propose(1, 'a')
    group.node(1).step({ kind: 'heartbeatResponse', to: 1, from: 3, term: 2, round: 1 })
    group.isLost = ({ kind, to }) => (to === 3 && kind === 'append') || kind === 'appendResponse'
    group.node(1).campaign()
    group.settle()
    expect(group.node(1).status()).toMatchObject({ role: 'leader', term: 3, lastIndex: 4, commit: 2 })
    group
      .node(1)
      .step({ kind: 'appendResponse', to: 1, from: 2, term: 3, index: 3, reject: false, hint: 0, hintTerm: 0 })
    expect(group.node(1).status().commit).toBe(2)
    group.isLost = () => false
    group.tick(1)
    expect(group.node(1).status().commit).toBe(4)
  })

  test('rejections that are old change nothing', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a')
    const reject = { kind: 'appendResponse', to: 1, from: 2, term: 1, reject: true, hint: 1, hintTerm: 1 } as const
    group.node(1).step({ ...reject, index: 2 })
    expect(progressOf(group, 1, 2)).toMatchObject({ state: 'replicate', match: 3, next: 4 })
    group.node(1).reportUnreachable(2)
    group.node(1).step({ ...reject, index: 1 })
    expect(progressOf(group, 1, 2)).toMatchObject({ state: 'probe', match: 3, next: 4 })
  })
})

describe('flow', () => {
  test('is bounded by messages in flight', () => {
    const group = new Group(3, { config: { inflightMessagesMax: 2, messageBytesMax: 1 } }).elect(1)
    for (const word of ['a', 'b', 'c', 'd']) group.node(1).propose([{ size: 1, ref: word }])
    group.process(1)
    expect(entriesTo(group, 2)).toEqual([1, 1])
    expect(progressOf(group, 1, 2)).toMatchObject({ inflight: 2, isInflightFull: true, isPaused: true })
    group.settle()
    expect(group.words(2)).toEqual(['a', 'b', 'c', 'd'])
    expect(progressOf(group, 1, 2)).toMatchObject({ inflight: 0, isPaused: false })
  })

  test('is bounded by bytes in flight, of which the last message may be too many', () => {
    const group = new Group(3, { config: { inflightBytesMax: 20, messageBytesMax: 1 } }).elect(1)
    for (const word of ['123456789012', '123456789012', 'c']) group.node(1).propose([{ size: word.length, ref: word }])
    group.process(1)
    expect(entriesTo(group, 2)).toEqual([1, 1])
    group.settle()
    expect(group.words(2)).toHaveLength(3)
  })

  test('that was lost is found by an empty append after a heartbeat', () => {
    const group = new Group(3, { config: { inflightMessagesMax: 2, messageBytesMax: 1 } }).elect(1)
    group.isLost = ({ to, kind }) => to === 2 && kind === 'append'
    group.propose(1, 'a')
    group.propose(1, 'b')
    group.propose(1, 'c')
    group.isLost = () => false
    group.tick(1)
    expect(group.words(2)).toEqual(['a', 'b', 'c'])
  })

  test('to a peer that is not reached is one append a heartbeat', () => {
    const group = new Group(3).elect(1)
    group.node(1).reportUnreachable(2)
    group.node(1).reportUnreachable(2)
    group.node(2).reportUnreachable(1)
    expect(progressOf(group, 1, 2).state).toBe('probe')
    group.isLost = ({ from }) => from === 2
    group.propose(1, 'a')
    group.propose(1, 'b')
    expect(progressOf(group, 1, 2)).toMatchObject({ state: 'probe', isPaused: true, next: 3 })
    group.isLost = () => false
    group.tick(1)
    expect(progressOf(group, 1, 2)).toMatchObject({ state: 'replicate', match: 4 })
  })

  test('in messages of limited bytes, at least an entry each', () => {
    const group = new Group(2, { config: { messageBytesMax: 100 } }).elect(1)
    group.isLost = () => true
    group.propose(1, 'a', 'b', 'c', 'd', 'e')
    group.isLost = () => false
    group.sent.length = 0
    group.tick(1)
    const counts = group.sent.flatMap((message) => (message.kind === 'append' ? [message.entries.length] : []))
    // 33 bytes each.
    expect(Math.max(...counts)).toBe(3)
    expect(group.words(2)).toHaveLength(5)
  })
})

describe('messages from nobody', () => {
  test('answers of strangers are a fault', () => {
    const group = new Group(3).elect(1)
    const answers = [
      { kind: 'appendResponse', to: 1, from: 9, term: 1, index: 9, reject: false, hint: 0, hintTerm: 0 },
      { kind: 'heartbeatResponse', to: 1, from: 9, term: 1, round: 1 },
      { kind: 'voteResponse', to: 1, from: 9, term: 1, reject: false },
      { kind: 'preVoteResponse', to: 1, from: 9, term: 2, reject: false },
      { kind: 'readIndexResponse', to: 1, from: 9, term: 1, id: 1, index: 1 }
    ] as const
    for (const answer of answers) expect(group.node(1).step(answer)).toEqual({ kind: 'unknownPeer' })
  })

  test('answers to a leader that comes to a follower are ignored, appends to a leader too', () => {
    const group = new Group(3).elect(1)
    group.node(2).step({ kind: 'heartbeatResponse', to: 2, from: 3, term: 1, round: 1 })
    group
      .node(2)
      .step({ kind: 'appendResponse', to: 2, from: 3, term: 1, index: 9, reject: false, hint: 0, hintTerm: 0 })
    const { membership } = group.member(1)
    const snapshot = { index: 9, term: 1, membership, ref: undefined }
    group.node(1).step({ kind: 'append', to: 1, from: 2, term: 1, index: 2, logTerm: 1, entries: [], commit: 2 })
    group.node(1).step({ kind: 'heartbeat', to: 1, from: 2, term: 1, commit: 2, round: 1 })
    group.node(1).step({ kind: 'snapshot', to: 1, from: 2, term: 1, snapshot })
    group.node(1).step({ kind: 'timeoutNow', to: 1, from: 2, term: 1 })
    expect(group.members.map(({ node }) => node.hasReady())).toEqual([false, false, false])
    expect(group.leaders).toEqual([1])
  })
})
