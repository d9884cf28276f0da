// A Store that keeps everything in a Map, counts its calls, can be held, and can be told to fail: what the tests of sessions
// need of a store that a database does not offer.

import { Overlay } from '../../../server/store/overlay.ts'
import type { Decision, Entry, Key, Operation, Pinned, Store, StoreStatus } from '../../../server/store.ts'

const text = (key: Uint8Array): string => Buffer.from(key).toString('latin1')

export class MemoryStore implements Store {
  readonly lookups: number[] = []
  readonly batches: number[] = []
  readonly #values = new Map<string, Buffer>()
  readonly #unreadable = new Set<string>()
  #index = 0
  #writeFailure: Error | undefined
  #gate: Promise<void> = Promise.resolve()

  set(key: string, value: string | Buffer): void {
    this.#values.set(text(Buffer.from(key)), Buffer.from(value))
  }

  /** From now on every call waits until the returned function is called. */
  hold(): () => void {
    let release = () => {}
    this.#gate = new Promise((resolve) => {
      release = resolve
    })
    return release
  }

  failReadsOf(key: string): void {
    this.#unreadable.add(key)
  }

  failWrites(error: Error): void {
    this.#writeFailure = error
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.lookups.push(keys.length)
    await this.#gate
    const bad = keys.find((key) => this.#unreadable.has(text(key)))
    if (bad !== undefined) throw new Error('000007.sst is damaged\nat offset 12')
    return keys.map((key) => this.#values.get(text(key)))
  }

  async getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    return (await this.getMany(keys)).map((value) => value && this.#entryOf(value))
  }

  #entryOf(value: Uint8Array): Entry {
    return { value: Buffer.from(value), sequence: 1, expiresAt: undefined }
  }

  async decide<Result>(decision: Decision<Result>): Promise<Result> {
    await this.#gate
    const overlay = new Overlay(decision.keys, await this.getEntries(decision.keys), 0)
    const outcome = overlay.run(decision)
    if ('error' in outcome) throw outcome.error
    if (overlay.operations.length > 0) await this.write(overlay.operations)
    return outcome.result as Result
  }

  pin(): Pinned {
    throw new Error('this store has no pages')
  }

  async write(operations: readonly Operation[]): Promise<void> {
    this.batches.push(operations.length)
    // As an engine does: the bytes are taken before the call returns.
    const taken = operations.map((operation) => {
      if (operation.type === 'deleteRange') throw new Error('this store has no ranges')
      return { key: text(operation.key), value: operation.type === 'put' ? Buffer.from(operation.value) : undefined }
    })
    await this.#gate
    if (this.#writeFailure !== undefined) throw this.#writeFailure
    this.#index++
    for (const { key, value } of taken) {
      if (value === undefined) this.#values.delete(key)
      else this.#values.set(key, value)
    }
  }

  status(): StoreStatus {
    return { role: 'LEADER', term: 1, commitIndex: this.#index }
  }

  async close(): Promise<void> {}
}
