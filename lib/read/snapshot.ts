// Snapshot: a sequence and a time that reads keep, and that flush and compaction honour. It pins no files, unless the view that it
// was taken of was replaced altogether.

import type native from '#native'
import { VarveError } from '../errors.ts'
import type { KeptView } from './kept-view.ts'
import type { Pin, Pins } from './pins.ts'

// What outlives a snapshot that was collected.
interface State {
  isClosed: boolean
  /** What it reads through; undefined: the present view. */
  kept: KeptView | undefined
  letGo: () => void
}

export class Snapshot {
  readonly sequence: number
  readonly timeMs: number
  readonly #pins: Pins
  readonly #pin: Pin
  readonly #state: State = { isClosed: false, kept: undefined, letGo: () => {} }

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
      state.letGo()
    }
    const keep = (view: KeptView): void => {
      // A view that it keeps already is older.
      if (state.isClosed || state.kept !== undefined) return
      state.kept = view
      state.letGo = view.hold()
    }
    this.#pin = pins.add('snapshot', at, { release, keep }, opened, this)
  }

  /** The sequence to read at; throws VARVE_CLOSED after close. */
  check(): number {
    if (this.#state.isClosed) throw new VarveError('VARVE_CLOSED', 'The snapshot is closed.')
    return this.sequence
  }

  /** The engine to read from, where it is not the database's. @internal */
  get engine(): native.Engine | undefined {
    return this.#state.kept?.engine
  }

  /** What only this snapshot keeps may be compacted away. */
  close(): void {
    this.#state.isClosed = true
    this.#state.letGo()
    this.#pins.delete(this.#pin)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
