// Range deletes: what one costs that covers a million keys, what a scan across it costs, and what is left of the speed
// of reads under 10 000 live ones, spread over deep tables, level 0 and the memtable.
//
//   npm run bench -- range_deletes
//
// Small ranges of five keys lie one after the other over all entries; a snapshot keeps them from being merged away.

import { join } from 'node:path'
import { open } from '../dist/lib/index.js'
import { each, keyOf, makeRandom, makeValues } from './support/data.mjs'
import { peerOptions } from './support/peer-workloads.mjs'
import { hundredths, limit, median, printRows } from './support/report.mjs'

const oneCovers = 1_000_000
const rangeCount = 10_000
const rangeKeys = 5
const gets = 200_000
const rounds = 5

const milliseconds = async (work) => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

async function fill(db, entries) {
  const value = makeValues(makeRandom())
  for (let first = 0; first < entries; first += 1000) {
    const batch = []
    for (let i = first; i < Math.min(first + 1000, entries); i++)
      batch.push({ type: 'put', key: keyOf(i), value: value() })
    await db.batch(batch)
  }
  await db.compact()
}

async function countScanned(db, options) {
  let entries = 0
  const iterator = db.iterator(options)
  for (;;) {
    const page = await iterator.nextv(1000)
    if (page.length === 0) break
    entries += page.length
  }
  await iterator.close()
  return entries
}

/** A scan over what a deleted range left: the slower direction, the median of some rounds. */
async function scanAcross(db, expected) {
  const directions = []
  for (const reverse of [false, true]) {
    const times = []
    for (let round = 0; round < rounds; round++) {
      let found = 0
      times.push(await milliseconds(async () => (found = await countScanned(db, { reverse }))))
      if (found !== expected) throw new Error(`A scan gave ${found} entries, not ${expected}.`)
    }
    directions.push(median(times))
  }
  return Math.max(...directions)
}

async function measureOne(directory) {
  const db = await open(join(directory, 'one'), peerOptions)
  await fill(db, oneCovers + 2)
  const deleteMs = await milliseconds(() => db.deleteRange({ gte: keyOf(1), lt: keyOf(oneCovers + 1) }))
  const steps = { 'in the memtable': () => {}, 'in level 0': () => db.flush(), compacted: () => db.compact() }
  const scans = []
  for (const [name, step] of Object.entries(steps)) {
    await step()
    scans.push({ name: `scan across it, ${name}`, ms: hundredths(await scanAcross(db, 2)) })
  }
  await db.close()
  const results = [{ name: `deleteRange of ${oneCovers} keys`, ms: hundredths(deleteMs) }, ...scans]
  const limits = results.map(({ name, ms }, i) => limit(name, ms, i === 0 ? 1 : 10, 'ms'))
  return { results, limits }
}

/** Microseconds of processor time and of wall time an operation, the medians of some rounds. */
async function cost(count, work) {
  const cpu = []
  const wall = []
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage()
    wall.push(((await milliseconds(work)) * 1000) / count)
    const { user, system } = process.cpuUsage(start)
    cpu.push((user + system) / count)
  }
  return { cpuUs: median(cpu), us: median(wall) }
}

async function readCosts(db, entries) {
  const random = makeRandom(7)
  // The last key of a stretch is in no range.
  const stretch = Math.floor(entries / rangeCount)
  const live = () => keyOf(random(rangeCount) * stretch + stretch - 1)
  const many = () => db.getMany(Array.from({ length: 100 }, live))
  return {
    'get.c1': await cost(gets, () => each(gets, 1, () => db.get(live()))),
    getSync: await cost(gets, () => {
      for (let i = 0; i < gets; i++) db.getSync(live())
    }),
    'getMany of 100': await cost(gets, () => each(gets / 100, 1, many)),
    'seek and 10': await cost(gets / 100, () =>
      each(gets / 100, 1, () => db.iterator({ gte: live(), limit: 10 }).all())
    ),
    scan: await cost(entries, () => countScanned(db, {}))
  }
}

async function deleteRanges(db, entries) {
  const stretch = Math.floor(entries / rangeCount)
  const quarter = rangeCount / 4
  let longestMs = 0
  const remove = async (from, to) => {
    for (let i = from; i < to; i++) {
      const start = performance.now()
      await db.deleteRange({ gte: keyOf(i * stretch), lt: keyOf(i * stretch + rangeKeys) })
      longestMs = Math.max(longestMs, performance.now() - start)
    }
  }
  let ms = await milliseconds(() => remove(0, quarter))
  await db.compact()
  ms += await milliseconds(() => remove(quarter, 2 * quarter))
  await db.flush()
  ms += await milliseconds(() => remove(2 * quarter, rangeCount))
  return { usEach: (ms / rangeCount) * 1000, longestMs }
}

async function measureMany(directory, entries) {
  const db = await open(join(directory, 'many'), peerOptions)
  await fill(db, entries)
  const before = await readCosts(db, entries)
  const snapshot = db.snapshot()
  const written = await deleteRanges(db, entries)
  const after = await readCosts(db, entries)
  snapshot.close()
  await db.close()
  const results = Object.keys(before).map((name) => ({
    name,
    'us without': hundredths(before[name].us),
    'us with': hundredths(after[name].us),
    'cpuUs without': hundredths(before[name].cpuUs),
    'cpuUs with': hundredths(after[name].cpuUs),
    timesSlower: hundredths(after[name].us / before[name].us)
  }))
  const usEach = hundredths(written.usEach)
  const slower = (name) => results.find((result) => result.name === name).timesSlower
  const limits = [
    limit('get.c1 under 10 000 ranges, times slower', slower('get.c1'), 2, ''),
    limit('one of 10 000 range deletes, on average', usEach, 100, 'us')
  ]
  return { results, limits, write: { usEach, longestMs: hundredths(written.longestMs) } }
}

export async function run({ entries, directory }) {
  const one = await measureOne(directory)
  const many = await measureMany(directory, entries)
  printRows(one.results)
  printRows(many.results)
  console.log(`${rangeCount} range deletes: ${many.write.usEach} us each, the longest ${many.write.longestMs} ms`)
  return { results: [...one.results, ...many.results], limits: [...one.limits, ...many.limits], write: many.write }
}
