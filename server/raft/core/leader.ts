// What the leader makes of its peers' answers, of what its transport reports, and of a wish to hand over.

import type { Progress } from './progress.ts'
import type { Raft } from './raft.ts'
import { releaseReads, serveEarlyReads } from './reading.ts'
import { broadcastAppend, maybeCommit, sendAppend } from './replication.ts'
import { becomeFollower } from './roles.ts'
import { type AppendResponse, type HeartbeatResponse, type NodeId, none } from './types.ts'

/** A peer, or this node's own storage, has entries, or cannot take them. */
export function stepAppendResponse(raft: Raft, message: AppendResponse): void {
  if (raft.role !== 'leader') return
  const peer = raft.tracker.progress(message.from)
  if (peer === undefined) return
  peer.isActive = true
  if (message.reject) rejected(raft, peer, message)
  else acknowledged(raft, peer, message)
}

// The peer named the highest entry of its own that might be in the leader's log. The leader knows better in turn: of its
// own entries up to there, those of later terms cannot be in the peer's. So a term, not an entry, costs a round trip.
function rejected(raft: Raft, peer: Progress, { index, hint, hintTerm }: AppendResponse): void {
  const meeting = hintTerm > 0 ? raft.log.meetingPoint(hint, hintTerm).index : hint
  if (!peer.decrease(index, meeting)) return
  if (peer.state === 'replicate') peer.becomeProbe()
  sendAppend(raft, peer, true)
}

function acknowledged(raft: Raft, peer: Progress, { index, from }: AppendResponse): void {
  const isNew = peer.acknowledge(index)
  // A probed peer that confirms what was known follows again.
  if (!isNew && !(peer.state === 'probe' && peer.match === index)) return
  if (peer.state === 'probe') {
    peer.becomeReplicate()
  } else if (peer.state === 'replicate') {
    peer.inflight.free(index)
  } else if (peer.match + 1 >= raft.log.firstIndex()) {
    // Whatever snapshot it took, and from whom, the log has what comes after it.
    peer.becomeProbe()
    peer.becomeReplicate()
  }
  const isOwn = from === raft.id
  if (maybeCommit(raft)) {
    serveEarlyReads(raft)
    broadcastAppend(raft)
  } else if (!isOwn && peer.wantsCommit(raft.log.committed)) {
    sendAppend(raft, peer, true)
  }
  if (isOwn) return
  // There may be room for several appends now.
  while (sendAppend(raft, peer, false));
  if (from === raft.transferee && peer.match === raft.log.lastIndex()) sendTimeoutNow(raft, from)
}

/** A peer has heard a heartbeat. */
export function stepHeartbeatResponse(raft: Raft, { from, round }: HeartbeatResponse): void {
  if (raft.role !== 'leader') return
  const peer = raft.tracker.progress(from)
  if (peer === undefined) return
  peer.isActive = true
  peer.isFlowPaused = false
  // To a probed peer that lacks nothing too: its answer lets it follow again.
  if (peer.match < raft.log.lastIndex() || peer.state === 'probe') sendAppend(raft, peer, true)
  raft.reads.answer(from, round)
  releaseReads(raft)
}

/** A snapshot has arrived at a peer, which will acknowledge it; or has not, and is tried again after a heartbeat. */
export function reportSnapshot(raft: Raft, id: NodeId, arrived: boolean): void {
  const peer = raft.role === 'leader' ? raft.tracker.progress(id) : undefined
  if (peer?.state !== 'snapshot') return
  if (!arrived) peer.pendingSnapshot = 0
  peer.becomeProbe()
  peer.isFlowPaused = true
}

/** A message to a peer was lost: probably appends that were on their way to it, too. */
export function reportUnreachable(raft: Raft, id: NodeId): void {
  const peer = raft.role === 'leader' ? raft.tracker.progress(id) : undefined
  if (peer?.state === 'replicate') peer.becomeProbe()
}

/** Steps down if no quorum was heard from since the last check. */
export function checkQuorum(raft: Raft): void {
  if (!raft.tracker.isQuorumActive()) becomeFollower(raft, raft.term, none)
  for (const peer of raft.tracker.peers) if (peer.id !== raft.id) peer.isActive = false
}

/** Begins to hand over. Proposals are dropped until it succeeds, or an election timeout has passed. */
export function leadTransfer(raft: Raft, id: NodeId): void {
  const peer = raft.tracker.progress(id)
  if (peer === undefined || peer.isLearner || id === raft.transferee) return
  raft.transferee = none
  if (id === raft.id) return
  raft.electionElapsed = 0
  raft.transferee = id
  if (peer.match === raft.log.lastIndex()) sendTimeoutNow(raft, id)
  else sendAppend(raft, peer, true)
}

// From here on the peer may be elected at any time, however late this gets there.
function sendTimeoutNow(raft: Raft, to: NodeId): void {
  raft.reads.breakLease()
  raft.send({ kind: 'timeoutNow', to, from: raft.id, term: raft.term })
}
