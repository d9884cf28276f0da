// What the storage has to do with it: snapshots for those who are far behind, and writes that take their time.
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../server/raft/core/types.ts'
import { Group, normal, progressOf } from './support/group.ts'

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

  test('that is still to write a replaced entry and then the first one again is not taken to be done', () => {
    const group = new Group(3)
    group.slow.add(2)
    const append = (term: number, from: number, entries: readonly Entry[], index = 1, logTerm = 1) => {
      group.node(2).step({ kind: 'append', to: 2, from, term, index, logTerm, entries, commit: 1 })
      group.process(2)
    }
    append(2, 1, [normal(2, 2, 'a')])
    append(3, 3, [normal(3, 2, 'b')])
    append(4, 1, [normal(2, 2, 'a')])
    expect(group.member(2).waiting).toHaveLength(3)
    // The first write says that entry 2 of term 2 is durable. The second puts another in its place.
    group.sync(2, 2)
    expect(group.member(2).storage.term(2)).toBe(3)
    append(4, 1, [normal(4, 3, 'c')], 2, 2)
    group.sync(2)
    expect(group.sent.at(-1)).toMatchObject({ kind: 'appendResponse', reject: false, index: 3 })
    expect([2, 3].map((index) => group.member(2).storage.term(index))).toEqual([2, 4])
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
