// Memory: what all connections together make the server hold: requests that are not finished, and replies that are not sent.
//
// 1. Unfinished requests, the longest left out, stay within `inputBytesTotalMax`: one client may send a long value, many may
//    not at once. Who holds most after that one loses its connection.
// 2. A lookup is let in when its replies, as long as values have lately been, fit into `outputBytesTotalMax`; else it waits
//    for others to be read, and while it waits, clients that hold replies and do not read lose their connections.
// 3. Nothing waits for ever: what is let in ends by being read, by being cut off, or by failing.
import type { Limits } from './limits.ts'

/** A connection, as far as its memory goes. */
export interface Holder {
  /** Both are Memory's to change. */
  inputBytes: number
  outputBytes: number
  /** Its client does not take what is ready for it. */
  readonly isBlocked: boolean
  destroy(): void
}

/** Values are taken to be at least so long. */
const valueBytesMin = 1_024

export class Memory {
  readonly #limits: Limits
  readonly #holders: () => Iterable<Holder>
  readonly #waiting: (() => void)[] = []
  #inputBytes = 0
  #outputBytes = 0
  #valueBytes = valueBytesMin
  #evicted = 0

  constructor(limits: Limits, holders: () => Iterable<Holder>) {
    this.#limits = limits
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

  /** Keys that one lookup may have: a share of the room for replies. */
  get lookupMax(): number {
    return Math.max(1, Math.floor(this.#limits.outputBytesTotalMax / 8 / this.#valueBytes))
  }

  /** What a holder has of unfinished requests now. */
  input(holder: Holder, bytes: number): void {
    this.#inputBytes += bytes - holder.inputBytes
    holder.inputBytes = bytes
    if (this.#inputBytes > this.#limits.inputBytesTotalMax) this.#relieveInput()
  }

  /** Reserves room for a lookup of so many keys, and says how much; it may have to be waited for. */
  reserve(holder: Holder, keys: number): number | Promise<number> {
    const bytes = this.#estimate(keys)
    if (!this.#fits(bytes)) return this.#reserveLater(holder, keys)
    this.output(holder, bytes)
    return bytes
  }

  /** What it brought, instead of what was reserved. */
  settle(holder: Holder, { reserved, keys, bytes }: Readonly<Record<'reserved' | 'keys' | 'bytes', number>>): void {
    if (keys > 0) this.#valueBytes = Math.max(this.#valueBytes, Math.ceil(bytes / keys))
    this.output(holder, bytes - reserved)
  }

  /** More, or with a minus less, of replies that are not sent. */
  output(holder: Holder, bytes: number): void {
    // What was evicted may still have something under way.
    const held = Math.max(0, holder.outputBytes + bytes)
    this.#outputBytes += held - holder.outputBytes
    holder.outputBytes = held
    if (bytes < 0 && this.#waiting.length > 0) this.#wakeAll()
  }

  /** More that nobody asked for: messages. There is no waiting with them, so who does not read goes at once. */
  pushed(holder: Holder, bytes: number): void {
    this.output(holder, bytes)
    if (this.#outputBytes > this.#limits.outputBytesTotalMax && holder.isBlocked) this.#relieveOutput()
  }

  /** Its client has stopped reading. */
  blocked(): void {
    if (this.#waiting.length > 0) this.#relieveOutput()
  }

  /** Its connection is gone. */
  forget(holder: Holder): void {
    this.#inputBytes -= holder.inputBytes
    holder.inputBytes = 0
    this.output(holder, -holder.outputBytes)
  }

  /** Once a second: long values are forgotten after a while. */
  tick(): void {
    this.#valueBytes = Math.max(valueBytesMin, Math.floor(this.#valueBytes * 0.9))
    this.#wakeAll()
  }

  /** Never so much that only an idle server could take it. */
  #estimate(keys: number): number {
    return Math.min(keys * this.#valueBytes, this.#limits.outputBytesTotalMax / 4)
  }

  #fits(bytes: number): boolean {
    return this.#outputBytes === 0 || this.#outputBytes + bytes <= this.#limits.outputBytesTotalMax
  }

  async #reserveLater(holder: Holder, keys: number): Promise<number> {
    for (;;) {
      this.#relieveOutput()
      const bytes = this.#estimate(keys)
      if (this.#fits(bytes)) {
        this.output(holder, bytes)
        return bytes
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
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
    if (this.#outputBytes < outputBytesTotalMax / 2) return
    const blocked = largestFirst(this.#holders(), 'outputBytes').filter(({ isBlocked }) => isBlocked)
    for (const holder of blocked) {
      if (this.#outputBytes < outputBytesTotalMax / 2) return
      this.#evict(holder)
    }
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
