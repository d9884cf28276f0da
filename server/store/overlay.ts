// Overlay: what decisions see that were made one after the other and are not written yet: the entries that were read for
// them, with what those before wrote laid over. Each decision writes into it; one that throws is undone.
import type { Decision, DecisionView, Entry, Key, Operation, Range } from '../store.ts'

/** The sequence of an entry that a decision before put: nobody has seen it. */
export const unwritten = -1

const textOf = (key: Key): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')

export type Outcome = { readonly result: unknown } | { readonly error: unknown }

export class Overlay implements DecisionView {
  readonly nowMs: number
  readonly #entries = new Map<string, Entry | undefined>()
  readonly #operations: Operation[] = []
  /** What the running decision replaced, to be put back should it throw. */
  #undo: [string, Entry | undefined][] = []
  #operationsBefore = 0

  /** `entries` are those of `keys`, as they are before the first decision. */
  constructor(keys: readonly Key[], entries: readonly (Entry | undefined)[], nowMs: number) {
    this.nowMs = nowMs
    for (const [i, key] of keys.entries()) this.#entries.set(textOf(key), entries[i])
  }

  /** What all decisions wrote, in order. */
  get operations(): readonly Operation[] {
    return this.#operations
  }

  run({ decide }: Decision): Outcome {
    this.#undo = []
    this.#operationsBefore = this.#operations.length
    try {
      return { result: decide(this) }
    } catch (error) {
      for (const [text, entry] of this.#undo.reverse()) this.#entries.set(text, entry)
      this.#operations.length = this.#operationsBefore
      return { error }
    }
  }

  get(key: Key): Entry | undefined {
    const text = textOf(key)
    const entry = this.#entries.get(text)
    if (entry === undefined && !this.#entries.has(text)) throw new Error('a decision looks only at keys that it named')
    return entry
  }

  put(key: Key, value: Uint8Array, expiresAt?: number): void {
    const isDue = expiresAt !== undefined && expiresAt <= this.nowMs
    if (isDue) {
      this.del(key)
      return
    }
    this.#operations.push({ type: 'put', key, value, ...(expiresAt === undefined ? {} : { expiresAt }) })
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    this.#set(textOf(key), { value: bytes, sequence: unwritten, expiresAt })
  }

  del(key: Key): void {
    this.#operations.push({ type: 'del', key })
    this.#set(textOf(key), undefined)
  }

  deleteRange(range: Range): void {
    this.#operations.push({ type: 'deleteRange', range })
    const from = range.gte === undefined ? '' : textOf(range.gte)
    const to = range.lt === undefined ? undefined : textOf(range.lt)
    // Texts of latin1 are ordered as their bytes are.
    for (const text of this.#entries.keys())
      if (text >= from && (to === undefined || text < to)) this.#set(text, undefined)
  }

  #set(text: string, entry: Entry | undefined): void {
    if (this.#entries.has(text)) this.#undo.push([text, this.#entries.get(text)])
    this.#entries.set(text, entry)
  }
}
