// What a node takes from the leader of its term. Hearing from one, a candidate follows it.

import { restoreMembership } from './members.ts'
import { membersOf } from './membership.ts'
import type { Raft } from './raft.ts'
import { becomeFollower } from './roles.ts'
import {
  type Append,
  type Heartbeat,
  type InstallSnapshot,
  type LogIndex,
  type NodeId,
  none,
  type Snapshot,
  type Term
} from './types.ts'

export function stepAppend(raft: Raft, message: Append): void {
  if (!follow(raft, message.term, message.from)) return
  const { log } = raft
  // Before what is committed there is nothing to compare, and the leader is told where to go on.
  if (message.index < log.committed) {
    acknowledge(raft, message.from, log.committed)
    return
  }
  const last = log.accept(message)
  if (last === undefined) reject(raft, message)
  else acknowledge(raft, message.from, last)
}

export function stepHeartbeat(raft: Raft, { term, from, commit, round }: Heartbeat): void {
  if (!follow(raft, term, from)) return
  raft.log.commitTo(commit)
  raft.send({ kind: 'heartbeatResponse', to: from, from: raft.id, term: raft.term, round })
}

export function stepSnapshot(raft: Raft, { term, from, snapshot }: InstallSnapshot): void {
  if (!follow(raft, term, from)) return
  acknowledge(raft, from, restore(raft, snapshot) ? raft.log.lastIndex() : raft.log.committed)
}

// The leader of a term is the only one of it: that a leader hears from another is somebody else's mistake.
function follow(raft: Raft, term: Term, leader: NodeId): boolean {
  if (raft.role === 'leader') return false
  if (raft.role !== 'follower') becomeFollower(raft, term, leader)
  raft.electionElapsed = 0
  raft.leader = leader
  return true
}

function acknowledge(raft: Raft, to: NodeId, index: LogIndex): void {
  const { id, term } = raft
  raft.sendDurable({ kind: 'appendResponse', to, from: id, term, index, reject: false, hint: 0, hintTerm: 0 })
}

// Names the highest entry that may be in the leader's log: at or before the leader's, and of no later term than it.
function reject(raft: Raft, { index, logTerm, from: to }: Append): void {
  const { id, term, log } = raft
  const meeting = log.meetingPoint(Math.min(index, log.lastIndex()), logTerm)
  const { index: hint, term: hintTerm } = meeting
  raft.sendDurable({ kind: 'appendResponse', to, from: id, term, index, reject: true, hint, hintTerm })
}

// False: it is not needed, or not for this node.
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { log } = raft
  if (snapshot.index <= log.committed || !membersOf(snapshot.membership).includes(raft.id)) return false
  if (log.matches(snapshot.index, snapshot.term)) {
    // The log has it all, and now it is known to be committed.
    log.commitTo(snapshot.index)
    return false
  }
  log.restore(snapshot)
  restoreMembership(raft, snapshot.membership)
  return true
}

/** No longer counts on the leader. Not where a lease rests on it. */
export function forgetLeader(raft: Raft): void {
  if (raft.role === 'follower' && raft.settings.reads !== 'lease') raft.leader = none
}
