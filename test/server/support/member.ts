// One of three members of the stub: a log of records, and the entries that its committed part makes.
import type { Entry, Key, Operation, Range } from '../../../server/store.ts'

export interface LogRecord {
  readonly term: number
  readonly operations: readonly Operation[]
  readonly timeMs: number
}

export const textOf = (key: Key): string => Buffer.from(key).toString('latin1')
export const keyOf = (text: string): Buffer => Buffer.from(text, 'latin1')

/** Entries as a log makes them, record by record; each operation has the next sequence. */
export class Entries {
  #entries = new Map<string, Entry>()
  #sequence = 0

  /** As they are now, whatever comes. */
  copy(): Entries {
    const copy = new Entries()
    copy.#entries = new Map(this.#entries)
    copy.#sequence = this.#sequence
    return copy
  }

  apply({ operations }: LogRecord): void {
    for (const operation of operations) this.#apply(operation)
  }

  get(key: Key, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(textOf(key))
    return entry?.expiresAt !== undefined && entry.expiresAt <= nowMs ? undefined : entry
  }

  /** In order. */
  in(range: Range, nowMs: number): (readonly [key: Buffer, value: Buffer])[] {
    const found: (readonly [Buffer, Buffer])[] = []
    for (const text of [...this.#entries.keys()].sort()) {
      const entry = contains(range, text) ? this.get(keyOf(text), nowMs) : undefined
      if (entry !== undefined) found.push([keyOf(text), entry.value])
    }
    return found
  }

  #apply(operation: Operation): void {
    this.#sequence++
    if (operation.type === 'del') this.#entries.delete(textOf(operation.key))
    else if (operation.type === 'deleteRange') {
      for (const text of this.#entries.keys()) if (contains(operation.range, text)) this.#entries.delete(text)
    } else {
      const { key, value, expiresAt } = operation
      this.#entries.set(textOf(key), { value: Buffer.from(value), sequence: this.#sequence, expiresAt })
    }
  }
}

function contains({ gte, lt }: Range, text: string): boolean {
  return (gte === undefined || text >= textOf(gte)) && (lt === undefined || text < textOf(lt))
}

export class Member {
  log: readonly LogRecord[] = []
  /** Records applied, all of them committed. */
  applied = 0
  readonly entries = new Entries()

  get lastTerm(): number {
    return this.log.at(-1)?.term ?? 0
  }

  applyTo(index: number): void {
    for (const record of this.log.slice(this.applied, index)) this.entries.apply(record)
    this.applied = Math.max(this.applied, index)
  }

  /** Whether its log may lead where `other`'s is: it lacks nothing that both could have committed. */
  isUpToDateWith(other: Member): boolean {
    if (this.lastTerm !== other.lastTerm) return this.lastTerm > other.lastTerm
    return this.log.length >= other.log.length
  }
}
