// Proposals: the leader appends them, a follower forwards them, and every one that is not taken is told so.

import { leavingChange, noPayload, totalPayloadBytes } from './entry.ts'
import { changeMembership, isJoint, leaves } from './membership.ts'
import type { Raft } from './raft.ts'
import { broadcastAppend } from './replication.ts'
import {
  type DropReason,
  type Entry,
  type LogIndex,
  type MembershipChange,
  type MembershipRefusal,
  none,
  type Proposal,
  type Propose,
  type ProposeResult,
  type StepFault
} from './types.ts'

const dropped = (reason: DropReason): ProposeResult => ({ status: 'dropped', reason })

/** Takes proposals in whatever role this node has. `from`: the node that was asked first. */
export function propose(raft: Raft, proposals: readonly Proposal[], from = raft.id): ProposeResult {
  if (raft.role === 'leader') return leadProposals(raft, proposals)
  if (raft.leader === none) return dropped('noLeader')
  if (!raft.settings.forwardProposals) return dropped('notForwarded')
  raft.send({ kind: 'propose', to: raft.leader, from, proposals })
  return { status: 'forwarded', to: raft.leader }
}

/** Another node has forwarded proposals. */
export function stepPropose(raft: Raft, { proposals, from }: Propose): StepFault | undefined {
  const result = propose(raft, proposals, from)
  return result.status === 'dropped' ? { kind: 'dropped', reason: result.reason } : undefined
}

/** A joint membership that is to be left by itself is proposed to be left, once its entry is applied. */
export function maybeLeaveJoint(raft: Raft): void {
  const { log, role, tracker, pendingMembershipIndex } = raft
  if (role !== 'leader' || !tracker.membership.autoLeave || log.applied < pendingMembershipIndex) return
  // During a transfer it is dropped. Then the next leader, or the next heartbeat of this one, tries again.
  leadProposals(raft, [{ kind: 'membership', change: leavingChange }])
}

/** The first entry of a term. Once it is committed, so is everything before it. */
export function appendNoOp(raft: Raft): void {
  append(raft, [{ kind: 'normal', term: raft.term, index: raft.log.lastIndex() + 1, payload: noPayload }])
}

function leadProposals(raft: Raft, proposals: readonly Proposal[]): ProposeResult {
  if (raft.tracker.progress(raft.id) === undefined) return dropped('removed')
  if (raft.transferee !== none) return dropped('transferring')
  const { term } = raft
  const firstIndex = raft.log.lastIndex() + 1
  const entries: Entry[] = []
  let index = firstIndex
  let pendingIndex = raft.pendingMembershipIndex
  let refused: ProposeResult | undefined
  for (const proposal of proposals) {
    if (proposal.kind === 'normal') {
      entries.push({ kind: 'normal', term, index, payload: proposal.payload })
    } else {
      const reason = refusal(raft, proposal.change, pendingIndex)
      if (reason === undefined) {
        entries.push({ kind: 'membership', term, index, change: proposal.change })
        pendingIndex = index
      } else {
        // Others of the same message keep their indexes, and whoever waits for this one sees it come.
        entries.push({ kind: 'normal', term, index, payload: noPayload })
        refused = { status: 'refused', reason, term, index }
      }
    }
    index++
  }
  if (!hasRoom(raft, entries)) return dropped('uncommittedBytes')
  raft.pendingMembershipIndex = pendingIndex
  append(raft, entries)
  broadcastAppend(raft)
  return refused ?? { status: 'appended', term, firstIndex, lastIndex: index - 1 }
}

// One change at a time: the next may be proposed once the last one is applied here. The membership in force is then the
// one that the change will find, so that what is impossible is known now.
function refusal(raft: Raft, change: MembershipChange, pendingIndex: LogIndex): MembershipRefusal | undefined {
  if (!raft.settings.validateMembership) return undefined
  if (pendingIndex > raft.log.applied) return 'pending'
  const { membership } = raft.tracker
  if (isJoint(membership) && !leaves(change)) return 'joint'
  if (!isJoint(membership) && change.changes.length === 0) return 'notJoint'
  return changeMembership(membership, change).fault === undefined ? undefined : 'impossible'
}

// With nothing uncommitted any size is taken, and what has no payload always is.
function hasRoom({ uncommittedBytes, settings }: Raft, entries: readonly Entry[]): boolean {
  const bytes = totalPayloadBytes(entries)
  return uncommittedBytes === 0 || bytes === 0 || uncommittedBytes + bytes <= settings.uncommittedBytesMax
}

// The leader acknowledges its own entries like everybody: once they are durable.
function append(raft: Raft, entries: readonly Entry[]): void {
  raft.uncommittedBytes += totalPayloadBytes(entries)
  raft.log.append(entries)
  const { id, term } = raft
  const index = raft.log.lastIndex()
  raft.sendDurable({ kind: 'appendResponse', to: id, from: id, term, index, reject: false, hint: 0, hintTerm: 0 })
}
