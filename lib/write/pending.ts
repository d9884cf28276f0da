// Pending: what a transaction wants to write to one space: its own reads see it, and at the end it is laid down.
//
// Keys are held as latin1 text of their bytes: it compares as the bytes do. A deleted range takes away what was written
// into it before; what is written into it later stands in `writes`. So laying ranges down first gives the same state.

import type { Batch } from '../bytes/batch.ts'

export type Pending =
  | { readonly type: 'put'; readonly value: string | Uint8Array; readonly expiresAtMs: number }
  | { readonly type: 'del' }

export interface DeletedRange {
  readonly start: string
  /** undefined: to the end of the space. */
  readonly end: string | undefined
}

const isIn = (key: string, { start, end }: DeletedRange): boolean => key >= start && (end === undefined || key < end)

export class PendingWrites {
  readonly #writes = new Map<string, Pending>()
  readonly #ranges: DeletedRange[] = []
  #sorted: string[] | undefined

  get isEmpty(): boolean {
    return this.#writes.size === 0 && this.#ranges.length === 0
  }

  set(key: string, write: Pending): void {
    if (this.#sorted !== undefined && !this.#writes.has(key)) this.#sorted.splice(this.#position(key), 0, key)
    this.#writes.set(key, write)
  }

  deleteRange(range: DeletedRange): void {
    for (const key of this.#writes.keys()) if (isIn(key, range)) this.#writes.delete(key)
    this.#ranges.push(range)
    this.#sorted = undefined
  }

  /** What the transaction itself did to the key; undefined: nothing. */
  get(key: string): Pending | undefined {
    return this.#writes.get(key) ?? (this.#ranges.some((range) => isIn(key, range)) ? deleted : undefined)
  }

  /** The first key at or after (reverse: the last at or before) `key` that was written here. */
  seek(key: string, reverse: boolean, inclusive: boolean): string | undefined {
    this.#sorted ??= [...this.#writes.keys()].sort((a, b) => (a < b ? -1 : 1))
    const at = this.#position(key)
    const isThere = this.#sorted[at] === key
    if (isThere && inclusive) return key
    return reverse ? this.#sorted[at - 1] : this.#sorted[isThere ? at + 1 : at]
  }

  /** The greatest key that was written here. */
  last(): string | undefined {
    this.#sorted ??= [...this.#writes.keys()].sort((a, b) => (a < b ? -1 : 1))
    return this.#sorted.at(-1)
  }

  layDown(batch: Batch, space: number): void {
    for (const { start, end } of this.#ranges)
      batch.deleteRange(space, bytesOf(start), end === undefined ? null : bytesOf(end))
    for (const [key, write] of this.#writes) {
      if (write.type === 'put') batch.put(space, bytesOf(key), write.value, write.expiresAtMs)
      else batch.del(space, bytesOf(key))
    }
  }

  // Of the first key not below.
  #position(key: string): number {
    const sorted = this.#sorted ?? []
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sorted[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

const deleted: Pending = { type: 'del' }

export const textOf = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.length).latin1Slice(0, key.length)
export const bytesOf = (key: string): Buffer => Buffer.from(key, 'latin1')
