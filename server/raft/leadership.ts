// Leadership: who leads, as far as this member knows, and who waits for that. A member that leads may decide only once the
// first entry of its term is applied: before, it does not know what was committed in earlier terms.
import { StoreError } from '../store.ts'
import { type NodeId, none, type SoftState } from './core/types.ts'

export interface LeadershipContext {
  readonly id: NodeId
  readonly nowMs: () => number
  /** Where clients reach a member; undefined: it is not known. */
  readonly addressOf: (id: NodeId) => string | undefined
}

interface Held {
  readonly sinceMs: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A call that came while nobody led is held so long. */
export const heldMs = 2_000

export class Leadership {
  readonly #context: LeadershipContext
  #leader: NodeId = none
  /** Who led last, as far as it is known. */
  #last: NodeId = none
  #isReady = false
  #held: Held[] = []

  constructor(context: LeadershipContext) {
    this.#context = context
  }

  get isLeader(): boolean {
    return this.#leader === this.#context.id
  }

  /** It leads, and knows what is committed. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** 0: nobody is known to lead. */
  get leader(): NodeId {
    return this.#leader
  }

  /** Who leads or led last; 0: nobody did since the start. */
  get lastLeader(): NodeId {
    return this.#last
  }

  /** Resolves when this member may decide; at once where it may. Rejects where another leads, or nobody does for long. */
  whenReady(): Promise<void> | undefined {
    if (this.#isReady && this.#held.length === 0) return undefined
    return new Promise((resolve, reject) => {
      this.#held.push({ sinceMs: this.#context.nowMs(), resolve, reject })
      this.#settle()
    })
  }

  roleChanged({ leader, role }: SoftState): void {
    this.#leader = role === 'leader' ? this.#context.id : leader
    if (this.#leader !== none) this.#last = this.#leader
    if (role !== 'leader') this.#isReady = false
    this.#settle()
  }

  /** An entry of this term is applied: all of earlier terms are. */
  ready(): void {
    if (!this.isLeader) return
    this.#isReady = true
    this.#settle()
  }

  tick(): void {
    const nowMs = this.#context.nowMs()
    const over = this.#held.filter(({ sinceMs }) => nowMs - sinceMs >= heldMs)
    if (over.length === 0) return
    this.#held = this.#held.filter(({ sinceMs }) => nowMs - sinceMs < heldMs)
    for (const { reject } of over) reject(new StoreError('NO_LEADER', 'Nobody has led for 2 s, ask again.'))
  }

  close(error: Error): void {
    this.#isReady = false
    const held = this.#held
    this.#held = []
    for (const { reject } of held) reject(error)
  }

  /** What the error of a call says that only the leader answers. */
  notLeader(): StoreError {
    const address = this.#context.addressOf(this.#leader)
    return new StoreError('NOT_LEADER', `Another member leads: ${address ?? this.#leader}.`, address)
  }

  #settle(): void {
    const isElsewhere = this.#leader !== none && !this.isLeader
    if (!this.#isReady && !isElsewhere) return
    const held = this.#held
    this.#held = []
    for (const { resolve, reject } of held) {
      if (this.#isReady) resolve()
      else reject(this.notLeader())
    }
  }
}
