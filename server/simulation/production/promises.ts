// Promises: what a node has said in messages, which a disk that it comes back with must know of: the highest term, and the
// vote in it.
import type { Member } from '../../../lib/member.ts'
import { type NodeId, none, type PeerMessage, type Term } from '../../raft/core/types.ts'
import { Violation } from '../violation.ts'

export class Promises {
  readonly #id: NodeId
  #term: Term = 0
  #vote: NodeId = none

  constructor(id: NodeId) {
    this.#id = id
  }

  /** It leaves. */
  note(message: PeerMessage): void {
    if (message.kind === 'voteResponse' && !message.reject) this.#promise(message.term, message.to)
    else if (message.kind === 'vote') this.#promise(message.term, this.#id)
    else if (message.kind === 'appendResponse' && message.term > this.#term) this.#promise(message.term, none)
  }

  #promise(term: Term, vote: NodeId): void {
    this.#term = term
    this.#vote = vote
  }

  /** Throws where the storage, opened again, has forgotten. */
  check({ log }: Member): void {
    const { term, vote } = log.hardState
    const lastTerm = log.term(log.lastIndex) ?? 0
    const isKept = Math.max(term, lastTerm) >= this.#term
    const isVoteKept = this.#vote === none || term !== this.#term || vote === this.#vote
    if (isKept && isVoteKept) return
    throw new Violation(
      'promises are durable',
      `Node ${this.#id} comes back with a vote for ${vote} in term ${term}, and had said ${this.#vote} in term ${this.#term}.`
    )
  }
}
