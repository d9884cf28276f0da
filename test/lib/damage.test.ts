// Every byte of every file of a closed database damaged, one at a time. It must then be read exactly as it was written, or
// be refused with file and offset; verify must see what an open or a read sees.
import { afterAll, beforeAll, expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import { parseName } from '../../lib/disk/files.ts'
import { VarveError } from '../../lib/index.ts'
import type { OpenOptions } from '../../lib/options.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { directory, type Files, filesOf, Machine, machineWith, useMachineTime } from './support/machine.ts'

/**
 * One in `step` bytes is damaged, in zeros one in `zeroStep` (1: every byte); at least `least` of each file. One in
 * `writableOneIn` is also opened for writing, in zeros one in `zeroWritableOneIn`.
 */
const size = campaign('damage', {
  short: { step: 32, zeroStep: 4096, least: 60, writableOneIn: 4, zeroWritableOneIn: 4 },
  long: { step: 1, zeroStep: 1, least: 0, writableOneIn: 1, zeroWritableOneIn: 8 },
  instrumented: { step: 256, zeroStep: 16_384, least: 10, writableOneIn: 4, zeroWritableOneIn: 4 }
})
const options: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0, durability: 'os' }
const counts = { bytes: 0, flips: 0, exact: 0, refused: 0, seenByVerify: 0 }
const random = randomOf(seedOf('damage'))
const { below } = drawsOf(random)

interface Contents {
  readonly entries: readonly [string, string][]
  readonly missing: readonly string[]
}

let files: Files
const wanted = new Map<string, string>()
const missing = ['', 'key', 'key0000', 'key000x', 'key0131', 'key999', 'zzz']

beforeAll(async () => {
  useMachineTime()
  const machine = new Machine(seedOf('damage'))
  const db = await machine.run(machine.open(options))
  await write(machine, db)
  await machine.run(db.close())
  files = await filesOf(machine)
  for (const bytes of files.values()) counts.bytes += bytes.length
})
afterAll(() => {
  console.log(`damage: ${JSON.stringify(counts)}`)
  report('damage', counts)
})

function put(db: Database, i: number, value: string): Promise<void> {
  const key = `key${String(i).padStart(3, '0')}`
  wanted.set(key, value)
  return db.put(key, value)
}

/** Tables on two levels (values of all sizes, overwritten and deleted keys, a snapshot's versions), and a wal. */
async function write(machine: Machine, db: Database): Promise<void> {
  for (let i = 0; i < 90; i++) void put(db, i, `first ${i} ${'v'.repeat(below(100))}`)
  void put(db, 90, 'large '.repeat(900))
  await machine.run(db.compact())
  db.snapshot()
  for (let i = 0; i < 2; i++) {
    for (let n = 0; n < 12; n++) void put(db, below(110), `table ${i} ${n}`)
    void db.del(`key0${20 + i}`)
    wanted.delete(`key0${20 + i}`)
    await machine.run(db.flush())
  }
  for (let i = 0; i < 8; i++) await machine.run(put(db, below(130), `wal ${i} ${'v'.repeat(below(50))}`))
  void db.del('key050')
  wanted.delete('key050')
}

const sorted = (): [string, string][] => [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))

async function readAll(db: Database): Promise<Contents> {
  const entries = await db.iterator().all()
  const reversed = await db.iterator({ reverse: true }).all()
  expect(reversed.reverse()).toEqual(entries)
  const keys = [...wanted.keys()]
  const values = await db.getMany(keys)
  expect(values).toEqual(keys.map((key) => wanted.get(key)))
  const absent: string[] = []
  for (const key of missing) if (await db.has(key)) absent.push(key)
  return { entries, missing: absent }
}

/** undefined when all was read as it was written; else the error that refused. */
async function refusal(machine: Machine, readOnly: boolean): Promise<VarveError | undefined> {
  let db: Database | undefined
  let refused: unknown
  try {
    db = await machine.run(machine.open({ ...options, readOnly }))
    const { entries, missing: absent } = await machine.run(readAll(db))
    expect(entries).toEqual(sorted())
    expect(absent).toEqual([])
  } catch (error) {
    refused = error
  }
  if (db !== undefined) await machine.run(db.close())
  if (refused === undefined) return undefined
  if (!(refused instanceof VarveError)) throw refused
  expect(['VARVE_CORRUPTION', 'VARVE_UNSUPPORTED']).toContain(refused.code)
  expect(refused.file).toContain(`${directory}/`)
  expect(refused.offset).toBeTypeOf('number')
  return refused
}

/** What verify says against it, or throws. */
async function verified(machine: Machine): Promise<string | undefined> {
  try {
    const { ok, files: seen } = await machine.run(machine.verify())
    return ok ? undefined : seen.map(({ error }) => error).join('')
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    return error.message
  }
}

const flipped = (bytes: Buffer, at: number, mask: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ mask
  return copy
}

async function damage(machine: Machine, name: string, at: number, mask: number): Promise<void> {
  const bytes = files.get(name) ?? Buffer.alloc(0)
  const path = `${directory}/${name}`
  counts.flips++
  native.memoryOverwrite(machine.fs, path, flipped(bytes, at, mask))
  const refused = await refusal(machine, true)
  const seen = await verified(machine)
  counts[refused === undefined ? 'exact' : 'refused']++
  if (seen !== undefined) counts.seenByVerify++
  if (refused !== undefined) expect(seen, 'verify sees what a read sees').toBeDefined()
  if (parseName(name).kind === 'table') expect(seen, 'verify sees every byte of a table').toContain(name)
  native.memoryOverwrite(machine.fs, path, bytes)
  if (below(isInZeros(bytes, at) ? size.zeroWritableOneIn : size.writableOneIn) !== 0) return
  const copy = machineWith(new Map(files).set(name, flipped(bytes, at, mask)))
  const refusedToWrite = await refusal(copy, false)
  expect(refusedToWrite?.code).toBe(refused?.code)
  if (refusedToWrite === undefined) expect(await refusal(copy, false), 'opened again').toBeUndefined()
  copy.release()
}

const isInZeros = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(Math.max(0, at - 8), at + 16).every((byte) => byte === 0)

/** Offsets to damage: some of every region, zeros more thinly. */
function offsetsOf(bytes: Buffer): number[] {
  const step = Math.max(1, Math.min(size.step, Math.floor(bytes.length / Math.max(1, size.least))))
  const offsets: number[] = []
  for (let at = below(step); at < bytes.length; ) {
    offsets.push(at)
    at += 1 + below((isInZeros(bytes, at) ? size.zeroStep : step) * 2 - 1)
  }
  return offsets
}

test('has a file of every kind', () => {
  const kinds = [...files.keys()].map((name) => parseName(name).kind)
  expect(new Set(kinds)).toEqual(new Set(['current', 'identity', 'lock', 'manifest', 'table', 'wal']))
  expect(kinds.filter((kind) => kind === 'table').length).toBe(3)
})

test('undamaged, all is there', async () => {
  const machine = machineWith(files)
  expect(await refusal(machine, true)).toBeUndefined()
  expect(await verified(machine)).toBeUndefined()
  expect(await refusal(machine, false)).toBeUndefined()
})

test.each(['current', 'identity', 'lock', 'manifest', 'table', 'wal'] as const)('%s', async (kind) => {
  const machine = machineWith(files)
  for (const [name, bytes] of files) {
    if (parseName(name).kind !== kind) continue
    for (const at of offsetsOf(bytes)) {
      for (const mask of [0xff, 1 << below(8)]) {
        try {
          await damage(machine, name, at, mask)
        } catch (error) {
          throw new Error(`${name} at ${at} of ${bytes.length}, ${bytes[at]} ^ ${mask}: ${String(error)}`, {
            cause: error
          })
        }
      }
    }
  }
})
