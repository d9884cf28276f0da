// The workloads that varve is compared by with other engines: the same order, the same keys and values, the same
// number in flight, on two databases. Each is {name, operations, work}; `work` throws when an answer is wrong.

import { setTimeout as sleep } from 'node:timers/promises'
import { each, keyBytes, keyOf, makeRandom, makeValues, shuffled, valueBytes } from './data.mjs'

export const peerOptions = { keyEncoding: 'utf8', valueEncoding: 'buffer', blockCacheBytes: 64 << 20 }

const batchOperations = 1000
const readsMax = 300_000

function check(value, key) {
  if (value?.length !== valueBytes) throw new Error(`Key ${key} has a value of ${value?.length} bytes.`)
}

export function makeData(entries) {
  const random = makeRandom()
  return { entries, random, value: makeValues(random), order: shuffled(entries, random) }
}

/** Bytes of at most `limit` entries from a key on, read in pages of 1000. */
async function scan(db, gte, limit) {
  const iterator = db.iterator(limit === undefined ? { gte } : { gte, limit })
  let bytes = 0
  for (;;) {
    const page = await iterator.nextv(1000)
    if (page.length === 0) break
    for (const [key, value] of page) bytes += key.length + value.length
  }
  await iterator.close()
  return bytes
}

/** Puts: on an empty database. */
export function writes(db, { entries, value, order }) {
  const put = (number, options) => db.put(keyOf(number), value(), options)
  const durable = (i) => put(order[i], { sync: true })
  const sequential = Math.ceil(entries / 5)
  return [
    { name: 'fillrandom.c64', operations: entries, work: () => each(entries, 64, (i) => put(order[i])) },
    { name: 'fillseq.c1', operations: sequential, work: () => each(sequential, 1, (i) => put(entries + i)) },
    { name: 'fillsync.c1', operations: 2000, work: () => each(Math.min(entries, 2000), 1, durable) },
    { name: 'fillsync.c64', operations: 20_000, work: () => each(Math.min(entries, 20_000), 64, durable) }
  ].map((workload) => ({ ...workload, operations: Math.min(workload.operations, entries) }))
}

/** Batches: on an empty database, which `reads` then reads. */
export function batches(db, { entries, value, order }) {
  const work = async () => {
    for (let first = 0; first < entries; first += batchOperations) {
      const operations = []
      for (let i = first; i < Math.min(first + batchOperations, entries); i++)
        operations.push({ type: 'put', key: keyOf(order[i]), value: value() })
      await db.batch(operations)
    }
  }
  return [
    { name: 'fillbatch1000', operations: entries, work },
    { name: '(settling)', operations: 0, work: () => sleep(3000), isPause: true }
  ]
}

function pointReads(db, { entries, random, order }) {
  const reads = Math.min(entries, readsMax)
  const any = () => keyOf(random(entries))
  const get = async (key) => check(await db.get(key), key)
  return [
    { name: 'warm', operations: reads, work: () => each(reads, 64, (i) => get(keyOf(order[i]))) },
    { name: 'get.c1', operations: Math.ceil(reads / 3), work: () => each(Math.ceil(reads / 3), 1, () => get(any())) },
    { name: 'get.c64', operations: reads, work: () => each(reads, 64, () => get(any())) },
    {
      name: 'getSync',
      operations: reads,
      work: () => {
        for (let i = 0; i < reads; i++) check(db.getSync(any()), 'read at once')
      }
    },
    {
      name: 'getMany100',
      operations: reads,
      work: async () => {
        for (let i = 0; i < reads; i += 100) {
          const keys = Array.from({ length: 100 }, any)
          check((await db.getMany(keys))[99], keys[99])
        }
      }
    },
    {
      name: 'getmiss.c64',
      operations: reads,
      work: () =>
        each(reads, 64, async () => {
          if ((await db.get(`${any()}x`)) !== undefined) throw new Error('A key that was never written is there.')
        })
    }
  ]
}

function scans(db, { entries, random }) {
  const near = () => keyOf(random(entries - 200))
  const ranges = (count, limit) => async () => {
    for (let i = 0; i < count; i++) await scan(db, near(), limit)
  }
  return [
    {
      name: 'scanall',
      operations: entries,
      work: async () => {
        const bytes = await scan(db, '0')
        if (bytes !== entries * (keyBytes + valueBytes)) throw new Error(`The scan read ${bytes} bytes.`)
      }
    },
    { name: 'range100', operations: 300_000, work: ranges(3000, 100) },
    { name: 'range10', operations: 100_000, work: ranges(10_000, 10) }
  ]
}

export function reads(db, data) {
  const { entries, random, value } = data
  const mixed = () => {
    const key = keyOf(random(entries))
    return random(2) ? db.put(key, value()) : db.get(key)
  }
  return [
    ...pointReads(db, data),
    ...scans(db, data),
    { name: 'ycsbA.c16', operations: 200_000, work: () => each(200_000, 16, mixed) }
  ]
}
