// What happened, in one number: every event goes into a running hash with its time and what it was about. Two runs with the
// same hash took the same steps.
import { fold, hashText } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** A line for one event: when, what, and the numbers that say it exactly. */
export type TraceListener = (line: string) => void

export class Trace {
  readonly #scheduler: Scheduler
  readonly #listener: TraceListener | undefined
  readonly #codes = new Map<string, number>()
  #high = 0x243f6a88
  #low = 0x85a308d3

  constructor(scheduler: Scheduler, listener?: TraceListener) {
    this.#scheduler = scheduler
    this.#listener = listener
  }

  note(what: string, a = 0, b = 0, c = 0, d = 0): void {
    let code = this.#codes.get(what)
    if (code === undefined) {
      code = hashText(what)
      this.#codes.set(what, code)
    }
    this.#low = fold(fold(this.#low, code), this.#scheduler.nowMs)
    this.#high = fold(fold(fold(fold(this.#high ^ this.#low, a), b), c), d)
    this.#listener?.(`${this.#scheduler.nowMs} ms  ${what} ${a} ${b} ${c} ${d}`)
  }

  /** 16 hexadecimal digits. */
  hash(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('')
  }
}
