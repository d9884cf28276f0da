// The state of a node, and what every part of the core does with it: send, and start a term.
//
// The functions beside this file are the transitions: each takes the state and one input. `messages` leave with the next
// Ready; `durableMessages` rest on state that may not be on disk, so they leave once it is: votes, acknowledgements.
//
// Invariants: the term never falls; a term has one vote; `role` and `leader` agree (a leader is its own leader);
// `pendingMembershipIndex` is at or above every membership entry of this leader's log that it may not have applied.

import type { Settings } from './config.ts'
import { RaftLog } from './log.ts'
import { Reads } from './reads.ts'
import { Spread } from './spread.ts'
import { Tracker } from './tracker.ts'
import {
  type AppendResponse,
  type HardState,
  type LogIndex,
  type LogStorage,
  type NodeId,
  none,
  type PeerMessage,
  type PreVoteResponse,
  type ReadState,
  type Role,
  type SoftState,
  type Term,
  type Vote,
  type VoteResponse
} from './types.ts'

/** What must not leave before the state it rests on is durable. */
export type DurableMessage = AppendResponse | Vote | VoteResponse | PreVoteResponse

export class Raft {
  readonly settings: Settings
  readonly id: NodeId
  readonly log: RaftLog
  readonly tracker: Tracker
  readonly reads: Reads

  term: Term = 0
  vote: NodeId = none
  role: Role = 'follower'
  leader: NodeId = none
  /** Whom this leader is handing over to. */
  transferee: NodeId = none
  pendingMembershipIndex: LogIndex = 0
  uncommittedBytes = 0

  /** Ticks since the last election timeout, or since a leader, or a candidate that got the vote, was heard. */
  electionElapsed = 0
  heartbeatElapsed = 0
  electionTimeout = 0
  /** This run has just begun, and an earlier one may have promised a leader its lease. */
  mayOweLease = false

  messages: PeerMessage[] = []
  durableMessages: DurableMessage[] = []
  readStates: ReadState[] = []
  readId: number
  readonly #spread: Spread

  constructor(settings: Settings, storage: LogStorage) {
    this.settings = settings
    this.id = settings.id
    this.log = new RaftLog(storage, settings.applyingBytesMax)
    this.tracker = new Tracker(settings)
    this.reads = new Reads(settings.id, settings.electionTicks, settings.reads === 'lease')
    this.readId = settings.readIdStart
    this.#spread = new Spread(settings.electionSeed)
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  get softState(): SoftState {
    return { leader: this.leader, role: this.role }
  }

  /** Whether this node may campaign: it is a voter, and no snapshot is about to say otherwise. */
  get isPromotable(): boolean {
    const own = this.tracker.progress(this.id)
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === undefined
  }

  /** Whether this node has promised a leader not to vote for another yet. */
  get isInLease(): boolean {
    const { checkQuorum, electionTicks } = this.settings
    return checkQuorum && (this.leader !== none || this.mayOweLease) && this.electionElapsed < electionTicks
  }

  /** Whether something of this term is committed: only then does the leader know all that is. */
  get hasCommittedInTerm(): boolean {
    return this.log.matches(this.log.committed, this.term)
  }

  send(message: PeerMessage): void {
    this.messages.push(message)
  }

  /** Sends once everything before it is durable; to this node too. */
  sendDurable(message: DurableMessage): void {
    this.durableMessages.push(message)
  }

  /** What a change of role or term has in common: nothing is left of the last one. */
  reset(term: Term): void {
    if (this.term !== term) {
      this.term = term
      this.vote = none
    }
    this.leader = none
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.electionTimeout = this.settings.electionTicks + this.#spread.below(this.settings.electionTicks)
    this.transferee = none
    this.tracker.reset(this.id, this.log.lastIndex())
    this.pendingMembershipIndex = 0
    this.uncommittedBytes = 0
    this.reads.reset()
  }
}
