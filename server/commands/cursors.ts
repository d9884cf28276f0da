// CursorTable: where each SCAN goes on. A cursor is a decimal number without meaning; the table holds the key it stands for.
//
// 1. Bounded: the cursors not used for longest go first, and one that goes on from another lets go of the one before that, so
//    that a scan of many steps holds two. Who asks with a cursor that is gone is told to start again.
// 2. Cursors start at a random number: one of an earlier process is unknown, not another scan's.
// 3. They stay below 2^53: some clients make them a double.

interface Place {
  /** The scan goes on at this key. */
  readonly next: Buffer
  /** The cursor that led to this one. */
  readonly before: string | undefined
}

/** How many are held. */
const cursorsMax = 10_000

export class CursorTable {
  readonly #places = new Map<string, Place>()
  #last: number

  /** `random`: from 0 to below 1. */
  constructor(random: () => number) {
    this.#last = 1 + Math.floor(random() * 2 ** 48)
  }

  get size(): number {
    return this.#places.size
  }

  /** Where a scan goes on, or undefined where that is not known. */
  find(cursor: string): Buffer | undefined {
    const place = this.#places.get(cursor)
    if (place === undefined) return undefined
    this.#places.delete(cursor)
    this.#places.set(cursor, place)
    return place.next
  }

  /** A cursor for a scan that is to go on at `next`; `before` is the one that it came with. */
  add(next: Buffer, before: string | undefined): string {
    const grandparent = before === undefined ? undefined : this.#places.get(before)?.before
    if (grandparent !== undefined) this.#places.delete(grandparent)
    const cursor = String(++this.#last)
    // The bytes of a key may be a piece of something large.
    this.#places.set(cursor, { next: Buffer.from(next), before })
    if (this.#places.size > cursorsMax) this.#places.delete(this.#places.keys().next().value as string)
    return cursor
  }
}
