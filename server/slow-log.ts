// The last commands that took long, for SLOWLOG. Bounded in entries and in what each keeps of its arguments.
import type { Arguments } from './commands/command.ts'

export interface SlowEntry {
  readonly id: number
  readonly atMs: number
  readonly micros: number
  /** The name and its arguments, shortened. */
  readonly words: readonly string[]
  readonly address: string
  readonly clientName: string
}

const wordsMax = 32
const wordBytesMax = 128

export class SlowLog {
  /** Slower commands are kept; 0: all, negative: none. */
  thresholdMicros = 10_000
  #lengthMax = 128
  /** The newest last. */
  #entries: SlowEntry[] = []
  #nextId = 0
  readonly #onAdd: (entry: SlowEntry) => void

  constructor(onAdd: (entry: SlowEntry) => void = () => {}) {
    this.#onAdd = onAdd
  }

  get length(): number {
    return this.#entries.length
  }

  get lengthMax(): number {
    return this.#lengthMax
  }

  set lengthMax(length: number) {
    this.#lengthMax = length
    this.#shorten()
  }

  isSlow(micros: number): boolean {
    return this.thresholdMicros >= 0 && micros >= this.thresholdMicros
  }

  add(entry: Omit<SlowEntry, 'id'>): void {
    const added = { ...entry, id: this.#nextId++ }
    this.#entries.push(added)
    this.#shorten()
    this.#onAdd(added)
  }

  /** The newest first. */
  newest(count: number): SlowEntry[] {
    return this.#entries.slice(Math.max(this.#entries.length - count, 0)).reverse()
  }

  reset(): void {
    this.#entries = []
  }

  #shorten(): void {
    if (this.#entries.length > this.#lengthMax)
      this.#entries = this.#entries.slice(this.#entries.length - this.#lengthMax)
  }
}

/** A request as the slow log keeps it. */
export function shownRequest(name: string, args: Arguments, isSecret: boolean): string[] {
  if (isSecret) return [name, '(redacted)']
  const shown = args.length + 1 > wordsMax ? args.slice(0, wordsMax - 2) : args
  const words = [name, ...shown.map(shownWord)]
  if (shown.length < args.length) words.push(`... (${args.length - shown.length} more arguments)`)
  return words
}

function shownWord(bytes: Buffer): string {
  if (bytes.length <= wordBytesMax) return bytes.toString('latin1')
  return `${bytes.toString('latin1', 0, wordBytesMax)}... (${bytes.length - wordBytesMax} more bytes)`
}
