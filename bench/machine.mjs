// What the machine itself does to a program that never waits: the gaps that a spinning loop sees in the clock, with one
// processor busy, with all of them busy, and with all of them busy while something writes and syncs files. varve is not in it.
//
// A gap here is the machine's: other guests of its host, or a host that takes the processors away once a guest has used its
// share of each 100 ms. While there are such gaps no figure of the longest gap can be better, and no ratio is worth much.

import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { hundredths, limit } from './support/report.mjs'

const spanMs = 4_000
const gapMs = 2
const limitMs = 5

const busyLoop = `const end = performance.now() + ${spanMs}; while (performance.now() < end);`

/** Gaps that this thread sees while it does nothing but look at the clock. */
function spin() {
  const gaps = []
  const start = performance.now()
  for (let last = start; last < start + spanMs; ) {
    const now = performance.now()
    if (now - last > gapMs) gaps.push({ atMs: Math.round(last - start), ms: hundredths(now - last) })
    last = now
  }
  return gaps
}

const syncing = (path) => `
  const { openSync, writeSync, fdatasyncSync, closeSync } = require('node:fs')
  const end = performance.now() + ${spanMs}
  const file = openSync(${JSON.stringify(path)}, 'w')
  const bytes = Buffer.alloc(1 << 20, 1)
  for (let i = 0; performance.now() < end; i = (i + 1) % 64) {
    writeSync(file, bytes, 0, bytes.length, i << 20)
    if (i % 8 === 0) fdatasyncSync(file)
  }
  closeSync(file)`

async function gapsBeside(scripts) {
  const workers = scripts.map((script) => new Worker(script, { eval: true }))
  const ended = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
  const gaps = spin()
  await Promise.all(ended)
  return gaps
}

/** How long a small append takes to be on disk, in microseconds: the median. */
function syncUs(path) {
  const file = openSync(path, 'w')
  const took = Array.from({ length: 500 }, () => {
    writeSync(file, Buffer.alloc(200))
    const start = performance.now()
    fdatasyncSync(file)
    return performance.now() - start
  }).sort((a, b) => a - b)
  closeSync(file)
  unlinkSync(path)
  return Math.round((took[250] ?? 0) * 1_000)
}

export async function run({ directory }) {
  const others = cpus().length - 1
  const path = join(directory, 'busy')
  const cases = {
    'one processor busy': [],
    'all processors busy': Array(others).fill(busyLoop),
    'all busy, and the disk': [...Array(others).fill(busyLoop), syncing(path)]
  }
  const figures = { fdatasyncUs: syncUs(path) }
  console.log(`fdatasync after a small append: ${figures.fdatasyncUs} us, the median of 500`)
  for (const [name, scripts] of Object.entries(cases)) {
    const gaps = await gapsBeside(scripts)
    const longest = Math.max(0, ...gaps.map(({ ms }) => ms))
    figures[name] = { gaps: gaps.length, longestMs: longest, first: gaps.slice(0, 20) }
    const places = gaps.slice(0, 8).map(({ atMs, ms }) => `${ms} at ${atMs}`)
    console.log(`${name.padEnd(24)} ${gaps.length} gaps, the longest ${longest} ms  ${places.join(', ')}`)
  }
  const limits = Object.keys(cases).map((name) => limit(`longest gap, ${name}`, figures[name].longestMs, limitMs, 'ms'))
  return { limits, figures }
}
