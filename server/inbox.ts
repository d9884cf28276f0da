// What came in on a connection and is not decoded yet, cut into pieces: what is decoded and not run takes several times its
// length.

const lineFeed = 0x0a

export class Inbox {
  readonly #chunks: Buffer[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  clear(): void {
    this.#chunks.length = 0
    this.#bytes = 0
  }

  /** The next bytes, at most `bytesMax`; `lines`: not beyond the next line break. Undefined: nothing waits. */
  next(bytesMax: number, lines: boolean): Buffer | undefined {
    const [chunk] = this.#chunks
    if (chunk === undefined) return undefined
    const lineEnd = lines ? chunk.indexOf(lineFeed) : -1
    const end = Math.min(lineEnd === -1 ? chunk.length : lineEnd + 1, bytesMax)
    this.#bytes -= end
    if (end === chunk.length) return this.#chunks.shift()
    this.#chunks[0] = chunk.subarray(end)
    return chunk.subarray(0, end)
  }

  /** The next chunk, if it is the only one and not longer than this. */
  nextShort(bytesMax: number): Buffer | undefined {
    const [chunk] = this.#chunks
    if (this.#chunks.length !== 1 || chunk === undefined || chunk.length > bytesMax) return undefined
    this.#bytes = 0
    return this.#chunks.pop()
  }
}
