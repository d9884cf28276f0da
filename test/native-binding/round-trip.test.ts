// A database through the raw contract: written, flushed, compacted, scanned, replayed.
// asan: yes
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import native from '#native'
import { Database, facts, idOf, lifeOf, noBytes, readAll, tableOptions } from './support/database.ts'
import { frameOf } from './support/frames.ts'
import { done, failure, rejection } from './support/jobs.ts'

const executor = native.threadExecutor(2, 1)
const scratch = mkdtempSync(join(tmpdir(), 'varve-round-trip-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const nameOf = (i: number): string => `key ${String(i).padStart(4, '0')}`

async function open(fs: native.FileSystem, directory: string): Promise<Database> {
  await done(native.makeDirectory(executor, fs, directory))
  const database = new Database(executor, fs, directory)
  database.openWal()
  await database.addSegment(1)
  return database
}

const memory = () => open(native.memoryFileSystem(), '/db')

describe.each([
  { name: 'posix', make: () => open(native.posixFileSystem(), join(scratch, 'db')) },
  { name: 'memory', make: memory }
])('$name', ({ make }) => {
  test('written, flushed, compacted and replayed, it reads the same', async () => {
    const database = await make()
    for (let i = 0; i < 300; i++) database.write({ put: nameOf(i), value: `first ${i}` })
    await done(native.syncJob(database.engine))
    const { outputs } = await database.flush(10)
    expect(outputs).toMatchObject([{ file: 0, properties: { entries: 300, sequenceFirst: 1, sequenceLast: 300 } }])
    expect(outputs[0]?.properties.keyFirst).toEqual(Buffer.from(`\0${nameOf(0)}`))
    for (let i = 0; i < 300; i += 2) database.write({ put: nameOf(i), value: `second ${i}` })
    database.write({ del: nameOf(1) }, { delRange: [nameOf(100), nameOf(200)] })
    await database.flush(11)
    for (let i = 0; i < 300; i += 3) database.write({ put: nameOf(i), value: `third ${i}` })

    const expected: [string, string][] = []
    for (let i = 0; i < 300; i++) {
      const deleted = i === 1 || (i >= 100 && i < 200)
      if (i % 3 === 0) expected.push([nameOf(i), `third ${i}`])
      else if (!deleted) expected.push([nameOf(i), i % 2 === 0 ? `second ${i}` : `first ${i}`])
    }
    const check = (engine: native.Engine): void => {
      for (const flags of [0, 1]) {
        const scan = native.openScan(engine, 0, flags, null, null, -1, 0)
        expect(readAll(scan, 7)).toEqual(flags ? expected.toReversed() : expected)
        native.release(scan)
      }
      for (const [key, value] of expected) expect(native.getText(engine, 0, key, -1, 0, 2)).toBe(value)
      expect(native.has(engine, 0, nameOf(1), -1, 0, 2)).toBe(-1)
    }
    check(database.engine)
    const { entriesIn, entriesOut, entriesDropped } = await database.compact([20, 21, 22])
    expect(entriesIn).toBe(entriesOut + entriesDropped)
    check(database.engine)
    expect(native.engineStats(database.engine).blockBytesRead).toBeGreaterThan(0)
    await replayAndCheck(database, check)
  })
})

/** Opens what `database` wrote a second time, from its tables and its log. */
async function replayAndCheck(database: Database, check: (engine: native.Engine) => void): Promise<void> {
  const before = native.walState(database.engine)
  const flushed = { flushedIndex: 451, flushedTerm: 1, flushedSequence: 452, flushedTimeMs: 1000 }
  const again = new Database(executor, database.fs, database.directory)
  const segment = await done(native.createSegment(again.engine, database.path('2.wal'), 1 << 16))
  const result = await done(
    native.replayJob(again.engine, {
      segments: [{ path: database.path('1.wal'), number: 1, id: idOf(1) }],
      ...flushed,
      syncedIndex: 0,
      memtable: again.memtable,
      copyTo: { segment, number: 2, id: idOf(2), life: lifeOf(2) }
    })
  )
  expect(result).toMatchObject({ index: before.index, sequence: before.sequence, cut: null, unused: [] })
  expect(result.syncedIndex).toBe(result.index)
  expect(native.memtableStats(again.memtable).entries).toBe(100)
  again.levels = database.levels
  again.show()
  check(again.engine)
  again.write({ put: 'more', value: 'goes on' })
  expect(again.text('more')).toBe('goes on')
  expect(native.segmentBytes(segment)).toBeGreaterThan(0)
  expect(native.dropSegments(again.engine, before.index)).toContain(database.path('1.wal'))
  const lines = await done(native.describeSegment(executor, database.fs, database.path('2.wal')))
  expect(lines.split('\n').length).toBeGreaterThan(2)
}

describe('values', () => {
  test('get copies to the slab, or says how long the value is', async () => {
    const database = await memory()
    database.write({ put: 'a', value: 'value' }, { put: 'empty', value: '' })
    const slab = Buffer.alloc(10)
    const get = (key: string, offset: number) => native.get(database.engine, 0, key, -1, 0, 2, slab, offset)
    expect(get('a', 5)).toBe(5)
    expect(slab.toString()).toBe('\0\0\0\0\0value')
    expect([get('a', 6), get('a', 100), get('b', 0), get('empty', 10)]).toEqual([-21, -21, -1, 0])
  })

  test('texts of all kinds come back', async () => {
    const database = await memory()
    const texts = ['', 'ascii', 'é', `${'x'.repeat(31)}ü`, '\u{1f600}', 'y'.repeat(100_000), '\ufffd']
    for (const [i, value] of texts.entries()) database.write({ put: `t${i}`, value })
    expect(texts.map((_, i) => database.text(`t${i}`))).toEqual(texts)
  })

  test('keys of all kinds are found, those that are none are refused', async () => {
    const database = await memory()
    const keys = ['', 'a', 'é', '\u{1f600}', '\ufffd', 'k'.repeat(127), 'ü'.repeat(300), 'x'.repeat(65_535), 'a\0b']
    for (const key of keys) database.write({ put: key, value: `value of ${key.length}` })
    for (const key of keys) {
      expect(database.text(key)).toBe(`value of ${key.length}`)
      expect(native.has(database.engine, 0, Buffer.from(key), -1, 0, 2)).toBe(1)
    }
    for (const lone of ['\ud800', 'a\udc00b', '\ud83d', `${'x'.repeat(600)}\ud800`]) {
      expect(failure(() => database.text(lone)).code).toBe('INVALID_ARGUMENT')
    }
    expect(failure(() => database.text('x'.repeat(65_536))).code).toBe('TOO_LARGE')
    expect(failure(() => database.text('ü'.repeat(32_768))).code).toBe('TOO_LARGE')
    for (let length = 480; length < 540; length++) {
      const key = 'ö'.repeat(length / 2) + 'z'.repeat(length % 2)
      database.write({ put: key, value: String(length) })
      expect(database.text(key)).toBe(String(length))
    }
  })

  test('entries expire at their time', async () => {
    const database = await memory()
    database.write({ put: 'a', value: 'soon gone', expiresAt: 1000 })
    expect(database.text('a')).toBe(-3)
    expect(database.text('a', -1, 999)).toBe('soon gone')
    expect(database.text('a', -1, 1000)).toBe(-1)
    expect(native.has(database.engine, 0, 'a', -1, 0, 2)).toBe(-3)
    expect(await done(native.getJob(database.engine, 0, 'a', -1, 5))).toEqual(Buffer.from('soon gone'))
    expect(await done(native.getJob(database.engine, 0, 'a', -1, 1001))).toBe(undefined)
    expect((await rejection(native.getJob(database.engine, 0, 'a', -1, 0))).code).toBe('INVALID_ARGUMENT')
  })
})

test('a long value that was read on a thread can be discarded', async () => {
  const database = await memory()
  database.write({ put: 'long', value: 'l'.repeat(1_000_000) })
  for (let round = 0; round < 20; round++) {
    const value = (await done(native.getJob(database.engine, 0, 'long', -1, 1))) as Buffer
    expect(value.length).toBe(1_000_000)
    native.discard(value.buffer as ArrayBuffer)
    expect(value.length).toBe(0)
  }
})

describe('getMany', () => {
  const many = (database: Database, keys: readonly string[], slabs: Buffer[], from = 0, valueBytesMax = 1000) => {
    const sizes = new Int32Array(keys.length)
    const bytes = Buffer.from(keys.join(''))
    const keySizes = Uint32Array.from(keys, (key) => Buffer.byteLength(key))
    const { engine } = database
    const next = native.getMany(engine, 0, bytes, keySizes, from, keys.length, -1, 0, 2, slabs, valueBytesMax, sizes)
    return { next, sizes: [...sizes] }
  }

  test('lays values into slabs in order, and comes back for the rest', async () => {
    const database = await memory()
    for (const key of ['a', 'b', 'c', 'd']) database.write({ put: key, value: key.repeat(6) })
    const slabs = [Buffer.alloc(13), Buffer.alloc(6)]
    expect(many(database, ['a', 'x', 'b', 'c', 'd'], slabs)).toEqual({ next: 4, sizes: [6, -1, 6, 6, 0] })
    expect(slabs.map(String)).toEqual(['aaaaaabbbbbb\0', 'cccccc'])
    expect(many(database, ['a', 'x', 'b', 'c', 'd'], slabs, 4)).toEqual({ next: 5, sizes: [0, 0, 0, 0, 6] })
    expect(String(slabs[0])).toBe('ddddddbbbbbb\0')
  })

  test('leaves large values out, tells of other than ASCII, and answers has', async () => {
    const database = await memory()
    database.write({ put: 'a', value: 'a' }, { put: 'b', value: 'é' }, { put: 'c', value: 'c'.repeat(20) })
    const slabs = [Buffer.alloc(100)]
    expect(many(database, ['a', 'b', 'c'], slabs, 0, 10)).toEqual({ next: -4, sizes: [1, 2, -36] })
    expect(many(database, ['a', 'x', 'c'], [])).toEqual({ next: 3, sizes: [0, -1, 0] })
  })

  test('takes more keys than are looked up at once, and keys twice', async () => {
    const database = await memory()
    const keys = Array.from({ length: 1000 }, (_, i) => nameOf(i % 600))
    for (let i = 0; i < 600; i++) database.write({ put: nameOf(i), value: String(i) })
    await database.flush(10)
    const { next, sizes } = many(database, keys, [Buffer.alloc(10_000)])
    expect(next).toBe(1000)
    expect(sizes).toEqual(keys.map((_, i) => String(i % 600).length))
  })
})

describe('reads that would wait', () => {
  test('the tiers say so, jobs wait', async () => {
    const database = await memory()
    for (let i = 0; i < 100; i++) database.write({ put: nameOf(i), value: `value ${i}` })
    await database.flush(10)
    native.memoryCold(database.fs, true)
    const { engine } = database
    expect(native.getText(engine, 0, nameOf(5), -1, 0, 0)).toBe(-2)
    expect(native.getText(engine, 0, nameOf(5), -1, 0, 1)).toBe(-2)
    expect(await done(native.getJob(engine, 0, nameOf(5), -1, 1))).toEqual(Buffer.from('value 5'))
    expect(native.getText(engine, 0, nameOf(5), -1, 0, 0)).toBe('value 5')
    expect(native.engineStats(engine).wouldBlock).toBeGreaterThan(0)
  })

  test('a page that would wait is gone on with by a job', async () => {
    const database = await memory()
    for (let i = 0; i < 1000; i++) database.write({ put: nameOf(i), value: `value ${i}` })
    await database.flush(10)
    native.memoryCold(database.fs, true)
    const scan = native.openScan(database.engine, 0, 0, Buffer.from(nameOf(10)), Buffer.from(nameOf(500)), -1, 0)
    expect(native.engineStats(database.engine).scans).toBe(1)
    const info = new Uint32Array(5)
    const keys = Buffer.alloc(10_000)
    const sizes = new Uint32Array(200)
    expect(native.scanPage(scan, 0, keys, Buffer.alloc(10_000), 0, sizes, 100, info)).toBe(0)
    expect((info[2] ?? 0) & 8).toBe(8)
    const job = native.scanPageJob(scan, 10_000, 10_000, 100)
    const inUse = failure(() => native.scanPage(scan, 0, keys, Buffer.alloc(10), 0, sizes, 100, info))
    expect(inUse.message).toBe('scan must not be used before its job is over')
    const page = await done(job)
    expect(page.entries).toBe(100)
    expect(page.keys.toString().startsWith(nameOf(10) + nameOf(11))).toBe(true)
    expect(page.values.toString().startsWith('value 10value 11')).toBe(true)
    expect([...page.sizes.subarray(0, 2)]).toEqual([8, 8])
    native.scanSeek(scan, Buffer.from(nameOf(495)))
    const last = await done(native.scanPageJob(scan, 100_000, 0, 100))
    expect(last.entries).toBe(5)
    expect((last.info[2] ?? 0) & 1).toBe(1)
    native.release(scan)
    expect(native.engineStats(database.engine).scans).toBe(0)
  })

  test('a scan keeps its view, and goes on over a newer one when told', async () => {
    const database = await memory()
    for (let i = 0; i < 10; i++) database.write({ put: nameOf(i), value: 'old' })
    const scan = native.openScan(database.engine, 0, 0, null, null, -1, 0)
    database.write({ put: nameOf(5), value: 'new' })
    await database.flush(10, [10])
    native.scanRefresh(scan)
    expect(readAll(scan)).toEqual(Array.from({ length: 10 }, (_, i) => [nameOf(i), 'old']))
    native.release(scan)
  })
})

describe('a long scan', () => {
  const value = 'v'.repeat(200)
  const nameOfMany = (i: number): string => `key ${String(i).padStart(6, '0')}`

  async function openMany(count: number): Promise<Database> {
    const database = await memory()
    for (let i = 0; i < count; i += 100) {
      database.write(...Array.from({ length: 100 }, (_, k) => ({ put: nameOfMany(i + k), value })))
    }
    await database.flush(10)
    return database
  }

  async function countByJobs(database: Database, flags: number): Promise<number> {
    const scan = native.openScan(database.engine, 0, flags, null, null, -1, 0)
    let entries = 0
    for (let isDone = false; !isDone; ) {
      const page = await done(native.scanPageJob(scan, 1 << 16, 8 << 10, 1000))
      entries += page.entries
      isDone = ((page.info[2] ?? 0) & 1) !== 0
    }
    native.release(scan)
    return entries
  }

  test.each([0, 1])('reads ahead, and takes no block from point reads (flags %i)', async (flags) => {
    const database = await openMany(20_000)
    const { engine, fs } = database
    native.setCacheBytes(engine, 512 << 10)
    const hot = Array.from({ length: 100 }, (_, i) => nameOfMany(i * 199))
    const readHot = (): number => {
      const before = native.engineStats(engine).blockBytesRead
      for (const key of hot) expect(database.text(key)).toBe(value)
      return native.engineStats(engine).blockBytesRead - before
    }
    expect(readHot()).toBeGreaterThan(0)
    expect(readHot()).toBe(0)
    native.memoryCold(fs, true)
    const before = native.engineStats(engine)
    const callsBefore = native.memoryCalls(fs)
    expect(await countByJobs(database, flags)).toBe(20_000)
    const after = native.engineStats(engine)
    expect(after.blocksFromDisk - before.blocksFromDisk).toBeGreaterThan(3000)
    expect(native.memoryCalls(fs) - callsBefore).toBeLessThan(100)
    expect(after.cacheEvictions).toBe(before.cacheEvictions)
    expect(after.cacheBytes).toBeLessThanOrEqual(512 << 10)
    expect(readHot()).toBe(0)
  })

  test('goes on in large reads after pages that would have waited', async () => {
    const database = await openMany(20_000)
    const { engine, fs } = database
    native.memoryCold(fs, true)
    const scan = native.openScan(engine, 0, 0, null, null, -1, 0)
    const info = new Uint32Array(5)
    const sizes = new Uint32Array(2000)
    let entries = 0
    let jobs = 0
    for (let isDone = false; !isDone; isDone = ((info[2] ?? 0) & 1) !== 0) {
      const some = native.scanPage(scan, 1, Buffer.alloc(1 << 16), Buffer.alloc(8 << 10), 0, sizes, 1000, info)
      entries += some
      if (some > 0 || ((info[2] ?? 0) & 8) === 0) continue
      jobs++
      const page = await done(native.scanPageJob(scan, 1 << 16, 8 << 10, 1000))
      entries += page.entries
      info.set(page.info)
    }
    expect(entries).toBe(20_000)
    // Four megabytes: some small reads, then a quarter of a megabyte at a time.
    expect(jobs).toBeLessThan(40)
    native.release(scan)
  })
})

describe('tables', () => {
  test('uses are counted, offsets told, bytes verified', async () => {
    const database = await memory()
    for (let i = 0; i < 1000; i++) database.write({ put: nameOf(i), value: `value ${i}` })
    await database.flush(10)
    const table = database.levels[0]?.[0] as native.Table
    expect(native.tableUses(table)).toBe(1)
    const scan = native.openScan(database.engine, 0, 0, null, null, -1, 0)
    database.levels = [[]]
    database.show()
    expect(native.tableUses(table)).toBe(1)
    native.release(scan)
    expect(native.tableUses(table)).toBe(0)
    expect(native.tableOffset(table, Buffer.from('\0'))).toBe(0)
    expect(native.tableOffset(table, Buffer.from(`\0${nameOf(900)}`))).toBeGreaterThan(1000)
    await done(native.verifyTable(table))
  })

  test('damage fails with file and offset', async () => {
    const database = await memory()
    for (let i = 0; i < 1000; i++) database.write({ put: nameOf(i), value: `value ${i}` })
    await database.flush(10)
    const path = database.path('10.sst')
    const bytes = native.memoryDump(database.fs, path)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    native.memoryOverwrite(database.fs, path, bytes)
    const error = await rejection(native.verifyTable(database.levels[0]?.[0] as native.Table))
    expect(error).toMatchObject({ code: 'CORRUPTION', file: path, offset: expect.any(Number) })
    expect((await rejection(native.openTable(database.engine, path, 10, idOf(99)))).code).toBe('CORRUPTION')
  })

  test('a compaction that was cancelled leaves nothing behind', async () => {
    const database = await memory()
    // Enough that it is still running when it is cancelled.
    for (let i = 0; i < 20_000; i++) database.write({ put: nameOf(i), value: 'v'.repeat(200) })
    await database.flush(10)
    const job = native.compactJob(database.engine, {
      runs: [database.levels[0] ?? []],
      outputs: [{ path: database.path('20.sst'), id: idOf(20) }],
      outputBytesMax: 1 << 30,
      cutAfter: [],
      table: tableOptions,
      facts
    })
    native.cancel(job)
    expect((await rejection(job)).code).toBe('ABORTED')
    expect(await done(native.list(executor, database.fs, '/db'))).not.toContain('20.sst')
  })
})

test('a stepped executor with the same seed leaves the same disk', () => {
  const run = (seed: number): string => {
    const stepped = native.steppedExecutor(seed)
    const fs = native.memoryFileSystem()
    const engine = native.createEngine(stepped, fs, 1 << 16)
    const memtable = native.createMemtable(engine, 1 << 16)
    native.setView(engine, memtable, [], [])
    native.openWal(
      engine,
      { index: 0, term: 0, sequence: 0, timeMs: 0, hardTerm: 0, hardVote: 0, hardCommit: 0, syncedIndex: 0 },
      noBytes
    )
    native.createSegment(engine, '/1.wal', 4096)
    while (native.step(stepped));
    const segment = native.drain()[2] as native.Segment
    native.activateSegment(engine, segment, 1, idOf(1), lifeOf(1))
    for (let i = 0; i < 20; i++) {
      const frame = frameOf([{ put: nameOf(i), value: 'v' }])
      native.writeJob(engine, frame.bytes, frame.payloadBytes, frame.operations, i)
      native.syncJob(engine)
      native.writeFile(stepped, fs, `/f${i}`, Buffer.from(String(i)))
    }
    native.flushJob(engine, {
      memtables: [memtable],
      output: { path: '/1.sst', id: idOf(1) },
      table: tableOptions,
      facts
    })
    while (native.step(stepped));
    native.drain()
    return native.memoryDigest(fs)
  }
  expect(run(7)).toBe(run(7))
})
