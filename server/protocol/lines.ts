// Bytes in any fragmentation → lines. LF ends a line; one CR before it belongs to the end. The limit counts what is between
// the ends.
//
// A line over the limit is reported once, at the byte that exceeds it, and its rest is thrown away up to the next LF: the
// lines after it are read as if it had been short, and never more than the limit is held. Every byte is looked at once and
// copied at most a constant number of times, whatever the fragmentation.

/** A line without its end, or `undefined` for one over the limit. The bytes are the reader's to keep. */
export type OnLine = (line: Buffer | undefined) => void

const lineFeed = 0x0a
const carriageReturn = 0x0d

export class LineSplitter {
  /** May change between lines. */
  lineBytesMax: number
  /** The unfinished line: the first `#heldBytes` of `#held`. */
  #held: Buffer | undefined
  #heldBytes = 0
  #isDiscarding = false
  /** Whether the last line ended with CR and LF. */
  endsWithCrlf = false

  constructor(lineBytesMax: number) {
    this.lineBytesMax = lineBytesMax
  }

  /** Whether bytes of a line without an end are held. */
  get isUnfinished(): boolean {
    return this.#heldBytes > 0
  }

  /** Bytes of memory held for the unfinished line. */
  get heldBytes(): number {
    return this.#held?.length ?? 0
  }

  /** Calls `onLine` for each line that ends in this chunk, in order. */
  push(chunk: Buffer, onLine: OnLine): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, start)
      if (end === -1) break
      if (this.#isDiscarding) this.#isDiscarding = false
      else onLine(this.#finish(chunk.subarray(start, end)))
      start = end + 1
    }
    if (start < chunk.length && !this.#isDiscarding) this.#hold(chunk.subarray(start), onLine)
  }

  /** The unfinished line as it stands, for inputs (files) whose last line needs no end. */
  rest(): Buffer | undefined {
    return this.isUnfinished ? this.#finish(Buffer.alloc(0)) : undefined
  }

  #finish(tail: Buffer): Buffer | undefined {
    let line = tail
    if (this.#heldBytes > 0) {
      line = this.#append(tail)
      this.#held = undefined
      this.#heldBytes = 0
    }
    this.endsWithCrlf = line.at(-1) === carriageReturn
    const length = this.endsWithCrlf ? line.length - 1 : line.length
    if (length > this.lineBytesMax) return undefined
    return length === line.length ? line : line.subarray(0, length)
  }

  #hold(part: Buffer, onLine: OnLine): void {
    // One byte more than the limit may still be a CR whose LF is to come.
    if (this.#heldBytes + part.length > this.lineBytesMax + 1) {
      this.#held = undefined
      this.#heldBytes = 0
      this.#isDiscarding = true
      onLine(undefined)
      return
    }
    this.#append(part)
  }

  /** Puts a part behind what is held, in a buffer that doubles; returns all of it. */
  #append(part: Buffer): Buffer {
    const length = this.#heldBytes + part.length
    let held = this.#held
    if (held === undefined || held.length < length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * (held?.length ?? 0), 64))
      held?.copy(grown, 0, 0, this.#heldBytes)
      held = grown
    }
    part.copy(held, this.#heldBytes)
    this.#held = held
    this.#heldBytes = length
    return held.subarray(0, length)
  }
}
