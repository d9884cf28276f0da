// The appends that were sent to a peer and not yet acknowledged, bounded by their number and by their bytes.
//
// A ring: appends are added with growing last indexes and freed from the oldest on. It doubles as it fills, so that an
// idle peer costs nothing. The limit of bytes is soft: the append that reaches it is still sent.

import { invariant } from './invariant.ts'
import type { LogIndex } from './types.ts'

export class Inflight {
  readonly #messagesMax: number
  readonly #bytesMax: number
  #indexes: LogIndex[] = []
  #sizes: number[] = []
  #start = 0
  #count = 0
  #bytes = 0

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax
    this.#bytesMax = bytesMax
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax
  }

  /** An append whose last entry is at `index` was sent. */
  add(index: LogIndex, bytes: number): void {
    invariant(!this.isFull, 'an append was sent to a peer that has as many in flight as it may')
    if (this.#count === this.#indexes.length) this.#grow()
    const at = (this.#start + this.#count) & (this.#indexes.length - 1)
    this.#indexes[at] = index
    this.#sizes[at] = bytes
    this.#count++
    this.#bytes += bytes
  }

  /** The peer has everything up to `index`. */
  free(index: LogIndex): void {
    const mask = this.#indexes.length - 1
    while (this.#count > 0 && (this.#indexes[this.#start] ?? 0) <= index) {
      this.#bytes -= this.#sizes[this.#start] ?? 0
      this.#start = (this.#start + 1) & mask
      this.#count--
    }
  }

  clear(): void {
    this.#start = 0
    this.#count = 0
    this.#bytes = 0
  }

  // To the next power of two, in order from the start on.
  #grow(): void {
    const size = this.#indexes.length
    const indexes = new Array<LogIndex>(Math.max(1, size * 2)).fill(0)
    const sizes = indexes.slice()
    for (let i = 0; i < size; i++) {
      const at = (this.#start + i) & (size - 1)
      indexes[i] = this.#indexes[at] ?? 0
      sizes[i] = this.#sizes[at] ?? 0
    }
    this.#indexes = indexes
    this.#sizes = sizes
    this.#start = 0
  }
}
