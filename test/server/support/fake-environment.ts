// A client's surroundings with a clock that goes when it is told to, and randomness that is what it is set to.
import { type Environment, realEnvironment } from '../../../server/client/environment.ts'

interface Timer {
  readonly atMs: number
  readonly call: () => void
}

export class FakeEnvironment implements Environment {
  /** What waits was set for these times from when it was set, in order. */
  readonly waits: number[] = []
  chance = 0.5
  #nowMs = 0
  #timers: Timer[] = []
  #wakers: (() => void)[] = []
  readonly dial = realEnvironment.dial

  nowMs(): number {
    return this.#nowMs
  }

  random(): number {
    return this.chance
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, call }
    this.#timers.push(timer)
    this.waits.push(ms)
    for (const wake of this.#wakers.splice(0)) wake()
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lets time go, and calls what is due, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.call()
    }
    this.#nowMs = endMs
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Resolves once something waits for so long. */
  async waited(ms: number): Promise<void> {
    while (!this.#timers.some(({ atMs }) => atMs - this.#nowMs === ms)) {
      await new Promise<void>((resolve) => this.#wakers.push(resolve))
    }
  }
}
