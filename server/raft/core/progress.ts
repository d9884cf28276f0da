// What the leader knows of one peer's log, and how fast it may send to it.
//
// probe      where the logs meet is not known: one append with entries at a time, until the peer accepts one
// replicate  the peer follows: appends go out ahead of its answers, as many as `Inflight` admits
// snapshot   the peer needs entries the log no longer has: nothing but heartbeats until its snapshot is settled
//
// Invariants: match < next; entries from match + 1 to before next are on their way; in `snapshot`, next is
// pendingSnapshot + 1. `isFlowPaused` holds back appends until the peer answers anything.

import { Inflight } from './inflight.ts'
import { invariant } from './invariant.ts'
import type { LogIndex, NodeId, ProgressState, ProgressStatus } from './types.ts'

export interface FlowLimits {
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
}

export class Progress {
  readonly id: NodeId
  readonly inflight: Inflight
  state: ProgressState = 'probe'
  match: LogIndex = 0
  next: LogIndex
  pendingSnapshot: LogIndex = 0
  /** Something was heard from the peer since the leader last looked. */
  isActive = false
  isFlowPaused = false
  isLearner: boolean
  // The highest commit index that is on its way to the peer.
  #sentCommit: LogIndex = 0

  constructor(id: NodeId, next: LogIndex, isLearner: boolean, limits: FlowLimits) {
    this.id = id
    this.next = Math.max(next, 1)
    this.isLearner = isLearner
    this.inflight = new Inflight(limits.inflightMessagesMax, limits.inflightBytesMax)
  }

  get isPaused(): boolean {
    return this.state === 'snapshot' || this.isFlowPaused
  }

  /** Starts over from what the peer is known to have; after a snapshot that has arrived, from there. */
  becomeProbe(): void {
    const settled = this.state === 'snapshot' ? this.pendingSnapshot : 0
    this.#become('probe')
    this.next = Math.max(this.match, settled) + 1
    this.#lowerSentCommit()
  }

  becomeReplicate(): void {
    this.#become('replicate')
    this.next = this.match + 1
  }

  becomeSnapshot(index: LogIndex): void {
    this.#become('snapshot')
    this.pendingSnapshot = index
    this.next = index + 1
    this.#sentCommit = index
  }

  /** An append with that many entries was sent. */
  sentEntries(count: number, bytes: number): void {
    invariant(this.state !== 'snapshot', `an append was sent to peer ${this.id}, which waits for a snapshot`)
    if (this.state === 'probe') {
      if (count > 0) this.isFlowPaused = true
      return
    }
    if (count > 0) {
      this.next += count
      this.inflight.add(this.next - 1, bytes)
    }
    this.isFlowPaused = this.inflight.isFull
  }

  sentCommit(commit: LogIndex): void {
    this.#sentCommit = commit
  }

  /** Whether the peer could commit more if it were told of `commit`, and was not told yet. */
  wantsCommit(commit: LogIndex): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1
  }

  /** The peer has everything up to `index`. False: that was known. */
  acknowledge(index: LogIndex): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.isFlowPaused = false
    return true
  }

  /** The peer has rejected an append after `rejected`; the logs may meet at `hint`. False: an old rejection. */
  decrease(rejected: LogIndex, hint: LogIndex): boolean {
    // At or below the match it is old, or the peer has lost what it acknowledged: sending that again at once would go on
    // for ever.
    if (this.state === 'snapshot' || rejected <= this.match) return false
    if (this.state === 'replicate') {
      this.next = this.match + 1
      this.#lowerSentCommit()
      return true
    }
    // A probed peer is sent one append at a time, the one after next - 1.
    if (rejected !== this.next - 1) return false
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
    this.#lowerSentCommit()
    this.isFlowPaused = false
    return true
  }

  status(): ProgressStatus {
    return {
      id: this.id,
      state: this.state,
      match: this.match,
      next: this.next,
      isLearner: this.isLearner,
      isPaused: this.isPaused,
      isActive: this.isActive,
      pendingSnapshot: this.pendingSnapshot,
      inflight: this.inflight.count,
      isInflightFull: this.inflight.isFull
    }
  }

  #become(state: ProgressState): void {
    this.state = state
    this.isFlowPaused = false
    this.pendingSnapshot = 0
    this.inflight.clear()
  }

  // What was on its way to the peer may be lost.
  #lowerSentCommit(): void {
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
  }
}
