import { test } from 'vitest'
import native from '#native'
import { open } from '../lib/index.ts'
import { scratch } from './lib/support/databases.ts'

test('m', async () => {
  const db = await open(scratch(), { durability: 'os' })
  for (let i = 0; i < 200000; i++) {
    void db.put(String(i).padStart(16, '0'), 'v'.repeat(100))
    if (i % 1000 === 0) await new Promise(setImmediate)
  }
  await db.compact()
  for (let r = 0; r < 6; r++) {
    const n = 60000
    const t = performance.now()
    for (let i = 0; i < n; i++) {
      const it = db.iterator({ gte: String((i * 7919) % 190000).padStart(16, '0'), limit: 10 })
      const got = await it.nextv(10)
      await it.close()
      if (got.length !== 10) throw new Error()
    }
    console.log('range10 us/op', (((performance.now() - t) * 1000) / n).toFixed(2))
  }
  await db.close()
}, 120000)
