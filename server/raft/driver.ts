// Driver: runs a node of the core: what comes in goes to it, and what it wants done is done, in the order that
// README.md asks for. It has no clock and no sockets: whoever owns it calls `tick` and `receive`, and sends what it hands out.
//
// 1. Nothing that rests on a write leaves before the write is durable. A write or an apply that fails is the end: nothing is
//    acknowledged any more, and `onFailure` says why.
// 2. An append without entries, which mostly tells a peer how far is committed, waits for the end of the turn: one with
//    entries that goes to the same peer before that tells it too, and takes its place.
// 3. Between two Readys nothing is awaited: writing, applying and sending go on beside each other.

import type { EntryBody } from '../../lib/member.ts'
import type { RawNode } from './core/node.ts'
import {
  type Entry,
  type InstallSnapshot,
  type LogIndex,
  type Membership,
  type MembershipChange,
  type Message,
  type NodeId,
  none,
  type PeerMessage,
  type ProposeResult,
  type ReadState,
  type Ready,
  type SoftState,
  type Status,
  type StorageAppend,
  type StorageApply,
  type Term
} from './core/types.ts'
import { payloadOf } from './entries.ts'
import type { ApplyMembership, MemberLog } from './log.ts'

export interface DriverEvents {
  /** To be sent at once, in this order to each peer. */
  readonly send: (messages: readonly PeerMessage[]) => void
  /** Resolves once the peer has all of it; rejects where it has not. */
  readonly sendSnapshot: (message: InstallSnapshot) => Promise<void>
  /** A membership entry takes effect. */
  readonly applyMembership: ApplyMembership
  /** These are visible now. */
  readonly onApplied: (entries: readonly Entry[]) => void
  /** The tables of a snapshot, which reach up to the index, are visible now, in the place of everything before. */
  readonly onInstalled: (index: LogIndex) => void
  readonly onReads: (reads: readonly ReadState[]) => void
  readonly onRole: (state: SoftState) => void
  readonly onFailure: (error: Error) => void
  /** Calls back once this turn has brought all that it brings. */
  readonly atEnd: (call: () => void) => void
}

/** Between the campaigns of two voters that have lost the same leader. */
const turnTicks = 2
/** Whoever would vote for another gives it more time to ask for the vote. */
const grantedTicks = 6

export class Driver {
  readonly #node: RawNode
  readonly #log: MemberLog
  readonly #events: DriverEvents
  #ticks = 0
  /** In which ticks the writes were begun that are not durable yet; the oldest first. */
  readonly #writing: number[] = []
  /** The turn of this voter comes after so many ticks, if the term is still that. */
  #turn: { readonly term: Term; ticks: number } | undefined
  /** Appends without entries that were not sent yet: the newest for each peer. */
  readonly #held = new Map<NodeId, PeerMessage>()
  #isPumping = false
  #isStopped = false

  constructor(node: RawNode, log: MemberLog, events: DriverEvents) {
    this.#node = node
    this.#log = log
    this.#events = events
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  get status(): Status {
    return this.#node.status()
  }

  /** For how many ticks the oldest write under way has not been durable; 0: none is. */
  get writingTicks(): number {
    const [oldest] = this.#writing
    return oldest === undefined ? 0 : this.#ticks - oldest
  }

  tick(): void {
    this.#ticks++
    this.#do(() => {
      this.#node.tick()
      this.#tickTurn()
    })
  }

  /** So many ticks are not made up for; a lease runs out by them. */
  passUnticked(ticks: number): void {
    this.#node.passUnticked(ticks)
  }

  receive(messages: readonly PeerMessage[]): void {
    this.#do(() => {
      for (const message of messages) this.#node.step(message)
    })
  }

  /** Resolves once what came with a snapshot is in force, or is not wanted: nobody needs its files any more. */
  install(message: InstallSnapshot): Promise<void> {
    this.receive([message])
    return this.#log.installed()
  }

  /** Undefined: it is stopped. */
  propose(body: EntryBody): ProposeResult | undefined {
    return this.#do(() => this.#node.propose([payloadOf(body)]))
  }

  /** The id that the answer will have, which may never come; undefined: nobody is known to lead. */
  readIndex(): number | undefined {
    return this.#do(() => this.#node.readIndex())
  }

  campaign(): void {
    this.#do(() => this.#node.campaign())
  }

  /** Until the next change of role or term. */
  setElectionTimeout(ticks: number): void {
    this.#node.setElectionTimeout(ticks)
  }

  transferLeader(to: NodeId): void {
    this.#do(() => this.#node.transferLeader(to))
  }

  unreachable(peer: NodeId): void {
    this.#do(() => this.#node.reportUnreachable(peer))
  }

  /**
   * A peer's process is gone: whoever followed it need not wait for its silence. All see that at the same moment, and would take
   * each other's votes: so they campaign by turns, the lowest id at once.
   */
  lost(peer: NodeId): void {
    this.#do(() => {
      this.#node.reportUnreachable(peer)
      const { id, leader, term, membership } = this.#node.status()
      if (leader !== peer) return
      this.#node.forgetLeader()
      const before = membership.voters.filter((voter) => voter !== peer && voter < id).length
      if (before === 0) this.#node.campaign()
      else this.#turn = { term, ticks: before * turnTicks }
    })
  }

  /** A membership entry is being applied: the membership from here on. */
  applyMembership(change: MembershipChange): Membership {
    return this.#node.applyMembership(change)
  }

  /** From here on nothing is done any more; what is under way ends without effect. */
  stop(): void {
    this.#isStopped = true
  }

  #giveWay(): void {
    if (this.#turn !== undefined) this.#turn.ticks = Math.max(this.#turn.ticks, grantedTicks)
  }

  #tickTurn(): void {
    const turn = this.#turn
    if (turn === undefined || --turn.ticks > 0) return
    this.#turn = undefined
    const { term, leader, role } = this.#node.status()
    if (term === turn.term && leader === none && role === 'follower') this.#node.campaign()
  }

  #do<Result>(work: () => Result): Result | undefined {
    if (this.#isStopped) return undefined
    try {
      const result = work()
      this.#pump()
      return result
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (!this.#isStopped && this.#node.hasReady()) this.#process(this.#node.ready())
    } finally {
      this.#isPumping = false
    }
  }

  #process({ softState, messages, append, apply, reads }: Ready): void {
    if (softState !== undefined) this.#events.onRole(softState)
    this.#send(messages)
    if (append !== undefined) this.#append(append)
    if (apply !== undefined) {
      this.#after(this.#log.apply(apply.entries, this.#events.applyMembership), () => this.#applied(apply))
    }
    if (reads.length > 0) this.#events.onReads(reads)
  }

  /** They become durable in their order. */
  #append(append: StorageAppend): void {
    this.#writing.push(this.#ticks)
    this.#after(this.#log.append(append), () => {
      this.#writing.shift()
      this.#deliver(append)
      if (append.snapshot !== undefined) this.#events.onInstalled(append.snapshot.index)
    })
  }

  #after(work: Promise<void>, then: () => void): void {
    work.then(
      () => void this.#do(then),
      (error: unknown) => this.#fail(error)
    )
  }

  #deliver({ responses }: StorageAppend): void {
    const others: PeerMessage[] = []
    const { id } = this.#node.status()
    for (const response of responses) {
      if (response.kind === 'preVoteResponse' && response.to !== id && !response.reject) this.#giveWay()
      if (response.to === id) this.#node.step(response as Message)
      else others.push(response as PeerMessage)
    }
    this.#send(others)
  }

  #applied({ entries, response }: StorageApply): void {
    this.#node.step(response)
    this.#events.onApplied(entries)
  }

  #send(messages: readonly PeerMessage[]): void {
    const sent: PeerMessage[] = []
    for (const message of messages) {
      if (message.kind === 'snapshot') this.#sendSnapshot(message)
      else if (message.kind === 'append' && message.entries.length === 0) this.#hold(message)
      else {
        if (message.kind === 'append') this.#held.delete(message.to)
        sent.push(message)
      }
    }
    if (sent.length > 0) this.#events.send(sent)
  }

  #hold(message: PeerMessage): void {
    if (this.#held.size === 0) this.#events.atEnd(() => this.#sendHeld())
    this.#held.set(message.to, message)
  }

  #sendHeld(): void {
    const held = [...this.#held.values()]
    this.#held.clear()
    if (held.length > 0 && !this.#isStopped) this.#events.send(held)
  }

  #sendSnapshot(message: InstallSnapshot): void {
    const report = (arrived: boolean) => void this.#do(() => this.#node.reportSnapshot(message.to, arrived))
    this.#events.sendSnapshot(message).then(
      () => report(true),
      () => report(false)
    )
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#events.onFailure(error as Error)
  }
}
