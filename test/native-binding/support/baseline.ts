// For every function of the contract: arguments it takes, made fresh for each call.
import native from '#native'
import { emptyLog, facts, idOf, lifeOf, noBytes, tableOptions } from './database.ts'
import { frameOf } from './frames.ts'
import { stepped } from './jobs.ts'

/** Objects of every kind, over a stepped executor and a disk in memory. */
export interface World {
  readonly executor: native.Executor
  readonly fs: native.FileSystem
  readonly engine: native.Engine
  readonly memtable: native.Memtable
  readonly table: native.Table
  readonly segment: native.Segment
  readonly scan: native.Scan
  readonly file: native.AppendFile
  readonly reactor: native.Reactor
}

export function makeWorld(): World {
  const executor = native.steppedExecutor(0)
  const fs = native.memoryFileSystem()
  const engine = native.createEngine(executor, fs, 1 << 16)
  const memtable = native.createMemtable(engine, 1000)
  native.setView(engine, memtable, [], [])
  native.openWal(engine, emptyLog, noBytes)
  stepped(executor, native.makeDirectory(executor, fs, '/d'))
  const first = stepped(executor, native.createSegment(engine, '/d/1.wal', 4096))
  native.activateSegment(engine, first, 1, idOf(1), lifeOf(1))
  const frame = frameOf([{ put: 'key', value: 'value' }])
  native.write(engine, frame.bytes, frame.payloadBytes, frame.operations, 1)
  const output = { path: '/d/1.sst', id: idOf(1) }
  stepped(executor, native.flushJob(engine, { memtables: [memtable], output, table: tableOptions, facts }))
  return {
    executor,
    fs,
    engine,
    memtable,
    table: stepped(executor, native.openTable(engine, '/d/1.sst', 1, idOf(1))).table,
    segment: stepped(executor, native.createSegment(engine, '/d/2.wal', 4096)),
    scan: native.openScan(engine, 0, 0, null, null, -1, 0),
    file: stepped(executor, native.openAppend(executor, fs, '/d/log', 1)),
    reactor: native.openReactor(() => {})
  }
}

export function releaseWorld(world: World): void {
  const { reactor, scan, file, segment, table, memtable, engine, fs, executor } = world
  for (const handle of [reactor, scan, file, segment, table, memtable, engine, fs, executor]) {
    try {
      native.release(handle)
    } catch {
      // A call under test was `release`.
    }
  }
}

/** What is exported: the enums of the contract are types only. */
export type FunctionName = Exclude<keyof typeof native, 'Answer' | 'Tier'>
type Make = (world: World) => readonly unknown[]
const bytes = (length: number): Uint8Array => new Uint8Array(length)
const path: Make = ({ executor, fs }) => [executor, fs, '/d/file']
const write: Make = ({ engine }) => {
  const frame = frameOf([{ put: 'key', value: 'other' }])
  return [engine, frame.bytes, frame.payloadBytes, frame.operations, 2]
}
const lookup: Make = ({ engine }) => [engine, 0, 'key', -1, 0, 2]

export const baselines: Record<FunctionName, Make> = {
  setWake: () => [() => {}],
  drain: () => [],
  keepAlive: () => [false],
  release: ({ scan }) => [scan],
  about: () => [],
  crc32c: () => [bytes(10), 0],
  markUntransferable: () => [new ArrayBuffer(10)],
  discard: () => [new ArrayBuffer(10)],
  threadExecutor: () => [1, 1],
  steppedExecutor: () => [1],
  step: ({ executor }) => [executor],
  cancel: () => [1],
  pace: () => [1, 1],
  progress: () => [1],
  posixFileSystem: () => [],
  memoryFileSystem: () => [],
  readFile: (world) => [...path(world), 1000],
  writeFile: (world) => [...path(world), bytes(10)],
  rename: (world) => [...path(world), '/d/to'],
  link: (world) => [...path(world), '/d/to'],
  unlink: path,
  makeDirectory: path,
  removeDirectory: path,
  syncDirectory: path,
  list: path,
  stat: path,
  freeBytes: path,
  lock: (world) => [...path(world), true, 'owner'],
  openAppend: (world) => [...path(world), 1],
  append: ({ executor, file }) => [executor, file, bytes(10)],
  checksumFile: ({ executor, fs }) => [executor, fs, '/d/1.sst'],
  copyFile: ({ executor, fs }) => [executor, fs, '/d/1.sst', '/d/copy'],
  identifyTable: ({ executor, fs }) => [executor, fs, '/d/1.sst'],
  salvageTable: ({ executor, fs }) => {
    const output = { path: '/d/4.sst', id: idOf(4) }
    return [executor, fs, { path: '/d/1.sst', id: idOf(1), output, table: tableOptions }]
  },
  salvageWal: ({ engine, memtable }) => {
    const flushed = { flushedIndex: 0, flushedTerm: 0, flushedSequence: 0, flushedTimeMs: 0 }
    const segments = [{ path: '/d/1.wal', number: 1 }]
    return [
      engine,
      { segments, ...flushed, syncedIndex: 0, isEndKnown: true, lastIndex: 1000, fromStart: true, memtable }
    ]
  },
  memoryCrash: ({ fs }) => [fs, 1],
  memoryKill: ({ fs }) => [fs],
  memoryFaults: ({ fs }) => [fs, { atCall: 0 }],
  memoryCalls: ({ fs }) => [fs],
  memoryCapacity: ({ fs }) => [fs, 0],
  memoryCold: ({ fs }) => [fs, false],
  memoryDump: ({ fs }) => [fs, '/d/1.wal'],
  memoryOverwrite: ({ fs }) => [fs, '/d/1.wal', bytes(10)],
  memoryDigest: ({ fs }) => [fs],
  createEngine: ({ executor, fs }) => [executor, fs, 1000],
  setCacheBytes: ({ engine }) => [engine, 1000],
  engineStats: ({ engine }) => [engine],
  createMemtable: ({ engine }) => [engine, 1000],
  memtableStats: ({ memtable }) => [memtable],
  openTable: ({ engine }) => [engine, '/d/1.sst', 1, idOf(1)],
  tableUses: ({ table }) => [table],
  tableOffset: ({ table }) => [table, bytes(3)],
  verifyTable: ({ table }) => [table],
  setView: ({ engine, memtable, table }) => [engine, memtable, [], [[table]]],
  openWal: ({ engine }) => [engine, emptyLog, noBytes],
  walState: ({ engine }) => [engine],
  visibleSequence: ({ engine }) => [engine],
  walMembership: ({ engine }) => [engine],
  resetWal: ({ engine }) => [engine, { index: 1, term: 1, sequence: 1, timeMs: 1 }, noBytes],
  createSegment: ({ engine }) => [engine, '/d/3.wal', 4096],
  recycleSegment: ({ engine }) => [engine, '/d/1.wal', 4096],
  activateSegment: ({ engine, segment }) => [engine, segment, 2, idOf(2), lifeOf(2)],
  segmentBytes: ({ segment }) => [segment],
  write,
  writeJob: write,
  waitForWrites: ({ engine }) => [engine],
  appendRecord: ({ engine }) => {
    const frame = frameOf([{ put: 'key', value: 'other' }])
    return [engine, 1, 1, 0, 2, frame.operations, frame.bytes, frame.payloadBytes, 0]
  },
  applyRecords: ({ engine }) => [engine, 1, 1],
  syncJob: ({ engine }) => [engine],
  readRecords: ({ engine }) => [engine, 1, 1000],
  recordTerm: ({ engine }) => [engine, 1],
  truncateAfter: ({ engine }) => [engine, 1],
  dropSegments: ({ engine }) => [engine, 1],
  replayJob: ({ executor, fs, segment }) => {
    const engine = native.createEngine(executor, fs, 1000)
    const request = {
      segments: [{ path: '/d/1.wal', number: 1, id: idOf(1), endOffset: 0 }],
      flushedIndex: 0,
      flushedTerm: 0,
      flushedSequence: 0,
      flushedTimeMs: 0,
      syncedIndex: 0,
      applyTo: 1000,
      memtable: native.createMemtable(engine, 1000),
      copyTo: { segment, number: 2, id: idOf(2), life: lifeOf(2) }
    }
    return [engine, request]
  },
  describeSegment: ({ executor, fs }) => [executor, fs, '/d/1.wal'],
  get: (world) => [...lookup(world), bytes(100), 0],
  getText: lookup,
  has: lookup,
  getJob: ({ engine }) => [engine, 0, 'key', -1, 1],
  getEntry: (world) => [...lookup(world), new Float64Array(2), bytes(100), 0],
  getEntryJob: ({ engine }) => [engine, 0, 'key', -1, 1, true],
  getMany: ({ engine }) => {
    const keys = Buffer.from('keykeykey')
    const sizes = new Uint32Array([3, 3, 3])
    return [engine, 0, keys, sizes, 0, 3, -1, 0, 2, [bytes(10), bytes(10)], 10, new Int32Array(3)]
  },
  getFramed: ({ engine }) => {
    const places = new Uint32Array([0, 3, 3, 3])
    return [engine, 0, -1, 1, 2, Buffer.from('keykey'), places, 0, 2, bytes(100), bytes(5), new Uint32Array(2)]
  },
  layPuts: () => [bytes(200), 10, 0, Buffer.from('keyvalue'), new Uint32Array([0, 3, 3, 5]), 0, 1],
  openScan: ({ engine }) => [engine, 0, 0, bytes(1), bytes(2), -1, 0],
  scanPage: ({ scan }) => [scan, 2, bytes(100), bytes(100), 0, new Uint32Array(20), 10, new Uint32Array(5)],
  scanPageJob: ({ scan }) => [scan, 100, 100, 10],
  scanCount: ({ scan }) => [scan, 2, 10, new Float64Array(2)],
  scanCountJob: ({ scan }) => [scan, 10],
  checkRange: ({ engine }) => [engine, 0, bytes(1), bytes(2), -1, 1, 2, 10, new Float64Array(2)],
  checkRangeJob: ({ engine }) => [engine, 0, bytes(1), bytes(2), -1, 1, 10],
  scanSeek: ({ scan }) => [scan, bytes(3)],
  scanRefresh: ({ scan }) => [scan],
  flushJob: ({ engine, memtable }) => {
    const output = { path: '/d/2.sst', id: idOf(2) }
    return [engine, { memtables: [memtable], output, table: tableOptions, facts }]
  },
  openReactor: () => [() => {}],
  listen: ({ reactor }) => [reactor, '127.0.0.1', 0, 10],
  stopListening: ({ reactor }) => [reactor],
  takeEvents: ({ reactor }) => [reactor, bytes(100), 10, new Int32Array(30)],
  writeConnection: ({ reactor }) => [reactor, 0, bytes(10)],
  writeParts: ({ reactor }) => [reactor, bytes(10), new Uint32Array([0, 5, 1, 10]), 2],
  waitingBytes: ({ reactor }) => [reactor, 0],
  setReading: ({ reactor }) => [reactor, 0, true],
  finishConnection: ({ reactor }) => [reactor, 0],
  closeConnection: ({ reactor }) => [reactor, 0],
  addressesOf: ({ reactor }) => [reactor, 0],
  compactJob: ({ engine, table }) => {
    const outputs = [{ path: '/d/3.sst', id: idOf(3) }]
    const rest = { outputBytesMax: 1000, cutAfter: [bytes(2)], table: tableOptions, facts }
    return [engine, { runs: [[table]], outputs, ...rest }]
  }
}
