// Turn: answers that are at hand, without starving the event loop.
//
// A run of awaits that are all answered at once would never let timers and sockets run. So once such a run has lasted
// for a slice, answers wait for one turn of the loop.

// With a scavenge of the young generation or two in it, a slice stays below 10 ms.
const sliceMs = 1
// Reading the clock costs about as much as a tenth of a point read.
const checkEvery = 16

export class Turn {
  #work = 0
  #since = performance.now()
  #pause: Promise<void> | undefined

  /** The value as a promise: resolved, or resolved after the loop has turned. `weight`: its cost in point reads. */
  answer<Value>(value: Value, weight = 1): Promise<Value> {
    const pause = this.breath(weight)
    return pause === undefined ? Promise.resolve(value) : pause.then(() => value)
  }

  /** undefined when the caller may go on at once; else a promise of the loop's next turn. */
  breath(weight: number): Promise<void> | undefined {
    if (this.#pause !== undefined) return this.#pause
    this.#work += weight
    if (this.#work < checkEvery) return undefined
    this.#work = 0
    return performance.now() - this.#since > sliceMs ? this.#yield() : undefined
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
