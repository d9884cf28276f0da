// Write amplification of random puts, and what the database takes once it is compacted.
//
// Distinct keys in random order, 64 puts in flight; then everything is flushed and no compaction is due. The bytes
// written are those of wal, flushes and compactions, the bytes handed over those of the operations in the wal (keys,
// values and 4 or 5 bytes each around them), both from db.stats(). Live bytes are keys and values alone.

import { join } from 'node:path'
import { open } from '../dist/lib/index.js'
import { each, keyBytes, keyOf, valueBytes } from './support/data.mjs'
import { makeData, peerOptions } from './support/peer-workloads.mjs'
import { fileBytes, hundredths, limit, thousandths } from './support/report.mjs'

const memtableBytes = 16 << 20
const writeLimit = 5.5
const spaceLimit = 1.15
const walMemtables = 2

const seconds = async (work) => {
  const start = performance.now()
  await work()
  return hundredths((performance.now() - start) / 1000)
}

export async function run({ entries, directory }) {
  const { order, value } = makeData(entries)
  const db = await open(join(directory, 'db'), { ...peerOptions, memtableBytes })
  const fillSeconds = await seconds(() => each(entries, 64, (i) => db.put(keyOf(order[i]), value())))
  const drainSeconds = await seconds(async () => {
    await db.flush()
    await db.drain()
  })
  const { writes, background, log, levels } = db.stats()
  const liveBytes = entries * (keyBytes + valueBytes)
  const drained = {
    fillSeconds,
    drainSeconds,
    opsPerSecond: Math.round(entries / fillSeconds),
    stalls: writes.stalls,
    payloadBytes: writes.payloadBytes,
    walBytes: log.bytesAppended,
    flushBytes: background.flushBytes,
    compactionBytesWritten: background.compactionBytesWritten,
    flushes: background.flushes,
    compactions: background.compactions,
    moves: background.moves,
    levels,
    writeAmplification: thousandths(writes.amplification),
    writeAmplificationOfLive: thousandths(writes.bytesWritten / liveBytes)
  }
  const compactSeconds = await seconds(() => db.compact())
  const compacted = {
    compactSeconds,
    levels: db.stats().levels,
    liveBytes,
    tableBytes: fileBytes(db.path, '.sst'),
    walFileBytes: fileBytes(db.path, '.wal')
  }
  compacted.spaceAmplification = thousandths(compacted.tableBytes / liveBytes)
  await db.close()
  console.log('filled and drained', drained)
  console.log('compacted', compacted)
  const limits = [
    limit('write amplification, wal included', drained.writeAmplification, writeLimit, ''),
    limit('table bytes per live byte, compacted', compacted.spaceAmplification, spaceLimit, ''),
    limit('wal files, compacted', compacted.walFileBytes, walMemtables * memtableBytes, 'bytes')
  ]
  return { summary: { drained, compacted }, limits }
}
