// The longest gap of a timer of 1 ms under each of the workloads that varve is compared by, and where it went:
// garbage collection, the processor, waiting for one, sleeping (support/gaps.mjs). With --profile also which
// functions ran in it.
//
//   npm run bench -- gaps --only=fillrandom.c64,get.c64 --profile
//
// A workload that others build on runs even when --only leaves it out, without being measured.

import { join } from 'node:path'
import { open } from '../dist/lib/index.js'
import { GapWatch } from './support/gaps.mjs'
import { batches, makeData, peerOptions, reads, writes } from './support/peer-workloads.mjs'
import { Profile } from './support/profile.mjs'
import { limit } from './support/report.mjs'

// getSync is left out of the limits: its caller holds the loop on purpose.
const limitsMs = { fillbatch1000: 20, getSync: Number.POSITIVE_INFINITY }
const limitMs = 10
const functionsShown = 6

async function measure({ name, operations, work }, withProfile) {
  const profile = withProfile ? new Profile() : undefined
  const watch = new GapWatch()
  const cpuStart = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpuStart)
  const gaps = await watch.stop()
  const functionsOf = profile?.stop()
  for (const gap of gaps.longest) {
    if (functionsOf !== undefined) gap.functions = functionsOf(gap.startMs, gap.endMs).slice(0, functionsShown)
    delete gap.startMs
    delete gap.endMs
  }
  const opsPerSecond = Math.round(operations / seconds)
  const cpuUs = Math.round(((user + system) / operations) * 100) / 100
  return { name, operations, seconds: Math.round(seconds * 1000) / 1000, opsPerSecond, cpuUs, gaps }
}

const cell = (value, width = 8) => String(value ?? '-').padStart(width)

function printHead() {
  const columns = ['longest', 'gc', 'cpu', 'waiting', 'blocked', 'stolen', 'p99'].map((column) => cell(column)).join('')
  console.log(`${'ms of the longest gap'.padEnd(24)}${columns}${cell('ops/s', 10)}`)
}

function print({ name, opsPerSecond, gaps }) {
  const [first] = gaps.longest
  const parts = [first?.gcMs, first?.cpuMs, first?.waitingMs, first?.blockedMs, first?.stolenMs, gaps.p99Ms]
  const columns = [gaps.maxMs, ...parts].map((part) => cell(part)).join('')
  console.log(`${name.padEnd(24)}${columns}${cell(opsPerSecond, 10)}`)
}

function printDetails({ name, gaps }) {
  const buckets = gaps.histogram.filter((bucket) => bucket.gaps > 0)
  console.log(`\n${name}: gaps by length, ms: ${buckets.map((b) => `≤${b.toMs ?? '∞'}: ${b.gaps}`).join('  ')}`)
  const collections = Object.entries(gaps.gc).map(
    ([kind, { count, ms, maxMs }]) => `${count} ${kind} ${ms} (max ${maxMs})`
  )
  console.log(`  garbage collection, ms: ${collections.join(', ') || 'none'}`)
  for (const gap of gaps.longest) {
    const kinds = Object.entries(gap.gc).map(([kind, ms]) => `${kind} ${ms}`)
    const known =
      gap.cpuMs === undefined
        ? ''
        : ` cpu ${gap.cpuMs} waiting ${gap.waitingMs} blocked ${gap.blockedMs} stolen ${gap.stolenMs}`
    const collected = kinds.length > 0 ? ` (${kinds.join(', ')})` : ''
    console.log(`  ${cell(gap.ms)} ms at ${cell(gap.atMs, 9)}: gc ${gap.gcMs}${collected}${known}`)
    for (const { name: called, ms, under } of gap.functions ?? []) console.log(`      ${cell(ms)} ${called} < ${under}`)
  }
}

/** Runs one database's workloads; what is not wanted but needed by later ones goes unmeasured. */
async function runAll(workloads, isWanted, profile) {
  const results = []
  const last = workloads.findLastIndex(({ name }) => isWanted(name))
  for (const workload of workloads.slice(0, last + 1)) {
    if (isWanted(workload.name)) {
      results.push(await measure(workload, profile))
      print(results.at(-1))
    } else if (workload.isPause || workload.name.startsWith('fill')) await workload.work()
  }
  return results
}

function checkNames(only, known, UsageError) {
  const unknown = only?.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new UsageError(`There is no workload ${unknown} to --only. Workloads: ${known.join(', ')}.`)
}

export async function run({ entries, directory, only, profile, UsageError }) {
  const data = makeData(entries)
  const isWanted = (name) => !name.startsWith('(') && (only?.includes(name) ?? true)
  const halves = [
    ['a', writes],
    ['b', (db, all) => [...batches(db, all), ...reads(db, all)]]
  ]
  const known = halves.flatMap(([, make]) => make(undefined, data).map(({ name }) => name))
  checkNames(
    only,
    known.filter((name) => !name.startsWith('(')),
    UsageError
  )
  const results = []
  printHead()
  for (const [name, make] of halves) {
    const db = await open(join(directory, name), peerOptions)
    results.push(...(await runAll(make(db, data), isWanted, profile)))
    await db.close()
  }
  for (const result of results) printDetails(result)
  console.log()
  const limits = results
    .filter(({ name }) => Number.isFinite(limitsMs[name] ?? limitMs))
    .map(({ name, gaps }) => limit(`longest gap, ${name}`, gaps.maxMs, limitsMs[name] ?? limitMs, 'ms'))
  return { results, limits }
}
