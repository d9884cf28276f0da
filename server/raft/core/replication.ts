// What the leader sends on its own account: appends, snapshots, heartbeats; and when it commits.

import { totalPayloadBytes } from './entry.ts'
import { invariant } from './invariant.ts'
import type { Progress } from './progress.ts'
import type { Raft } from './raft.ts'
import type { Entry } from './types.ts'

/**
 * Sends a peer what it lacks, as far as its progress admits. `evenEmpty`: an append without entries too, which tells of
 * the commit. Returns whether anything was sent.
 */
export function sendAppend(raft: Raft, peer: Progress, evenEmpty: boolean): boolean {
  if (peer.isPaused) return false
  const { log, id, term, settings } = raft
  const index = peer.next - 1
  const logTerm = log.term(index)
  if (logTerm === undefined) return sendSnapshot(raft, peer)
  let entries: readonly Entry[] | undefined = []
  // A peer with as much in flight as it may have still gets empty appends: if all that was lost, its answer says so.
  if (peer.state !== 'replicate' || !peer.inflight.isFull) {
    entries = log.entriesFrom(peer.next, settings.messageBytesMax)
  }
  if (!evenEmpty && (entries === undefined || entries.length === 0)) return false
  if (entries === undefined) return sendSnapshot(raft, peer)
  const commit = log.committed
  raft.send({ kind: 'append', to: peer.id, from: id, term, index, logTerm, entries, commit })
  peer.sentEntries(entries.length, totalPayloadBytes(entries))
  peer.sentCommit(commit)
  return true
}

// To a peer that has gone silent it is not sent: it is large, and would be for nothing.
function sendSnapshot(raft: Raft, peer: Progress): boolean {
  if (!peer.isActive) return false
  const snapshot = raft.log.snapshot()
  if (snapshot === undefined) return false
  invariant(snapshot.index > 0, 'the storage offers an empty snapshot')
  peer.becomeSnapshot(snapshot.index)
  raft.send({ kind: 'snapshot', to: peer.id, from: raft.id, term: raft.term, snapshot })
  return true
}

/** Sends every other member what it lacks, or at least the commit. */
export function broadcastAppend(raft: Raft): void {
  for (const peer of raft.tracker.peers) if (peer.id !== raft.id) sendAppend(raft, peer, true)
}

/** Sends every other member the entries it lacks, if any. */
export function broadcastEntries(raft: Raft): void {
  for (const peer of raft.tracker.peers) if (peer.id !== raft.id) sendAppend(raft, peer, false)
}

/** A round of heartbeats. */
export function broadcastHeartbeat(raft: Raft): void {
  const round = raft.reads.beginRound()
  const { id, term } = raft
  for (const peer of raft.tracker.peers) {
    if (peer.id === id) continue
    // A peer must not commit by a heartbeat what it is not known to have.
    const commit = Math.min(peer.match, raft.log.committed)
    raft.send({ kind: 'heartbeat', to: peer.id, from: id, term, commit, round })
    peer.sentCommit(commit)
  }
}

/**
 * Commits what a quorum has, if it is of this term: an entry of an earlier term that a quorum has may still be replaced,
 * unless one of this term follows it there. Returns whether anything was.
 */
export function maybeCommit(raft: Raft): boolean {
  const { log, tracker, term } = raft
  const index = tracker.committedIndex()
  if (index <= log.committed || !log.matches(index, term)) return false
  log.commitTo(index)
  return true
}
