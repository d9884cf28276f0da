// Reads that wait for the leader to know that it still leads, and its lease.
//
// Heartbeats go out in numbered rounds; a number is used once in a term. A read is queued with the round that begins at or
// after it came; once a quorum has answered that round or a later one, the node led when the read came, so the index that
// was committed then is not stale. Each attempt of a read is queued anew: answers to an earlier one say nothing of it.
//
// The lease: whoever answered a round does not vote for another before an election timeout has passed since. So the leader
// leads alone for almost an election timeout from the tick in which the newest answered round began: one tick less for
// when in a tick things happen on either side, and a tenth less for clocks that differ. A transfer breaks the lease for the
// rest of the term: its target campaigns, and is voted for, without waiting.

import { jointIndex } from './quorum.ts'
import type { LogIndex, Membership, NodeId } from './types.ts'

export interface ReadRequest {
  readonly id: number
  /** Who asked. */
  readonly from: NodeId
}

export interface ConfirmedRead extends ReadRequest {
  readonly index: LogIndex
}

interface WaitingRead extends ConfirmedRead {
  readonly round: number
}

const clockShare = 0.9
const nothing: readonly never[] = []

export class Reads {
  readonly #own: NodeId
  readonly #keepsLease: boolean
  readonly #leaseTicks: number
  /** Reads that came before anything of this term was committed. */
  #early: ReadRequest[] = []
  #waiting: WaitingRead[] = []
  #answered = new Map<NodeId, number>()
  #round = 0
  #isRoundOpen = false
  #ticks = 0
  // When the rounds began that may still become the newest answered one.
  #begun: { readonly round: number; readonly tick: number }[] = []
  #leaseTick: number | undefined
  #isLeaseBroken = false

  constructor(own: NodeId, electionTicks: number, keepsLease: boolean) {
    this.#own = own
    this.#keepsLease = keepsLease
    this.#leaseTicks = Math.floor((electionTicks - 1) * clockShare) - 1
  }

  /** Heartbeats of the current round have not left yet: a read that comes now may count on their answers. */
  get isRoundOpen(): boolean {
    return this.#isRoundOpen
  }

  get hasLease(): boolean {
    return !this.#isLeaseBroken && this.#leaseTick !== undefined && this.#ticks - this.#leaseTick <= this.#leaseTicks
  }

  /** A term begins, or ends, for this node: whoever asked must ask again. */
  reset(): void {
    this.#early = []
    this.#waiting = []
    this.#answered.clear()
    this.#round = 0
    this.#isRoundOpen = false
    this.#ticks = 0
    this.#begun = []
    this.#leaseTick = undefined
    this.#isLeaseBroken = false
  }

  tick(): void {
    this.#ticks++
  }

  /** Time has passed that no tick told of: the lease runs out by it all the same. */
  pass(ticks: number): void {
    this.#ticks += ticks
  }

  /** A round of heartbeats is about to be sent: returns its number. */
  beginRound(): number {
    this.#round++
    this.#isRoundOpen = true
    if (this.#keepsLease) this.#begun.push({ round: this.#round, tick: this.#ticks })
    return this.#round
  }

  /** The heartbeats have left. */
  closeRound(): void {
    this.#isRoundOpen = false
  }

  breakLease(): void {
    this.#isLeaseBroken = true
  }

  defer(request: ReadRequest): void {
    this.#early.push(request)
  }

  takeEarly(): readonly ReadRequest[] {
    const early = this.#early
    if (early.length > 0) this.#early = []
    return early
  }

  /** A read waits for the current round. */
  wait({ id, from }: ReadRequest, index: LogIndex): void {
    this.#waiting.push({ id, from, index, round: this.#round })
  }

  answer(from: NodeId, round: number): void {
    this.#answered.set(from, Math.max(round, this.#answered.get(from) ?? 0))
  }

  /** The reads that are confirmed by now, in the order in which they came. */
  takeConfirmed(membership: Membership): readonly ConfirmedRead[] {
    const confirmed = jointIndex(membership, (id) => (id === this.#own ? this.#round : this.#answered.get(id)))
    let begun = 0
    for (const { round, tick } of this.#begun) {
      if (round > confirmed) break
      this.#leaseTick = tick
      begun++
    }
    if (begun > 0) this.#begun = this.#begun.slice(begun)
    let count = 0
    for (const { round } of this.#waiting) {
      if (round > confirmed) break
      count++
    }
    return count === 0 ? nothing : this.#waiting.splice(0, count)
  }
}
