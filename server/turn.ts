// Turn: what one turn of the event loop brings is served together, once every socket that had something is read.
//
//   sockets are read ─▶ what sessions ask for first is looked up ─▶ each session that got a chunk is served
//                    ─▶ what they wrote goes to the store as one batch
//                    └▶ replies are sent
//
// Replies leave right after one another. A program that has many connections is then woken once instead of once for each:
// waking it costs more than all else that a short request needs.
import { performance } from 'node:perf_hooks'

export interface Served {
  /** Called before any of a turn with several is served. Does not throw. */
  prepare?(): void
  /** Does what can be done at once; what takes longer goes on by itself. Does not throw. */
  serve(): void
}

export interface Held {
  /** Sends what it holds back, if it holds anything. Does not throw. */
  release(): void
}

/** Then timers and sockets have their turn, and the others go on after them. */
const sliceMs = 5
/** Sessions that are prepared: that takes time, too. */
const preparedMax = 256
/** Sessions between two looks at the clock. */
const checkEvery = 8

class Turn {
  #waiting: Served[] = []
  #ends: (() => void)[] = []
  #prepared: (() => void)[] = []
  #held: Held[] = []
  #isPlanned = false
  #isRunning = false
  #isSendPlanned = false
  readonly #send = () => this.#sendAll()

  /** Serves it once all sockets of this turn are read, in the order of the calls. */
  serve(one: Served): void {
    this.#waiting.push(one)
    this.#plan()
  }

  /** Serves what waits now: all sockets of this turn are read. */
  begin(): void {
    if (this.#waiting.length > 0 && !this.#isRunning) this.#run()
  }

  /** Calls back once all that is served in this turn has begun. */
  atEnd(call: () => void): void {
    if (this.#isRunning) this.#ends.push(call)
    else setImmediate(call)
  }

  /** Within `prepare`: calls back once all are prepared, before the first is served. */
  whenPrepared(call: () => void): void {
    this.#prepared.push(call)
  }

  /** Releases it once others have what they hold back, too, within this turn. */
  hold(one: Held): void {
    this.#held.push(one)
    if (this.#isRunning || this.#isSendPlanned) return
    this.#isSendPlanned = true
    process.nextTick(this.#send)
  }

  #sendAll(): void {
    this.#isSendPlanned = false
    const held = this.#held
    this.#held = []
    for (const one of held) one.release()
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#isPlanned = false
    this.#isRunning = true
    if (waiting.length > 1) this.#prepare(waiting)
    const served = serveFor(waiting, sliceMs)
    this.#isRunning = false
    this.#sendAll()
    if (served < waiting.length) {
      this.#waiting = [...waiting.slice(served), ...this.#waiting]
      this.#plan()
    }
    const ends = this.#ends
    this.#ends = []
    for (const end of ends) end()
  }

  #prepare(waiting: readonly Served[]): void {
    const count = Math.min(waiting.length, preparedMax)
    for (let i = 0; i < count; i++) waiting[i]?.prepare?.()
    const prepared = this.#prepared
    this.#prepared = []
    for (const call of prepared) call()
  }
}

/** How many of them, in order, were served within about so long. */
function serveFor(waiting: readonly Served[], ms: number): number {
  const until = performance.now() + ms
  let served = 0
  for (const one of waiting) {
    one.serve()
    if (++served % checkEvery === 0 && performance.now() > until) break
  }
  return served
}

/** Of this thread, as its event loop is. */
export const turn = new Turn()
