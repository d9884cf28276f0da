// Copies of a database of about 1 GB of tables while a writer runs: how long a checkpoint takes to flush and to link, and how
// fast backup, incremental backup, verification and restore are. The files are in the page cache.

import { join } from 'node:path'
import { open, restore, verifyBackup } from '../dist/lib/index.js'
import { hundredths, limit, median, printRows, tableBytes } from './support/report.mjs'

const linkLimitMs = 200
const valueBytes = 1000
const checkpoints = 5
const keyOf = (n) => String(n).padStart(16, '0')

/** Values that do not repeat, cut from one noise. */
function makeValues() {
  const noise = Buffer.alloc(1 << 20)
  for (let i = 0, state = 1; i < noise.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    noise[i] = state >>> 24
  }
  let at = 0
  return () => {
    at = (at + 997) % (noise.length - valueBytes)
    return noise.subarray(at, at + valueBytes)
  }
}

async function fill(db, entries, nextValue) {
  for (let first = 0; first < entries; first += 1000) {
    const batch = Array.from({ length: Math.min(1000, entries - first) }, (_, i) => ({
      type: 'put',
      key: keyOf(first + i),
      value: nextValue()
    }))
    await db.batch(batch)
  }
  await db.flush()
  await db.drain()
}

/** Puts one after the other until it is ended. */
function writer(db, entries, nextValue) {
  let isEnding = false
  let puts = 0
  const running = (async () => {
    while (!isEnding) {
      await db.put(keyOf((puts++ * 7919) % entries), nextValue())
      if (puts % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  return async () => {
    isEnding = true
    await running
    return puts
  }
}

async function timed(name, work, bytesOf) {
  const start = performance.now()
  const result = await work()
  const ms = performance.now() - start
  const bytes = bytesOf(result)
  return { name, ms: hundredths(ms), bytes, 'MB/s': hundredths(bytes / 1e3 / ms) }
}

export async function run({ entries, directory }) {
  const db = await open(join(directory, 'db'), { valueEncoding: 'buffer' })
  const nextValue = makeValues()
  await fill(db, entries, nextValue)
  console.log(`${entries} entries, ${tableBytes(db)} bytes of tables`)
  const end = writer(db, entries, nextValue)
  const made = []
  for (let i = 0; i < checkpoints; i++) {
    made.push(await db.checkpoint(join(directory, `checkpoint-${i}`)))
    const { flushMs, linkMs, tables, bytes } = made.at(-1)
    console.log(`  checkpoint: flush ${flushMs} ms, links ${linkMs} ms, ${tables} tables, ${bytes} bytes`)
  }
  const dest = join(directory, 'backups')
  const rows = [
    await timed(
      'backup',
      () => db.backup(dest),
      ({ bytesCopied }) => bytesCopied
    ),
    await timed(
      'incremental backup',
      () => db.backup(dest),
      ({ bytesCopied }) => bytesCopied
    )
  ]
  const puts = await end()
  const all = ({ bytes }) => bytes
  rows.push(
    await timed(
      'verify',
      () => verifyBackup(dest, { backup: 1 }),
      ({ files }) => files.reduce((sum, one) => sum + one.bytes, 0)
    ),
    await timed('restore', () => restore(dest, join(directory, 'restored'), { backup: 1 }), all)
  )
  await db.close()
  console.log(`${puts} puts meanwhile`)
  printRows(rows)
  const linkMs = median(made.map((one) => one.linkMs))
  return {
    summary: { checkpoints: made, rows, puts },
    limits: [limit(`links of a checkpoint, median of ${checkpoints}`, linkMs, linkLimitMs, 'ms')]
  }
}
