// Reads: makes reads linearizable on any member. Whoever reads waits for an index of the leader's that was asked for after
// the read began, and until that is applied here. One question is on its way at a time; who comes meanwhile shares the next.
import { StoreError } from '../store.ts'
import type { LogIndex, ReadState } from './core/types.ts'

export interface ReadsContext {
  /** Asks the leader; undefined: nobody is known to lead. */
  readonly ask: () => number | undefined
  readonly nowMs: () => number
  /** Calls back once this turn has brought all that it brings. */
  readonly atEnd: (call: () => void) => void
}

interface Waiting {
  readonly sinceMs: number
  /** Gets the index that was read. */
  readonly resolve: (index: LogIndex) => void
  readonly reject: (error: Error) => void
}

/** A question that is on its way. */
interface Asked {
  /** Undefined: there was nobody to ask. */
  id: number | undefined
  readonly atMs: number
  readonly waiting: Waiting[]
}

interface Answered {
  readonly index: LogIndex
  /** When it was asked for. */
  readonly atMs: number
  readonly waiting: Waiting[]
}

/** An answer that is not there after so long is asked for again; it may have been lost. */
const askAgainMs = 200
/** A read that was not answered for so long is given up. */
const patienceMs = 2_000

export class Reads {
  readonly #context: ReadsContext
  /** Not asked for yet. */
  #next: Waiting[] = []
  #asked: Asked | undefined
  #closed: Error | undefined
  #isPlanned = false
  /** The id of the question is not known yet. */
  #isAsking = false
  #early: ReadState[] = []
  /** Answered, and not applied yet; by ascending index. */
  #answered: Answered[] = []
  #applied: LogIndex
  /** What was committed anywhere by then is applied here. */
  #freshMs = Number.NEGATIVE_INFINITY

  constructor(context: ReadsContext, applied: LogIndex) {
    this.#context = context
    this.#applied = applied
  }

  /** Resolves with the index that was read, once it is applied: what is applied now is no older than the call. */
  wait(): Promise<LogIndex> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    return new Promise((resolve, reject) => {
      this.#next.push({ sinceMs: this.#context.nowMs(), resolve, reject })
      this.#plan()
    })
  }

  /** For how long, at most, what is applied here may not have been the newest. */
  get stalenessMs(): number {
    return this.#context.nowMs() - this.#freshMs
  }

  answered(reads: readonly ReadState[]): void {
    if (this.#isAsking) {
      this.#early.push(...reads)
      return
    }
    for (const { id, index } of reads) {
      const asked = this.#asked
      if (asked === undefined || asked.id !== id) continue
      this.#asked = undefined
      const answered = { index, atMs: asked.atMs, waiting: asked.waiting }
      if (index <= this.#applied) this.#settle(answered)
      else {
        this.#answered.push(answered)
        this.#answered.sort((a, b) => a.index - b.index)
      }
    }
    if (this.#next.length > 0) this.#plan()
  }

  applied(index: LogIndex): void {
    this.#applied = index
    let first = this.#answered[0]
    while (first !== undefined && first.index <= index) {
      this.#answered.shift()
      this.#settle(first)
      first = this.#answered[0]
    }
  }

  #settle({ index, atMs, waiting }: Answered): void {
    this.#freshMs = Math.max(this.#freshMs, atMs)
    for (const { resolve } of waiting) resolve(index)
  }

  /** Another leads, or nobody: the answer will not come. */
  leaderChanged(): void {
    if (this.#asked !== undefined) this.#ask(this.#asked.waiting)
  }

  /** Time went on. */
  tick(): void {
    const nowMs = this.#context.nowMs()
    const isOver = ({ sinceMs }: Waiting) => nowMs - sinceMs >= patienceMs
    const asked = this.#asked
    if (asked !== undefined) {
      const over = asked.waiting.filter(isOver)
      if (over.length > 0) asked.waiting.splice(0, over.length)
      giveUp(over)
      if (asked.waiting.length === 0) this.#asked = undefined
      else if (asked.id === undefined || nowMs - asked.atMs >= askAgainMs) this.#ask(asked.waiting)
    }
    const late = this.#next.filter(isOver)
    this.#next.splice(0, late.length)
    giveUp(late)
    for (const { waiting } of this.#answered) giveUp(waiting.splice(0, waiting.filter(isOver).length))
    this.#answered = this.#answered.filter(({ waiting }) => waiting.length > 0)
    if (this.#next.length > 0) this.#plan()
  }

  /** Nothing will be answered any more. */
  close(error: Error): void {
    this.#closed ??= error
    const waiting = [...this.#next, ...(this.#asked?.waiting ?? []), ...this.#answered.flatMap((one) => one.waiting)]
    this.#next = []
    this.#asked = undefined
    this.#answered = []
    for (const { reject } of waiting) reject(error)
  }

  #plan(): void {
    if (this.#isPlanned || this.#asked !== undefined) return
    this.#isPlanned = true
    this.#context.atEnd(() => {
      this.#isPlanned = false
      if (this.#asked !== undefined || this.#next.length === 0) return
      const waiting = this.#next
      this.#next = []
      this.#ask(waiting)
    })
  }

  /** The answer may come within the call. */
  #ask(waiting: Waiting[]): void {
    const asked: Asked = { id: undefined, atMs: this.#context.nowMs(), waiting }
    this.#asked = asked
    this.#isAsking = true
    asked.id = this.#context.ask()
    this.#isAsking = false
    const early = this.#early
    this.#early = []
    if (early.length > 0) this.answered(early)
  }
}

function giveUp(waiting: readonly Waiting[]): void {
  for (const { reject } of waiting) reject(new StoreError('NO_LEADER', 'Nobody answered for the leader in 2 s.'))
}
