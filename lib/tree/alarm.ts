// Alarm: one timer, which keeps no process alive. Everything of the engine that has to be looked after later, and that no
// caller waits for, is woken by one of these.

/** A timer cannot be set for longer. */
const msMax = 2 ** 31 - 1

export class Alarm {
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(ring: () => void) {
    this.#ring = ring
  }

  get isSet(): boolean {
    return this.#timer !== undefined
  }

  /** Rings once after `ms`; one that is set already stays as it is. */
  set(ms: number): void {
    if (this.#timer !== undefined || this.#isOver) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#ring()
      },
      Math.min(ms, msMax)
    )
    this.#timer.unref()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Never rings again. */
  end(): void {
    this.#isOver = true
    this.clear()
  }
}
