// One engine over one directory, with a log and a memtable: the least that reads and writes.
import native from '#native'
import { type Frame, frameOf, type Operation } from './frames.ts'
import { done } from './jobs.ts'

export const emptyLog: native.LogState = {
  index: 0,
  term: 0,
  sequence: 0,
  timeMs: 0,
  hardTerm: 0,
  hardVote: 0,
  hardCommit: 0,
  syncedIndex: 0
}
export const noBytes = new Uint8Array(0)
export const tableOptions: native.TableOptions = {
  blockBytes: 1024,
  restartInterval: 8,
  filterBitsPerKey: 10,
  hashIndex: true
}
// Anything may lie below what is flushed.
const below = [[new Uint8Array(0), new Uint8Array(70_000).fill(255)]]

export const facts: native.MergeFacts = { snapshots: [], expiredMs: 0, bottommost: true, deeper: [] }

/** 16 bytes made of one number. */
export const idOf = (number: number): Uint8Array => Buffer.alloc(16, number + 1)
export const lifeOf = (number: number): Uint8Array => Buffer.alloc(8, number + 1)

export class Database {
  readonly executor: native.Executor
  readonly fs: native.FileSystem
  readonly directory: string
  readonly engine: native.Engine
  memtable: native.Memtable
  frozen: native.Memtable[] = []
  levels: native.Table[][] = [[]]

  constructor(executor: native.Executor, fs: native.FileSystem, directory: string) {
    this.executor = executor
    this.fs = fs
    this.directory = directory
    this.engine = native.createEngine(executor, fs, 1 << 20)
    this.memtable = native.createMemtable(this.engine, 1 << 20)
    this.show()
  }

  path(name: string): string {
    return `${this.directory}/${name}`
  }

  show(): void {
    native.setView(this.engine, this.memtable, this.frozen, this.levels)
  }

  openWal(): void {
    native.openWal(this.engine, emptyLog, noBytes)
  }

  async addSegment(number: number): Promise<native.Segment> {
    const segment = await done(native.createSegment(this.engine, this.path(`${number}.wal`), 1 << 16))
    native.activateSegment(this.engine, segment, number, idOf(number), lifeOf(number))
    return segment
  }

  write(...operations: Operation[]): number {
    return this.writeFrame(frameOf(operations))
  }

  writeFrame(frame: Frame): number {
    return native.write(this.engine, frame.bytes, frame.payloadBytes, frame.operations, 1000)
  }

  text(key: string, sequence = -1, nowMs = 0): string | number {
    return native.getText(this.engine, 0, key, sequence, nowMs, 2)
  }

  /** Freezes the memtable, writes it as table `number` of level 0, opens it. */
  async flush(number: number, snapshots: readonly number[] = []): Promise<native.JobResult> {
    this.frozen = [this.memtable]
    this.memtable = native.createMemtable(this.engine, 1 << 20)
    this.show()
    const output = { path: this.path(`${number}.sst`), id: idOf(number) }
    const request = {
      memtables: this.frozen,
      output,
      table: tableOptions,
      facts: { ...facts, snapshots, bottommost: false, deeper: below }
    }
    const result = await done(native.flushJob(this.engine, request))
    const { table } = await done(native.openTable(this.engine, output.path, number, output.id))
    const flushed = this.frozen
    this.frozen = []
    this.levels[0]?.unshift(table)
    this.show()
    for (const memtable of flushed) native.release(memtable)
    return result
  }

  /** Merges all tables of level 0 into level 1. */
  async compact(numbers: readonly number[]): Promise<native.JobResult> {
    const inputs = this.levels[0] ?? []
    const outputs = numbers.map((number) => ({ path: this.path(`${number}.sst`), id: idOf(number) }))
    const job = native.compactJob(this.engine, {
      runs: inputs.map((table) => [table]),
      outputs,
      outputBytesMax: 1 << 20,
      cutAfter: [],
      table: tableOptions,
      facts
    })
    const result = await done(job)
    const level: native.Table[] = []
    for (const { file } of result.outputs) {
      const { path, id } = outputs[file] as native.OutputFile
      level.push((await done(native.openTable(this.engine, path, numbers[file] as number, id))).table)
    }
    this.levels = [[], level]
    this.show()
    for (const table of inputs) native.release(table)
    return result
  }
}

/** All entries of a scan, in pages of `entriesMax`. */
export function readAll(scan: native.Scan, entriesMax = 100): [string, string][] {
  const keys = Buffer.alloc(1 << 16)
  const slab = Buffer.alloc(1 << 16)
  const sizes = new Uint32Array(entriesMax * 2)
  const info = new Uint32Array(5)
  const all: [string, string][] = []
  for (;;) {
    const entries = native.scanPage(scan, 2, keys, slab, 0, sizes, entriesMax, info)
    let key = 0
    let value = 0
    for (let i = 0; i < entries; i++) {
      const keyEnd = key + (sizes[2 * i] ?? 0)
      const valueEnd = value + (sizes[2 * i + 1] ?? 0)
      all.push([keys.toString('utf8', key, keyEnd), slab.toString('utf8', value, valueEnd)])
      key = keyEnd
      value = valueEnd
    }
    if ((info[2] ?? 0) & 1) return all
    if (entries === 0) throw new Error('a page without entries that is not the last')
  }
}
