// Majorities, and pairs of them.
//
// A joint decision needs a majority of both halves. An empty half agrees to everything, so that a membership that is not
// joint is a joint one with an empty outgoing half.

import type { LogIndex, NodeId } from './types.ts'

export type VoteResult = 'pending' | 'lost' | 'won'

/** The two halves; the outgoing one is empty unless the membership is joint. */
export interface Halves {
  readonly voters: readonly NodeId[]
  readonly votersOutgoing: readonly NodeId[]
}

/** What a voter has acknowledged; undefined counts as 0. */
export type Acknowledged = (id: NodeId) => LogIndex | undefined

export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/** The highest index that a majority has acknowledged. Without voters there is no bound. */
export function majorityIndex(voters: readonly NodeId[], acknowledged: Acknowledged): LogIndex {
  if (voters.length === 0) return Number.POSITIVE_INFINITY
  const descending: LogIndex[] = []
  for (const id of voters) {
    const index = acknowledged(id) ?? 0
    let at = descending.length
    // A handful of voters: shifting by hand beats sorting.
    for (; at > 0 && (descending[at - 1] ?? 0) < index; at--) descending[at] = descending[at - 1] ?? 0
    descending[at] = index
  }
  return descending[majorityOf(voters.length) - 1] ?? 0
}

/** The highest index that both halves have acknowledged. */
export function jointIndex(halves: Halves, acknowledged: Acknowledged): LogIndex {
  return Math.min(majorityIndex(halves.voters, acknowledged), majorityIndex(halves.votersOutgoing, acknowledged))
}

/** How a vote stands among one half. */
export function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'won'
  let granted = 0
  let missing = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = majorityOf(voters.length)
  if (granted >= needed) return 'won'
  return granted + missing >= needed ? 'pending' : 'lost'
}

/** How a vote stands: won in both halves, lost once it is lost in one. */
export function jointVote(halves: Halves, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityVote(halves.voters, votes)
  const outgoing = majorityVote(halves.votersOutgoing, votes)
  if (incoming === 'lost' || outgoing === 'lost') return 'lost'
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending'
}
