// What goes into the Raft core and what comes out of it: plain data only. The messages are in messages.ts.
//
// Invariants of this data:
// - A node's id is a whole number from 1 on; 0 (`none`) is nobody. Terms and indexes are whole numbers, 0 is before the first.
// - Data is never changed once it was handed over, in either direction: entries and messages are shared, not copied.

import type { Message, PeerMessage, StorageAppend, StorageApply } from './messages.ts'

export type * from './messages.ts'

export type NodeId = number
export type Term = number
export type LogIndex = number

/** Nobody: no leader, no vote, no target of a transfer. */
export const none = 0

/** What an entry carries. The core looks at the size, for its limits, and hands `ref` on untouched. */
export interface Payload {
  readonly size: number
  readonly ref: unknown
}

export type PeerChangeKind = 'voter' | 'learner' | 'remove' | 'update'

/** One peer's new part. `update` changes nothing: it carries what the caller wants to say about a peer. Id 0 is ignored. */
export interface PeerChange {
  readonly kind: PeerChangeKind
  readonly id: NodeId
}

/**
 * A change of the membership. Version 1 is a single change, without joint consensus. Version 2 is any number of changes:
 * `auto` goes through joint consensus when there are several and leaves it by itself; `implicit` always goes through it
 * and leaves it by itself; `explicit` goes through it and stays until version 2, `auto`, without changes is proposed.
 */
export interface MembershipChange {
  readonly version: 1 | 2
  readonly transition: 'auto' | 'implicit' | 'explicit'
  readonly changes: readonly PeerChange[]
  /** The caller's own data about the change, such as addresses. */
  readonly payload?: Payload
}

/** Who belongs to the group. Each list ascends; `votersOutgoing` is empty unless the membership is joint. */
export interface Membership {
  readonly voters: readonly NodeId[]
  readonly votersOutgoing: readonly NodeId[]
  readonly learners: readonly NodeId[]
  /** Voters of the outgoing half that become learners when it is left. */
  readonly learnersNext: readonly NodeId[]
  readonly autoLeave: boolean
}

export interface NormalEntry {
  readonly kind: 'normal'
  readonly term: Term
  readonly index: LogIndex
  /** Size 0 and no `ref`: the no-op of a term, or what stands in place of a refused membership change. */
  readonly payload: Payload
}

export interface MembershipEntry {
  readonly kind: 'membership'
  readonly term: Term
  readonly index: LogIndex
  readonly change: MembershipChange
}

export type Entry = NormalEntry | MembershipEntry

/** What must be on disk before a vote or an acknowledgement leaves (`commit` alone need not be). */
export interface HardState {
  readonly term: Term
  readonly vote: NodeId
  readonly commit: LogIndex
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

export interface SoftState {
  readonly leader: NodeId
  readonly role: Role
}

/** The state after `index`. What it holds, and how it travels, is the caller's: the core hands `ref` on untouched. */
export interface Snapshot {
  readonly index: LogIndex
  readonly term: Term
  readonly membership: Membership
  readonly ref: unknown
}

/** A read that was asked for with `readIndex`: once `index` is applied, the state is no older than the question. */
export interface ReadState {
  readonly id: number
  readonly index: LogIndex
}

/** What is to be done. Taking one is accepting it: everything in it must happen, in the order of the Readys. */
export interface Ready {
  /** There when it has changed. */
  readonly softState: SoftState | undefined
  readonly reads: readonly ReadState[]
  /** To send at once: none of it depends on a write. */
  readonly messages: readonly PeerMessage[]
  readonly append: StorageAppend | undefined
  readonly apply: StorageApply | undefined
}

/** What a node reads of its own log and state. It answers from what its `StorageAppend`s have made durable. */
export interface LogStorage {
  /**
   * The membership is that after the last applied entry. The hard state's term is not below the last entry's, also in a
   * storage that begins with a snapshot: a term that has entries already must not get a leader.
   */
  initialState(): { readonly hardState: HardState | undefined; readonly membership: Membership }
  /** The first entry that is still there: the one after the last snapshot when there is none. */
  firstIndex(): LogIndex
  /** The last entry; that of the last snapshot when there is none. */
  lastIndex(): LogIndex
  /** For `firstIndex() - 1` to `lastIndex()`; undefined outside. */
  term(index: LogIndex): Term | undefined
  /**
   * Entries from `first` to before `end`, at least one and otherwise as many from the first on as make `bytesMax`
   * together (see `entryBytes`). Undefined when `first` is no longer there.
   */
  entries(first: LogIndex, end: LogIndex, bytesMax: number): readonly Entry[] | undefined
  /** The newest snapshot that could be sent; undefined while there is none, which the leader asks again later. */
  snapshot(): Snapshot | undefined
}

export interface RaftConfig {
  readonly id: NodeId
  /** A follower that hears nothing campaigns after this many ticks, or up to twice as many. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  /** The numbers that spread election timeouts come from this. Nodes of a group, and runs of a node, take different ones. */
  readonly electionSeed: number
  /**
   * The ids of reads count up from here. No earlier run of this node may have used them: a run's start drawn at random
   * below 2^52 does.
   */
  readonly readIdStart?: number
  /** The last entry that is applied already; those up to it are not handed out again. 0: what the snapshot covers. */
  readonly applied?: LogIndex
  /** Bytes of the entries of one `append`. */
  readonly messageBytesMax: number
  /** Bytes handed out to be applied and not yet acknowledged. Default: `messageBytesMax`. */
  readonly applyingBytesMax?: number
  /** Payload bytes of the leader's uncommitted entries; beyond, proposals are dropped. Default: no limit. */
  readonly uncommittedBytesMax?: number
  readonly inflightMessagesMax: number
  /** Default: no limit. */
  readonly inflightBytesMax?: number
  /** A leader that hears from no quorum for an election timeout steps down, and voters that hear from a leader do not vote. */
  readonly checkQuorum: boolean
  readonly preVote: boolean
  /** `lease` answers reads from the leader's lease where there is one (it needs `checkQuorum`), else like `safe`. */
  readonly reads: 'safe' | 'lease'
  /** A leader that was removed or made a learner steps down. */
  readonly stepDownOnRemoval: boolean
  readonly forwardProposals: boolean
  /** Whether a membership change is checked against the membership when it is proposed. */
  readonly validateMembership: boolean
  /**
   * Whether committed entries are handed out for applying before the own write of them is acknowledged. For callers that
   * write, apply and acknowledge each Ready before they take the next.
   */
  readonly applyUnstable: boolean
}

export type DropReason =
  /** There is no leader to take it. */
  | 'noLeader'
  /** Another node leads, and proposals are not forwarded. */
  | 'notForwarded'
  /** This leader was removed. */
  | 'removed'
  /** This leader is handing over. */
  | 'transferring'
  /** Too many bytes are uncommitted. */
  | 'uncommittedBytes'

export type MembershipRefusal =
  /** An earlier change may not be applied yet. */
  | 'pending'
  /** The membership is joint: it must be left first. */
  | 'joint'
  /** The membership is not joint: there is nothing to leave. */
  | 'notJoint'
  /** No voters would be left. */
  | 'impossible'

export type ProposeResult =
  | { readonly status: 'appended'; readonly term: Term; readonly firstIndex: LogIndex; readonly lastIndex: LogIndex }
  | { readonly status: 'forwarded'; readonly to: NodeId }
  | { readonly status: 'dropped'; readonly reason: DropReason }
  /** A membership change that was not taken: an empty entry stands at `index` in its place. */
  | { readonly status: 'refused'; readonly reason: MembershipRefusal; readonly term: Term; readonly index: LogIndex }

/** Why a message had no effect at all: its sender is no peer, or what was forwarded to this node was dropped. */
export type StepFault = { readonly kind: 'unknownPeer' } | { readonly kind: 'dropped'; readonly reason: DropReason }

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** What the leader knows of a peer. */
export interface ProgressStatus {
  readonly id: NodeId
  readonly state: ProgressState
  readonly match: LogIndex
  readonly next: LogIndex
  readonly isLearner: boolean
  readonly isPaused: boolean
  readonly isActive: boolean
  /** 0: none. */
  readonly pendingSnapshot: LogIndex
  readonly inflight: number
  readonly isInflightFull: boolean
}

export interface Status extends HardState, SoftState {
  readonly id: NodeId
  readonly applied: LogIndex
  readonly lastIndex: LogIndex
  readonly transferee: NodeId
  readonly membership: Membership
  /** By ascending id; empty unless this node leads. */
  readonly progress: readonly ProgressStatus[]
}

/**
 * One node of a Raft group, as a state machine: no clock, no randomness, no I/O. The same calls on the same state give the
 * same results.
 */
export interface RaftNode {
  /** Time goes on by a tick. */
  tick(): void
  /**
   * So many ticks' time has passed and no tick is made up for it. Nobody is taken for silent by that, and no lease outlasts it:
   * to be called, where reads rest on leases, before what came meanwhile is told.
   */
  passUnticked(ticks: number): void
  /** A message has come, from a peer or from the own storage. */
  step(message: Message): StepFault | undefined
  propose(payloads: readonly Payload[]): ProposeResult
  proposeMembership(change: MembershipChange): ProposeResult
  /** A membership entry is being applied: returns the membership from here on. Not called for one the caller rejects. */
  applyMembership(change: MembershipChange): Membership
  hasReady(): boolean
  ready(): Ready
  /** Asks for a read; its answer comes with a Ready, or never: then ask again, with the new id. Undefined: no leader. */
  readIndex(): number | undefined
  /** Campaigns now, or not at all: a learner does not, nor, where reads rest on leases, a node that hears from a leader. */
  campaign(): void
  /** Hands leadership to a peer; asked of a follower, it asks the leader. */
  transferLeader(to: NodeId): void
  /** A follower no longer counts on its leader: it may vote for another. */
  forgetLeader(): void
  /** The last message to a peer did not get there. */
  reportUnreachable(id: NodeId): void
  /**
   * A snapshot to a peer has arrived, or has not. Whoever sends a `snapshot` message reports one or the other: until then,
   * or until the peer acknowledges it, nothing else is sent to it.
   */
  reportSnapshot(id: NodeId, arrived: boolean): void
  status(): Status
  /** Overrides the spread election timeout until the next change of role or term. */
  setElectionTimeout(ticks: number): void
}
