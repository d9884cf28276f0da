// A server of a test, its clients, and the end of all of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import type { Clock, ServerOptions } from '../../../server/server.ts'
import { Server } from '../../../server/server.ts'
import { DatabaseStore } from '../../../server/store/database.ts'
import { MemoryStore } from './memory-store.ts'
import { RawClient } from './raw-client.ts'

const open: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** Runs after the test; the last one first. */
export const atEnd = (close: () => Promise<void> | void): void => void open.push(close)

export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'varve-server-'))
  atEnd(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export async function databaseStore(path = temporaryDirectory()): Promise<DatabaseStore> {
  const store = await DatabaseStore.open(path)
  atEnd(() => store.close())
  return store
}

/** Listens on a port of the system's; no fault of the server itself may come. */
export async function served(options: Partial<ServerOptions> = {}): Promise<Server> {
  const faults: unknown[] = []
  const store = options.store ?? new MemoryStore()
  const server = await Server.listen({ ...options, store, port: 0, onFault: (error) => faults.push(error) })
  atEnd(async () => {
    await server.stop()
    expect(faults).toEqual([])
  })
  return server
}

export async function clientOf(server: Server): Promise<RawClient> {
  const client = await RawClient.connect(server.address)
  atEnd(() => client[Symbol.dispose]())
  return client
}

/** A clock that a test moves. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000
  readonly #calls = new Set<() => void>()
  #timers: { readonly atMs: number; readonly call: () => void }[] = []

  readonly nowMs = (): number => this.#nowMs

  everySecond(call: () => void): () => void {
    this.#calls.add(call)
    return () => this.#calls.delete(call)
  }

  readonly after = (ms: number, call: () => void): (() => void) => {
    const timer = { atMs: this.#nowMs + ms, call }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Second by second. */
  pass(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.#nowMs += 1_000
      const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs)
      this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs)
      for (const { call } of due) call()
      for (const call of this.#calls) call()
    }
  }
}

/** A request of RESP. */
export function respOf(...words: readonly (string | Buffer)[]): Buffer {
  const parts = words.flatMap((word) => {
    const bytes = Buffer.from(word)
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts])
}
