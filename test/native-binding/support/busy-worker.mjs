// A worker with jobs on every lane: for ever, or for `rounds` rounds.
import { parentPort, workerData } from 'node:worker_threads'
import native from '#native'

const executor = native.threadExecutor(2, 1)
const fs = native.memoryFileSystem()
const engine = native.createEngine(executor, fs, 1 << 20)
const none = new Uint8Array(0)
const id = Buffer.alloc(16, 1)
const { frameStartBytes, frameEndBytes } = native.about()

// One batch of 1 000 puts.
const operation = Buffer.from([1, 4, 0, 107, 101, 121, 100, ...Buffer.alloc(100, 'x')])
const operations = Buffer.concat(Array.from({ length: 1000 }, () => operation))
const head = Buffer.alloc(8)
head.writeUInt32LE(operations.length, 0)
head.writeUInt32LE(1000, 4)
const payload = Buffer.concat([head, operations])
const frame = () => Buffer.concat([Buffer.alloc(frameStartBytes), payload, Buffer.alloc(frameEndBytes)])

let memtable = native.createMemtable(engine, 1 << 20)
native.setView(engine, memtable, [], [])
const state = { index: 0, term: 0, sequence: 0, timeMs: 0, hardTerm: 0, hardVote: 0, hardCommit: 0, syncedIndex: 0 }
native.openWal(engine, state, none)

let rounds = workerData?.rounds ?? Number.POSITIVE_INFINITY
let files = 0
const table = { blockBytes: 4096, restartInterval: 8, filterBitsPerKey: 10, hashIndex: true }
const facts = { snapshots: [], expiredMs: 0, bottommost: false, deeper: [] }

function startRound() {
  const full = memtable
  native.writeJob(engine, frame(), payload.length, 1000, 1)
  native.syncJob(engine)
  native.writeFile(executor, fs, `/f${files++}`, Buffer.alloc(100_000))
  native.getJob(engine, 0, 'keyd', -1, 1)
  memtable = native.createMemtable(engine, 1 << 20)
  native.setView(engine, memtable, [], [])
  const output = { path: `/${files}.sst`, id }
  native.flushJob(engine, { memtables: [full], output, table, facts })
  native.release(full)
  return 5
}

let open = 0
function go() {
  if (rounds-- > 0) open += startRound()
  else if (open === 0) native.keepAlive(false)
}

native.keepAlive(true)
native.createSegment(engine, '/1.wal', 1 << 20)
native.setWake(() => {
  const [, error, segment] = native.drain()
  if (error) throw error
  native.activateSegment(engine, segment, 1, id, Buffer.alloc(8, 1))
  native.setWake(() => {
    open -= native.drain().length / 3
    go()
  })
  for (let i = 0; i < 10; i++) go()
  parentPort?.postMessage({ engine })
})
