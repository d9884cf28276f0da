// What the own storage and the own state machine acknowledge.

import { totalEntryBytes, totalPayloadBytes } from './entry.ts'
import { maybeLeaveJoint } from './proposals.ts'
import type { Raft } from './raft.ts'
import type { LogIndex, StorageAppendDone, StorageApplyDone } from './types.ts'

/**
 * Entries, a snapshot, are durable. In a later term than the write began in, what it says about entries is not to be
 * trusted: they may have been replaced, and replaced again by the same ones, by writes that are still under way. The
 * later term had a write of its own, which says the same again.
 */
export function stepStorageAppendDone(raft: Raft, { term, index, logTerm, snapshot }: StorageAppendDone): void {
  const { log } = raft
  if (index > 0 && term === raft.term) log.unstable.stableTo(index, logTerm)
  if (snapshot === undefined) return
  log.unstable.stableSnapshotTo(snapshot.index)
  applied(raft, snapshot.index, 0)
}

/** Entries are applied. */
export function stepStorageApplyDone(raft: Raft, { entries }: StorageApplyDone): void {
  const index = entries.at(-1)?.index
  if (index === undefined) return
  applied(raft, index, totalEntryBytes(entries))
  // An estimate that is never too high: entries of an earlier leader were not counted here.
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - totalPayloadBytes(entries))
}

function applied(raft: Raft, index: LogIndex, bytes: number): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied), bytes)
  maybeLeaveJoint(raft)
}
