// usage: node bench/run.mjs [NAME …] [--entries=N] [--out=FILE]
//
// LevelDB's workload names over the public API, one after the other on one database, with percentiles of single operations,
// event-loop delay, write and space amplification. NAME: a workload, or write_throughput, read_latency, compaction; none:
// all. Prints a table; --out writes the same as JSON. Nothing else should run on the machine.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { open } from '../dist/lib/index.js'

const groups = {
  write_throughput: ['fillseq', 'fillrandom', 'overwrite', 'fillbatch', 'fillsync'],
  read_latency: [
    'fillrandom',
    'compact',
    'readrandom',
    'readsync',
    'readmissing',
    'readseq',
    'readreverse',
    'seekrandom'
  ],
  compaction: ['fillrandom', 'overwrite', 'compact']
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { entries: { type: 'string', default: '200000' }, out: { type: 'string' } }
})
const entries = Number(flags.entries)
if (!Number.isSafeInteger(entries) || entries < 1000) throw new Error('--entries takes a whole number from 1000 on')

const valueBytes = 100
let state = 1
const random = (below) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
  return (Math.imul(state >>> 3, 2654435761) % below) >>> 0
}
const keyOf = (number) => String(number).padStart(16, '0')
const pool = Buffer.alloc(1 << 20)
for (let i = 0; i < pool.length; i++) pool[i] = i % valueBytes < valueBytes / 2 ? random(256) : 97
const value = () => {
  const start = random(pool.length - valueBytes)
  return pool.subarray(start, start + valueBytes)
}

/** Runs `work` `count` times with `inFlight` of them at once, and notes how long each took. */
async function each(count, inFlight, work, histogram) {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const number = next++
      const start = process.hrtime.bigint()
      await work(number)
      histogram.record(Number(process.hrtime.bigint() - start) || 1)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return count
}

const workloads = {
  fillseq: (db, histogram) => each(entries, 64, (i) => db.put(keyOf(i), value()), histogram),
  fillrandom: (db, histogram) => each(entries, 64, () => db.put(keyOf(random(entries)), value()), histogram),
  overwrite: (db, histogram) => each(entries, 64, () => db.put(keyOf(random(entries)), value()), histogram),
  fillsync: (db, histogram) => each(2000, 1, () => db.put(keyOf(random(entries)), value(), { sync: true }), histogram),
  fillbatch: async (db, histogram) => {
    const batches = Math.ceil(entries / 1000)
    const operation = () => ({ type: 'put', key: keyOf(random(entries)), value: value() })
    await each(batches, 1, () => db.batch(Array.from({ length: 1000 }, operation)), histogram)
    return batches * 1000
  },
  readrandom: (db, histogram) => each(entries, 1, () => db.get(keyOf(random(entries))), histogram),
  readsync: (db, histogram) => each(entries, 1, () => db.getSync(keyOf(random(entries))), histogram),
  readmissing: (db, histogram) => each(entries, 1, () => db.get(`${keyOf(random(entries))}.`), histogram),
  readseq: async (db) => (await db.iterator().all()).length,
  readreverse: async (db) => (await db.iterator({ reverse: true }).all()).length,
  seekrandom: (db, histogram) =>
    each(Math.ceil(entries / 20), 1, () => db.iterator({ gte: keyOf(random(entries)), limit: 10 }).all(), histogram),
  compact: async (db) => {
    await db.compact()
    return 1
  }
}

async function measure(db, name) {
  const histogram = createHistogram()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const operations = await workloads[name](db, histogram)
  const seconds = (performance.now() - start) / 1000
  delay.disable()
  const microseconds = (nanoseconds) => Math.round(nanoseconds / 100) / 10
  const has = histogram.count > 0
  return {
    name,
    operations,
    opsPerSecond: Math.round(operations / seconds),
    p50Us: has ? microseconds(histogram.percentile(50)) : null,
    p99Us: has ? microseconds(histogram.percentile(99)) : null,
    maxUs: has ? microseconds(histogram.max) : null,
    loopDelayMaxMs: Math.round(delay.max / 1e5) / 10
  }
}

const wanted = positionals.length === 0 ? Object.keys(workloads) : positionals.flatMap((name) => groups[name] ?? [name])
for (const name of wanted) {
  if (workloads[name] !== undefined) continue
  console.error(
    `There is no workload ${name}. Workloads: ${Object.keys(workloads).join(', ')}; ${Object.keys(groups).join(', ')}.`
  )
  process.exit(2)
}

const directory = mkdtempSync(join(tmpdir(), 'varve-bench-'))
try {
  const db = await open(join(directory, 'db'), { valueEncoding: 'buffer' })
  const results = []
  for (const name of wanted) results.push(await measure(db, name))
  await db.drain()
  const stats = db.stats()
  const tableBytes = stats.levels.reduce((sum, level) => sum + level.bytes, 0)
  await db.close()
  const summary = { writeAmplification: Math.round(stats.writes.amplification * 100) / 100, tableBytes, entries }
  console.table(Object.fromEntries(results.map(({ name, ...row }) => [name, row])))
  console.log(`write amplification ${summary.writeAmplification}, tables ${tableBytes} bytes`)
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  if (flags.out !== undefined) writeFileSync(flags.out, `${JSON.stringify({ machine, summary, results }, null, 2)}\n`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
