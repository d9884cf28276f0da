// Answering: the replies to a connection's next group of requests: at once where they are at hand, else later.
//
// The length of a lookup follows the values met so far, so that a lookup of long values stays short.
import type { Account } from './account.ts'
import type { Caller } from './commands/caller.ts'
import type { Limits } from './limits.ts'
import { type Foreseen, freshLookahead } from './lookahead.ts'
import type { Holder, Memory } from './memory.ts'
import { type Group, type ReplyLimits, type Requests, runGroup, runGroupNow } from './pipeline.ts'
import { type Reply, sizeOf } from './protocol/reply.ts'
import { fieldOf, type Run } from './protocol/resp-runs.ts'
import { answerGets, writeSets } from './runs.ts'
import type { ReadsNow } from './store.ts'
import { storeErrorReply } from './store-errors.ts'

/** Where fewer values than these fill a slice of replies, they are long. */
const longReadsMax = 4
/** A lookup may grow this much over the one before it. */
const growthMax = 8

export interface AnsweringContext {
  readonly account: Account
  readonly limits: Limits
  readonly memory: Memory
}

export class Answering {
  readonly #caller: Caller & Holder
  readonly #context: AnsweringContext
  readonly #room: ReplyLimits
  #readsMax: number
  /** The next value is a long one. */
  #isLongNext = false
  #bytes = 0
  #isLookup = false
  /** What is known already of the run that comes first. */
  #foreseen: Foreseen | undefined

  constructor(caller: Caller & Holder, context: AnsweringContext) {
    const { firstLookupMax, replyBytesMax, outputBytesTotalMax } = context.limits
    this.#caller = caller
    this.#context = context
    this.#room = { lookupBytesMax: replyBytesMax, replyBytesMax: outputBytesTotalMax }
    this.#readsMax = firstLookupMax
  }

  /** The last values were long, or the next one is. */
  get expectsLong(): boolean {
    return this.#isLongNext || this.#readsMax < longReadsMax
  }

  /** About how many bytes the answers that came last are. */
  get bytes(): number {
    return this.#bytes
  }

  /** The answers that came last are those of a lookup: values among them are nobody else's. */
  get isLookup(): boolean {
    return this.#isLookup
  }

  foresee(foreseen: Foreseen | undefined): void {
    this.#foreseen = foreseen
  }

  /** Takes the next group; what it leaves of it comes next. Its answers may be none. REQUIRES: not at the end. */
  next(requests: Requests): Reply[] | Promise<Reply[]> {
    const group = requests.take({ readsMax: this.#readsMax, writesMax: this.#context.limits.batchMax })
    const [first] = group.plans
    this.#isLookup = false
    if (first?.kind === 'run') return this.#runPlain(first.run, requests)
    const answers = this.#now(group)
    if (answers !== undefined && answers.length > 0) return this.#settle(group, answers, requests)
    // Before it is read: whether there is room for long values is asked first.
    this.#isLongNext = answers !== undefined
    return this.#later(group).then((late) => this.#settle(group, late, requests))
  }

  #settle(group: Group, answers: Reply[], requests: Requests): Reply[] {
    if (answers.length < group.plans.length) requests.putBack(group.plans.slice(answers.length))
    this.#context.account.settle(answers)
    this.#bytes = sizeOf(answers)
    this.#isLookup = group.kind === 'lookup'
    if (this.#isLookup) this.#adapt(answers.length)
    this.#isLongNext = false
    return answers
  }

  /** The answers that are at hand; undefined: the group has to be waited for. */
  #now(group: Group): Reply[] | undefined {
    if (group.kind === 'lookup' && !this.#context.memory.mayLookup(this.#caller)) return undefined
    return runGroupNow(group, this.#caller, this.#room)
  }

  /** Lookups wait their turn, and stop when they have filled their room. */
  async #later(group: Group): Promise<Reply[]> {
    if (group.kind !== 'lookup' && group.kind !== 'entries') return runGroup(group, this.#caller)
    const { memory } = this.#context
    const begun = memory.beginLookup(this.#caller)
    if (begun !== undefined) await begun
    try {
      return await runGroup(group, this.#caller, this.#room)
    } finally {
      memory.endLookup()
    }
  }

  #runPlain(run: Run, requests: Requests): Reply[] | Promise<Reply[]> {
    if (run.name === 'GET') return this.#startGets(run, requests)
    return writeSets(run, this.#caller).then((answers) => {
      this.#bytes = sizeOf(answers)
      this.#context.account.settleRun(run, run.count - run.from, answers)
      return answers
    })
  }

  #startGets(run: Run, requests: Requests): Reply[] | Promise<Reply[]> {
    const { store } = this.#caller
    const fresh = store.freshen?.()
    if (fresh === undefined) return this.#runGets(run, requests, store)
    return fresh.then(
      (reads) => this.#runFreshGets(run, requests, reads),
      (error: unknown) => this.#refuseGets(run, error)
    )
  }

  /** Others hear in the same moment that they may read: all are looked up at once. */
  async #runFreshGets(run: Run, requests: Requests, reads: ReadsNow): Promise<Reply[]> {
    const foreseen = this.expectsLong ? undefined : freshLookahead.add(run, reads, this.#caller.version)
    if (foreseen !== undefined) await undefined
    this.#foreseen = foreseen
    return this.#runGets(run, requests, reads)
  }

  #refuseGets(run: Run, error: unknown): Reply[] {
    const count = run.count - run.from
    const answers = Array.from({ length: count }, (_, i) =>
      storeErrorReply(error, this.#caller, fieldOf(run, run.from + i, 0))
    )
    this.#bytes = sizeOf(answers)
    this.#context.account.settleRun(run, count, answers)
    return answers
  }

  /** Those that have to be waited for, or whose values are long, go the way of all requests. */
  #runGets(run: Run, requests: Requests, reads: Partial<ReadsNow>): Reply[] {
    const caller = this.#caller
    const mayLookup = !this.expectsLong && this.#context.memory.mayLookup(caller)
    // As many as a lookup may hold: the store reads them all before it knows what has room.
    const some = { ...run, count: Math.min(run.count, run.from + this.#readsMax) }
    const answered = this.#foreseenOf(run) ?? (mayLookup ? answerGets(some, reads, caller.version) : undefined)
    if (answered === undefined) {
      this.#bytes = 0
      requests.split(run)
      return []
    }
    const { reply, next } = answered
    if (next < run.count) requests.putBack([{ kind: 'run', run: { ...run, from: next } }])
    const count = next - run.from
    const answers = [reply]
    this.#bytes = sizeOf(answers)
    this.#context.account.settleRun(run, count, answers)
    this.#adapt(count)
    return answers
  }

  #foreseenOf(run: Run): ReturnType<typeof answerGets> {
    const foreseen = this.#foreseen
    this.#foreseen = undefined
    if (foreseen?.reply === undefined || foreseen.run !== run) return undefined
    return { reply: foreseen.reply, next: run.from + foreseen.count }
  }

  /** Sizes the next lookup by what this one brought. */
  #adapt(count: number): void {
    const { replyBytesMax, lookupMax } = this.#context.limits
    const fitting = Math.floor((replyBytesMax * count) / Math.max(this.#bytes, 1))
    // A short lookup says little of the client's other values: it may shrink the next one, and not make it grow.
    const grown = count < this.#readsMax ? this.#readsMax : this.#readsMax * growthMax
    this.#readsMax = Math.max(1, Math.min(fitting, grown, lookupMax))
  }
}
