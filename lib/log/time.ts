// Time: what reads and writes go by: the local clock, but never before the newest record's time, and never backwards. So an
// entry that has expired stays so, whatever the clock does.

export class Time {
  readonly #clock: () => number
  #lastMs: number

  /** `lastMs`: the time of the newest record. */
  constructor(clock: () => number, lastMs: number) {
    this.#clock = clock
    this.#lastMs = lastMs
  }

  /** An entry of this time was applied: from now on it is no earlier. */
  reach(timeMs: number): void {
    if (timeMs > this.#lastMs) this.#lastMs = timeMs
  }

  /** Milliseconds since 1970, whole. */
  readonly now = (): number => {
    const nowMs = Math.floor(this.#clock())
    if (nowMs > this.#lastMs) this.#lastMs = nowMs
    return this.#lastMs
  }
}
