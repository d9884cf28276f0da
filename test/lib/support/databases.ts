// Databases for tests: in a directory of their own, or on a memory file system that can fail and crash.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import native from '#native'
import { type Database, openIn } from '../../../lib/database.ts'
import { VarveError } from '../../../lib/index.ts'
import type { OpenOptions } from '../../../lib/options.ts'

const made: string[] = []
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true })
})

/** A directory that is there until the file's tests are over. */
export function scratch(): string {
  const path = mkdtempSync(join(tmpdir(), 'varve-lib-'))
  made.push(path)
  return path
}

/** Opens on a memory file system. */
export function openMemory(fs: native.FileSystem, options: OpenOptions = {}): Promise<Database> {
  return openIn<string, string>('/data', options, () => ({
    fs,
    executor: native.threadExecutor(2, 1),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes))
  }))
}

/** The VarveError that a call rejects or throws with. */
export async function failureOf(call: () => unknown): Promise<VarveError> {
  try {
    await call()
  } catch (error) {
    if (error instanceof VarveError) return error
    throw error
  }
  throw new Error('The call did not fail.')
}

/** Numbers in [0, 1) from a seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Keys in the order of their bytes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
