// Lookahead: the short GETs of all sessions that one turn serves are looked up in one call of the store, before any of them is
// served. One key alone waits for memory again and again; of many, the waits overlap.
//
//   turn ─▶ each session's prepare ─▶ add(run) ─▶ look() ─▶ each session's serve ─▶ foreseen.reply
//
// What is foreseen is as good an answer as one that is read when the session is served: both come after the request and before
// the reply, and nothing of the session is between.
import { copyShort } from './net/copy-short.ts'
import type { Reply } from './protocol/reply.ts'
import type { Run } from './protocol/resp-runs.ts'
import { framings } from './runs.ts'
import type { ReadsNow } from './store.ts'
import { turn } from './turn.ts'

/** Of keys, and of answers, in one turn. */
const bytesMax = 64 * 2 ** 10
const keysMax = 512

/** The answers to a run's items from `run.from` on. */
export interface Foreseen {
  readonly run: Run
  /** How many; 0: nothing is known of them. */
  count: number
  reply: Extract<Reply, { kind: 'encoded' }> | undefined
}

export class Lookahead {
  readonly #source = Buffer.allocUnsafeSlow(bytesMax)
  readonly #places = new Uint32Array(2 * keysMax)
  readonly #ends = new Uint32Array(keysMax)
  readonly #target = Buffer.allocUnsafeSlow(bytesMax)
  #store: Partial<ReadsNow> | undefined
  #version: 2 | 3 = 2
  #foreseen: Foreseen[] = []
  #keys = 0
  #used = 0
  readonly #whenPrepared: (call: () => void) => void
  readonly #look = () => this.look()

  /** `whenPrepared` calls back once all that belongs together is added. */
  constructor(whenPrepared: (call: () => void) => void) {
    this.#whenPrepared = whenPrepared
  }

  /** Takes the keys of a run in; undefined: they do not fit, or are for another store or in another version than others. */
  add(run: Run, store: Partial<ReadsNow>, version: 2 | 3): Foreseen | undefined {
    const { chunk, places, from, count } = run
    if (this.#keys === 0) {
      if (this.#foreseen.length === 0) this.#whenPrepared(this.#look)
      this.#store = store
      this.#version = version
    } else if (store !== this.#store || version !== this.#version) return undefined
    let keys = this.#keys
    let used = this.#used
    if (keys + count - from > keysMax) return undefined
    for (let item = from; item < count; item++) {
      const at = places[2 * item] as number
      const length = places[2 * item + 1] as number
      if (used + length > bytesMax) return undefined
      copyShort(chunk, at, length, this.#source, used)
      this.#places[2 * keys] = used
      this.#places[2 * keys + 1] = length
      used += length
      keys++
    }
    this.#keys = keys
    this.#used = used
    const foreseen: Foreseen = { run, count: 0, reply: undefined }
    this.#foreseen.push(foreseen)
    return foreseen
  }

  /** Fills in what was foreseen since the last call, as far as it is at hand. */
  look(): void {
    const foreseen = this.#foreseen
    const keys = this.#keys
    const store = this.#store
    this.#foreseen = []
    this.#keys = this.#used = 0
    this.#store = undefined
    // One session's are looked up as well when it is served.
    if (store === undefined || foreseen.length < 2) return
    const answered = this.#ask(store, keys)
    let first = 0
    for (const one of foreseen) {
      const wanted = one.run.count - one.run.from
      const count = Math.min(wanted, answered - first)
      if (count <= 0) break
      const start = first === 0 ? 0 : (this.#ends[first - 1] as number)
      one.count = count
      // Memory of its own: one that is not read must not keep that of all others.
      const bytes = Buffer.from(this.#target.subarray(start, this.#ends[first + count - 1]))
      one.reply = { kind: 'encoded', bytes, count }
      first += wanted
    }
  }

  /** How many of the first keys were answered. What is wrong with the next one is told when it is asked for alone. */
  #ask(store: Partial<ReadsNow>, keys: number): number {
    const { missing } = framings[this.#version]
    const framed = { target: this.#target, missing, ends: this.#ends }
    try {
      return store.getFramed?.(this.#source, this.#places, 0, keys, framed) ?? 0
    } catch {
      return 0
    }
  }
}

/** Of this thread, as its turns are. */
export const lookahead = new Lookahead((call) => turn.whenPrepared(call))

/** Of sessions whose store had to ask others first: they hear of it one right after the other. */
export const freshLookahead = new Lookahead(queueMicrotask)
