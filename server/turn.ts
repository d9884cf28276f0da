// Turn: what one turn of the event loop brings is served together, once every socket that had something is read.
//
//   sockets are read ─▶ each session that got a chunk is served ─▶ what they wrote goes to the store as one batch
//                                                               └▶ replies are sent
//
// Replies leave right after one another. A program that has many connections is then woken once instead of once for each:
// waking it costs more than all else that a short request needs.
import { performance } from 'node:perf_hooks'

export interface Served {
  /** Does what can be done at once; what takes longer goes on by itself. Does not throw. */
  serve(): void
}

/** A socket, as far as its writes can be held back. */
export interface Corked {
  cork(): void
  uncork(): void
}

/** Then timers and sockets have their turn, and the others go on after them. */
const sliceMs = 5
/** Sessions between two looks at the clock. */
const checkEvery = 8

class Turn {
  #waiting: Served[] = []
  #ends: (() => void)[] = []
  #corked: Corked[] = []
  #isPlanned = false
  #isRunning = false
  #isSendPlanned = false
  readonly #send = () => this.#sendAll()

  /** Serves it once all sockets of this turn are read, in the order of the calls. */
  serve(one: Served): void {
    this.#waiting.push(one)
    this.#plan()
  }

  /** Calls back once all that is served in this turn has begun. */
  atEnd(call: () => void): void {
    if (this.#isRunning) this.#ends.push(call)
    else setImmediate(call)
  }

  /** Holds back what the socket is given from here on, until others have been given theirs, within this turn. */
  hold(socket: Corked): void {
    socket.cork()
    this.#corked.push(socket)
    if (this.#isRunning || this.#isSendPlanned) return
    this.#isSendPlanned = true
    process.nextTick(this.#send)
  }

  #sendAll(): void {
    this.#isSendPlanned = false
    const corked = this.#corked
    this.#corked = []
    for (const socket of corked) socket.uncork()
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
