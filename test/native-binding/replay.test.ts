// Replay: the log of an earlier process, given to a new engine.
// asan: yes
import { expect, test } from 'vitest'
import native from '#native'
import { Database, idOf, lifeOf } from './support/database.ts'
import { frameOf, rawFrame } from './support/frames.ts'
import { done, failure, rejection } from './support/jobs.ts'

const executor = native.threadExecutor(1, 1)

async function open(): Promise<Database> {
  const fs = native.memoryFileSystem()
  await done(native.makeDirectory(executor, fs, '/db'))
  const database = new Database(executor, fs, '/db')
  database.openWal()
  await database.addSegment(1)
  return database
}

const nothingFlushed = { flushedIndex: 0, flushedTerm: 0, flushedSequence: 0, flushedTimeMs: 0, syncedIndex: 0 }

function replay(again: Database, more: Partial<native.ReplayRequest> = {}): native.Job<native.ReplayResult> {
  const segments = [{ path: again.path('1.wal'), number: 1, id: idOf(1) }]
  const request = { segments, ...nothingFlushed, memtable: again.memtable, copyTo: null, ...more }
  return native.replayJob(again.engine, request)
}

const reopened = (database: Database): Database => new Database(executor, database.fs, '/db')

async function copyTo(database: Database): Promise<native.ReplayRequest['copyTo']> {
  const segment = await done(native.createSegment(database.engine, database.path('2.wal'), 1 << 16))
  return { segment, number: 2, id: idOf(2), life: lifeOf(2) }
}

test('a log is read back and gone on with, twice', async () => {
  const database = await open()
  database.write({ put: 'a', value: '1' }, { put: 'b', value: '2' })
  await done(native.syncJob(database.engine))
  database.write({ del: 'a' }, { put: 'c', value: '3', expiresAt: 5000 })
  const again = reopened(database)
  const result = await done(replay(again, { copyTo: await copyTo(again) }))
  expect(result).toMatchObject({ index: 2, sequence: 4, syncedIndex: 2, appliedIndex: 2, records: 2, operations: 4 })
  expect(result).toMatchObject({ cut: null, membershipIndex: 0, membership: Buffer.alloc(0) })
  expect([again.text('a'), again.text('b'), again.text('c', -1, 1)]).toEqual([-1, '2', '3'])
  again.write({ put: 'd', value: '4' })

  const third = reopened(again)
  const paths = [1, 2].map((number) => ({ path: third.path(`${number}.wal`), number, id: idOf(number) }))
  const segments = paths.filter(({ path }) => !result.unused.includes(path))
  expect(await done(replay(third, { segments }))).toMatchObject({ index: 3, sequence: 5 })
  expect([third.text('b'), third.text('d')]).toEqual(['2', '4'])
})

test('what was flushed is not applied, nor what is beyond applyTo', async () => {
  const database = await open()
  for (let i = 1; i <= 5; i++) database.write({ put: `key ${i}`, value: String(i) })
  const again = reopened(database)
  const flushed = { flushedIndex: 2, flushedTerm: 1, flushedSequence: 2, flushedTimeMs: 1000 }
  const result = await done(replay(again, { ...flushed, applyTo: 4 }))
  expect(result).toMatchObject({ index: 5, sequence: 5, appliedIndex: 4 })
  expect([1, 2, 3, 4, 5].map((i) => again.text(`key ${i}`))).toEqual([-1, -1, '3', '4', -1])
  native.applyRecords(again.engine, 5, 5)
  expect(again.text('key 5')).toBe('5')
})

test('with onlyCommitted nothing is applied above what the hard state says is committed', async () => {
  const database = await open()
  for (let i = 1; i <= 3; i++) database.write({ put: `key ${i}`, value: String(i) })
  const hardState = (commit: number) => {
    const frame = rawFrame(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, commit, 0, 0, 0, 0, 0, 0, 0]))
    native.appendRecord(database.engine, 3, 0, 0, 0, 0, frame.bytes, frame.payloadBytes)
  }
  const keys = async (): Promise<(string | number)[]> => {
    const again = reopened(database)
    await done(replay(again, { onlyCommitted: true }))
    return [1, 2, 3].map((i) => again.text(`key ${i}`))
  }
  expect(await keys()).toEqual([-1, -1, -1])
  hardState(2)
  expect(await keys()).toEqual(['1', '2', -1])
  hardState(9)
  expect(await keys()).toEqual(['1', '2', '3'])
})

test('hard state and membership come back', async () => {
  const database = await open()
  const append = (kind: number, payload: Uint8Array) => {
    const frame = rawFrame(payload)
    native.appendRecord(database.engine, kind, 4, 0, 1, 0, frame.bytes, frame.payloadBytes)
  }
  append(3, Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))
  append(4, Buffer.from('three members'))
  append(2, Buffer.alloc(0))
  const again = reopened(database)
  const result = await done(replay(again, { copyTo: await copyTo(again) }))
  expect(result).toMatchObject({ index: 2, term: 4, hardTerm: 4, hardVote: 2, hardCommit: 1, membershipIndex: 1 })
  expect(result.membership.toString()).toBe('three members')
  const frame = frameOf([{ put: 'a', value: '1' }])
  native.write(again.engine, frame.bytes, frame.payloadBytes, frame.operations, 1)
  expect(native.recordTerm(again.engine, 3)).toBe(4)
})

test('a torn end is cut, and said so; damage to what was synced fails', async () => {
  const database = await open()
  for (let i = 1; i <= 3; i++) database.write({ put: `key ${i}`, value: 'x'.repeat(100) })
  const path = database.path('1.wal')
  const torn = native.memoryDump(database.fs, path)
  const last = torn.lastIndexOf('key 3')
  torn[last] = 0
  native.memoryOverwrite(database.fs, path, torn)
  const again = reopened(database)
  const result = await done(replay(again))
  expect(result).toMatchObject({
    index: 2,
    cut: { file: path, offset: expect.any(Number), reason: expect.any(String) }
  })
  const error = await rejection(replay(reopened(database), { syncedIndex: 3 }))
  expect(error).toMatchObject({ code: 'CORRUPTION', file: path, offset: result.cut?.offset })
})

test('an engine gets its log once, a segment is begun once, a replay can be cancelled', async () => {
  const database = await open()
  database.write({ put: 'a', value: '1' })
  expect(failure(() => replay(database)).message).toBe('engine must not have its log yet')
  const again = reopened(database)
  const target = await copyTo(again)
  await done(replay(again, { copyTo: target }))
  expect(failure(() => replay(reopened(database), { copyTo: target })).message).toMatch(/must not have begun/)
  const job = replay(reopened(database))
  native.cancel(job)
  await done(job).catch((error: native.NativeError) => expect(error.code).toBe('ABORTED'))
})

test('a segment is described line by line', async () => {
  const database = await open()
  database.write({ put: 'a', value: '1' })
  const lines = await done(native.describeSegment(executor, database.fs, database.path('1.wal')))
  expect(lines.trim().split('\n').length).toBeGreaterThanOrEqual(2)
})
