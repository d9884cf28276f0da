// The numbers that spread election timeouts: a fixed sequence for each seed (splitmix), so that a run can be repeated.

export class Spread {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** The next number of the sequence, from 0 to n - 1. */
  below(n: number): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) % n
  }
}
