// A table that is damaged while the database is open: what needs it says so, everything else goes on.
import { expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/index.ts'
import { failureOf, openMemory } from './support/databases.ts'

const small = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0 } as const

/** Turns over a byte in the first block of the only table there is. */
async function damage(fs: native.FileSystem, db: Database): Promise<string> {
  const name = /^ *(\d+\.sst)/m.exec(db.describe())?.[1] as string
  const path = `/data/${name}`
  const bytes = native.memoryDump(fs, path)
  bytes[200] = (bytes[200] as number) ^ 0xff
  native.memoryOverwrite(fs, path, bytes)
  return path
}

test('a compaction sets it aside, and writes and other reads go on', async () => {
  const fs = native.memoryFileSystem()
  const told: { what: string; error: { code: string; file: string } }[] = []
  const db = await openMemory(fs, { ...small, events: { 'background-error': (detail) => told.push(detail as never) } })
  await db.put('a', 'v'.repeat(1000))
  await db.put('z', 'every table overlaps every other')
  await db.flush()
  const file = await damage(fs, db)
  for (let round = 0; round < 40; round++) {
    await db.put(`b${round}`, 'v'.repeat(1000))
    await db.put('z', `${round}`)
    await db.flush()
  }
  await db.drain()
  expect(told.map(({ what, error }) => [what, error.code, error.file])).toEqual([
    ['compaction', 'VARVE_CORRUPTION', file]
  ])
  expect(db.stats().levels[0]?.tables).toBe(41)
  expect(await db.get('z')).toBe('39')
  expect(await db.get('b39')).toBe('v'.repeat(1000))
  expect(await failureOf(() => db.get('a'))).toMatchObject({ code: 'VARVE_CORRUPTION', file })
  expect(await failureOf(() => db.compact())).toMatchObject({ code: 'VARVE_CORRUPTION', file })
  await db.close()
})
