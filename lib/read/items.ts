// Iterator: what users hold of an EntryIterator: entries, or only their keys or values, with their types.

import type { Input } from '../bytes/buffer.ts'
import type { EntryIterator } from './iterator.ts'

/** What db.iterator(), keys() and values() give. */
export class Iterator<Key, Value, Item> {
  readonly #entries: EntryIterator
  readonly #pick: (entry: [never, never]) => unknown
  declare readonly phantom?: [Key, Value]

  /** @internal */
  constructor(entries: EntryIterator, pick: (entry: [never, never]) => unknown) {
    this.#entries = entries
    this.#pick = pick
  }

  async next(): Promise<Item | undefined> {
    const entry = await this.#entries.next()
    return entry === undefined ? undefined : (this.#pick(entry as [never, never]) as Item)
  }

  nextv(count: number): Promise<Item[]> {
    const entries = this.#entries.nextv(count, this)
    return this.#pick === identity
      ? (entries as Promise<Item[]>)
      : entries.then((some) => some.map((entry) => this.#pick(entry as [never, never]) as Item))
  }

  async all(): Promise<Item[]> {
    return (await this.#entries.all()).map((entry) => this.#pick(entry as [never, never]) as Item)
  }

  seek(key: Input<Key>): void {
    this.#entries.seek(key)
  }

  close(): Promise<void> {
    return this.#entries.close()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for await (const entry of this.#entries) yield this.#pick(entry as [never, never]) as Item
  }

  *[Symbol.iterator](): Generator<Item> {
    for (const entry of this.#entries) yield this.#pick(entry as [never, never]) as Item
  }

  [Symbol.dispose](): void {
    void this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Items that are the entries themselves. */
export const identity = (entry: [never, never]): unknown => entry
