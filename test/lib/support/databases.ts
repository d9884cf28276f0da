// Databases for tests: in a directory of their own, or on a memory file system that can fail and crash.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import native from '#native'
import type { Database } from '../../../lib/database.ts'
import { open, VarveError } from '../../../lib/index.ts'
import { openIn } from '../../../lib/open.ts'
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

/** A closed database with a table and something in the log. */
export async function closedDatabase(): Promise<string> {
  const path = scratch()
  await using db = await open(path)
  for (let i = 0; i < 300; i++) void db.put(`k${i}`, 'v'.repeat(100))
  await db.flush()
  await db.put('last', 'v')
  await db.del('k1')
  return path
}

/** A line of the manifest, CURRENT or IDENTITY, as the format says. */
export const lineOf = (text: string): string =>
  `${(native.crc32c(Buffer.from(text)) >>> 0).toString(16).padStart(8, '0')} ${text}\n`

/** Keys in the order of their bytes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** The ids of named spaces, as describe() tells them. */
export function idsOf(db: { describe(): string }): Map<string, number> {
  const line = /^spaces: \d+: (.*)$/m.exec(db.describe())?.[1] ?? ''
  return new Map(
    [...line.matchAll(/(\d+) ("(?:[^"\\]|\\.)*")/g)].map((match) => [JSON.parse(match[2] as string), Number(match[1])])
  )
}
