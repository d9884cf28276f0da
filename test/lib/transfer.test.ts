// Values that are cloned or moved to another thread: whatever is done with one, the others, the database and its cache stay
// what they are.
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/index.ts'
import { openMemory } from './support/databases.ts'

const encodings = ['buffer', 'view'] as const
// Slabs hold values up to 4096 bytes; longer ones own their memory.
const sizes = [0, 1, 100, 4096, 4097, 9000, 100_000]
const keyOf = (size: number): string => `k${String(size).padStart(6, '0')}`
const bytesOf = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + size) % 251))

type Bytes = Uint8Array<ArrayBuffer>
type Reads = Readonly<Record<string, (db: Database<string, Bytes>) => Promise<readonly Bytes[]>>>

const keys = sizes.map(keyOf)
const reads: Reads = {
  get: (db) => Promise.all(keys.map(async (key) => (await db.get(key)) as Bytes)),
  getSync: async (db) => keys.map((key) => db.getSync(key) as Bytes),
  getMany: async (db) => (await db.getMany(keys)) as Bytes[],
  iterator: async (db) => (await db.iterator().all()).map(([, value]) => value),
  'a loop without await': async (db) => [...db.values()]
}

// On a cold disk values come from read threads, by other ways.
const places = ['memtable', 'table', 'cold disk'] as const
type Place = (typeof places)[number]

async function filled(valueEncoding: 'buffer' | 'view', place: Place): Promise<Database<string, Bytes>> {
  const fs = native.memoryFileSystem()
  const options = { valueEncoding, blockCacheBytes: place === 'cold disk' ? 0 : 1 << 20 }
  const db = (await openMemory(fs, options)) as unknown as Database<string, Bytes>
  for (const size of sizes) await db.put(keyOf(size), bytesOf(size) as Bytes)
  if (place !== 'memtable') await db.flush()
  native.memoryCold(fs, place === 'cold disk')
  return db
}

const asNumbers = (values: readonly Uint8Array[]): string[] =>
  values.map((value) => Buffer.from(value).toString('latin1'))
const right = asNumbers(sizes.map(bytesOf))

/** Tries to move the value's memory away: what came out at the other end, or undefined when that is refused. */
function send(port1: MessagePort, port2: MessagePort, value: Bytes): Buffer | undefined {
  try {
    port1.postMessage(value, [value.buffer])
  } catch (error) {
    expect((error as Error).name).toBe('DataCloneError')
    return undefined
  }
  return Buffer.from((receiveMessageOnPort(port2) as { message: Uint8Array }).message)
}

describe.each(encodings)('valueEncoding %s', (encoding) => {
  describe.each(Object.keys(reads))('%s', (how) => {
    const read = reads[how] as Reads[string]

    test.each(places)('structuredClone gives equal bytes, from a %s', async (place) => {
      await using db = await filled(encoding, place)
      const values = await read(db)
      const clones = values.map((value) => structuredClone(value))
      expect(asNumbers(clones)).toEqual(right)
      for (const clone of clones) clone.fill(255)
      expect(asNumbers(values)).toEqual(right)
      expect(asNumbers(await read(db))).toEqual(right)
    })

    test.each(places)('a transfer moves one value or none, from a %s', async (place) => {
      await using db = await filled(encoding, place)
      const { port1, port2 } = new MessageChannel()
      const [before, values, after] = [await read(db), await read(db), await read(db)]
      values.forEach((value, i) => {
        const copy = Buffer.from(value)
        // Node 20 sends a copy of what may not be moved, later ones refuse.
        const came = send(port1, port2, value)
        if (came !== undefined) expect(came.equals(copy)).toBe(true)
        // Only a value that owns its memory may go.
        const isGone = value.buffer.byteLength === 0 && copy.length > 0
        if (isGone) expect(copy.length).toBeGreaterThan(4096)
        else expect(copy.equals(value)).toBe(true)
        expect(asNumbers(values.slice(i + 1))).toEqual(right.slice(i + 1))
      })
      port1.close()
      for (const others of [before, after, await read(db)]) expect(asNumbers(others)).toEqual(right)
      await db.compact()
      expect(asNumbers(await read(db))).toEqual(right)
    })
  })

  test('what a user writes into a value stays his own', async () => {
    await using db = await filled(encoding, 'table')
    for (const read of Object.values(reads)) {
      const [mine, others] = [await read(db), await read(db)]
      for (const value of mine) value.fill(255)
      expect(asNumbers(others)).toEqual(right)
      expect(asNumbers(await read(db))).toEqual(right)
    }
  })
})
