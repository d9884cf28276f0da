// Membership changes as a pure function: membership + change → membership, or why not.
//
// simple      at most one voter more or less: any two majorities, before and after, meet
// enterJoint  any number of changes: from now on a majority of the voters before and one of those after is needed
// leaveJoint  the voters before are gone; voters that were to become learners become them now
//
// Invariants: no learner is a voter of either half; `learnersNext` are outgoing voters; a membership that is not joint
// has neither `learnersNext` nor `autoLeave`. From no voters at all, any simple change may be made: a group begins so.

import { invariant } from './invariant.ts'
import type { Membership, MembershipChange, NodeId, PeerChange } from './types.ts'

/** Why a change cannot be made. */
export type ChangeFault =
  | 'alreadyJoint'
  | 'notJoint'
  | 'simpleWhileJoint'
  | 'noVotersToJoin'
  | 'removesAllVoters'
  | 'changesManyVoters'

export const faultSentences: Readonly<Record<ChangeFault, string>> = {
  alreadyJoint: 'the membership is joint already',
  notJoint: 'the membership is not joint, so there is nothing to leave',
  simpleWhileJoint: 'the membership is joint, so it must be left first',
  noVotersToJoin: 'a membership without voters cannot become joint',
  removesAllVoters: 'the change would remove all voters',
  changesManyVoters: 'more than one voter changes, which needs a joint membership'
}

export type ChangeResult =
  /** `fresh`: members that are new, or were removed and added again: nothing is known of their logs. */
  | { readonly membership: Membership; readonly fresh: ReadonlySet<NodeId>; readonly fault?: undefined }
  | { readonly fault: ChangeFault }

export const emptyMembership: Membership = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false
}

export function isJoint(membership: Membership): boolean {
  return membership.votersOutgoing.length > 0
}

/** Voters of either half. */
export function isVoter(membership: Membership, id: NodeId): boolean {
  return membership.voters.includes(id) || membership.votersOutgoing.includes(id)
}

/** Everybody who has a part, ascending. */
export function membersOf(membership: Membership): NodeId[] {
  return ascending(new Set([...membership.voters, ...membership.votersOutgoing, ...membership.learners]))
}

export function simple(membership: Membership, changes: readonly PeerChange[]): ChangeResult {
  if (isJoint(membership)) return { fault: 'simpleWhileJoint' }
  const draft = new Draft(membership)
  draft.apply(changes)
  if (draft.voters.size === 0) return { fault: 'removesAllVoters' }
  const before = new Set(membership.voters)
  if (missing(before, draft.voters) + missing(draft.voters, before) > 1) return { fault: 'changesManyVoters' }
  return draft.result(false)
}

export function enterJoint(membership: Membership, changes: readonly PeerChange[], autoLeave: boolean): ChangeResult {
  if (isJoint(membership)) return { fault: 'alreadyJoint' }
  if (membership.voters.length === 0) return { fault: 'noVotersToJoin' }
  const draft = new Draft({ ...membership, votersOutgoing: membership.voters })
  draft.apply(changes)
  if (draft.voters.size === 0) return { fault: 'removesAllVoters' }
  return draft.result(autoLeave)
}

export function leaveJoint(membership: Membership): ChangeResult {
  if (!isJoint(membership)) return { fault: 'notJoint' }
  return {
    membership: {
      ...emptyMembership,
      voters: membership.voters,
      learners: ascending(new Set([...membership.learners, ...membership.learnersNext]))
    },
    fresh: new Set()
  }
}

/** Whether a change leaves a joint membership. */
export function leaves(change: MembershipChange): boolean {
  return change.transition === 'auto' && change.changes.length === 0
}

/** Makes a change as its entry says: simple, into a joint membership, or out of it. */
export function changeMembership(membership: Membership, change: MembershipChange): ChangeResult {
  if (leaves(change)) return leaveJoint(membership)
  if (change.transition === 'auto' && change.changes.length === 1) return simple(membership, change.changes)
  return enterJoint(membership, change.changes, change.transition !== 'explicit')
}

/** A membership from outside, in order; it throws when it contradicts itself. */
export function checkedMembership(membership: Membership): Membership {
  const sorted: Membership = {
    voters: ascending(new Set(membership.voters)),
    votersOutgoing: ascending(new Set(membership.votersOutgoing)),
    learners: ascending(new Set(membership.learners)),
    learnersNext: ascending(new Set(membership.learnersNext)),
    autoLeave: membership.autoLeave
  }
  const twice = sorted.learners.find((id) => isVoter(sorted, id))
  invariant(twice === undefined, `the membership has ${twice} both as a learner and as a voter`)
  const stray = sorted.learnersNext.find((id) => !sorted.votersOutgoing.includes(id))
  invariant(stray === undefined, `the membership has ${stray} as the next learner, but not as an outgoing voter`)
  invariant(isJoint(sorted) || !sorted.autoLeave, 'the membership is to be left, but it is not joint')
  return sorted
}

class Draft {
  readonly voters: Set<NodeId>
  readonly #outgoing: ReadonlySet<NodeId>
  readonly #learners: Set<NodeId>
  readonly #learnersNext: Set<NodeId>
  readonly #fresh = new Set<NodeId>()

  constructor(membership: Membership) {
    this.voters = new Set(membership.voters)
    this.#outgoing = new Set(membership.votersOutgoing)
    this.#learners = new Set(membership.learners)
    this.#learnersNext = new Set(membership.learnersNext)
  }

  apply(changes: readonly PeerChange[]): void {
    for (const { kind, id } of changes) {
      // Callers blank the id of a change that they decided not to make.
      if (id === 0) continue
      if (kind === 'voter') this.#makeVoter(id)
      else if (kind === 'learner') this.#makeLearner(id)
      else if (kind === 'remove') this.#remove(id)
    }
  }

  result(autoLeave: boolean): ChangeResult {
    const membership = {
      voters: ascending(this.voters),
      votersOutgoing: ascending(this.#outgoing),
      learners: ascending(this.#learners),
      learnersNext: ascending(this.#learnersNext),
      autoLeave
    }
    return { membership, fresh: this.#fresh }
  }

  #makeVoter(id: NodeId): void {
    if (!this.#isMember(id)) this.#fresh.add(id)
    this.#learners.delete(id)
    this.#learnersNext.delete(id)
    this.voters.add(id)
  }

  // A voter of the outgoing half stays one until the membership is left.
  #makeLearner(id: NodeId): void {
    if (!this.#isMember(id)) this.#fresh.add(id)
    this.voters.delete(id)
    if (this.#outgoing.has(id)) this.#learnersNext.add(id)
    else this.#learners.add(id)
  }

  #remove(id: NodeId): void {
    this.voters.delete(id)
    this.#learners.delete(id)
    this.#learnersNext.delete(id)
  }

  #isMember(id: NodeId): boolean {
    return this.voters.has(id) || this.#outgoing.has(id) || this.#learners.has(id)
  }
}

function missing(some: ReadonlySet<NodeId>, from: ReadonlySet<NodeId>): number {
  let count = 0
  for (const id of some) if (!from.has(id)) count++
  return count
}

function ascending(ids: ReadonlySet<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b)
}
