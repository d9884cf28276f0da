// Reads that see everything that was committed when they came: asked of this node, forwarded to the leader, answered.

import type { Raft } from './raft.ts'
import type { ConfirmedRead, ReadRequest } from './reads.ts'
import { broadcastHeartbeat } from './replication.ts'
import { none, type ReadIndex, type ReadIndexResponse } from './types.ts'

/** A read of this node's. Its id was never used before. Undefined: there is nobody to ask. */
export function askRead(raft: Raft): number | undefined {
  if (raft.leader === none) return undefined
  const id = raft.readId++
  if (raft.role === 'leader') leadRead(raft, { id, from: raft.id })
  else raft.send({ kind: 'readIndex', to: raft.leader, from: raft.id, id })
  return id
}

/** A read has come from another node. */
export function stepReadIndex(raft: Raft, message: ReadIndex): void {
  if (raft.role === 'leader') leadRead(raft, { id: message.id, from: message.from })
  else if (raft.leader !== none) raft.send({ ...message, to: raft.leader })
}

/** The leader has answered. */
export function stepReadIndexResponse(raft: Raft, { id, index }: ReadIndexResponse): void {
  raft.readStates.push({ id, index })
}

// A leader that has committed nothing of its term does not know how far the last one got.
function leadRead(raft: Raft, request: ReadRequest): void {
  if (raft.hasCommittedInTerm) serveRead(raft, request)
  else raft.reads.defer(request)
}

function serveRead(raft: Raft, request: ReadRequest): void {
  const index = raft.log.committed
  if (raft.settings.reads === 'lease' && raft.reads.hasLease) {
    answerRead(raft, { ...request, index })
    return
  }
  if (!raft.reads.isRoundOpen) broadcastHeartbeat(raft)
  raft.reads.wait(request, index)
  releaseReads(raft)
}

/** Something of this term is committed: the reads that came before it begin to wait. */
export function serveEarlyReads(raft: Raft): void {
  for (const request of raft.reads.takeEarly()) serveRead(raft, request)
}

/** Answers the reads that a quorum has confirmed. */
export function releaseReads(raft: Raft): void {
  for (const read of raft.reads.takeConfirmed(raft.tracker.membership)) answerRead(raft, read)
}

function answerRead(raft: Raft, { id, from, index }: ConfirmedRead): void {
  if (from === raft.id) raft.readStates.push({ id, index })
  else raft.send({ kind: 'readIndexResponse', to: from, from: raft.id, term: raft.term, id, index })
}
