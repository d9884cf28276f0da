// Salvage: what is whole of a damaged table or wal is read, and what is not is told as narrowly as can be.
// asan: yes
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import native from '#native'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { Database, idOf, readAll, tableOptions } from './support/database.ts'
import { storedKey } from './support/frames.ts'
import { stepped } from './support/jobs.ts'

const { below } = drawsOf(randomOf(seedOf('salvage')))
const keyOf = (n: number): string => `key${String(n).padStart(3, '0')}`
const keys = 300
const path = '/d/1.sst'

let executor: native.Executor
let fs: native.FileSystem
let database: Database
let whole: Buffer
let properties: native.TableProperties

async function pumped<Result>(work: Promise<Result>): Promise<Result> {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  work.then(over, over)
  while (!isOver) {
    while (native.step(executor));
    await new Promise(setImmediate)
  }
  return work
}

beforeEach(async () => {
  executor = native.steppedExecutor(0)
  fs = native.memoryFileSystem()
  stepped(executor, native.makeDirectory(executor, fs, '/d'))
  database = new Database(executor, fs, '/d')
  database.openWal()
  await pumped(database.addSegment(1))
  for (let i = 0; i < keys; i++) database.write({ put: keyOf(i), value: `value ${String(i).padStart(3, '0')}` })
  database.write({ delRange: ['key050x', 'key051x'] }, { del: 'key007' }, { delRange: ['a', 'b'] })
  await pumped(database.flush(1))
  whole = native.memoryDump(fs, path)
  properties = stepped(executor, native.openTable(database.engine, path, 1, idOf(1))).properties
})
afterEach(() => {
  native.release(database.engine)
  native.release(fs)
  native.release(executor)
})

interface Saved extends native.TableSalvage {
  readonly keys: readonly string[]
}

let outputs = 100

/** Salvages the table with these bytes, and reads what was written. */
function salvage(bytes: Buffer): Saved {
  native.memoryOverwrite(fs, path, bytes)
  const number = outputs++
  const output = { path: `/d/${number}.sst`, id: idOf(number % 200) }
  const request = { path, id: idOf(1), output, table: tableOptions }
  const told = stepped(executor, native.salvageTable(executor, fs, { ...request, output: null }))
  const saved = stepped(executor, native.salvageTable(executor, fs, request))
  expect(told).toEqual({ ...saved, properties: null })
  if (saved.properties === null) return { ...saved, keys: [] }
  const { table } = stepped(executor, native.openTable(database.engine, output.path, number, output.id))
  stepped(executor, native.verifyTable(table))
  const memtable = native.createMemtable(database.engine, 1000)
  native.setView(database.engine, memtable, [], [[table]])
  const found = readAll(native.openScan(database.engine, 0, 0, null, null, -1, 0)).map(([key]) => key)
  database.show()
  for (const handle of [table, memtable]) native.release(handle)
  return { ...saved, keys: found }
}

const isWithin = (key: string, { first, last }: native.LostSpan): boolean => {
  const stored = storedKey(key)
  return (first === null || stored.compare(first) >= 0) && (last === null || stored.compare(last) <= 0)
}

/** Every key that no lost span has is there, and none that was not. */
function checkKeys({ keys: found, lost }: Saved): void {
  const wanted = Array.from({ length: keys }, (_, i) => keyOf(i)).filter((key) => key !== 'key007' && key !== 'key051')
  const missing = wanted.filter((key) => !found.includes(key))
  expect(missing.filter((key) => !lost.some((span) => isWithin(key, span)))).toEqual([])
  const strange = found.filter((key) => !wanted.includes(key))
  // What a lost tombstone had deleted.
  expect(strange.filter((key) => !lost.some((span) => isWithin(key, span)))).toEqual([])
}

describe('a table', () => {
  test('that is whole', () => {
    const saved = salvage(whole)
    expect(saved).toMatchObject({ lost: [], entriesLost: 0, entries: properties.entries, rangeTombstones: 2 })
    expect(saved.properties).toEqual({
      ...saved.properties,
      keyFirst: properties.keyFirst,
      keyLast: properties.keyLast
    })
    checkKeys(saved)
  })

  test('with one bad byte, wherever it is', () => {
    const dataEnd = 64 + properties.dataBytes
    let ranges = 0
    for (let at = below(5); at < whole.length; at += 1 + below(24)) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
      const saved = salvage(bytes)
      const kinds = saved.lost.map(({ isRanges }) => isRanges)
      if (at >= 64 && at < dataEnd) {
        expect(kinds, `at ${at}`).toEqual([false])
        expect(saved.entriesLost).toBeGreaterThan(0)
        expect(saved.entriesLost).toBeLessThan(60)
        expect(saved.rangeTombstones).toBe(2)
      } else {
        expect(saved.entries, `at ${at}`).toBe(properties.entries)
        if (kinds.length > 0) ranges++
        expect(kinds.length === 0 || kinds[0]).toBe(true)
      }
      checkKeys(saved)
    }
    // A bad byte in the section of range tombstones, of which the file is a small part.
    expect(ranges).toBeGreaterThan(0)
    expect(ranges).toBeLessThan(30)
  })

  test('without an end, and with a bad block as well', () => {
    for (let round = 0; round < 60; round++) {
      const bytes = Buffer.from(whole)
      for (let at = whole.length - 80; at < whole.length; at++) bytes[at] = 0
      const bad = 64 + below(properties.dataBytes)
      bytes[bad] = (bytes[bad] ?? 0) ^ 1
      const saved = salvage(bytes)
      expect(saved.lost.filter(({ isRanges }) => !isRanges).length, `at ${bad}`).toBe(1)
      expect(saved.entries).toBeGreaterThan(properties.entries - 80)
      checkKeys(saved)
    }
  })

  test('cut short anywhere', () => {
    for (let size = 0; size < whole.length; size += 1 + below(400)) {
      const saved = salvage(whole.subarray(0, size))
      expect(saved.lost.length, `at ${size}`).toBeGreaterThan(0)
      checkKeys(saved)
      // All blocks before the cut.
      const blocks = Math.max(0, Math.min(size, 64 + properties.dataBytes) - 64 - 1100)
      expect(saved.entries).toBeGreaterThanOrEqual(Math.floor((blocks / properties.dataBytes) * properties.entries) - 1)
    }
  })

  test('of which nothing is left, and one that is another', () => {
    const nothing = salvage(Buffer.alloc(5000, 7))
    expect(nothing).toMatchObject({ properties: null, entries: 0 })
    expect(nothing.lost[0]).toMatchObject({ first: null, last: null })
    native.memoryOverwrite(fs, path, whole)
    expect(stepped(executor, native.identifyTable(executor, fs, path)).equals(idOf(1))).toBe(true)
    const other = native.salvageTable(executor, fs, { path, id: idOf(9), output: null })
    expect(() => stepped(executor, other)).toThrow('another identity')
    native.memoryOverwrite(fs, path, Buffer.alloc(5000, 7))
    expect(() => stepped(executor, native.identifyTable(executor, fs, path))).toThrow('which table this is')
  })
})

describe('a wal', () => {
  const request = {
    flushedIndex: 0,
    flushedTerm: 0,
    flushedSequence: 0,
    flushedTimeMs: 0,
    syncedIndex: 0,
    isEndKnown: true,
    fromStart: false
  }
  const wal = '/d/1.wal'
  const recordBytes = 72 + 32

  function salvageWal(bytes: Buffer, more: object = {}): native.WalSalvage & { entries: number } {
    native.memoryOverwrite(fs, wal, bytes)
    const memtable = native.createMemtable(database.engine, 1000)
    const segments = [{ path: wal, number: 1 }]
    const saved = stepped(executor, native.salvageWal(database.engine, { ...request, segments, memtable, ...more }))
    const { entries } = native.memtableStats(memtable)
    native.release(memtable)
    return { ...saved, entries }
  }

  test('that is whole, from a position on, and up to one', () => {
    const bytes = native.memoryDump(fs, wal)
    expect(salvageWal(bytes)).toMatchObject({ lost: [], sequence: keys + 3, operations: keys + 3, index: keys + 1 })
    expect(salvageWal(bytes, { flushedIndex: 100, flushedSequence: 100 })).toMatchObject({
      lost: [],
      operations: keys + 3 - 100
    })
    expect(salvageWal(bytes, { flushedSequence: 200 })).toMatchObject({ lost: [], operations: keys + 3 - 200 })
    expect(salvageWal(bytes, { lastIndex: 50 })).toMatchObject({ operations: 50, index: 50, sequence: 50 })
    expect(salvageWal(bytes, { flushedIndex: 100, flushedSequence: 100, fromStart: true }).operations).toBe(keys + 3)
  })

  test('with one bad byte, wherever it is', () => {
    const bytes = native.memoryDump(fs, wal)
    const end = 144 + keys * recordBytes
    for (let at = below(3); at < end; at += 1 + below(40)) {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ (1 << below(8))
      const saved = salvageWal(copy)
      const place = `at ${at}`
      if (at < 144) {
        expect([saved.lost, saved.operations], place).toEqual([[], keys + 3])
        continue
      }
      const record = Math.floor((at - 144) / recordBytes) + 1
      if (saved.lost.length === 0) {
        // Padding behind a record means nothing.
        expect(saved.operations, place).toBe(keys + 3)
        continue
      }
      expect(saved.lost, place).toEqual([
        {
          file: wal,
          offset: record === 1 ? 0 : 144 + (record - 1) * recordBytes,
          sequenceFirst: record,
          sequenceLast: record
        }
      ])
      expect(saved.entries, place).toBe(keys + 1 - 1)
      // Of a log that lacks something, what is in tables is not applied again.
      const flushed = { flushedIndex: 150, flushedSequence: 150, fromStart: true }
      expect(salvageWal(copy, flushed).operations).toBe(keys + 3 - 150 - (record > 150 ? 1 : 0))
    }
  })

  test('cut short: lost is what is known to have been on disk', () => {
    const bytes = native.memoryDump(fs, wal)
    const cut = bytes.subarray(0, 144 + 100 * recordBytes + 50)
    expect(salvageWal(cut)).toMatchObject({ lost: [], sequence: 100 })
    const known = salvageWal(cut, { syncedIndex: 200 })
    expect(known).toMatchObject({ index: 200, sequence: 100, operations: 100 })
    expect(known.lost).toEqual([{ file: wal, offset: 144 + 100 * recordBytes, sequenceFirst: 101, sequenceLast: 0 }])
  })

  test('of which nobody knows where it ended, but by a sync mark', () => {
    const bytes = native.memoryDump(fs, wal)
    const lost = { file: wal, offset: 144 + keys * recordBytes, sequenceFirst: keys + 4, sequenceLast: 0 }
    expect(salvageWal(bytes, { isEndKnown: false }).lost).toEqual([{ ...lost, offset: expect.any(Number) }])
    native.memoryOverwrite(fs, wal, bytes)
    stepped(executor, native.syncJob(database.engine))
    native.appendRecord(database.engine, 5, 0, 0, 0, 0, Buffer.alloc(256), 0)
    expect(salvageWal(native.memoryDump(fs, wal), { isEndKnown: false })).toMatchObject({
      lost: [],
      sequence: keys + 3
    })
  })

  test('that is not there', () => {
    const memtable = native.createMemtable(database.engine, 1000)
    const none = { ...request, segments: [], memtable, syncedIndex: 7, flushedIndex: 5, flushedSequence: 9 }
    const saved = stepped(executor, native.salvageWal(database.engine, none))
    expect(saved.lost).toEqual([{ file: '', offset: 0, sequenceFirst: 10, sequenceLast: 0 }])
    native.release(memtable)
  })
})

test('copies of files, and their checksums', () => {
  const sum = { bytes: whole.length, crc: native.crc32c(whole) >>> 0 }
  expect(stepped(executor, native.checksumFile(executor, fs, path))).toEqual(sum)
  expect(stepped(executor, native.copyFile(executor, fs, path, '/d/copy'))).toEqual(sum)
  expect(native.memoryDump(fs, '/d/copy').equals(whole)).toBe(true)
  expect(() => stepped(executor, native.copyFile(executor, fs, path, '/d/copy'))).toThrow('exists')
  expect(native.memoryDump(fs, '/d/copy').equals(whole)).toBe(true)
  const large = Buffer.alloc((3 << 20) + 17, 'large')
  stepped(executor, native.writeFile(executor, fs, '/d/large', large))
  for (const errno of [5, 28]) {
    for (let call = 1; call < 12; call++) {
      native.memoryFaults(fs, { atCall: call, errno })
      const job = native.copyFile(executor, fs, '/d/large', '/d/copied')
      try {
        expect(stepped(executor, job)).toEqual({ bytes: large.length, crc: native.crc32c(large) >>> 0 })
        stepped(executor, native.unlink(executor, fs, '/d/copied'))
      } catch (error) {
        expect((error as native.NativeError).code).toBe(errno === 5 ? 'IO_ERROR' : 'NO_SPACE')
      }
      native.memoryFaults(fs, null)
      expect(stepped(executor, native.list(executor, fs, '/d'))).not.toContain('copied')
    }
  }
  const cancelled = native.copyFile(executor, fs, '/d/large', '/d/copied')
  native.cancel(cancelled)
  expect(() => stepped(executor, cancelled)).toThrow('cancelled')
})
