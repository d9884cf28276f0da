// InFlight: what a leader has proposed and not applied yet, over what is applied: decisions see it, since their own
// proposals come behind it in the log. It is dropped with leadership.
//
// While somebody reads the applied entries of keys, nothing is forgotten here: what is applied meanwhile may not be seen there.

import { unwritten } from '../store/overlay.ts'
import { isPlaced, operationsAt, type Write } from '../store/queue.ts'
import type { Entry, Key, Operation, Range } from '../store.ts'
import type { LogIndex } from './core/types.ts'

const textOf = (key: Key): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')

interface Written {
  readonly index: LogIndex
  /** Undefined: removed. */
  readonly entry: Entry | undefined
}

interface Removed {
  readonly index: LogIndex
  readonly from: string
  readonly to: string | undefined
}

export class InFlight {
  readonly #written = new Map<string, Written>()
  #removed: Removed[] = []
  /** In the order of the log: what to forget once it is applied. */
  #order: { readonly index: LogIndex; readonly text: string }[] = []
  /** Proposed and not looked at yet: mostly nobody ever asks. In the order of the log. */
  #added: { readonly index: LogIndex; readonly writes: readonly Write[] }[] = []
  #applied: LogIndex = 0
  #readers = 0

  /** Proposed at an index; in the order of indexes. What is given must not change until it is applied. */
  add(index: LogIndex, writes: readonly Write[]): void {
    this.#added.push({ index, writes })
  }

  #lookAtAdded(): void {
    const added = this.#added
    this.#added = []
    for (const { index, writes } of added) {
      for (const write of writes) {
        for (const operation of isPlaced(write) ? operationsAt(write) : write) {
          if (operation.type === 'deleteRange') this.#remove(index, operation.range)
          else this.#write(index, operation)
        }
      }
    }
  }

  /**
   * The entries of keys as they are when all that was proposed up to now is applied; `read` gives those that are applied,
   * as they are at its call or later.
   */
  async read(
    keys: readonly Key[],
    nowMs: number,
    read: (keys: readonly Key[]) => Promise<readonly (Entry | undefined)[]>
  ): Promise<(Entry | undefined)[]> {
    this.#lookAtAdded()
    this.#readers++
    try {
      const applied = await read(keys)
      this.#lookAtAdded()
      return keys.map((key, i) => this.#seen(textOf(key), applied[i], nowMs))
    } finally {
      this.#readers--
      this.#forget()
    }
  }

  applied(index: LogIndex): void {
    this.#applied = index
    this.#forget()
  }

  clear(): void {
    this.#added = []
    this.#written.clear()
    this.#removed = []
    this.#order = []
  }

  #write(index: LogIndex, operation: Exclude<Operation, { type: 'deleteRange' }>): void {
    const text = textOf(operation.key)
    let entry: Entry | undefined
    if (operation.type === 'put') {
      const { value, expiresAt } = operation
      entry = { value: Buffer.from(value), sequence: unwritten, expiresAt }
    }
    this.#written.set(text, { index, entry })
    this.#order.push({ index, text })
  }

  #remove(index: LogIndex, { gte, lt }: Range): void {
    const from = gte === undefined ? '' : textOf(gte)
    const to = lt === undefined ? undefined : textOf(lt)
    // Texts of latin1 are ordered as their bytes are.
    for (const text of this.#written.keys())
      if (text >= from && (to === undefined || text < to)) this.#written.delete(text)
    this.#removed.push({ index, from, to })
  }

  #seen(text: string, applied: Entry | undefined, nowMs: number): Entry | undefined {
    const written = this.#written.get(text)
    if (written !== undefined) {
      const { entry } = written
      return entry?.expiresAt !== undefined && entry.expiresAt <= nowMs ? undefined : entry
    }
    const isRemoved = this.#removed.some(({ from, to }) => text >= from && (to === undefined || text < to))
    return isRemoved ? undefined : applied
  }

  #forget(): void {
    if (this.#readers > 0) return
    let passed = 0
    while (passed < this.#added.length && (this.#added[passed]?.index ?? 0) <= this.#applied) passed++
    if (passed > 0) this.#added.splice(0, passed)
    let gone = 0
    for (const { index, text } of this.#order) {
      if (index > this.#applied) break
      gone++
      // A later write of the key may stand there.
      if ((this.#written.get(text)?.index ?? index) <= this.#applied) this.#written.delete(text)
    }
    if (gone > 0) this.#order = this.#order.slice(gone)
    if (this.#removed.length > 0) this.#removed = this.#removed.filter(({ index }) => index > this.#applied)
  }
}
