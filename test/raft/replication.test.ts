// How entries get from the leader to the others: matching logs, flow, snapshots, storage that takes its time.
import { describe, expect, test } from 'vitest'
import type { Entry, PeerMessage, ProgressStatus } from '../../server/raft/core/types.ts'
import { Group } from './support/group.ts'

const progressOf = (group: Group, leader: number, id: number): ProgressStatus => {
  const progress = group
    .node(leader)
    .status()
    .progress.find((one) => one.id === id)
  if (progress === undefined) throw new Error(`no progress of ${id}`)
  return progress
}
const normal = (term: number, index: number, word: string): Entry => {
  return { kind: 'normal', term, index, payload: { size: word.length, ref: word } }
}
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

describe('snapshots', () => {
  const behind = () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ to, from }) => to === 3 || from === 3
    group.propose(1, 'a')
    group.propose(1, 'b')
    group.member(1).storage.compact(3)
    return group
  }

  test('go to a peer whose next entries were cut, and replication goes on after them', () => {
    const group = behind()
    group.isLost = () => false
    group.tick(1)
    expect(group.sent.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1)
    expect(group.member(3)).toMatchObject({ appliedIndex: 4 })
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'replicate', match: 4, pendingSnapshot: 0 })
    group.propose(1, 'c')
    expect(group.words(3)).toEqual(['c'])
  })

  test('do not go to a peer that is silent, and wait until there is one', () => {
    const group = behind()
    group.tick(1, 12)
    expect(group.sent.filter(({ kind }) => kind === 'snapshot')).toEqual([])
    const { storage } = group.member(1)
    const { offer } = storage
    storage.offer = () => undefined
    group.isLost = () => false
    group.tick(1, 2)
    expect(progressOf(group, 1, 3).state).toBe('probe')
    storage.offer = () => ({ index: 0, term: 0, membership: group.member(1).membership, ref: undefined })
    expect(() => group.tick(1)).toThrow('the storage offers an empty snapshot')
    storage.offer = offer
    group.tick(1)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'replicate', match: 4 })
  })

  test('that arrived, or failed, are tried from there after a heartbeat', () => {
    const group = behind()
    group.isLost = ({ kind }) => kind === 'snapshot'
    group.tick(1)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'snapshot', pendingSnapshot: 4, next: 5, isPaused: true })
    group.propose(1, 'c')
    expect(progressOf(group, 1, 3).next).toBe(5)
    group.node(1).reportSnapshot(3, true)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'probe', next: 5, isPaused: true })
    group.node(1).reportSnapshot(3, true)
    group.node(2).reportSnapshot(3, true)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'probe', next: 5 })
    group.isLost = () => false
    // It did not arrive after all: the peer says where it is, and gets another.
    group.tick(1, 2)
    expect(group.member(3).appliedIndex).toBe(5)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'replicate', match: 5 })
  })

  test('that failed begin anew', () => {
    const group = behind()
    group.isLost = ({ kind }) => kind === 'snapshot'
    group.tick(1)
    group.node(1).reportSnapshot(3, false)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'probe', next: 3, pendingSnapshot: 0 })
    group.isLost = () => false
    group.tick(1)
    expect(progressOf(group, 1, 3)).toMatchObject({ state: 'replicate', match: 4 })
  })

  test('are ignored when old, when the log has it all, and when they are for others', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a')
    const { membership } = group.member(1)
    const step = (index: number, term: number, members = membership) => {
      const snapshot = { index, term, membership: members, ref: undefined }
      group.node(2).step({ kind: 'snapshot', to: 2, from: 1, term: 1, snapshot })
      group.process(2)
      return group.sent.at(-1)
    }
    expect(step(2, 1)).toMatchObject({ kind: 'appendResponse', index: 3 })
    group.isLost = ({ to }) => to === 1
    group.propose(1, 'b')
    expect(group.node(2).status()).toMatchObject({ lastIndex: 4, commit: 3 })
    expect(step(9, 1, { ...membership, voters: [1, 3] })).toMatchObject({ kind: 'appendResponse', index: 3 })
    expect(step(4, 1)).toMatchObject({ kind: 'appendResponse', index: 4 })
    expect(group.node(2).status()).toMatchObject({ lastIndex: 4, commit: 4 })
  })

  test('are written before anything else is applied, and no campaign begins meanwhile', () => {
    const group = behind()
    group.slow.add(3)
    group.isLost = () => false
    group.tick(1).sync(3).settle()
    expect(group.member(3).waiting.some(({ snapshot }) => snapshot !== undefined)).toBe(true)
    group.node(3).campaign()
    expect(group.node(3).status()).toMatchObject({ role: 'follower', applied: 2, commit: 4 })
    group.propose(1, 'c')
    expect(group.words(3)).toEqual([])
    group.slow.delete(3)
    group.sync(3).settle()
    expect(group.node(3).status()).toMatchObject({ applied: 5, commit: 5 })
    expect(group.words(3)).toEqual(['c'])
  })

  test('that a node has taken, it offers too, before its storage knows it', () => {
    const group = behind()
    group.slow.add(3)
    group.isLost = () => false
    group.tick(1).sync(3).settle()
    const append = { kind: 'append', to: 3, from: 1, term: 1, commit: 4 } as const
    // The entries before it are gone from the log: what comes before the snapshot is answered with the commit.
    group.node(3).step({ ...append, index: 2, logTerm: 1, entries: [normal(1, 3, 'a')] })
    group.node(3).step({ ...append, index: 4, logTerm: 1, entries: [normal(1, 5, 'c')] })
    group.slow.delete(3)
    group.sync(3).settle()
    expect(group.node(3).status()).toMatchObject({ lastIndex: 5, commit: 4, applied: 4 })
  })
})

describe('slow storage', () => {
  test('holds back acknowledgements, not the appends of the leader', () => {
    const group = new Group(3).elect(1)
    group.slow.add(1).add(2).add(3)
    group.propose(1, 'a')
    expect(group.members.map(({ node }) => node.status().lastIndex)).toEqual([3, 3, 3])
    group.sync(2).settle()
    expect(group.node(1).status().commit).toBe(2)
    group.sync(3).settle()
    // Committed by the others: the leader applies it when it has it itself.
    expect(group.node(1).status()).toMatchObject({ commit: 3, applied: 2 })
    group.sync(1).settle()
    expect(group.node(1).status()).toMatchObject({ commit: 3, applied: 3 })
  })

  test('applies what is committed before it is written here, if it may', () => {
    const group = new Group(3, { config: { applyUnstable: true } }).elect(1)
    group.slow.add(1)
    group.propose(1, 'a')
    expect(group.words(1)).toEqual(['a'])
  })

  test('an acknowledgement of an earlier term does not make entries of this one durable', () => {
    const group = new Group(3, { config: { preVote: false, checkQuorum: false } }).elect(1)
    group.slow.add(2)
    group.isLost = ({ from, to }) => from === 1 && to === 3
    group.propose(1, 'a')
    group.isLost = () => false
    // Another leader replaces the entry while its write is under way.
    group.node(3).campaign()
    group.settle()
    const [first] = group.member(2).waiting
    expect(first?.entries).toHaveLength(1)
    group.sync(2, 1)
    expect(group.node(2).status().lastIndex).toBe(3)
    group.sync(2).settle().sync(2).settle()
    expect(group.member(2).waiting).toEqual([])
    expect(group.node(2).status()).toMatchObject({ applied: group.node(1).status().commit })
  })

  test('limits what is handed out and not yet applied', () => {
    const group = new Group(1, { config: { applyingBytesMax: 70 } }).elect(1)
    const { node, storage } = group.member(1)
    node.propose(['a', 'b', 'c', 'd', 'e'].map((ref) => ({ size: 1, ref })))
    const write = () => {
      const { append, apply } = node.ready()
      if (append !== undefined) storage.write(append)
      for (const response of append?.responses ?? []) node.step(response)
      return apply
    }
    write()
    const first = write()
    // 33 bytes each.
    expect(first?.entries).toHaveLength(2)
    expect(node.hasReady()).toBe(false)
    node.propose([{ size: 1, ref: 'f' }])
    write()
    expect(write()?.entries).toBeUndefined()
    if (first !== undefined) node.step(first.response)
    expect(write()?.entries).toHaveLength(2)
    expect(node.status().applied).toBe(4)
  })

  test('an answer about nothing changes nothing', () => {
    const { node } = new Group(1).elect(1).member(1)
    node.step({ kind: 'storageApplyDone', to: 1, entries: [] })
    node.step({ kind: 'storageAppendDone', to: 1, term: 1, index: 0, logTerm: 0, snapshot: undefined })
    node.step({ kind: 'storageAppendDone', to: 1, term: 1, index: 9, logTerm: 1, snapshot: undefined })
    expect(node.hasReady()).toBe(false)
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
