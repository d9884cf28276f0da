// Hold: calls that need to know who leads, held while nobody is known to, in their order and for a bounded time. A member's
// store makes its writes and linearizable reads through one.
import { StoreError } from '../store.ts'

export interface HoldOptions {
  /** Somebody is known to lead: calls can be made, or are refused with where the leader is. */
  readonly isReady: () => boolean
  /** Calls once that time has passed, unless the function that it returns was called. */
  readonly after: (ms: number, call: () => void) => () => void
  readonly nowMs: () => number
  readonly holdMs?: number
}

interface Held {
  readonly untilMs: number
  readonly make: () => void
  readonly reject: (error: Error) => void
}

/** An election takes a second at most; clients wait no longer for one that finds nobody. */
export const holdMsDefault = 2_000

export class Hold {
  readonly #options: HoldOptions
  readonly #holdMs: number
  #held: Held[] = []
  #isReleasing = false
  #cancelTimer: (() => void) | undefined

  constructor({ holdMs = holdMsDefault, ...options }: HoldOptions) {
    this.#options = options
    this.#holdMs = holdMs
  }

  get count(): number {
    return this.#held.length
  }

  /** Makes a call now, or once somebody is known to lead; rejects with NO_LEADER if nobody comes to be. */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#held.length === 0 && !this.#isReleasing && this.#options.isReady()) return call()
    return new Promise((resolve, reject) => {
      // What throws rejects, as what rejects does.
      const make = () => void new Promise<T>((begun) => begun(call())).then(resolve, reject)
      this.#held.push({ untilMs: this.#options.nowMs() + this.#holdMs, make, reject })
      this.#watch()
    })
  }

  /** Makes what is held, as far as it can be made. To be called whenever somebody may have come to be known to lead. */
  release(): void {
    if (this.#isReleasing) return
    this.#isReleasing = true
    while (this.#held.length > 0 && this.#options.isReady()) this.#held.shift()?.make()
    this.#isReleasing = false
    if (this.#held.length === 0) this.#stopTimer()
  }

  /** Rejects what is held: the store closes. */
  close(): void {
    this.#stopTimer()
    for (const { reject } of this.#held.splice(0)) reject(new StoreError('NO_LEADER', 'this member stops'))
  }

  #watch(): void {
    const [first] = this.#held
    if (first === undefined || this.#cancelTimer !== undefined) return
    this.#cancelTimer = this.#options.after(Math.max(0, first.untilMs - this.#options.nowMs()), () => {
      this.#cancelTimer = undefined
      this.#giveUp()
      this.#watch()
    })
  }

  #giveUp(): void {
    const nowMs = this.#options.nowMs()
    while (this.#held[0] !== undefined && this.#held[0].untilMs <= nowMs) {
      this.#held.shift()?.reject(new StoreError('NO_LEADER', 'nobody is known to lead'))
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }
}
