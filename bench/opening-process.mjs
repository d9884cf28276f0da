// The processes of opening.mjs: node opening-process.mjs fill|fill-wal|open DIRECTORY MEMTABLE-BYTES
// [ENTRIES|WAL-BYTES]. Each prints one line of JSON; fill-wal then waits to be killed.

import { open } from '../dist/lib/index.js'
import { each, keyOf } from './support/data.mjs'
import { makeData, peerOptions } from './support/peer-workloads.mjs'

const [mode, directory, memtableBytes, amount] = process.argv.slice(2)
const options = { ...peerOptions, memtableBytes: Number(memtableBytes) }
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const rounded = (ms) => Math.round(ms * 100) / 100

const modes = {
  async fill() {
    const db = await open(directory, options)
    const entries = Number(amount)
    const { order, value } = makeData(entries)
    await each(entries, 64, (i) => db.put(keyOf(order[i]), value()))
    await db.flush()
    await db.drain()
    const tables = db.stats().levels.reduce((sum, level) => sum + level.tables, 0)
    await db.close()
    tell({ entries, tables })
  },

  async 'fill-wal'() {
    const db = await open(directory, options)
    const { order, value } = makeData(1_000_000)
    let at = 0
    while (db.stats().log.bytesAppended < Number(amount))
      await each(1000, 64, () => db.put(keyOf(order[at++ % order.length]), value()))
    const { log, background } = db.stats()
    if (background.flushes > 0) throw new Error('The memtable was flushed: no wal is left to replay.')
    tell({ unflushedBytes: log.bytesAppended, operations: at })
    setInterval(() => undefined, 1000)
  },

  async open() {
    const start = performance.now()
    const db = await open(directory, options)
    const end = performance.now()
    tell({ openMs: rounded(end - start), sinceStartMs: rounded(end), lastSequence: db.stats().log.lastSequence })
    await db.close()
  }
}

await modes[mode]()
