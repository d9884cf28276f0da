// Writes: order, checks, failures.
// asan: yes

import { describe, expect, test } from 'vitest'
import native from '#native'
import { Database, emptyLog, idOf, lifeOf, noBytes, readAll } from './support/database.ts'
import { frameOf, rawFrame } from './support/frames.ts'
import { done, failure, rejection } from './support/jobs.ts'

const executor = native.threadExecutor(2, 1)

async function open(fs = native.memoryFileSystem()): Promise<Database> {
  await done(native.makeDirectory(executor, fs, '/db'))
  const database = new Database(executor, fs, '/db')
  database.openWal()
  await database.addSegment(1)
  return database
}

const queued = (database: Database, ...operations: Parameters<typeof frameOf>[0]) => {
  const frame = frameOf(operations)
  return native.writeJob(database.engine, frame.bytes, frame.payloadBytes, frame.operations, 1000)
}

test('what was written is read at once, and at its sequence', async () => {
  const database = await open()
  expect(database.write({ put: 'a', value: '1' }, { put: 'b', value: '2' })).toBeGreaterThan(0)
  database.write({ put: 'a', value: '3' }, { del: 'b' })
  expect([database.text('a'), database.text('b')]).toEqual(['3', -1])
  expect([database.text('a', 2), database.text('b', 2), database.text('b', 1)]).toEqual(['1', '2', -1])
  expect(native.walState(database.engine)).toMatchObject({ index: 2, sequence: 4, syncedIndex: 0, needsSync: true })
  expect(await done(native.syncJob(database.engine))).toBe(2)
  expect(native.walState(database.engine)).toMatchObject({ syncedIndex: 2, needsSync: false, firstIndex: 1 })
})

test('batches that do not parse are refused before anything is logged', async () => {
  const database = await open()
  const good = frameOf([{ put: 'a', value: '1' }])
  const write = (bytes: Uint8Array, payloadBytes: number, operations: number) =>
    failure(() => native.write(database.engine, bytes, payloadBytes, operations, 1)).code
  expect(write(good.bytes, good.payloadBytes, 2)).toBe('INVALID_ARGUMENT')
  expect(write(good.bytes, good.payloadBytes - 1, 1)).toBe('CORRUPTION')
  expect(write(good.bytes, good.payloadBytes + 1, 1)).toBe('INVALID_ARGUMENT')
  const unknown = rawFrame(Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 77, 0]), 1)
  expect(write(unknown.bytes, unknown.payloadBytes, 1)).toBe('UNSUPPORTED')
  expect(native.walState(database.engine)).toMatchObject({ index: 0, sequence: 0 })
  expect(native.memtableStats(database.memtable).entries).toBe(0)
  database.writeFrame(good)
  expect(database.text('a')).toBe('1')
})

test('writes that were asked for first come first, whoever runs them', async () => {
  const database = await open()
  const jobs = [1, 2, 3].map((i) => queued(database, { put: 'key', value: `job ${i}` }))
  database.write({ put: 'key', value: 'write' })
  expect(database.text('key')).toBe('write')
  await Promise.all(jobs.map((job) => done(job)))
  expect(database.text('key')).toBe('write')
  expect(native.walState(database.engine).index).toBe(4)
})

test('waitForWrites does what a stepped executor has not done yet', async () => {
  const stepped = native.steppedExecutor(0)
  const database = new Database(stepped, native.memoryFileSystem(), '/db')
  database.openWal()
  const segment = native.createSegment(database.engine, '/db/1.wal', 1 << 16)
  native.makeDirectory(stepped, database.fs, '/db')
  while (native.step(stepped));
  await rejection(segment) // the directory came too late
  const second = native.createSegment(database.engine, '/db/1.wal', 1 << 16)
  while (native.step(stepped));
  native.activateSegment(database.engine, await done(second), 1, idOf(1), lifeOf(1))
  const job = queued(database, { put: 'a', value: '1' })
  expect(database.text('a')).toBe(-1)
  native.waitForWrites(database.engine)
  expect(database.text('a')).toBe('1')
  expect(native.step(stepped)).toBe(true)
  expect(await done(job)).toBeGreaterThan(0)
  expect(native.step(stepped)).toBe(false)
})

test('a cancelled write is not done', async () => {
  const stepped = native.steppedExecutor(0)
  const database = new Database(stepped, native.memoryFileSystem(), '/db')
  const job = queued(database, { put: 'a', value: '1' })
  native.cancel(job)
  native.waitForWrites(database.engine)
  while (native.step(stepped));
  expect((await rejection(job)).code).toBe('ABORTED')
  expect(native.progress(job)).toBe(undefined)
})

test('a full disk refuses a write until another segment is there; its sequences are skipped', async () => {
  const fs = native.memoryFileSystem()
  const database = await open(fs)
  database.write({ put: 'a', value: '1' })
  native.memoryCapacity(fs, 1)
  expect(failure(() => database.write({ put: 'b', value: 'x'.repeat(100_000) })).code).toBe('NO_SPACE')
  expect(failure(() => database.write({ put: 'c', value: '1' })).code).toBe('NO_SPACE')
  expect([database.text('b'), database.text('c')]).toEqual([-1, -1])
  native.memoryCapacity(fs, 0)
  await database.addSegment(2)
  database.write({ put: 'c', value: '2' })
  expect(database.text('c')).toBe('2')
  expect(native.walState(database.engine)).toMatchObject({ index: 2 })
})

describe('the log of a cluster', () => {
  test('records are appended, superseded, applied and sent one by one', async () => {
    const database = await open()
    const { engine } = database
    const append = (kind: number, term: number, index: number, frame = rawFrame(noBytes)) =>
      native.appendRecord(engine, kind, term, index, 5, frame.operations, frame.bytes, frame.payloadBytes)
    append(2, 1, 0)
    append(1, 1, 0, frameOf([{ put: 'a', value: 'old' }]))
    append(3, 9, 0, rawFrame(Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])))
    append(4, 1, 0, rawFrame(Buffer.from('members')))
    expect(native.walState(engine)).toMatchObject({ index: 3, term: 1, hardTerm: 7, hardVote: 3, hardCommit: 2 })
    expect(native.walMembership(engine)).toMatchObject({ index: 3, bytes: Buffer.from('members') })
    append(1, 2, 2, frameOf([{ put: 'a', value: 'new' }]))
    expect(native.walState(engine)).toMatchObject({ index: 2, term: 2 })
    expect([1, 2].map((index) => native.recordTerm(engine, index))).toEqual([1, 2])
    expect(failure(() => native.recordTerm(engine, 3)).code).toBe('NOT_FOUND')
    expect(database.text('a')).toBe(-1)
    native.applyRecords(engine, 1, 2)
    expect(database.text('a')).toBe('new')
    expect(native.readRecords(engine, 1, 1 << 20).length % 8).toBe(0)
    expect(failure(() => native.applyRecords(engine, 3, 3)).code).toBe('INVALID_ARGUMENT')
    expect(failure(() => append(1, 2, 9, frameOf([]))).code).toBe('INVALID_ARGUMENT')
    native.truncateAfter(engine, 1)
    expect(native.walState(engine)).toMatchObject({ index: 1, term: 1 })
  })
})

test('an engine without view or log says so', () => {
  const engine = native.createEngine(executor, native.memoryFileSystem(), 1000)
  const frame = frameOf([{ put: 'a', value: '1' }])
  const write = () => native.write(engine, frame.bytes, frame.payloadBytes, frame.operations, 1)
  expect(failure(write).message).toBe('the engine has no log yet')
  native.openWal(engine, emptyLog, noBytes)
  expect(failure(write).message).toBe('the engine has no view yet')
  expect(failure(() => native.openWal(engine, emptyLog, noBytes)).message).toBe('the engine has its log already')
  expect(failure(() => native.getText(engine, 0, 'a', -1, 0, 2)).message).toBe('the engine has no view yet')
})

test('spaces keep their keys apart', async () => {
  const database = await open()
  for (const space of [0, 1, 127, 128, 300, 2 ** 40]) {
    database.writeFrame(frameOf([{ put: 'key', value: `space ${space}` }], space))
  }
  for (const space of [0, 1, 127, 128, 300, 2 ** 40]) {
    expect(native.getText(database.engine, space, 'key', -1, 0, 2)).toBe(`space ${space}`)
    const scan = native.openScan(database.engine, space, 0, null, null, -1, 0)
    expect(readAll(scan)).toEqual([['key', `space ${space}`]])
    native.release(scan)
  }
})
