// Admission: lets transactions run side by side, until one has lost too often: it is then admitted alone, in order of
// arrival. While it is, the others begin and commit nothing, so no transaction can take what it read from under it.
//
// What a transaction that is alone starts itself, and waits for, goes on: it would wait for ever otherwise.

import { AsyncLocalStorage } from 'node:async_hooks'

export class Admission {
  readonly #inside = new AsyncLocalStorage<Admission>()
  #last: Promise<void> | undefined

  /** Waits while another is alone; undefined when nobody is. */
  wait(): Promise<void> | undefined {
    return this.#last === undefined || this.#inside.getStore() === this ? undefined : this.#whileAlone()
  }

  async #whileAlone(): Promise<void> {
    while (this.#last !== undefined) await this.#last
  }

  /** Runs `work` alone, after those that came before. */
  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#inside.getStore() === this) return work()
    const before = this.#last
    let leave: () => void = () => {}
    const mine = new Promise<void>((resolve) => {
      leave = resolve
    })
    this.#last = mine
    await before
    try {
      return await this.#inside.run(this, work)
    } finally {
      if (this.#last === mine) this.#last = undefined
      leave()
    }
  }
}
