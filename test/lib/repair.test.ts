// Every kind of file damaged at seeded places, then repaired: the result opens, holds every entry outside the ranges that
// are reported lost, and nothing that was never written.
import { afterAll, beforeAll, expect, test } from 'vitest'
import native from '#native'
import { repairIn } from '../../lib/copies/repair.ts'
import type { Database } from '../../lib/database.ts'
import { parseName } from '../../lib/disk/files.ts'
import type { Lost, OpenOptions, Repair } from '../../lib/index.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { lineOf } from './support/databases.ts'
import { directory, type Files, filesOf, Machine, machineWith, useMachineTime } from './support/machine.ts'

/** Damages of each kind of file. */
const { runs } = campaign('repair', { short: { runs: 10 }, long: { runs: 2000 }, instrumented: { runs: 8 } })
const options: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0, durability: 'os' }
const { below, oneOf } = drawsOf(randomOf(seedOf('repair')))
const counts = { runs: 0, lossless: 0, lossy: 0, entriesKept: 0, entriesInLost: 0 }

interface Write {
  readonly sequence: number
  readonly value: string | undefined
}
/** What each key held, write after write. */
const history = new Map<string, Write[]>()
let sequence = 0
let files: Files
/** The same before it was closed, as a process that dies leaves it. */
let live: Files

function put(db: Database, key: string, value: string): Promise<void> {
  history.set(key, [...(history.get(key) ?? []), { sequence: ++sequence, value }])
  // Some would expire, long after the test.
  return db.put(key, value, below(5) === 0 ? { expiresAt: 4e12 } : {})
}

function del(db: Database, key: string): Promise<void> {
  history.set(key, [...(history.get(key) ?? []), { sequence: ++sequence, value: undefined }])
  return db.del(key)
}

function deleteRange(db: Database, first: number, count: number): Promise<void> {
  sequence++
  for (let n = first; n < first + count; n++) {
    const key = keyOf(n)
    const writes = history.get(key)
    if (writes !== undefined) history.set(key, [...writes, { sequence, value: undefined }])
  }
  return db.deleteRange({ gte: keyOf(first), lt: keyOf(first + count) })
}

const keyOf = (n: number): string => `key${String(n).padStart(4, '0')}`

/** Tables on three levels, deleted keys in each, and a log of several segments. */
async function write(machine: Machine, db: Database): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 400; n++) {
      if (round > 0 && below(3) > 0) continue
      if (round > 0 && below(4) === 0) void del(db, keyOf(n))
      else void put(db, keyOf(n), `${round}.${n} ${'v'.repeat(below(200))}`)
    }
    if (round === 1) void put(db, keyOf(200), 'large '.repeat(3000))
    if (round > 0) void deleteRange(db, 100 * round + below(50), 20)
    if (round === 0) await machine.run(db.compact())
    else await machine.run(db.flush())
    await machine.run(db.drain())
  }
  for (let i = 0; i < 60; i++) {
    const key = keyOf(below(420))
    if (i === 30) await machine.run(deleteRange(db, below(400), 10))
    await machine.run(below(4) === 0 ? del(db, key) : put(db, key, `wal ${i} ${'w'.repeat(below(150))}`))
  }
}

beforeAll(async () => {
  useMachineTime()
  const machine = new Machine(seedOf('repair'))
  const db = await machine.run(machine.open(options))
  await write(machine, db)
  live = await filesOf(machine)
  await machine.run(db.close())
  files = await filesOf(machine)
  machine.release()
})
afterAll(() => {
  console.log(`repair: ${JSON.stringify(counts)}`)
  report('repair', counts)
})

const newest = (key: string): Write | undefined => history.get(key)?.at(-1)

/** Whether a write to the key is within what was reported. */
function isLost(key: string, losses: readonly Lost[]): boolean {
  const bytes = Buffer.from(key)
  return losses.some((lost) => {
    if (lost.kind === 'writes') {
      const last = lost.sequenceLast ?? Number.POSITIVE_INFINITY
      return history.get(key)?.some((one) => one.sequence >= lost.sequenceFirst && one.sequence <= last)
    }
    for (const bound of [lost.first, lost.last]) expect(bound?.space ?? 1).toBe(1)
    if (lost.first !== undefined && bytes.compare(lost.first.key) < 0) return false
    return lost.last === undefined || bytes.compare(lost.last.key) <= 0
  })
}

async function check(machine: Machine, { files: damaged }: Repair): Promise<void> {
  const losses = damaged.flatMap(({ lost }) => lost)
  expect(await machine.run(machine.verify())).toMatchObject({ ok: true })
  const db = await machine.run(machine.open({ ...options, createIfMissing: false }))
  const found = new Map(await machine.run(db.iterator().all()))
  for (const key of found.keys()) expect(history.has(key), key).toBe(true)
  for (const [key, writes] of history) {
    const value = found.get(key)
    if (!isLost(key, losses)) {
      expect(value, key).toBe(newest(key)?.value)
      counts.entriesKept++
    } else {
      counts.entriesInLost++
      if (value !== undefined) expect(writes.map((one) => one.value)).toContain(value)
    }
  }
  await machine.run(db.put('after', 'repair'))
  await machine.run(db.close())
  const again = await machine.run(machine.open(options))
  expect(await machine.run(again.get('after'))).toBe('repair')
  expect((await machine.run(again.keys().all())).length).toBe(found.size + 1)
  await machine.run(again.close())
  if (losses.length === 0) counts.lossless++
  else counts.lossy++
  counts.runs++
}

async function repaired(machine: Machine): Promise<Repair> {
  return machine.run(repairIn(directory, {}, machine.environment))
}

type Damage = (bytes: Buffer) => Buffer
const damages: Readonly<Record<string, Damage>> = {
  'a byte': (bytes) => {
    const copy = Buffer.from(bytes)
    const at = below(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 + below(255))
    return copy
  },
  'some bytes': (bytes) => {
    const copy = Buffer.from(bytes)
    const at = below(copy.length)
    for (let i = at; i < Math.min(copy.length, at + 1 + below(3000)); i++) copy[i] = below(256)
    return copy
  },
  zeros: (bytes) => {
    const copy = Buffer.from(bytes)
    const at = below(copy.length)
    return copy.fill(0, at, Math.min(copy.length, at + 1 + below(5000)))
  },
  'cut short': (bytes) => Buffer.from(bytes.subarray(0, below(bytes.length))),
  'two places': (bytes) => damages['a byte']?.(damages['a byte']?.(bytes) ?? bytes) ?? bytes
}

/** Damages one file of each of these kinds, and repairs. */
async function damageOnce(kinds: readonly string[], from: Files = files): Promise<void> {
  const damaged = new Map(from)
  const done: string[] = []
  // Of a table that is not there only the manifest can tell.
  const ways = kinds.includes('manifest') && kinds.length > 1 ? [] : ['missing']
  for (const kind of kinds) {
    const name = oneOf([...from.keys()].filter((one) => parseName(one).kind === kind))
    const how = oneOf([...Object.keys(damages), ...ways])
    done.push(`${name}: ${how}`)
    const bytes = damaged.get(name)
    if (how === 'missing') damaged.delete(name)
    else if (bytes !== undefined) damaged.set(name, damages[how]?.(bytes) ?? bytes)
  }
  const machine = machineWith(damaged)
  try {
    const plan = await machine.run(repairIn(directory, { dryRun: true }, machine.environment))
    const result = await repaired(machine)
    expect(plan.files).toEqual(result.files)
    await check(machine, result)
  } catch (error) {
    throw new Error(`${done.join(', ')}: ${String(error)}`, { cause: error })
  }
  machine.release()
}

test('has a file of every kind', () => {
  const kinds = [...files.keys()].map((name) => parseName(name).kind)
  expect(new Set(kinds)).toEqual(new Set(['current', 'identity', 'lock', 'manifest', 'table', 'wal']))
  expect(kinds.filter((kind) => kind === 'table').length).toBeGreaterThan(3)
})

test('one that is whole is left as it is', async () => {
  const machine = machineWith(files)
  const before = native.memoryDigest(machine.fs)
  expect(await repaired(machine)).toEqual({ ok: true, files: [], isLossy: false })
  expect(native.memoryDigest(machine.fs)).toBe(before)
})

test.each(['current', 'identity', 'manifest', 'table', 'wal'])('%s', async (kind) => {
  for (let i = 0; i < runs; i++) await damageOnce([kind])
})

test.each([
  ['table', 'table'],
  ['table', 'wal'],
  ['manifest', 'table'],
  ['manifest', 'wal'],
  ['manifest', 'table', 'wal'],
  ['current', 'identity', 'table', 'wal']
])('%s and %s at once', async (...kinds) => {
  for (let i = 0; i < runs; i++) await damageOnce(kinds)
})

// Of its log nothing more is known to be on disk than what it says itself: damage at its end looks like a torn end there.
test.each(['table', 'current', 'identity'])('%s, after the process died', async (kind) => {
  for (let i = 0; i < runs; i++) await damageOnce([kind], live)
})

test('a bad block costs its own entries, and no more', async () => {
  const machine = machineWith(files)
  const [name, bytes] = [...files].find(([one]) => one.endsWith('.sst')) as [string, Buffer]
  const copy = Buffer.from(bytes)
  copy[5000] = (copy[5000] ?? 0) ^ 1
  native.memoryOverwrite(machine.fs, `${directory}/${name}`, copy)
  const result = await repaired(machine)
  expect(result).toMatchObject({ ok: false, isLossy: true, keptIn: `${directory}/lost/1` })
  expect(result.files).toHaveLength(1)
  expect(result.files[0]?.lost).toHaveLength(1)
  expect(result.files[0]?.entriesLost).toBeLessThan(80)
  const kept = native.memoryDump(machine.fs, `${directory}/lost/1/${name}`)
  expect(kept.equals(copy)).toBe(true)
  await check(machine, result)
  expect(await repaired(machine)).toMatchObject({ ok: true })
  machine.release()
})

test('what a lost table held and the log still has comes from the log', async () => {
  const machine = new Machine(1)
  const db = await machine.run(machine.open(options))
  for (let i = 0; i < 100; i++) void db.put(keyOf(i), `value ${i}`)
  await machine.run(db.flush())
  await machine.run(db.del(keyOf(3)))
  const entries = await machine.run(db.iterator().all())
  await machine.run(db.close())
  const left = new Map([...(await filesOf(machine))].filter(([name]) => !name.endsWith('.sst')))
  machine.release()
  const damaged = machineWith(left)
  const result = await repaired(damaged)
  expect(result.files[0]).toMatchObject({ error: 'The table is not there.', entriesLost: 100 })
  const again = await damaged.run(damaged.open(options))
  expect(await damaged.run(again.iterator().all())).toEqual(entries)
  await damaged.run(again.close())
  damaged.release()
})

test('a file of a newer format is refused, and nothing is changed', async () => {
  const [name = ''] = [...files.keys()].filter((one) => one.startsWith('MANIFEST'))
  const machine = machineWith(new Map(files).set(name, Buffer.from(lineOf('{"format":99}'))))
  const before = native.memoryDigest(machine.fs)
  await expect(repaired(machine)).rejects.toMatchObject({ code: 'VARVE_UNSUPPORTED' })
  expect(native.memoryDigest(machine.fs)).toBe(before)
  machine.release()
})
