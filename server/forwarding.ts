// Forwarding: writes that come to a member that does not lead are made by the one that does, as the user who asked.
//
//   session ─▶ plan `forward` ─▶ note to the leader ─▶ planned there, for what the user may there ─▶ run ─▶ note with the replies
//
// 1. Nothing is done twice. What was sent is sent again only where the other member said that nothing of it was done; where it does
//    not answer, or leads no longer as far as is known here, the outcome is unknown.
// 2. Requests of one note are done in their order, and a connection's notes are sent one after the other.
// 3. A transaction is one decision there as it would be here. What it says of its own connection is said here.

import { encodeNote, kindOfNote } from './cluster/notes.ts'
import { type ClusterView, leaderOf, leads } from './cluster/view.ts'
import { decisionOf } from './commands/atomic.ts'
import type { Caller, Forwarding, ServerView, Watched } from './commands/caller.ts'
import type { AskedRequest } from './commands/plan.ts'
import { type Answered, type Asked, answeredOf, askedOf, countOf, type Question } from './forwarding-notes.ts'
import { Requests, runGroup } from './pipeline.ts'
import { planLine, planResp } from './planner.ts'
import { arrayReply, errorReply, missing, missingArray, type Reply, unknownOutcome } from './protocol/reply.ts'
import { RemoteCaller } from './remote-caller.ts'
import { Hold, holdMsDefault } from './store/hold.ts'
import type { Store } from './store.ts'
import { storeErrorReply } from './store-errors.ts'

export interface ForwarderContext {
  readonly view: ClusterView
  readonly store: Store
  readonly server: () => ServerView
  /** Whether this member's own writes go to the leader; it makes those of others in any case. */
  readonly forwards: boolean
  readonly nowMs: () => number
  readonly after: (ms: number, call: () => void) => () => void
}

interface Waiting {
  readonly to: string
  readonly sinceMs: number
  readonly count: number
  readonly resolve: (replies: readonly Reply[]) => void
}

/** As much may wait to be sent to a member, and no note is longer. */
const roomBytes = 64 * 2 ** 20
/** An answer that is not there by then will hardly come. */
const patienceMs = 5_000
/** Between two attempts that were refused. */
const againMs = 50
const groupSizes = { readsMax: 1_000, writesMax: 1_000 }

const refused = errorReply('nobody was there to take the write', 'NO_LEADER')
const tooLarge = errorReply(
  `a follower forwards at most ${roomBytes} bytes at once; ask the leader itself`,
  'TOO_LARGE'
)
const repeated = (reply: Reply, count: number): readonly Reply[] => Array.from({ length: count }, () => reply)
const isRefused = (reply: Reply): boolean =>
  reply.kind === 'error' && (reply.code === 'NOT_LEADER' || reply.code === 'NO_LEADER')

export class Forwarder implements Forwarding {
  readonly #context: ForwarderContext
  readonly #hold: Hold
  readonly #waiting = new Map<number, Waiting>()
  readonly #stops: (() => void)[]
  /** Ends a pause between two attempts. */
  readonly #pauses = new Set<() => void>()
  #lastId = 0
  #isClosed = false

  constructor(context: ForwarderContext) {
    const { view, nowMs, after } = context
    this.#context = context
    this.#hold = new Hold({ isReady: () => leaderOf(view) !== undefined, nowMs, after })
    const stopNotes = view.notes?.onNote((from, note) => this.#hear(from, note)) ?? (() => {})
    this.#stops = [stopNotes, view.onChange(() => this.#leaderChanged())]
  }

  get isNeeded(): boolean {
    return this.#context.forwards && !leads(this.#context.view)
  }

  forward(requests: readonly AskedRequest[], caller: Caller): Promise<readonly Reply[]> {
    const { user, language, version } = caller
    return this.#ask({ user, language, version, requests })
  }

  async exec(requests: readonly AskedRequest[], watched: readonly Watched[], caller: Caller): Promise<Reply> {
    const seen = watched.map(({ key, sequence = null }) => ({ key: Buffer.from(key), sequence }))
    const { user, language, version } = caller
    const [reply] = await this.#ask({ user, language, version, requests, watched: seen })
    return reply ?? unknownOutcome
  }

  /** About once a second. */
  sweep(): void {
    const nowMs = this.#context.nowMs()
    this.#giveUp(({ sinceMs }) => nowMs - sinceMs >= patienceMs)
  }

  /** Whoever waits is told what is known by then; nothing is attempted any more. */
  close(): void {
    this.#isClosed = true
    for (const stop of this.#stops) stop()
    this.#hold.close()
    this.#giveUp(() => true)
    for (const end of this.#pauses) end()
  }

  async #ask(question: Question): Promise<readonly Reply[]> {
    const { nowMs } = this.#context
    const untilMs = nowMs() + holdMsDefault
    const count = countOf(question)
    for (;;) {
      if (this.#isClosed) return repeated(refused, count)
      // What is thrown here is the hold's own: nothing was attempted. Of an attempt that fails nobody knows how far it came.
      const replies = await this.#hold
        .run(() => this.#attempt(question).catch(() => repeated(unknownOutcome, count)))
        .catch(() => repeated(refused, count))
      const isNothingDone = replies.every(isRefused)
      if (!isNothingDone || nowMs() >= untilMs) return replies.map((reply) => (isRefused(reply) ? refused : reply))
      await this.#pause(againMs)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.#context.after(ms, end)
      this.#pauses.add(end)
    })
  }

  async #attempt(question: Question): Promise<readonly Reply[]> {
    const { view, server, nowMs } = this.#context
    const leader = leaderOf(view)
    const count = countOf(question)
    if (leader === undefined) return repeated(refused, count)
    if (leader.id === view.ownId) return this.#serve(question)
    const id = ++this.#lastId
    const note = encodeNote('forward', { ...question, id, run: server().runId } satisfies Asked)
    if (note.length > roomBytes) return repeated(tooLarge, count)
    return new Promise((resolve) => {
      if (view.notes?.send(leader.id, note, roomBytes) !== true) resolve(repeated(refused, count))
      else this.#waiting.set(id, { to: leader.id, sinceMs: nowMs(), count, resolve })
    })
  }

  #hear(from: string, note: Buffer): void {
    const kind = kindOfNote(note)
    if (kind === 'forward') this.#asked(from, note)
    else if (kind === 'forwarded') this.#answered(from, note)
  }

  #asked(from: string, note: Buffer): void {
    const asked = askedOf(note)
    if (asked !== undefined) void this.#answer(from, asked).catch(() => undefined)
  }

  #answered(from: string, note: Buffer): void {
    const answered = answeredOf(note)
    const waiting = answered && this.#waiting.get(answered.id)
    if (waiting === undefined || waiting.to !== from || answered?.run !== this.#context.server().runId) return
    this.#waiting.delete(answered.id)
    const { replies } = answered
    if (replies === 'refused') waiting.resolve(repeated(refused, waiting.count))
    else waiting.resolve(replies.length === waiting.count ? replies : repeated(unknownOutcome, waiting.count))
  }

  /** What leads no longer may have done what it was asked for, or not. */
  #leaderChanged(): void {
    const leader = leaderOf(this.#context.view)
    this.#giveUp(({ to }) => to !== leader?.id)
    this.#hold.release()
  }

  #giveUp(isOver: (waiting: Waiting) => boolean): void {
    for (const [id, waiting] of this.#waiting) {
      if (!isOver(waiting)) continue
      this.#waiting.delete(id)
      waiting.resolve(repeated(unknownOutcome, waiting.count))
    }
  }

  async #answer(from: string, asked: Asked): Promise<void> {
    const { id, run } = asked
    const replies = await this.#serve(asked)
    const noteOf = (some: readonly Reply[]) => encodeNote('forwarded', { id, run, replies: some } satisfies Answered)
    const note = noteOf(replies)
    const isTooLong = note.length > roomBytes
    // Where it cannot be told, whoever asked waits in vain, and takes the outcome for unknown.
    this.#context.view.notes?.send(from, isTooLong ? noteOf(repeated(unknownOutcome, replies.length)) : note, roomBytes)
  }

  async #serve({ user, language, version, requests, watched }: Question): Promise<readonly Reply[]> {
    const { store, server } = this.#context
    const caller = new RemoteCaller(server(), store, server().users.identityOf(user), version)
    const decoded = requests.map(({ name, args }) => ({ kind: 'request', name, args }) as const)
    if (watched !== undefined) return [await execute(decoded, watched, caller)]
    const plan = language === 'line' ? planLine : planResp
    const waiting = new Requests(decoded, (request) => plan(request, caller))
    const replies: Reply[] = []
    while (!waiting.isAtEnd) replies.push(...(await runGroup(waiting.take(groupSizes), caller)))
    return replies
  }
}

async function execute(
  requests: Parameters<typeof planResp>[0][],
  watched: NonNullable<Asked['watched']>,
  caller: RemoteCaller
): Promise<Reply> {
  const transaction = { plans: [], requests: [], bytes: 0, isBroken: false }
  caller.transaction = transaction
  for (const request of requests) planResp(request, caller)
  if (transaction.isBroken) return errorReply('Transaction discarded because of previous errors.', 'EXECABORT')
  const seen = watched.map(({ key, sequence }) => ({ key, sequence: sequence ?? undefined }))
  try {
    const answers = await caller.store.decide(decisionOf(transaction.plans, seen))
    if (answers === undefined) return missingArray
    return arrayReply(answers.map((answer) => (answer.kind === 'session' ? missing : answer)))
  } catch (error) {
    return storeErrorReply(error, caller)
  }
}
