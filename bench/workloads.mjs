// LevelDB's workload names over the public API, one after the other on one database, with percentiles of single
// operations, the longest gap of the event loop, write and space amplification.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { open } from '../dist/lib/index.js'
import { each, keyOf, makeRandom, makeValues } from './support/data.mjs'
import { GapWatch } from './support/gaps.mjs'
import { hundredths, printRows, tableBytes } from './support/report.mjs'

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

function makeWorkloads(db, entries) {
  const random = makeRandom()
  const value = makeValues(random)
  const any = () => keyOf(random(entries))
  const put = (options) => () => db.put(any(), value(), options)
  const operation = () => ({ type: 'put', key: any(), value: value() })
  return {
    fillseq: (timed) =>
      each(
        entries,
        64,
        timed((i) => db.put(keyOf(i), value()))
      ),
    fillrandom: (timed) => each(entries, 64, timed(put())),
    overwrite: (timed) => each(entries, 64, timed(put())),
    fillsync: (timed) => each(2000, 1, timed(put({ sync: true }))),
    fillbatch: async (timed) => {
      const batch = timed(() => db.batch(Array.from({ length: 1000 }, operation)))
      return (await each(Math.ceil(entries / 1000), 1, batch)) * 1000
    },
    readrandom: (timed) =>
      each(
        entries,
        1,
        timed(() => db.get(any()))
      ),
    readsync: async (timed) => {
      const get = timed(() => db.getSync(any()))
      for (let i = 0; i < entries; i++) get()
      return entries
    },
    readmissing: (timed) =>
      each(
        entries,
        1,
        timed(() => db.get(`${any()}.`))
      ),
    readseq: async () => (await db.iterator().all()).length,
    readreverse: async () => (await db.iterator({ reverse: true }).all()).length,
    seekrandom: (timed) =>
      each(
        Math.ceil(entries / 20),
        1,
        timed(() => db.iterator({ gte: any(), limit: 10 }).all())
      ),
    compact: async () => {
      await db.compact()
      return 1
    }
  }
}

/** Work that notes in the histogram how many nanoseconds it took, whether it answers at once or by a promise. */
const timedInto = (histogram) => (work) => (number) => {
  const start = process.hrtime.bigint()
  const note = () => histogram.record(Number(process.hrtime.bigint() - start) || 1)
  const result = work(number)
  if (typeof result?.then === 'function') return result.then(note)
  note()
}

async function measure(name, work) {
  const histogram = createHistogram()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const watch = new GapWatch()
  delay.enable()
  const cpuStart = process.cpuUsage()
  const start = performance.now()
  const operations = await work(timedInto(histogram))
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpuStart)
  const gaps = await watch.stop()
  delay.disable()
  const us = (percent) => (histogram.count > 0 ? hundredths(histogram.percentile(percent) / 1000) : null)
  return {
    name,
    operations,
    opsPerSecond: Math.round(operations / seconds),
    cpuUs: hundredths((user + system) / operations),
    p50Us: us(50),
    p99Us: us(99),
    p999Us: us(99.9),
    maxUs: histogram.count > 0 ? hundredths(histogram.max / 1000) : null,
    loopDelayP99Ms: hundredths(delay.percentile(99) / 1e6),
    gapMaxMs: gaps.maxMs
  }
}

async function liveBytes(db) {
  let bytes = 0
  const iterator = db.iterator()
  for (;;) {
    const entries = await iterator.nextv(1000)
    if (entries.length === 0) break
    for (const [key, value] of entries) bytes += key.length + value.length
  }
  await iterator.close()
  return bytes
}

function diskBytes(directory) {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).blocks * 512, 0)
}

/** Once nothing is due any more: bytes written per byte handed over, bytes of tables per live byte. */
async function amplification(db) {
  await db.flush()
  await db.drain()
  const live = await liveBytes(db)
  const tables = tableBytes(db)
  const disk = diskBytes(db.path)
  return {
    writeAmplification: hundredths(db.stats().writes.amplification),
    spaceAmplification: hundredths(tables / live),
    liveBytes: live,
    tableBytes: tables,
    diskBytes: disk
  }
}

export async function run({ names, entries, directory, UsageError }) {
  const db = await open(join(directory, 'db'), { valueEncoding: 'buffer' })
  try {
    const workloads = makeWorkloads(db, entries)
    const all = Object.keys(workloads)
    const wanted = names.length === 0 ? all : names.flatMap((name) => groups[name] ?? [name])
    const unknown = wanted.find((name) => !all.includes(name))
    if (unknown !== undefined) {
      const suites =
        'crc32c, bloom, memtable, block, merge, micro, amplification, opening, gaps, range_deletes, picture'
      throw new UsageError(
        `There is no bench ${unknown}. Workloads: ${[...all, ...Object.keys(groups)].join(', ')}. Others: ${suites}.`
      )
    }
    const results = []
    for (const name of wanted) results.push(await measure(name, workloads[name]))
    const summary = await amplification(db)
    printRows(results)
    const { writeAmplification, spaceAmplification, tableBytes: tables, diskBytes: disk } = summary
    console.log(`amplification: write ${writeAmplification}, space ${spaceAmplification}`)
    console.log(`tables ${tables} bytes, the directory ${disk} bytes on disk`)
    return { summary, results }
  } finally {
    await db.close()
  }
}
