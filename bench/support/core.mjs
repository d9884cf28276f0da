// The data plane by itself, for the micro suites: an engine on a disk in memory whose jobs run on the calling thread,
// so that a measured call is all of its work and nothing else.

import native from '#native'
import { keyBytes, keyOf, valueBytes } from './data.mjs'

const { frameStartBytes, frameEndBytes } = native.about()
const idOf = (number) => Buffer.alloc(16, number)
const noBytes = new Uint8Array(0)
const emptyLog = { index: 0, term: 0, sequence: 0, timeMs: 0, hardTerm: 0, hardVote: 0, hardCommit: 0, syncedIndex: 0 }
const facts = { snapshots: [], expiredMs: 0, bottommost: true, deeper: [] }
/** As lib/options.ts has them. */
export const tableOptions = { blockBytes: 4096, restartInterval: 8, filterBitsPerKey: 10, hashIndex: true }
export const mayBlock = 2

/** A frame of one batch: a put for each number. Values are of `size` bytes, below 128. */
export function frameOf(numbers, value, size = valueBytes) {
  const putBytes = 1 + 1 + 1 + keyBytes + 1 + size
  const bytes = Buffer.alloc(frameStartBytes + 8 + numbers.length * putBytes + frameEndBytes)
  bytes.writeUInt32LE(numbers.length * putBytes, frameStartBytes)
  bytes.writeUInt32LE(numbers.length, frameStartBytes + 4)
  let at = frameStartBytes + 8
  for (const number of numbers) {
    bytes.set([1, 1 + keyBytes, 0], at)
    bytes.latin1Write(keyOf(number), at + 3, keyBytes)
    bytes[at + 3 + keyBytes] = size
    bytes.set(value().subarray(0, size), at + 4 + keyBytes)
    at += putBytes
  }
  return { bytes, payloadBytes: 8 + numbers.length * putBytes, operations: numbers.length }
}

export class Core {
  #executor = native.steppedExecutor(0)
  #fs = native.memoryFileSystem()
  #tables = []
  #number = 1

  constructor(walBytes, memtableBytes = 16 << 20) {
    this.engine = native.createEngine(this.#executor, this.#fs, 64 << 20)
    this.memtable = native.createMemtable(this.engine, memtableBytes, noBytes)
    native.setView(this.engine, this.memtable, [], [])
    native.openWal(this.engine, emptyLog, noBytes)
    this.done(native.makeDirectory(this.#executor, this.#fs, '/d'))
    this.segment = this.done(native.createSegment(this.engine, '/d/1.wal', walBytes))
    native.activateSegment(this.engine, this.segment, 1, idOf(1), Buffer.alloc(8, 1))
  }

  /** Runs a job to its end and returns what it came to. */
  done(job) {
    while (native.step(this.#executor));
    const outcomes = native.drain()
    const at = outcomes.indexOf(job)
    if (outcomes[at + 1] !== undefined) throw outcomes[at + 1]
    return outcomes[at + 2]
  }

  write({ bytes, payloadBytes, operations }) {
    native.write(this.engine, bytes, payloadBytes, operations, 1)
  }

  /** An empty memtable takes the place of the present one, which is given back for `flush`. */
  freeze() {
    const frozen = this.memtable
    this.memtable = native.createMemtable(this.engine, 1 << 20, noBytes)
    native.setView(this.engine, this.memtable, [], [])
    return frozen
  }

  #output() {
    const number = ++this.#number
    return { path: `/d/${number}.sst`, id: idOf(number % 256), number }
  }

  /** Writes memtables to a table; the answer names it for `open` and `remove`. */
  flush(memtables, options) {
    const output = this.#output()
    const table = { ...tableOptions, ...options }
    const { path, id } = output
    this.done(native.flushJob(this.engine, { memtables, output: { path, id }, table, facts }))
    return output
  }

  /** Merges runs of one table each into one. */
  merge(tables) {
    const output = this.#output()
    const { path, id } = output
    const runs = tables.map((table) => [table])
    const outputs = [{ path, id }]
    const request = { runs, outputs, outputBytesMax: 2 ** 40, cutAfter: [], table: tableOptions, facts }
    const result = this.done(native.compactJob(this.engine, request))
    return { ...output, entries: result.entriesOut }
  }

  open({ path, id, number }) {
    const { table } = this.done(native.openTable(this.engine, path, number, id))
    this.#tables.push(table)
    return table
  }

  /** Reads go through the memtable and these tables. */
  show(tables) {
    native.setView(this.engine, this.memtable, [], [tables])
  }

  remove({ path }) {
    this.done(native.unlink(this.#executor, this.#fs, path))
  }

  close() {
    for (const handle of [...this.#tables, this.memtable, this.segment, this.engine, this.#fs, this.#executor])
      native.release(handle)
  }
}

/** A call walks all of an engine's entries, in pages of 1000. */
export function walk(engine, entries) {
  const keys = Buffer.alloc(64 << 10)
  const slab = Buffer.alloc(256 << 10)
  const sizes = new Uint32Array(2000)
  const info = new Uint32Array(5)
  return () => {
    const scan = native.openScan(engine, 0, 0, null, null, -1, 0)
    let seen = 0
    for (let read = -1; read !== 0; seen += read)
      read = native.scanPage(scan, mayBlock, keys, slab, 0, sizes, 1000, info)
    native.release(scan)
    if (seen !== entries) throw new Error(`The walk saw ${seen} entries.`)
  }
}
