// A node's linearizable reads: one question to the core stands for all reads that wait when it is asked. Reads that come
// meanwhile wait for the next question. A question that is not answered is asked again, for the reads that came since too,
// and with the core's new id: so a late answer to the earlier one serves only those that it was asked for.
import type { LogIndex } from '../raft/core/types.ts'

export interface WaitingRead {
  /** The value may be read now; or this node cannot tell. */
  readonly answer: (mayRead: boolean) => void
  /** Two questions may hold a read: the first that is answered serves it. */
  isAnswered: boolean
}

interface Question {
  readonly reads: WaitingRead[]
  readonly committedThen: LogIndex
  readonly askedAtMs: number
}

interface ReadsOptions {
  /** `RaftNode.readIndex`. */
  readonly ask: () => number | undefined
  readonly committedLast: () => LogIndex
  readonly confirmed: (committedThen: LogIndex, index: LogIndex) => void
  readonly nowMs: () => number
  readonly retryMs: number
}

export class Reads {
  readonly #options: ReadsOptions
  readonly #questions = new Map<number, Question>()
  #latest: Question | undefined
  #next: WaitingRead[] = []
  #confirmed: { readonly index: LogIndex; readonly reads: WaitingRead[] }[] = []

  constructor(options: ReadsOptions) {
    this.#options = options
  }

  add(read: WaitingRead): void {
    this.#next.push(read)
    if (this.#latest === undefined) this.#ask([])
  }

  /** Asks again where no answer came. */
  retry(): void {
    const latest = this.#latest
    if (latest === undefined || this.#options.nowMs() < latest.askedAtMs + this.#options.retryMs) return
    this.#ask(latest.reads)
  }

  #ask(again: readonly WaitingRead[]): void {
    const reads = [...again, ...this.#next]
    this.#next = []
    const { ask, committedLast, nowMs } = this.#options
    const committedThen = committedLast()
    const id = ask()
    if (id === undefined) {
      this.#latest = undefined
      answer(reads, false)
      return
    }
    this.#latest = { reads, committedThen, askedAtMs: nowMs() }
    this.#questions.set(id, this.#latest)
  }

  /** The core says where the reads of a question may happen. */
  confirm(id: number, index: LogIndex): void {
    const question = this.#questions.get(id)
    if (question === undefined) return
    this.#questions.delete(id)
    this.#options.confirmed(question.committedThen, index)
    this.#confirmed.push({ index, reads: question.reads })
    if (this.#latest !== question) return
    this.#latest = undefined
    if (this.#next.length > 0) this.#ask([])
  }

  /** Everything up to `index` is applied: answers what may be read. */
  serve(index: LogIndex): void {
    if (this.#confirmed.length === 0) return
    const due = this.#confirmed.filter((confirmed) => confirmed.index <= index)
    if (due.length === 0) return
    this.#confirmed = this.#confirmed.filter((confirmed) => confirmed.index > index)
    for (const { reads } of due) answer(reads, true)
  }
}

function answer(reads: readonly WaitingRead[], mayRead: boolean): void {
  for (const read of reads) {
    if (read.isAnswered) continue
    read.isAnswered = true
    read.answer(mayRead)
  }
}
