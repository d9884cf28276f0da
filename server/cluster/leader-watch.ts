// LeaderWatch: changes of leadership as a member sees them, and how long ago they were.
import { type ClusterMember, type ClusterView, lastLeaderOf, leaderOf, leads } from './view.ts'

export interface LeaderSwitch {
  readonly from: ClusterMember
  readonly to: ClusterMember
}

export interface LeaderWatchOptions {
  readonly nowMs: () => number
  /** Another member leads than the one that led before. Called at every member that learns of it, once. */
  readonly onSwitch?: (change: LeaderSwitch) => void
  /** This member led, and does no longer. */
  readonly onStepDown?: () => void
}

/** Who sent a request within this time after a change may not have heard of it. */
const settlingMs = 2_000
/** A leader that is not known for so long is told to be down. */
const downAfterMs = 2_000

export class LeaderWatch {
  readonly #view: ClusterView
  readonly #options: LeaderWatchOptions
  readonly #unsubscribe: () => void
  #last: ClusterMember | undefined
  #led: boolean
  #leaderlessMs: number | undefined
  #switchedMs = Number.NEGATIVE_INFINITY
  #switches = 0

  constructor(view: ClusterView, options: LeaderWatchOptions) {
    this.#view = view
    this.#options = options
    this.#last = lastLeaderOf(view)
    this.#led = leads(view)
    this.#leaderlessMs = leaderOf(view) === undefined ? options.nowMs() : undefined
    this.#unsubscribe = view.onChange(() => this.#look())
  }

  /** How often another member came to lead, since this server began. */
  get switches(): number {
    return this.#switches
  }

  /** Clients may still go by who led before. */
  get isSettling(): boolean {
    return this.#options.nowMs() - this.#switchedMs < settlingMs
  }

  /** Nobody leads just now. */
  get isLeaderless(): boolean {
    return this.#leaderlessMs !== undefined
  }

  /** Nobody leads, and an election should long be over. */
  get isDown(): boolean {
    return this.#leaderlessMs !== undefined && this.#options.nowMs() - this.#leaderlessMs >= downAfterMs
  }

  close(): void {
    this.#unsubscribe()
  }

  #look(): void {
    const { nowMs, onSwitch, onStepDown } = this.#options
    const last = lastLeaderOf(this.#view)
    if (leaderOf(this.#view) !== undefined) this.#leaderlessMs = undefined
    else this.#leaderlessMs ??= nowMs()
    const from = this.#last
    const isStepDown = this.#led && !leads(this.#view)
    const isSwitch = from !== undefined && last !== undefined && from.id !== last.id
    this.#last = last
    this.#led = leads(this.#view)
    if (isSwitch) {
      this.#switches++
      this.#switchedMs = nowMs()
    }
    if (isStepDown) onStepDown?.()
    if (isSwitch) onSwitch?.({ from, to: last })
  }
}
