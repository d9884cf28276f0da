// Campaigns and votes.
//
// With pre-votes a campaign asks first whether it would be won, for the next term but without entering it. A transfer skips
// that: the leader itself wants the campaign. Requests for votes wait until this node's term, vote and log are durable, and
// not only its vote for itself: else a node that forgets them in a crash could campaign in the same term again, with less in
// its log, and take the votes for the first campaign as votes for the second.

import type { Raft } from './raft.ts'
import { broadcastAppend } from './replication.ts'
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts'
import {
  type CommittedEnd,
  type NodeId,
  none,
  type PreVote,
  type PreVoteResponse,
  type TimeoutNow,
  type Vote,
  type VoteResponse
} from './types.ts'

const scanBytes = 1 << 20

/** Campaigns because the caller says so. Whoever promised the leader a lease has to keep it even against itself. */
export function campaignNow(raft: Raft): void {
  if (raft.settings.reads !== 'lease' || !raft.isInLease) campaign(raft)
}

/** Campaigns, if this node may. */
export function campaign(raft: Raft): void {
  if (!mayCampaign(raft)) return
  if (raft.settings.preVote) askPreVotes(raft)
  else askVotes(raft, false)
}

/** The leader wants this node to take over. */
export function stepTimeoutNow(raft: Raft, _message: TimeoutNow): void {
  if (raft.role === 'follower' && mayCampaign(raft)) askVotes(raft, true)
}

// A membership that is committed but not applied might not count this node as a voter any more.
function mayCampaign(raft: Raft): boolean {
  return raft.role !== 'leader' && raft.isPromotable && !hasUnappliedMembership(raft)
}

function hasUnappliedMembership({ log }: Raft): boolean {
  const end = log.committed + 1
  for (let first = log.applied + 1; first < end; ) {
    const entries = log.slice(first, end, scanBytes)
    // What was cut was applied, in a snapshot whose membership is in force.
    if (entries === undefined || entries.length === 0) return false
    if (entries.some(({ kind }) => kind === 'membership')) return true
    first += entries.length
  }
  return false
}

function askPreVotes(raft: Raft): void {
  becomePreCandidate(raft)
  const { id, log } = raft
  const term = raft.term + 1
  for (const to of votersOf(raft)) {
    if (to === id) raft.sendDurable({ kind: 'preVoteResponse', to, from: id, term, reject: false })
    else raft.send({ kind: 'preVote', to, from: id, term, index: log.lastIndex(), logTerm: log.lastTerm() })
  }
}

function askVotes(raft: Raft, transfer: boolean): void {
  becomeCandidate(raft)
  const { id, log, term } = raft
  for (const to of votersOf(raft)) {
    if (to === id) raft.sendDurable({ kind: 'voteResponse', to, from: id, term, reject: false })
    else
      raft.sendDurable({ kind: 'vote', to, from: id, term, index: log.lastIndex(), logTerm: log.lastTerm(), transfer })
  }
}

function votersOf({ tracker }: Raft): number[] {
  return tracker.peers.filter(({ isLearner }) => !isLearner).map(({ id }) => id)
}

/**
 * Somebody asks for a vote in this term. A learner votes too: it may have become a voter without knowing it yet, and
 * be needed.
 */
export function stepVote(raft: Raft, message: Vote): void {
  const { from: to, term } = message
  const isFree = raft.vote === to || (raft.vote === none && raft.leader === none)
  if (!isFree || !raft.log.isUpToDate(message.index, message.logTerm)) {
    raft.sendDurable({ kind: 'voteResponse', to, from: raft.id, term, reject: true, committed: committedEnd(raft) })
    return
  }
  raft.sendDurable({ kind: 'voteResponse', to, from: raft.id, term, reject: false })
  raft.electionElapsed = 0
  raft.vote = to
}

/** Somebody asks whether a vote would be granted. One in this term is as bound as a vote, one in a later term is free. */
export function stepPreVote(raft: Raft, message: PreVote): void {
  const { from: to, term } = message
  const isFree = term > raft.term || raft.vote === to || (raft.vote === none && raft.leader === none)
  if (!isFree || !raft.log.isUpToDate(message.index, message.logTerm)) rejectPreVote(raft, to)
  // A grant bears the term it was asked for, which is not this node's.
  else raft.sendDurable({ kind: 'preVoteResponse', to, from: raft.id, term, reject: false })
}

/** In this node's own term, so that whoever is behind learns it. */
export function rejectPreVote(raft: Raft, to: NodeId): void {
  const { id, term } = raft
  raft.sendDurable({ kind: 'preVoteResponse', to, from: id, term, reject: true, committed: committedEnd(raft) })
}

function committedEnd({ log }: Raft): CommittedEnd {
  const index = log.committed
  return { index, term: log.term(index) ?? 0 }
}

/** A vote for this candidate, or a rejection. */
export function stepVoteResponse(raft: Raft, { from, reject, committed }: VoteResponse): void {
  if (committed !== undefined) learnCommit(raft, committed)
  if (raft.role !== 'candidate') return
  const result = raft.tracker.recordVote(from, !reject)
  if (result === 'won') {
    becomeLeader(raft)
    broadcastAppend(raft)
  } else if (result === 'lost') {
    becomeFollower(raft, raft.term, none)
  }
}

export function stepPreVoteResponse(raft: Raft, { from, reject, committed }: PreVoteResponse): void {
  if (committed !== undefined) learnCommit(raft, committed)
  if (raft.role !== 'preCandidate') return
  const result = raft.tracker.recordVote(from, !reject)
  if (result === 'won') askVotes(raft, false)
  else if (result === 'lost') becomeFollower(raft, raft.term, none)
}

// A leader that removes itself may be the only one that knows it: it is gone as the leader, and with what it appended last
// its log is too long for it to vote for anybody. What is committed, the others may know.
function learnCommit(raft: Raft, { index, term }: CommittedEnd): void {
  if (raft.role === 'leader' || !raft.log.matches(index, term)) return
  raft.log.commitTo(index)
  // A campaign is for the membership in force. Another one is about to be.
  if (raft.role !== 'follower' && hasUnappliedMembership(raft)) becomeFollower(raft, raft.term, none)
}
