// Time as the parts get it that must be testable without waiting.
import { performance } from 'node:perf_hooks'

export interface Clock {
  /** Never goes back; from no particular moment on. */
  nowMs(): number
  /** Calls once, after so long; what it returns calls it off. */
  after(ms: number, call: () => void): () => void
}

/** The machine's. Its timers keep no process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms).unref()
    return () => clearTimeout(timer)
  }
}
