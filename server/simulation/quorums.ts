// Memberships and quorums, counted anew for the invariants: none of the core's arithmetic is used, so that a fault in it is
// seen.
import type { Membership, MembershipChange, NodeId } from '../raft/core/types.ts'

/** Whether those that `has` make a majority of the voters, and of the outgoing ones while the membership is joint. */
export function isQuorum({ voters, votersOutgoing }: Membership, has: (id: NodeId) => boolean): boolean {
  return isMajority(voters, has) && (votersOutgoing.length === 0 || isMajority(votersOutgoing, has))
}

function isMajority(voters: readonly NodeId[], has: (id: NodeId) => boolean): boolean {
  return 2 * voters.filter(has).length > voters.length
}

/** What a membership becomes by a change that was accepted. */
export function changedMembership(before: Membership, { transition, changes }: MembershipChange): Membership {
  if (changes.length === 0 && transition === 'auto') {
    return {
      voters: before.voters,
      votersOutgoing: [],
      learners: sorted([...before.learners, ...before.learnersNext]),
      learnersNext: [],
      autoLeave: false
    }
  }
  const isJoint = transition !== 'auto' || changes.length > 1
  const voters = new Set(before.voters)
  const learners = new Set(before.learners)
  const learnersNext = new Set(before.learnersNext)
  for (const { kind, id } of changes) {
    if (id === 0 || kind === 'update') continue
    for (const part of [voters, learners, learnersNext]) part.delete(id)
    if (kind === 'voter') voters.add(id)
    else if (kind === 'learner') (isJoint && before.voters.includes(id) ? learnersNext : learners).add(id)
  }
  return {
    voters: sorted(voters),
    votersOutgoing: isJoint ? before.voters : [],
    learners: sorted(learners),
    learnersNext: sorted(learnersNext),
    autoLeave: isJoint && transition !== 'explicit'
  }
}

export function sameMembership(a: Membership, b: Membership): boolean {
  return (
    a.autoLeave === b.autoLeave &&
    same(a.voters, b.voters) &&
    same(a.votersOutgoing, b.votersOutgoing) &&
    same(a.learners, b.learners) &&
    same(a.learnersNext, b.learnersNext)
  )
}

const sorted = (ids: Iterable<NodeId>): NodeId[] => [...ids].sort((a, b) => a - b)

const same = (a: readonly NodeId[], b: readonly NodeId[]): boolean =>
  a === b || (a.length === b.length && a.every((id, at) => b[at] === id))
