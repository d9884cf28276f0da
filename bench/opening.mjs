// How long open() takes in a fresh process: of a database that was closed cleanly, and of one that was killed
// (SIGKILL) with much of the wal unflushed. The files are in the page cache, as after a restart of the program, not
// of the machine.
//
// Each opening is a process of its own (opening-process.mjs), which also says how long it took from its start on; every
// opening of the killed database gets a copy of what the killed process left.

import { spawn } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { fileBytes, hundredths, limit, median } from './support/report.mjs'

const processFile = fileURLToPath(new URL('opening-process.mjs', import.meta.url))
const cleanLimitMs = 100
const killedLimitMs = 1500
const killedMemtableBytes = 128 << 20
const killedWalBytes = 64e6
const cleanEntries = 2_000_000
const cleanRuns = 5
const killedRuns = 3

/** Runs the process until it ends; its lines are JSON. `onLine` may kill it: that is no failure then. */
function runProcess(args, onLine = () => undefined) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [processFile, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = []
    let wasKilled = false
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line))
      if (onLine(lines.at(-1)) === 'kill') wasKilled = child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0 || (wasKilled && signal === 'SIGKILL')) resolve(lines)
      else reject(new Error(`${args[0]} ended with ${code ?? signal}.`))
    })
  })
}

async function openings(count, prepare, memtableBytes, operations) {
  const runs = []
  for (let i = 0; i < count; i++) {
    const path = prepare(i)
    const [opened] = await runProcess(['open', path, memtableBytes])
    if (opened.lastSequence !== operations)
      throw new Error(`Of ${operations} operations ${opened.lastSequence} are there.`)
    runs.push(opened)
    console.log(`  open ${opened.openMs} ms, ${opened.sinceStartMs} ms after the process began`)
  }
  return { runs, medianMs: hundredths(median(runs.map(({ openMs }) => openMs))) }
}

async function closedCleanly(entries, directory) {
  const path = join(directory, 'clean')
  const [filled] = await runProcess(['fill', path, 16 << 20, entries])
  console.log(`closed cleanly, ${filled.entries} entries, ${filled.tables} tables`)
  return { ...filled, ...(await openings(cleanRuns, () => path, 16 << 20, entries)) }
}

async function killed(entries, directory) {
  const path = join(directory, 'killed')
  const walBytes = Math.round(killedWalBytes * Math.min(1, entries / cleanEntries))
  const lines = await runProcess(['fill-wal', path, killedMemtableBytes, walBytes], () => 'kill')
  const [{ unflushedBytes, operations }] = lines
  console.log(`killed with ${unflushedBytes} bytes of unflushed wal, ${fileBytes(path, '.wal')} bytes of wal files`)
  const copy = (i) => {
    const to = `${path}-${i}`
    rmSync(`${path}-${i - 1}`, { recursive: true, force: true })
    cpSync(path, to, { recursive: true })
    return to
  }
  return { ...lines[0], ...(await openings(killedRuns, copy, killedMemtableBytes, operations)) }
}

export async function run({ entries, directory }) {
  const clean = await closedCleanly(entries, directory)
  const afterKill = await killed(entries, directory)
  const limits = [
    limit(`open() after a clean close, median of ${cleanRuns}`, clean.medianMs, cleanLimitMs, 'ms'),
    limit(`open() after SIGKILL, median of ${killedRuns}`, afterKill.medianMs, killedLimitMs, 'ms')
  ]
  return { summary: { clean, killed: afterKill }, limits }
}
