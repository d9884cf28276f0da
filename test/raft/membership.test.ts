// Who belongs to the group: changes as a function, and changes of running groups.
import { describe, expect, test } from 'vitest'
import {
  changeMembership,
  emptyMembership,
  enterJoint,
  isJoint,
  leaveJoint,
  leaves,
  membersOf,
  simple
} from '../../server/raft/core/membership.ts'
import type { Membership, MembershipChange, PeerChange, PeerChangeKind } from '../../server/raft/core/types.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { Group, voters } from './support/group.ts'

const change = (
  transition: MembershipChange['transition'],
  ...changes: (readonly [PeerChangeKind, number])[]
): MembershipChange => ({ version: 2, transition, changes: changes.map(([kind, id]) => ({ kind, id })) })

const made = (result: ReturnType<typeof simple>): Membership => {
  if (result.fault !== undefined) throw new Error(result.fault)
  return result.membership
}

describe('a change as a function', () => {
  const draws = drawsOf(randomOf(seedOf('membership changes')))
  const kinds = ['voter', 'learner', 'remove', 'update'] as const
  const randomChanges = (): PeerChange[] =>
    Array.from({ length: draws.below(4) + 1 }, () => ({ kind: draws.oneOf(kinds), id: draws.below(6) }))
  // Whether every majority of one shares a voter with every majority of the other.
  const meet = (a: readonly number[], b: readonly number[]): boolean => {
    const both = a.filter((id) => b.includes(id)).length
    const shared = (ids: readonly number[]) => Math.max(0, Math.floor(ids.length / 2) + 1 - (ids.length - both))
    return shared(a) + shared(b) > both
  }

  test('keeps its invariants, whatever is asked', () => {
    let membership: Membership = voters(1)
    let changed = 0
    for (let i = 0; i < 3_000; i++) {
      const before = membership
      const result = isJoint(before)
        ? draws.below(2) === 0
          ? leaveJoint(before)
          : simple(before, randomChanges())
        : draws.below(2) === 0
          ? simple(before, randomChanges())
          : enterJoint(before, randomChanges(), draws.below(2) === 0)
      if (result.fault !== undefined) continue
      changed++
      ;({ membership } = result)
      const { voters: incoming, votersOutgoing, learners, learnersNext, autoLeave } = membership
      expect(incoming.length).toBeGreaterThan(0)
      for (const id of learners) expect([...incoming, ...votersOutgoing]).not.toContain(id)
      for (const id of learnersNext) expect(votersOutgoing).toContain(id)
      if (!isJoint(membership)) expect([learnersNext, autoLeave]).toEqual([[], false])
      if (!isJoint(membership) && !isJoint(before)) expect(meet(before.voters, incoming)).toBe(true)
      if (isJoint(membership) && !isJoint(before)) expect(votersOutgoing).toEqual(before.voters)
      const kept = membersOf(before).filter((id) => membersOf(membership).includes(id))
      for (const id of result.fresh) expect(membersOf(membership).includes(id) || !kept.includes(id)).toBe(true)
    }
    expect(changed).toBeGreaterThan(500)
  })

  test('says how it is made', () => {
    const three = voters(1, 2, 3)
    expect(made(changeMembership(three, change('auto', ['voter', 4]))).voters).toEqual([1, 2, 3, 4])
    const joint = made(changeMembership(three, change('auto', ['remove', 1], ['learner', 2])))
    expect(joint).toEqual({
      voters: [3],
      votersOutgoing: [1, 2, 3],
      learners: [],
      learnersNext: [2],
      autoLeave: true
    })
    expect(made(changeMembership(joint, change('auto')))).toEqual({ ...voters(3), learners: [2] })
    expect(made(changeMembership(three, change('implicit', ['voter', 4]))).autoLeave).toBe(true)
    expect(made(changeMembership(three, change('explicit', ['voter', 4]))).autoLeave).toBe(false)
    expect([leaves(change('auto')), leaves(change('explicit'))]).toEqual([true, false])
  })

  test('that removes and adds a member makes a new one of it', () => {
    const result = simple(voters(1, 2), [
      { kind: 'remove', id: 2 },
      { kind: 'voter', id: 2 }
    ])
    expect(result).toEqual({ membership: voters(1, 2), fresh: new Set([2]) })
  })

  test('that cannot be made says why', () => {
    const joint = made(enterJoint(voters(1), [{ kind: 'voter', id: 2 }], false))
    expect(simple(joint, []).fault).toBe('simpleWhileJoint')
    expect(enterJoint(joint, [], false).fault).toBe('alreadyJoint')
    expect(leaveJoint(voters(1)).fault).toBe('notJoint')
    expect(enterJoint(emptyMembership, [], false).fault).toBe('noVotersToJoin')
    expect(enterJoint(voters(1), [{ kind: 'remove', id: 1 }], false).fault).toBe('removesAllVoters')
    expect(simple(voters(1), [{ kind: 'remove', id: 1 }]).fault).toBe('removesAllVoters')
    const two = [2, 3].map((id): PeerChange => ({ kind: 'voter', id }))
    expect(simple(voters(1), two).fault).toBe('changesManyVoters')
  })
})

describe('a group', () => {
  test('takes a learner, then makes it a voter', () => {
    const group = new Group(3).elect(1)
    group.propose(1, 'a')
    group.add(4)
    group.node(1).proposeMembership(change('auto', ['learner', 4]))
    group.settle()
    // A new node begins with a snapshot: the log of the others begins after one.
    expect(group.sent.filter(({ kind }) => kind === 'snapshot')).toHaveLength(1)
    group.propose(1, 'b')
    expect(group.words(4)).toEqual(['b'])
    expect(group.node(4).status().membership).toEqual({ ...voters(1, 2, 3), learners: [4] })
    group.node(1).proposeMembership(change('auto', ['voter', 4]))
    group.settle()
    expect(group.node(4).status().membership).toEqual(voters(1, 2, 3, 4))
    group.node(1).transferLeader(4)
    group.settle()
    expect(group.leaders).toEqual([4])
  })

  test('does not count learners', () => {
    const membership = { ...emptyMembership, voters: [1, 2], learners: [3] }
    const group = new Group(3, { membership }).elect(1)
    group.isLost = ({ from, to }) => from === 2 || to === 2
    group.propose(1, 'a')
    expect(group.node(1).status().commit).toBe(2)
    expect(group.node(3).status().lastIndex).toBe(3)
  })

  test('goes through joint consensus and leaves it by itself', () => {
    const group = new Group(3).elect(1)
    for (const id of [4, 5]) group.add(id)
    const result = group.node(1).proposeMembership(change('auto', ['voter', 4], ['voter', 5], ['remove', 3]))
    expect(result.status).toBe('appended')
    group.settle()
    for (const id of [1, 2, 4, 5]) expect(group.node(id).status().membership).toEqual(voters(1, 2, 4, 5))
    expect(group.member(1).applied.filter(({ kind }) => kind === 'membership')).toHaveLength(2)
  })

  test('in joint consensus commits by both majorities only', () => {
    const group = new Group(3).elect(1)
    group.node(1).proposeMembership(change('explicit', ['voter', 4], ['voter', 5], ['remove', 2]))
    group.settle()
    expect(isJoint(group.node(1).status().membership)).toBe(true)
    // Of the three before, all are there; of the four after, two.
    group.propose(1, 'a')
    expect(group.words(1)).toEqual([])
    group.add(4)
    group.tick(1, 2)
    expect(group.words(1)).toEqual(['a'])
    group.node(1).proposeMembership(change('auto'))
    group.settle()
    expect(group.node(1).status().membership).toEqual(voters(1, 3, 4, 5))
  })

  test('leaves a joint membership when a transfer that was in the way has ended', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ kind }) => kind === 'timeoutNow'
    group.node(1).proposeMembership(change('implicit', ['learner', 3]))
    group.node(1).transferLeader(2)
    group.settle()
    expect(group.node(1).status().membership.learnersNext).toEqual([3])
    group.tick(1, 10)
    expect(group.node(1).status().membership).toEqual({ ...voters(1, 2), learners: [3] })
    expect(
      group
        .node(1)
        .status()
        .progress.map(({ isLearner }) => isLearner)
    ).toEqual([false, false, true])
  })

  test('refuses what cannot be made now, and says so', () => {
    const group = new Group(3).elect(1)
    expect(group.node(1).proposeMembership(change('auto'))).toMatchObject({
      status: 'refused',
      reason: 'notJoint',
      index: 3
    })
    expect(group.node(1).proposeMembership(change('explicit', ['voter', 4])).status).toBe('appended')
    const second = group.node(1).proposeMembership(change('auto', ['voter', 5]))
    expect(second).toMatchObject({ status: 'refused', reason: 'pending', index: 5 })
    group.settle()
    for (const one of [change('auto', ['voter', 5]), change('explicit'), change('implicit')]) {
      expect(group.node(1).proposeMembership(one)).toMatchObject({ status: 'refused', reason: 'joint' })
    }
    group.settle()
    expect(group.node(1).proposeMembership(change('auto'))).toMatchObject({ status: 'appended' })
    group.settle()
    const all = [1, 2, 3, 4].map((id) => ['remove', id] as const)
    expect(group.node(1).proposeMembership(change('auto', ...all))).toMatchObject({ reason: 'impossible' })
    // Others see an empty entry in its place.
    expect(group.member(2).applied.map(({ kind }) => kind)).toEqual([
      'normal',
      'normal',
      'membership',
      'normal',
      'normal',
      'normal',
      'normal',
      'membership'
    ])
    expect(group.node(1).status().membership.voters).toEqual([1, 2, 3, 4])
  })

  test('takes one change at a time, also of those that come together', () => {
    const group = new Group(3).elect(1)
    const proposals = [4, 5].map((id) => ({ kind: 'membership', change: change('auto', ['learner', id]) }) as const)
    expect(group.node(1).step({ kind: 'propose', to: 1, from: 2, proposals })).toBeUndefined()
    group.settle()
    expect(group.node(1).status().membership.learners).toEqual([4])
  })

  test('a new leader takes none until it has applied what it may have in its log', () => {
    const group = new Group(3, { config: { checkQuorum: false, preVote: false } }).elect(1)
    group.isLost = ({ kind, from }) => from === 2 && kind === 'appendResponse'
    group.isLost = ({ to, kind }) => to === 1 && kind === 'appendResponse'
    group.node(1).proposeMembership(change('auto', ['voter', 4]))
    group.settle()
    group.node(2).campaign()
    group.isLost = ({ kind }) => kind === 'appendResponse'
    group.settle()
    expect(group.node(2).status().role).toBe('leader')
    expect(group.node(2).proposeMembership(change('auto', ['voter', 5]))).toMatchObject({ reason: 'pending' })
  })

  test('that is not checked may propose, and fails to apply, what makes no sense', () => {
    const group = new Group(1, { config: { validateMembership: false } }).elect(1)
    expect(group.node(1).proposeMembership(change('auto')).status).toBe('appended')
    expect(() => group.settle()).toThrow(
      'cannot be applied, because the membership is not joint, so there is nothing to leave'
    )
  })

  test('its leader steps down when it is removed', () => {
    const group = new Group(3).elect(1)
    group.node(1).proposeMembership(change('auto', ['remove', 1]))
    group.settle()
    expect(group.node(1).status()).toMatchObject({ role: 'follower', leader: 0 })
    expect(group.node(2).status().membership).toEqual(voters(2, 3))
    group.tick(1, 30)
    expect(group.leaders).toEqual([])
    group.node(2).forgetLeader()
    group.node(3).forgetLeader()
    group.elect(2)
  })

  test('is not stuck when the leader that was removed alone knows it, and has more in its log', () => {
    const group = new Group(2).elect(1)
    group.node(1).proposeMembership(change('auto', ['remove', 1]))
    for (const id of [1, 2, 2]) {
      group.deliver(id)
      group.process(id)
    }
    group.isLost = ({ to }) => to === 2
    group.propose(1, 'a')
    expect(group.node(1).status()).toMatchObject({ role: 'follower', commit: 3, lastIndex: 4 })
    expect(group.node(2).status()).toMatchObject({ membership: voters(1, 2), commit: 2, lastIndex: 3 })
    group.isLost = () => false
    group.tick(2, 40)
    expect(group.node(2).status()).toMatchObject({ role: 'leader', membership: voters(2) })
  })

  test('a campaign ends when it learns that another membership is about to be in force', () => {
    const group = new Group(3, { config: { preVote: false, checkQuorum: false } }).elect(1)
    group.isLost = ({ to, kind, ...rest }) => to === 3 && kind === 'append' && 'commit' in rest && rest.commit > 2
    group.node(1).proposeMembership(change('auto', ['voter', 4]))
    group.settle()
    expect(group.node(3).status()).toMatchObject({ commit: 2, lastIndex: 3 })
    group.isLost = () => true
    group.node(3).campaign()
    group.settle()
    expect(group.node(3).status().role).toBe('candidate')
    const committed = { index: 3, term: 1 }
    group.node(3).step({ kind: 'voteResponse', to: 3, from: 2, term: 2, reject: true, committed })
    expect(group.node(3).status()).toMatchObject({ role: 'follower', commit: 3 })
    // Of an entry that it does not have, it learns nothing.
    group
      .node(3)
      .step({ kind: 'voteResponse', to: 3, from: 2, term: 2, reject: true, committed: { index: 9, term: 1 } })
    expect(group.node(3).status().commit).toBe(3)
  })

  test('its leader, where it does not step down, goes on for the others but takes no proposals', () => {
    const group = new Group(3, { config: { stepDownOnRemoval: false } }).elect(1)
    group.node(1).proposeMembership(change('auto', ['remove', 1]))
    group.settle()
    expect(group.leaders).toEqual([1])
    expect(group.propose(1, 'a')).toEqual({ status: 'dropped', reason: 'removed' })
    const demoted = new Group(3, { config: { stepDownOnRemoval: false } }).elect(1)
    demoted.node(1).proposeMembership(change('auto', ['learner', 1]))
    demoted.settle()
    expect(demoted.leaders).toEqual([1])
  })

  test('a transfer to whom was removed is given up', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ kind }) => kind === 'timeoutNow'
    group.node(1).proposeMembership(change('auto', ['remove', 3]))
    group.node(1).transferLeader(3)
    group.settle()
    expect(group.node(1).status()).toMatchObject({ role: 'leader', transferee: 0 })
  })

  test('with fewer voters commits what the old majority had not', () => {
    const group = new Group(3).elect(1)
    group.isLost = ({ from, to }) => from === 3 || to === 3
    group.node(1).proposeMembership(change('auto', ['remove', 3]))
    group.process(1)
    group.node(1).propose([{ size: 1, ref: 'a' }])
    group.settle()
    group.isLost = ({ from, to }) => from === 2 || to === 2
    group.node(1).proposeMembership(change('auto', ['remove', 2]))
    group.isLost = () => false
    group.process(1)
    // Node 2 acknowledges the change, and then nothing any more: alone, node 1 needs nobody for the rest.
    group.deliver(2)
    group.process(2)
    group.node(1).propose([{ size: 1, ref: 'b' }])
    group.process(1)
    group.isLost = ({ from }) => from === 2
    group.settle()
    expect(group.words(1)).toEqual(['a', 'b'])
    expect(group.node(1).status().membership).toEqual(voters(1))
  })

  test('comes back whole from a restart in the middle of a change', () => {
    const group = new Group(3).elect(1)
    group.node(1).proposeMembership(change('explicit', ['learner', 3], ['voter', 4]))
    group.settle()
    const { membership } = group.node(1).status()
    expect(isJoint(membership)).toBe(true)
    group.crash(1).restart(1)
    expect(group.node(1).status().membership).toEqual(membership)
  })
})
