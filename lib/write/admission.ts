// Admission: lets transactions run side by side, until one has lost too often: it is then admitted alone, in order of
// arrival. While it is, the others begin and commit nothing, so no transaction can take what it read from under it.
//
// Only for a while: one that waits for something else (a transaction that it started itself, even) must not hold up the
// others for ever. After that it is one among many again, and still tries until it succeeds.

const aloneMsMax = 1000

export class Admission {
  #last: Promise<void> | undefined

  /** Waits while another is alone; undefined when nobody is. */
  wait(): Promise<void> | undefined {
    return this.#last === undefined ? undefined : this.#whileAlone()
  }

  async #whileAlone(): Promise<void> {
    while (this.#last !== undefined) await this.#last
  }

  /** Runs `work` alone, after those that came before. */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#last
    let resolve: () => void = () => {}
    const mine = new Promise<void>((accept) => {
      resolve = accept
    })
    this.#last = mine
    const leave = (): void => {
      if (this.#last === mine) this.#last = undefined
      resolve()
    }
    await before
    const timer = setTimeout(leave, aloneMsMax)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
      leave()
    }
  }
}
