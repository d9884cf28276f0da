// Pins: what flush and compaction have to keep for readers: every live snapshot and iterator is one, a sequence and a time.
//
// Its holder, what the user has in hand, is held strongly for a moment only, for most are closed soon; then weakly, and the
// pin of a holder that is collected without having been closed is given up. Who opened it is noted for the first ones of
// every second: a stack costs half as much as reading a range of ten. Once a second, while any of this is to be done,
//   - holders become weak,
//   - iterators whose view has grown old go on over the present one, so that it keeps neither files nor memtables,
//   - pins over the age limit are reported, once.

import { Alarm } from '../tree/alarm.ts'
import type { KeptView } from './kept-view.ts'

/** What a pin is given up by. */
export interface Pinned {
  /** Closes it, as its user should have. */
  release(): void
  /** Goes on over the present view if its own is another one, of before that moment. */
  refresh?(beforeMs: number): 'fresh' | 'stale' | 'refreshed'
  /** Another view is about to take the place of everything: it goes on over its own, which `view` is. */
  keep(view: KeptView): void
}

export interface Pin {
  readonly kind: 'snapshot' | 'iterator'
  readonly sequence: number
  /** The time that its reads go by. */
  readonly timeMs: number
  readonly openedMs: number
  readonly openedTick: number
  readonly pinned: Pinned
  readonly opener: { readonly stack?: string } | undefined
  holder: object | undefined
  isWeak: boolean
  isReported: boolean
  /** Calls under way for which the holder is kept. */
  calls: number
}

export interface PinStats {
  readonly count: number
  /** 0 when there is none. */
  readonly oldestAgeMs: number
  /** Given up because what the user had was collected without having been closed. */
  readonly collected: number
}

export interface PinsOptions {
  readonly clock: () => number
  /** 0: no age is reported. */
  readonly ageMsMax: number
  readonly emit: (event: string, detail: unknown) => void
  /** One was given up. */
  readonly onClosed: () => void
  /** Views were given up. */
  readonly onRefreshed: () => void
}

const tickMs = 1_000
const stacksMax = 100
/** An iterator's view is exchanged for a newer one at this age. */
export const viewMsMax = 5_000

export class Pins {
  readonly #options: PinsOptions
  readonly #live = new Set<Pin>()
  readonly #alarm = new Alarm(() => this.#tick())
  readonly #holders = new FinalizationRegistry<Pin>((pin) => this.#collect(pin))
  readonly #collected = { snapshot: 0, iterator: 0 }
  #isTicking = false
  #ticks = 0
  #stacks = stacksMax

  constructor(options: PinsOptions) {
    this.#options = options
  }

  /**
   * Keeps what `sequence` sees until `delete`. `opened`: the public call, from which on the stack is of interest. Without a
   * holder somebody is sure to close it.
   */
  add(
    kind: Pin['kind'],
    at: { readonly sequence: number; readonly timeMs: number },
    pinned: Pinned,
    opened: (...options: never[]) => unknown,
    holder?: object
  ): Pin {
    const pin: Pin = {
      kind,
      sequence: at.sequence,
      timeMs: at.timeMs,
      openedMs: this.#options.clock(),
      openedTick: this.#ticks,
      pinned,
      opener: this.#stacks > 0 ? this.#stack(opened) : undefined,
      holder,
      isWeak: false,
      isReported: false,
      calls: 0
    }
    this.#live.add(pin)
    if (!this.#isTicking) this.#wake()
    return pin
  }

  #wake(): void {
    this.#isTicking = true
    this.#alarm.clear()
    this.#alarm.set(tickMs)
  }

  #stack(opened: (...options: never[]) => unknown): { readonly stack?: string } {
    this.#stacks--
    const opener = {}
    Error.captureStackTrace(opener, opened)
    return opener
  }

  delete(pin: Pin): void {
    if (!this.#live.delete(pin)) return
    pin.holder = undefined
    if (pin.isWeak) this.#holders.unregister(pin)
    this.#options.onClosed()
  }

  #collect(pin: Pin): void {
    if (!this.#live.has(pin)) return
    this.#collected[pin.kind]++
    pin.pinned.release()
    this.delete(pin)
  }

  #tick(): void {
    this.#ticks++
    this.#stacks = stacksMax
    const nowMs = this.#options.clock()
    let nextMs = Number.POSITIVE_INFINITY
    let refreshed = false
    for (const pin of [...this.#live]) {
      if (!this.#weaken(pin)) nextMs = tickMs
      const view = pin.pinned.refresh?.(nowMs - viewMsMax)
      if (view === 'stale') nextMs = tickMs
      if (view === 'refreshed') refreshed = true
      nextMs = Math.min(nextMs, this.#report(pin, nowMs))
    }
    this.#isTicking = nextMs <= tickMs
    if (nextMs !== Number.POSITIVE_INFINITY) this.#alarm.set(Math.max(nextMs, tickMs))
    if (refreshed) this.#options.onRefreshed()
  }

  // False while it is too young.
  #weaken(pin: Pin): boolean {
    if (pin.holder === undefined) return true
    if (pin.calls > 0 || pin.openedTick + 1 >= this.#ticks) return false
    if (!pin.isWeak) this.#holders.register(pin.holder, pin, pin)
    pin.isWeak = true
    pin.holder = undefined
    return true
  }

  // In how many milliseconds it will be too old.
  #report(pin: Pin, nowMs: number): number {
    const { ageMsMax, emit } = this.#options
    if (ageMsMax === 0 || pin.isReported) return Number.POSITIVE_INFINITY
    const ageMs = nowMs - pin.openedMs
    if (ageMs < ageMsMax) return ageMsMax - ageMs
    pin.isReported = true
    // The first line is "Error".
    const stack = pin.opener?.stack?.replace(/^.*\n/, '')
    emit('snapshot-old', { kind: pin.kind, sequence: pin.sequence, ageMs, stack })
    return Number.POSITIVE_INFINITY
  }

  /** The view is another one now: iterators that keep an older one are looked after. */
  noteView(): void {
    if (this.#live.size > 0 && !this.#isTicking) this.#wake()
  }

  /** Ascending, without repeats. */
  sequences(): number[] {
    return [...new Set([...this.#live].map((pin) => pin.sequence))].sort((a, b) => a - b)
  }

  /** The time that expiry may go by: no later than the oldest one's. */
  oldestTimeMs(): number {
    return [...this.#live].reduce((least, pin) => Math.min(least, pin.timeMs), Number.MAX_SAFE_INTEGER)
  }

  stats(kind: Pin['kind']): PinStats {
    const nowMs = this.#options.clock()
    const pins = [...this.#live].filter((pin) => pin.kind === kind)
    const oldestAgeMs = pins.reduce((most, pin) => Math.max(most, nowMs - pin.openedMs), 0)
    return { count: pins.length, oldestAgeMs, collected: this.#collected[kind] }
  }

  /** What is pinned by live ones. */
  live(): Pinned[] {
    return [...this.#live].map((pin) => pin.pinned)
  }

  close(): void {
    this.#alarm.end()
  }
}

/** Keeps the holder until the answer is there. */
export function holdDuring(pin: Pin, holder: object, answer: Promise<unknown>): void {
  pin.calls++
  pin.holder = holder
  const over = (): void => {
    if (--pin.calls === 0 && pin.isWeak) pin.holder = undefined
  }
  answer.then(over, over)
}
