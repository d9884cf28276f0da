// The four roles, and what becoming one of them means.

import { invariant } from './invariant.ts'
import { appendNoOp } from './proposals.ts'
import type { Raft } from './raft.ts'
import { type NodeId, none, type Term } from './types.ts'

export function becomeFollower(raft: Raft, term: Term, leader: NodeId): void {
  raft.reset(term)
  raft.leader = leader
  raft.role = 'follower'
}

/** Asks whether it would win. Neither the term nor the vote changes, so that a node that cannot win disturbs nobody. */
export function becomePreCandidate(raft: Raft): void {
  invariant(raft.role !== 'leader', 'a leader cannot campaign')
  raft.tracker.resetVotes()
  raft.leader = none
  raft.role = 'preCandidate'
}

export function becomeCandidate(raft: Raft): void {
  invariant(raft.role !== 'leader', 'a leader cannot campaign')
  raft.reset(raft.term + 1)
  raft.vote = raft.id
  raft.role = 'candidate'
}

export function becomeLeader(raft: Raft): void {
  invariant(raft.role === 'candidate', `a ${raft.role} cannot become the leader`)
  raft.reset(raft.term)
  const own = raft.tracker.progress(raft.id)
  invariant(own !== undefined, 'a node without a part in the membership was elected')
  raft.leader = raft.id
  raft.role = 'leader'
  own.becomeReplicate()
  own.isActive = true
  // The log may hold a membership change that is not applied yet. None is taken until all of it is.
  raft.pendingMembershipIndex = raft.log.lastIndex()
  appendNoOp(raft)
}
