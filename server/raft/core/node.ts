// RawNode: the face of the core. It owns the state of one node; what it is told goes to the transition for it.

import { checkedConfig } from './config.ts'
import { campaignNow } from './election.ts'
import { forgetLeader } from './follower.ts'
import { invariant } from './invariant.ts'
import { reportSnapshot, reportUnreachable } from './leader.ts'
import { applyMembership, restoreMembership } from './members.ts'
import { propose } from './proposals.ts'
import { Raft } from './raft.ts'
import { askRead } from './reading.ts'
import { ReadyMaker } from './ready.ts'
import { becomeFollower } from './roles.ts'
import { step, transferLeader } from './step.ts'
import { tick } from './ticks.ts'
import {
  type HardState,
  type LogStorage,
  type Membership,
  type MembershipChange,
  type Message,
  type NodeId,
  none,
  type Payload,
  type ProposeResult,
  type RaftConfig,
  type RaftNode,
  type Ready,
  type Status,
  type StepFault
} from './types.ts'

export class RawNode implements RaftNode {
  readonly #raft: Raft
  readonly #ready: ReadyMaker

  /** Begins, or goes on, from what the storage holds. */
  constructor(config: RaftConfig, storage: LogStorage) {
    const settings = checkedConfig(config)
    const raft = new Raft(settings, storage)
    const { hardState, membership } = storage.initialState()
    restoreMembership(raft, membership)
    if (hardState !== undefined) restoreHardState(raft, hardState)
    if (settings.applied > raft.log.applied) {
      raft.log.commitTo(settings.applied)
      raft.log.appliedTo(settings.applied, 0)
    }
    becomeFollower(raft, raft.term, none)
    raft.mayOweLease = settings.reads === 'lease' && raft.term > 0
    this.#raft = raft
    this.#ready = new ReadyMaker(raft)
  }

  tick(): void {
    tick(this.#raft)
  }

  passUnticked(ticks: number): void {
    this.#raft.reads.pass(ticks)
  }

  step(message: Message): StepFault | undefined {
    return step(this.#raft, message)
  }

  propose(payloads: readonly Payload[]): ProposeResult {
    invariant(payloads.length > 0, 'a proposal needs a payload')
    return propose(
      this.#raft,
      payloads.map((payload) => ({ kind: 'normal', payload }))
    )
  }

  proposeMembership(change: MembershipChange): ProposeResult {
    return propose(this.#raft, [{ kind: 'membership', change }])
  }

  applyMembership(change: MembershipChange): Membership {
    return applyMembership(this.#raft, change)
  }

  hasReady(): boolean {
    return this.#ready.hasReady()
  }

  ready(): Ready {
    return this.#ready.make()
  }

  readIndex(): number | undefined {
    return askRead(this.#raft)
  }

  campaign(): void {
    campaignNow(this.#raft)
  }

  transferLeader(to: NodeId): void {
    transferLeader(this.#raft, to)
  }

  forgetLeader(): void {
    forgetLeader(this.#raft)
  }

  reportUnreachable(id: NodeId): void {
    reportUnreachable(this.#raft, id)
  }

  reportSnapshot(id: NodeId, arrived: boolean): void {
    reportSnapshot(this.#raft, id, arrived)
  }

  status(): Status {
    const { id, role, log, tracker, transferee, hardState, softState } = this.#raft
    return {
      id,
      ...hardState,
      ...softState,
      applied: log.applied,
      lastIndex: log.lastIndex(),
      transferee,
      membership: tracker.membership,
      progress: role === 'leader' ? tracker.peers.map((peer) => peer.status()) : []
    }
  }

  setElectionTimeout(ticks: number): void {
    this.#raft.electionTimeout = ticks
  }
}

// The commit need not be durable when what follows from it is: what was cut from the log, or applied, was committed.
function restoreHardState(raft: Raft, { term, vote, commit }: HardState): void {
  raft.log.commitTo(commit)
  raft.term = term
  raft.vote = vote
}
