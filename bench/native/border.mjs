// What the border costs: nanoseconds per call of the hot functions, over a memtable that holds 100 000 keys.
//
//   node bench/native/border.mjs [seconds per figure]
import native from '#native'

const keys = 100_000
const seconds = Number(process.argv[2] ?? 0.5)
const none = new Uint8Array(0)
const { frameStartBytes, frameEndBytes } = native.about()

const executor = native.steppedExecutor(0)
const fs = native.memoryFileSystem()
const engine = native.createEngine(executor, fs, 1 << 20)
native.setView(engine, native.createMemtable(engine, 64 << 20), [], [])
native.openWal(
  engine,
  { index: 0, term: 0, sequence: 0, timeMs: 0, hardTerm: 0, hardVote: 0, hardCommit: 0, syncedIndex: 0 },
  none
)
native.createSegment(engine, '/1.wal', 1 << 20)
while (native.step(executor));
const [, error, segment] = native.drain()
if (error) throw error
native.activateSegment(engine, segment, 1, Buffer.alloc(16, 1), Buffer.alloc(8, 1))

// Keys of 16 bytes, values of 100: a frame of one put each.
const nameOf = (i) => `key:${String(i).padStart(12, '0')}`
const putBytes = 1 + 1 + 17 + 1 + 100
const frame = Buffer.alloc(frameStartBytes + 8 + putBytes + frameEndBytes, 'v')
frame.writeUInt32LE(putBytes, frameStartBytes)
frame.writeUInt32LE(1, frameStartBytes + 4)
frame.set([1, 17, 0], frameStartBytes + 8)
frame[frameStartBytes + 8 + 3 + 16] = 100
function put(i) {
  frame.latin1Write(nameOf(i), frameStartBytes + 8 + 3, 16)
  native.write(engine, frame, 8 + putBytes, 1, 1)
}
for (let i = 0; i < keys; i++) put(i)

const names = Array.from({ length: 1024 }, (_, i) => nameOf((i * 7919) % keys))
const buffers = names.map((name) => Buffer.from(name))
const absent = names.map((name) => `${name}x`)
const slab = Buffer.alloc(8192)

/** Nanoseconds per unit of `run`, which does `units` a call: the best of several stretches. */
function measure(title, run, units = 1) {
  const calls = 20_000
  let best = Number.POSITIVE_INFINITY
  const until = performance.now() + seconds * 1000
  do {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) run(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls / units)
  } while (performance.now() < until)
  console.log(`${title.padEnd(44)} ${best.toFixed(0).padStart(6)} ns`)
}

const near = names.slice(0, 1)
measure('crossing: cancel(0)', () => native.cancel(0))
measure('get, string key, the same key', () => native.get(engine, 0, near[0], -1, 0, 0, slab, 0))
measure('get, string key', (i) => native.get(engine, 0, names[i & 1023], -1, 0, 0, slab, 0))
measure('get, Buffer key', (i) => native.get(engine, 0, buffers[i & 1023], -1, 0, 0, slab, 0))
measure('get, absent', (i) => native.get(engine, 0, absent[i & 1023], -1, 0, 0, slab, 0))
measure('getText, string key', (i) => native.getText(engine, 0, names[i & 1023], -1, 0, 0))
measure('has, string key', (i) => native.has(engine, 0, names[i & 1023], -1, 0, 0))

const many = Buffer.concat(buffers.slice(0, 100))
const manySizes = new Uint32Array(100).fill(16)
const slabs = [Buffer.alloc(16384)]
const sizes = new Int32Array(100)
const getMany = () => native.getMany(engine, 0, many, manySizes, 0, 100, -1, 0, 0, slabs, 16384, sizes)
if (getMany() !== 100) throw new Error('getMany left keys unanswered')
measure('getMany of 100, per key', getMany, 100)

const pageKeys = Buffer.alloc(16 << 10)
const pageSlab = Buffer.alloc(128 << 10)
const pageSizes = new Uint32Array(2000)
const info = new Uint32Array(5)
let scan = native.openScan(engine, 0, 0, null, null, -1, 0)
function page() {
  const entries = native.scanPage(scan, 0, pageKeys, pageSlab, 0, pageSizes, 1000, info)
  if (entries === 1000) return
  native.release(scan)
  scan = native.openScan(engine, 0, 0, null, null, -1, 0)
}
measure('scanPage of 1 000, per entry', (i) => i % 100 === 0 && page(), 10)
measure('openScan and release', () => native.release(native.openScan(engine, 0, 0, null, null, -1, 0)))

let next = 0
measure('write, one put over an old key, log in memory', () => put(next++ % keys))
