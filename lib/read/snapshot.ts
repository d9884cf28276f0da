// Snapshot: a sequence and a time that reads keep, and that flush and compaction honour. It pins no files.

import { VarveError } from '../errors.ts'
import type { Pin, Pins } from './pins.ts'

// What outlives a snapshot that was collected.
interface State {
  isClosed: boolean
}

export class Snapshot {
  readonly sequence: number
  readonly timeMs: number
  readonly #pins: Pins
  readonly #pin: Pin
  readonly #state: State = { isClosed: false }

  /** @internal Use db.snapshot(). */
  constructor(
    pins: Pins,
    at: { readonly sequence: number; readonly timeMs: number },
    opened: (...options: never[]) => unknown
  ) {
    this.sequence = at.sequence
    this.timeMs = at.timeMs
    this.#pins = pins
    const state = this.#state
    const release = (): void => {
      state.isClosed = true
    }
    this.#pin = pins.add('snapshot', at, { release }, opened, this)
  }

  /** The sequence to read at; throws VARVE_CLOSED after close. */
  check(): number {
    if (this.#state.isClosed) throw new VarveError('VARVE_CLOSED', 'The snapshot is closed.')
    return this.sequence
  }

  /** What only this snapshot keeps may be compacted away. */
  close(): void {
    this.#state.isClosed = true
    this.#pins.delete(this.#pin)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
