// Memory: what all connections together make the server hold: requests that are not finished, and replies that are not sent.
//
// 1. Unfinished requests, the longest left out, stay within `inputBytesTotalMax`: one client may send a long value, many may
//    not at once. Who holds most after that one loses its connection.
// 2. Few lookups are under way at a time, and each ends with the value that fills its room: so what is read is known before
//    much more is. Those that need no disk end in the turn they began in, and never meet this limit.
// 3. Over `outputBytesTotalMax`, clients that ask for long values wait until others have read theirs; who takes nothing
//    meanwhile loses its connection. Over twice as much, the longest left out, who holds most and does not read loses it at
//    once.
import type { Limits } from './limits.ts'

/** A connection, as far as its memory goes. */
export interface Holder {
  /** Both are Memory's to change. */
  inputBytes: number
  outputBytes: number
  /** Its client does not take what is ready for it. */
  readonly isBlocked: boolean
  /** Its last values were long. */
  readonly expectsLong: boolean
  destroy(): void
}

const lookupsMax = 32

export class Memory {
  readonly #limits: Limits
  readonly #holders: () => Iterable<Holder>
  /** In their order. */
  #waiting: (() => void)[] = []
  /** At the last tick: what those held who did not read. */
  #stuck = new Map<Holder, number>()
  #inputBytes = 0
  #outputBytes = 0
  #lookups = 0
  /** Where looking for somebody to cut off is worth it again. */
  #relieveAbove: number
  #evicted = 0

  constructor(limits: Limits, holders: () => Iterable<Holder>) {
    this.#limits = limits
    this.#relieveAbove = 2 * limits.outputBytesTotalMax
    this.#holders = holders
  }

  get inputBytes(): number {
    return this.#inputBytes
  }

  get outputBytes(): number {
    return this.#outputBytes
  }

  /** Connections that were closed for what they held. */
  get evicted(): number {
    return this.#evicted
  }

  /** What a holder has of unfinished requests now. */
  input(holder: Holder, bytes: number): void {
    this.#inputBytes += bytes - holder.inputBytes
    holder.inputBytes = bytes
    if (this.#inputBytes > this.#limits.inputBytesTotalMax) this.#relieveInput()
  }

  /** Whether a lookup that ends within the call may be made now. */
  mayLookup({ expectsLong }: Holder): boolean {
    return !expectsLong || this.#outputBytes < this.#limits.outputBytesTotalMax
  }

  /** Lets a lookup in, at once or later; `endLookup` follows. */
  beginLookup(holder: Holder): Promise<void> | undefined {
    if (!this.#mayBegin(holder)) return this.#waitToBegin(holder)
    this.#lookups++
    return undefined
  }

  endLookup(): void {
    this.#lookups--
    if (this.#waiting.length > 0) this.#wakeAll()
  }

  /** More, or with a minus less, of replies that are not sent. */
  output(holder: Holder, bytes: number): void {
    // What was evicted may still have something under way.
    const held = Math.max(0, holder.outputBytes + bytes)
    this.#outputBytes += held - holder.outputBytes
    holder.outputBytes = held
    if (bytes < 0 && this.#waiting.length > 0) this.#wakeAll()
    else if (this.#outputBytes > this.#relieveAbove) this.#relieveOutput()
  }

  /** Its connection is gone. */
  forget(holder: Holder): void {
    this.#inputBytes -= holder.inputBytes
    holder.inputBytes = 0
    this.output(holder, -holder.outputBytes)
  }

  /** Once a second: where somebody waits for room, those who took nothing since the last one make it. */
  tick(): void {
    const stuck = new Map<Holder, number>()
    if (this.#waiting.length > 0) {
      for (const holder of this.#holders()) {
        if (!holder.isBlocked || holder.outputBytes === 0) continue
        if (this.#stuck.get(holder) === holder.outputBytes) this.#evict(holder)
        else stuck.set(holder, holder.outputBytes)
      }
    }
    this.#stuck = stuck
    this.#relieveAbove = 2 * this.#limits.outputBytesTotalMax
    this.#wakeAll()
  }

  #mayBegin(holder: Holder): boolean {
    return this.#lookups < lookupsMax && this.mayLookup(holder)
  }

  async #waitToBegin(holder: Holder): Promise<void> {
    while (!this.#mayBegin(holder)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#lookups++
  }

  #wakeAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  #relieveInput(): void {
    const [longest, ...others] = largestFirst(this.#holders(), 'inputBytes')
    for (const holder of others) {
      if (this.#inputBytes - (longest?.inputBytes ?? 0) <= this.#limits.inputBytesTotalMax) return
      this.#evict(holder)
    }
  }

  #relieveOutput(): void {
    const { outputBytesTotalMax } = this.#limits
    const [longest, ...others] = largestFirst(this.#holders(), 'outputBytes')
    const isOver = (times: number) => this.#outputBytes - (longest?.outputBytes ?? 0) > times * outputBytesTotalMax
    if (isOver(2)) {
      for (const holder of others) if (isOver(1) && holder.isBlocked) this.#evict(holder)
    }
    this.#relieveAbove = Math.max(2 * outputBytesTotalMax, this.#outputBytes + outputBytesTotalMax / 8)
  }

  #evict(holder: Holder): void {
    this.#evicted++
    this.forget(holder)
    holder.destroy()
  }
}

function largestFirst(holders: Iterable<Holder>, by: 'inputBytes' | 'outputBytes'): Holder[] {
  return [...holders].filter((holder) => holder[by] > 0).sort((a, b) => b[by] - a[by])
}
