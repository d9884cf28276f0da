// A compaction that nobody waits for leaves the disk to writers that wait for a sync.
import { expect, test } from 'vitest'
import native from '#native'
import { openMemory } from './support/databases.ts'

const value = 'v'.repeat(20)
const keyOf = (i: number): string => `key${String(i).padStart(6, '0')}`

test('it rests while they do, and ends all the same', async () => {
  let compacted = false
  const fs = native.memoryFileSystem()
  const events = {
    compaction: () => {
      compacted = true
    }
  }
  const db = await openMemory(fs, { durability: 'os', events })
  for (let table = 0; table < 4; table++) {
    for (let i = table; i < 80_000; i += 4) void db.put(keyOf(i), value)
    await db.flush()
  }
  const yields = (): number => db.stats().background.yields
  while (!compacted && yields() === 0) await db.put('last', value, { sync: true })
  expect(yields()).toBeGreaterThan(0)
  await db.drain()
  expect(compacted).toBe(true)
  expect(await db.getMany([keyOf(0), keyOf(79_999), 'last'])).toEqual([value, value, value])
  expect((await db.keys().all()).length).toBe(80_001)
  await db.close()
})
