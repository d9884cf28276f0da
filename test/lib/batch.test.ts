// What a batch lays down is what the data plane reads: kinds, bounds, expiry, spaces of every width.
import { expect, test } from 'vitest'
import native from '#native'
import { Batch } from '../../lib/bytes/batch.ts'
import { Database, readAll } from '../native-binding/support/database.ts'
import { done } from '../native-binding/support/jobs.ts'

const executor = native.threadExecutor(1, 1)

async function open(): Promise<Database> {
  const fs = native.memoryFileSystem()
  await done(native.makeDirectory(executor, fs, '/db'))
  const database = new Database(executor, fs, '/db')
  database.openWal()
  await database.addSegment(1)
  return database
}

function write(database: Database, each: (batch: Batch) => void): void {
  const batch = new Batch()
  each(batch)
  batch.finish()
  database.writeFrame({ bytes: batch.frame, payloadBytes: batch.payloadBytes, operations: batch.operations })
}

function scan(database: Database, space: number, nowMs = 1): string[] {
  const handle = native.openScan(database.engine, space, 0, null, null, -1, nowMs)
  const entries = readAll(handle)
  native.release(handle)
  return entries.map(([key, value]) => `${key}=${value}`)
}

/** The same answers before and after a flush, and after a compaction to the bottom. */
async function everywhere(database: Database, check: () => void): Promise<void> {
  check()
  await database.flush(10)
  check()
  await database.compact([20, 21])
  check()
}

test('the bytes are those of the format', () => {
  const batch = new Batch()
  batch.deleteRange(1, 'a', 'c')
  batch.deleteRange(1, Buffer.from('x'), null)
  batch.put(1, 'k', 'v', 2 ** 32 + 5)
  batch.finish()
  const { frameStartBytes } = native.about()
  const payload = batch.frame.subarray(frameStartBytes, frameStartBytes + batch.payloadBytes)
  expect(payload.toString('hex')).toBe(
    ['1b000000', '03000000', '0402016102', '0163', '0402017801', '02', '0202016b', '0500000001000000', '0176'].join('')
  )
})

test('expiring puts are there until their time', async () => {
  const database = await open()
  write(database, (batch) => {
    batch.put(1, 'forever', 'x')
    batch.put(1, 'never', 'x', 0)
    batch.put(1, 'soon', 'x', 1)
    batch.put(1, 'later', Buffer.from('y'), Number.MAX_SAFE_INTEGER)
    batch.put(1, 'ü'.repeat(100), 'long key', 1_900_000_000_000)
  })
  await everywhere(database, () => {
    expect(scan(database, 1, 0)).toHaveLength(5)
    expect(scan(database, 1, 1)).toEqual(['forever=x', 'later=y', 'never=x', `${'ü'.repeat(100)}=long key`])
    expect(scan(database, 1, 1_900_000_000_000)).toEqual(['forever=x', 'later=y', 'never=x'])
    const facts = new Float64Array(2)
    expect(native.getEntry(database.engine, 1, 'later', -1, 5, 2, facts, new Uint8Array(0), 0)).toBe(1)
    expect([...facts]).toEqual([4, Number.MAX_SAFE_INTEGER])
  })
})

test.each([0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2 ** 28 - 1, 2 ** 31 - 1])(
  'a range of space %i ends where it should',
  async (space) => {
    const database = await open()
    write(database, (batch) => {
      for (const near of [space - 1, space, space + 1]) {
        if (near < 0) continue
        for (const key of ['', 'a', 'b', 'c']) batch.put(near, key, 'x')
        batch.put(near, Buffer.alloc(3, 255), 'last')
      }
      batch.deleteRange(space, 'a', 'c')
    })
    const last = '\ufffd'.repeat(3)
    const all = ['=x', 'a=x', 'b=x', 'c=x', `${last}=last`]
    expect(scan(database, space)).toEqual(['=x', 'c=x', `${last}=last`])
    write(database, (batch) => batch.deleteRange(space, Buffer.from('c'), null))
    write(database, (batch) => batch.put(space, 'd', 'after'))
    await everywhere(database, () => {
      expect(scan(database, space)).toEqual(['=x', 'd=after'])
      if (space > 0) expect(scan(database, space - 1)).toEqual(all)
      expect(scan(database, space + 1)).toEqual(all)
    })
    write(database, (batch) => batch.deleteRange(space, '', null))
    for (const step of [() => {}, () => database.flush(30)]) {
      await step()
      expect(scan(database, space)).toEqual([])
      if (space > 0) expect(scan(database, space - 1)).toEqual(all)
      expect(scan(database, space + 1)).toEqual(all)
    }
  }
)

test('empty ranges delete nothing', async () => {
  const database = await open()
  write(database, (batch) => {
    batch.put(1, 'a', 'x')
    batch.deleteRange(1, 'b', 'a')
    batch.deleteRange(1, 'a', 'a')
  })
  expect(scan(database, 1)).toEqual(['a=x'])
  expect(native.memtableStats(database.memtable).rangeTombstones).toBe(0)
})

test('an operation that is refused leaves nothing behind', () => {
  const batch = new Batch()
  batch.put(1, 'a', 'x')
  const { payloadBytes } = batch
  const long = Buffer.alloc(65_536)
  expect(() => batch.deleteRange(1, long, null)).toThrow(expect.objectContaining({ code: 'VARVE_TOO_LARGE' }))
  expect(() => batch.deleteRange(1, 'a', long)).toThrow(expect.objectContaining({ code: 'VARVE_TOO_LARGE' }))
  expect(() => batch.deleteRange(1, 'a', '\ud800')).toThrow(/lone surrogate/)
  expect(() => batch.put(1, 'a', '\ud800', 5)).toThrow(/lone surrogate/)
  expect([batch.operations, batch.payloadBytes]).toEqual([1, payloadBytes])
})
