// A membership comes into force: from an entry that is applied, or from a snapshot.

import { invariant } from './invariant.ts'
import { changeMembership, faultSentences, isVoter } from './membership.ts'
import type { Raft } from './raft.ts'
import { releaseReads, serveEarlyReads } from './reading.ts'
import { broadcastAppend, broadcastEntries, maybeCommit } from './replication.ts'
import { becomeFollower } from './roles.ts'
import { type Membership, type MembershipChange, none } from './types.ts'

/** Applies the change of a committed entry. */
export function applyMembership(raft: Raft, change: MembershipChange): Membership {
  const { tracker, log } = raft
  const result = changeMembership(tracker.membership, change)
  const why = result.fault === undefined ? '' : faultSentences[result.fault]
  invariant(result.fault === undefined, `a committed membership change cannot be applied, because ${why}`)
  tracker.become(result.membership, result.fresh, log.lastIndex())
  inForce(raft)
  return tracker.membership
}

/** The membership of a snapshot, or of the storage at the start. */
export function restoreMembership(raft: Raft, membership: Membership): void {
  raft.tracker.restore(membership, raft.log.lastIndex())
}

function inForce(raft: Raft): void {
  if (raft.role !== 'leader') return
  const { tracker, id } = raft
  const own = tracker.progress(id)
  if (own === undefined || own.isLearner) {
    if (raft.settings.stepDownOnRemoval) becomeFollower(raft, raft.term, none)
    return
  }
  // The new quorum may have what the old one had not. Else new members are probed now, without waiting for a heartbeat.
  if (maybeCommit(raft)) {
    serveEarlyReads(raft)
    broadcastAppend(raft)
  } else {
    broadcastEntries(raft)
  }
  releaseReads(raft)
  if (!isVoter(tracker.membership, raft.transferee)) raft.transferee = none
}
