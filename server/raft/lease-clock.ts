// LeaseClock: how much time the ticks of a member do not tell of. They are at most one a turn of the event loop and never made up
// for, so that a member that stood still takes nobody for silent; but a leader's lease must not outlast the time that its
// followers count. So what was missed is told apart, before anything that came meanwhile.
export class LeaseClock {
  readonly #nowMs: () => number
  readonly #tickMs: number
  /** What was told of time reaches so far; never beyond now. */
  #toldMs: number

  constructor(nowMs: () => number, tickMs: number) {
    this.#nowMs = nowMs
    this.#tickMs = tickMs
    this.#toldMs = nowMs()
  }

  /** A tick is told. */
  tick(): void {
    this.#toldMs = Math.min(this.#toldMs + this.#tickMs, this.#nowMs())
  }

  /** How many whole ticks' time was not told; it is from now on. */
  takeMissed(): number {
    const missed = Math.floor((this.#nowMs() - this.#toldMs) / this.#tickMs)
    this.#toldMs += missed * this.#tickMs
    return missed
  }
}
