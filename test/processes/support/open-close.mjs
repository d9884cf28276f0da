// Opens and closes a database over and over (run with --expose-gc), and says what the process holds now and then: a line
// of JSON each.
//
//   node --expose-gc open-close.mjs <directory> <cycles> <cycles between lines>
import { readdirSync, writeSync } from 'node:fs'
import { open } from 'varve'

const [directory, cycles, between] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const turn = () => new Promise(setImmediate)

function held(cycle) {
  const { rss, external, arrayBuffers, heapUsed } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo().sort()
  const [descriptors, threads] = ['fd', 'task'].map((name) => readdirSync(`/proc/self/${name}`).length)
  return { cycle, descriptors, threads, resources, rss, external, arrayBuffers, heapUsed }
}

for (let cycle = 1; cycle <= cycles; cycle++) {
  const db = await open(directory, { valueEncoding: 'buffer', memtableBytes: 256 << 10, blockCacheBytes: 1 << 20 })
  const snapshot = db.snapshot()
  const iterator = db.iterator()
  const writes = []
  for (let i = 0; i < 100; i++) writes.push(db.put(`k${i}`, Buffer.alloc(5000, cycle), { sync: i === 99 }))
  await Promise.all(writes)
  await db.get('k1', { snapshot })
  await iterator.nextv(10)
  if (cycle % 5 === 0) await db.flush()
  // Half of them leave what they opened to close().
  if (cycle % 2 === 0) {
    await iterator.close()
    snapshot.close()
  }
  await db.close()
  if (cycle % between > 0) continue
  for (let i = 0; i < 4; i++) {
    await turn()
    globalThis.gc()
  }
  // console.log would open a stream of its own.
  writeSync(1, `${JSON.stringify(held(cycle))}\n`)
}
