// The messages: between nodes, and between a node and its own storage and state machine.
//
// Invariants:
// - A message with a term says in which term its sender stood. Those without (`propose`, `readIndex`, and
//   `storageApplyDone`) speak of no term.
// - `storageAppendDone` and `storageApplyDone` come from the own storage only. A transport must not decode them.

import type { Entry, HardState, LogIndex, MembershipChange, NodeId, Payload, Snapshot, Term } from './types.ts'

/** What a proposer hands in, and what a follower forwards to its leader. */
export type Proposal =
  | { readonly kind: 'normal'; readonly payload: Payload }
  | { readonly kind: 'membership'; readonly change: MembershipChange }

interface Addressed<Kind extends string> {
  readonly kind: Kind
  readonly to: NodeId
  readonly from: NodeId
}

interface Termed<Kind extends string> extends Addressed<Kind> {
  readonly term: Term
}

/** Entries after (`index`, `logTerm`), and how far the leader has committed. */
export interface Append extends Termed<'append'> {
  readonly index: LogIndex
  readonly logTerm: Term
  readonly entries: readonly Entry[]
  readonly commit: LogIndex
}

/**
 * The log equals the leader's up to `index`; or, rejected, it does not at `index`, and (`hint`, `hintTerm`) is the
 * highest entry that may.
 */
export interface AppendResponse extends Termed<'appendResponse'> {
  readonly index: LogIndex
  readonly reject: boolean
  readonly hint: LogIndex
  readonly hintTerm: Term
}

/** Asks for a vote, for a log that ends with (`index`, `logTerm`). */
export interface Vote extends Termed<'vote'> {
  readonly index: LogIndex
  readonly logTerm: Term
  /** The leader wants it: voters that still hear from a leader answer too. */
  readonly transfer: boolean
}

/** Asks whether a vote would be granted in `term`, which is one above the sender's. */
export interface PreVote extends Termed<'preVote'> {
  readonly index: LogIndex
  readonly logTerm: Term
}

/** An entry that is committed. */
export interface CommittedEnd {
  readonly index: LogIndex
  readonly term: Term
}

/** A rejection says how far the voter has committed. */
export interface VoteResponse extends Termed<'voteResponse'> {
  readonly reject: boolean
  readonly committed?: CommittedEnd
}

export interface PreVoteResponse extends Termed<'preVoteResponse'> {
  readonly reject: boolean
  readonly committed?: CommittedEnd
}

export interface InstallSnapshot extends Termed<'snapshot'> {
  readonly snapshot: Snapshot
}

/** `round` numbers the leader's heartbeats of a term: reads and the lease rest on the answers to a round. */
export interface Heartbeat extends Termed<'heartbeat'> {
  readonly commit: LogIndex
  readonly round: number
}

export interface HeartbeatResponse extends Termed<'heartbeatResponse'> {
  readonly round: number
}

/** The transferee is to campaign at once. */
export interface TimeoutNow extends Termed<'timeoutNow'> {}

export interface Propose extends Addressed<'propose'> {
  readonly proposals: readonly Proposal[]
}

export interface TransferLeader extends Termed<'transferLeader'> {
  readonly transferee: NodeId
}

export interface ReadIndex extends Addressed<'readIndex'> {
  readonly id: number
}

export interface ReadIndexResponse extends Termed<'readIndexResponse'> {
  readonly id: number
  readonly index: LogIndex
}

/** What travels between nodes. A node also gets its own `appendResponse` and votes this way, once they are durable. */
export type PeerMessage =
  | Append
  | AppendResponse
  | Vote
  | PreVote
  | VoteResponse
  | PreVoteResponse
  | InstallSnapshot
  | Heartbeat
  | HeartbeatResponse
  | TimeoutNow
  | Propose
  | TransferLeader
  | ReadIndex
  | ReadIndexResponse

/**
 * For the storage, in the order of the Readys: install the snapshot, truncate from the first entry's index, append the
 * entries, keep the hard state; make all of it durable; only then deliver `responses`, which rest on it: those to the own
 * node by `step`, the others (acknowledgements, votes, requests for votes) over the network. Without responses nothing
 * need be durable yet.
 */
export interface StorageAppend {
  readonly kind: 'storageAppend'
  readonly from: NodeId
  readonly entries: readonly Entry[]
  readonly hardState: HardState | undefined
  readonly snapshot: Snapshot | undefined
  readonly responses: readonly (PeerMessage | StorageAppendDone)[]
}

/** What is durable: the log up to (`index`, `logTerm`), unless `index` is 0, and the snapshot, if there is one. */
export interface StorageAppendDone {
  readonly kind: 'storageAppendDone'
  readonly to: NodeId
  readonly term: Term
  readonly index: LogIndex
  readonly logTerm: Term
  readonly snapshot: Snapshot | undefined
}

/** For the state machine: apply the entries in order (a membership entry by `applyMembership`), then deliver `response`. */
export interface StorageApply {
  readonly kind: 'storageApply'
  readonly from: NodeId
  readonly entries: readonly Entry[]
  readonly response: StorageApplyDone
}

export interface StorageApplyDone {
  readonly kind: 'storageApplyDone'
  readonly to: NodeId
  readonly entries: readonly Entry[]
}

export type Message = PeerMessage | StorageAppendDone | StorageApplyDone
