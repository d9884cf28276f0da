// The membership in force, the leader's progress of each member, and the votes of a campaign.

import { checkedMembership, emptyMembership, membersOf } from './membership.ts'
import { type FlowLimits, Progress } from './progress.ts'
import { jointIndex, jointVote, type VoteResult } from './quorum.ts'
import type { LogIndex, Membership, NodeId } from './types.ts'

export class Tracker {
  readonly #limits: FlowLimits
  readonly #progress = new Map<NodeId, Progress>()
  readonly #votes = new Map<NodeId, boolean>()
  #membership: Membership = emptyMembership
  #peers: readonly Progress[] = []

  constructor(limits: FlowLimits) {
    this.#limits = limits
  }

  get membership(): Membership {
    return this.#membership
  }

  /** The progress of every member, by ascending id. */
  get peers(): readonly Progress[] {
    return this.#peers
  }

  progress(id: NodeId): Progress | undefined {
    return this.#progress.get(id)
  }

  /** A new membership is in force. Members that are new, or `fresh`, begin with an unknown log. */
  become(membership: Membership, fresh: ReadonlySet<NodeId>, lastIndex: LogIndex): void {
    this.#membership = membership
    const members = membersOf(membership)
    const kept = new Set(members)
    for (const id of this.#progress.keys()) if (!kept.has(id)) this.#progress.delete(id)
    for (const id of members) {
      const isLearner = membership.learners.includes(id)
      const known = fresh.has(id) ? undefined : this.#progress.get(id)
      if (known !== undefined) {
        known.isLearner = isLearner
        continue
      }
      const progress = new Progress(id, lastIndex, isLearner, this.#limits)
      // Else a leader that checks its quorum could step down before the new member had a chance to answer.
      progress.isActive = true
      this.#progress.set(id, progress)
    }
    this.#order()
  }

  /** A membership from a snapshot: nothing is known of anybody's log. */
  restore(membership: Membership, lastIndex: LogIndex): void {
    this.#progress.clear()
    this.become(checkedMembership(membership), new Set(), lastIndex)
  }

  /** A term begins: nothing is known but the own log. */
  reset(own: NodeId, lastIndex: LogIndex): void {
    this.resetVotes()
    for (const { id, isLearner } of this.#peers) {
      const progress = new Progress(id, lastIndex + 1, isLearner, this.#limits)
      if (id === own) progress.match = lastIndex
      this.#progress.set(id, progress)
    }
    this.#order()
  }

  /** The highest index that is on the disks of a quorum. */
  committedIndex(): LogIndex {
    return jointIndex(this.#membership, (id) => this.#progress.get(id)?.match)
  }

  /** Whether a quorum was heard from since the leader last looked. */
  isQuorumActive(): boolean {
    const active = new Map<NodeId, boolean>()
    for (const peer of this.#peers) if (!peer.isLearner) active.set(peer.id, peer.isActive)
    return jointVote(this.#membership, active) === 'won'
  }

  resetVotes(): void {
    this.#votes.clear()
  }

  /** Counts a vote, the first of each voter, and tells how the campaign stands. */
  recordVote(id: NodeId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
    return jointVote(this.#membership, this.#votes)
  }

  #order(): void {
    this.#peers = [...this.#progress.values()].sort((a, b) => a.id - b.id)
  }
}
