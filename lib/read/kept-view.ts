// KeptView: a view that reads go through after another took the place of everything (a snapshot of another member was
// installed): an engine of its own, which has nothing but that view. The tables' files stay until the last of its holders lets go.
//
// Those who read at a sequence of before cannot go on over the new view: what only they still see was never kept there.
import native from '#native'

export class KeptView {
  readonly engine: native.Engine
  readonly #onEnd: () => void
  #holders = 0

  /** `engine`: nobody else's, with its view. `onEnd`: nothing is read through it any more. */
  constructor(engine: native.Engine, onEnd: () => void) {
    this.engine = engine
    this.#onEnd = onEnd
  }

  /** Holds it, until the function that it returns is called. */
  hold(): () => void {
    this.#holders++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holders--
      this.endIfFree()
    }
  }

  /** To be called once, when all that is to hold it does. */
  endIfFree(): void {
    if (this.#holders > 0) return
    native.release(this.engine)
    this.#onEnd()
  }
}
