// What time does: elections, heartbeats, and the end of what takes too long.

import { campaign } from './election.ts'
import { checkQuorum } from './leader.ts'
import { maybeLeaveJoint } from './proposals.ts'
import type { Raft } from './raft.ts'
import { releaseReads } from './reading.ts'
import { broadcastHeartbeat } from './replication.ts'
import { none } from './types.ts'

export function tick(raft: Raft): void {
  raft.electionElapsed++
  if (raft.role === 'leader') tickLeader(raft)
  else tickElection(raft)
}

function tickElection(raft: Raft): void {
  if (raft.electionElapsed >= raft.settings.electionTicks) raft.mayOweLease = false
  if (!raft.isPromotable || raft.electionElapsed < raft.electionTimeout) return
  // Only then does the next timeout begin: whether a lease is owed still is a question of this one.
  campaign(raft)
  raft.electionElapsed = 0
}

function tickLeader(raft: Raft): void {
  const { settings } = raft
  raft.reads.tick()
  raft.heartbeatElapsed++
  if (raft.electionElapsed >= settings.electionTicks) {
    raft.electionElapsed = 0
    if (settings.checkQuorum) checkQuorum(raft)
    // A transferee that has not taken over by now is given up.
    raft.transferee = none
  }
  if (raft.role !== 'leader' || raft.heartbeatElapsed < settings.heartbeatTicks) return
  raft.heartbeatElapsed = 0
  broadcastHeartbeat(raft)
  // A leader without other voters confirms its own round.
  releaseReads(raft)
  // It may have been dropped when it was due, for a transfer that came to nothing.
  maybeLeaveJoint(raft)
}
