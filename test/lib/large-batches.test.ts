// Large groups are applied off the loop; what follows sees them, in order.
import { describe, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { scratch } from './support/databases.ts'

const many = Array.from({ length: 5000 }, (_, i) => ({ type: 'put' as const, key: `m${i}`, value: `v${i}` }))
const long = Array.from({ length: 40 }, (_, i) => ({ type: 'put' as const, key: `m${i}`, value: 'x'.repeat(10_000) }))

describe.each([
  { name: 'more than 1000 operations', batch: many },
  { name: 'more than 256 KiB', batch: long }
])('$name', ({ batch }) => {
  const last = batch.at(-1) as (typeof many)[number]

  test.each(['interval', 'sync', 'os'] as const)('get (%s)', async (durability) => {
    await using db = await open(scratch(), { durability })
    const written = db.batch(batch)
    expect(await db.get(last.key)).toBe(last.value)
    await written
  })

  test('getSync', async () => {
    await using db = await open(scratch())
    const written = db.batch(batch)
    expect(db.getSync(last.key)).toBe(last.value)
    await written
  })

  test('has, getMany', async () => {
    await using db = await open(scratch())
    void db.batch(batch)
    expect(await db.has(last.key)).toBe(true)
    void db.batch(batch.map(({ key }) => ({ type: 'del', key })))
    expect(await db.getMany([last.key])).toEqual([undefined])
  })

  test('an iterator, awaited', async () => {
    await using db = await open(scratch())
    void db.batch(batch)
    expect((await db.keys().all()).length).toBe(batch.length)
  })

  test('an iterator, synchronous', async () => {
    await using db = await open(scratch())
    void db.batch(batch)
    expect([...db.keys()].length).toBe(batch.length)
  })

  test('an iterator, by seek', async () => {
    await using db = await open(scratch())
    void db.batch(batch)
    const iterator = db.iterator()
    iterator.seek(last.key)
    expect(await iterator.next()).toEqual([last.key, last.value])
    await iterator.close()
  })

  test('an iterator does not see what was written after it', async () => {
    await using db = await open(scratch())
    const first = db.batch(batch)
    const iterator = db.keys()
    void db.put('zz', 'later')
    expect((await iterator.all()).length).toBe(batch.length)
    await first
  })

  test('a snapshot', async () => {
    await using db = await open(scratch())
    void db.batch(batch)
    const snapshot = db.snapshot()
    void db.del(last.key)
    expect(await db.get(last.key, { snapshot })).toBe(last.value)
    expect(await db.get(last.key)).toBeUndefined()
  })

  test('small writes queue behind it', async () => {
    await using db = await open(scratch())
    const all = [db.batch(batch), db.put(last.key, 'after'), db.batch([{ type: 'del', key: 'm0' }])]
    expect(await db.getMany([last.key, 'm0', 'm1'])).toEqual(['after', undefined, batch[1]?.value])
    await Promise.all(all)
    expect(await db.get(last.key)).toBe('after')
  })

  test('flush and close wait for it', async () => {
    const path = scratch()
    const db = await open(path, { memtableBytes: 16 << 10, tableBytes: 32 << 10 })
    void db.batch(batch)
    await db.flush()
    expect(await db.get(last.key)).toBe(last.value)
    void db.batch(batch.map(({ key }) => ({ type: 'put', key, value: 'again' })))
    await db.close()
    await using again = await open(path)
    expect(new Set(await again.values().all())).toEqual(new Set(['again']))
  })
})
