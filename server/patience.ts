// Patience: whether a client keeps to the times. One look at a connection about once a second, instead of a timer for each.
import type { Limits } from './limits.ts'

/** A connection as it is at a look. */
export interface Progress {
  readonly isAuthenticated: boolean
  /** Requests of it run, or it is sent messages that it subscribed to. */
  readonly isBusy: boolean
  /** The input stops in the middle of a request. */
  readonly isUnfinished: boolean
  readonly heldBytes: number
  /** Requests so far. */
  readonly requests: number
  /** When something came last. */
  readonly activeMs: number
}

export class Patience {
  readonly #limits: Limits
  readonly #connectedMs: number
  /** At the last look: how many requests there had been, and since when one was not finished. */
  #requests = 0
  #unfinishedMs: number
  #busyMs: number

  constructor(limits: Limits, connectedMs: number) {
    this.#limits = limits
    this.#connectedMs = connectedMs
    this.#unfinishedMs = connectedMs
    this.#busyMs = connectedMs
  }

  /** Whether it has ended. */
  isOver(progress: Progress, nowMs: number): boolean {
    const { handshakeMs, requestMs, idleMs } = this.#limits
    if (progress.isBusy) this.#busyMs = nowMs
    if (progress.isBusy || !progress.isUnfinished || progress.requests !== this.#requests) {
      this.#requests = progress.requests
      this.#unfinishedMs = nowMs
    }
    if (!progress.isAuthenticated && nowMs - this.#connectedMs > handshakeMs) return true
    if (nowMs - this.#unfinishedMs > requestMs + progress.heldBytes) return true
    return idleMs > 0 && nowMs - Math.max(this.#busyMs, progress.activeMs) > idleMs
  }
}
