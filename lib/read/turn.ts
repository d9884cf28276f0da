// Turn: answers that are at hand, without starving the event loop.
//
// A run of awaits that are all answered at once would never let timers and sockets run. So once such a run has lasted
// for a few milliseconds, answers wait for one turn of the loop.

const sliceMs = 3
const checkEvery = 32

export class Turn {
  #answers = 0
  #since = performance.now()
  #pause: Promise<void> | undefined

  /** The value as a promise: resolved, or resolved after the loop has turned. */
  answer<Value>(value: Value): Promise<Value> {
    if (this.#pause !== undefined) return this.#pause.then(() => value)
    if (++this.#answers % checkEvery !== 0 || !this.#isLate()) return Promise.resolve(value)
    return this.#yield().then(() => value)
  }

  /** undefined when the caller may go on at once; else a promise of the loop's next turn. */
  breath(weight = 1): Promise<void> | undefined {
    if (this.#pause !== undefined) return this.#pause
    this.#answers += weight
    if (this.#answers < checkEvery && weight < checkEvery) return undefined
    this.#answers = 0
    return this.#isLate() ? this.#yield() : undefined
  }

  #isLate(): boolean {
    return performance.now() - this.#since > sliceMs
  }

  #yield(): Promise<void> {
    this.#pause = new Promise((resolve) => {
      setImmediate(() => {
        this.#pause = undefined
        this.#since = performance.now()
        resolve()
      })
    })
    return this.#pause
  }
}
