// An iterator of the model: a place in a range, at a moment.
import { itemText } from './metamorphic-answers.ts'
import { keyOf, rankOf } from './metamorphic-keys.ts'
import type { Model, ModelSpace, Moment } from './metamorphic-model.ts'
import type { Scan } from './metamorphic-program.ts'

export class ModelIterator {
  readonly #model: Model
  readonly #scan: Scan
  readonly #moment: Moment
  /** As it was opened: the name may become another's. */
  readonly #space: ModelSpace
  readonly #start: number
  readonly #end: number
  /** The next index to look at. */
  #at: number
  #left: number
  isClosed = false

  constructor(model: Model, scan: Scan, moment: Moment) {
    this.#model = model
    this.#scan = scan
    this.#moment = moment
    this.#space = model.space(scan.space)
    const { start, end } = model.span(scan.range)
    this.#start = start
    this.#end = end
    this.#at = scan.reverse === true ? end - 1 : start
    this.#left = scan.limit ?? Number.POSITIVE_INFINITY
  }

  nextv(count: number): string[] {
    const { mode, reverse } = this.#scan
    // Wrong on purpose: it reads what is there now.
    const moment = this.#model.mistake === 'snapshot' ? this.#model.now : this.#moment
    const found: string[] = []
    while (found.length < count && this.#left > 0 && this.#at >= this.#start && this.#at < this.#end) {
      const index = this.#at
      this.#at += reverse === true ? -1 : 1
      const entry = this.#model.at(this.#space, index, moment)
      if (entry === undefined) continue
      found.push(itemText(mode, keyOf(index), entry.value))
      this.#left--
    }
    return found
  }

  rest(): string[] {
    return this.nextv(Number.POSITIVE_INFINITY)
  }

  /** The first key at or after this one (reverse: the last at or before it) is the next. */
  seek(key: string): void {
    this.#at = seekIndex(this.#model, key, this.#scan.reverse === true, this.#start, this.#end)
  }
}

/** Where an iterator over [start, end) goes on from a key. */
export function seekIndex(model: Model, key: string, reverse: boolean, start: number, end: number): number {
  const rank = rankOf(key)
  if (!reverse) return Math.max(start, rank)
  const isThere = keyOf(rank) === key && model.mistake !== 'seek'
  return Math.min(end - 1, isThere ? rank : rank - 1)
}
