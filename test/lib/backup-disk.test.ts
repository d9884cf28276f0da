// Backups and checkpoints on a disk in memory: each bit of a backup flipped, tables damaged, compaction and links in the way.
import { afterAll, beforeAll, expect, test } from 'vitest'
import native from '#native'
import { backupsIn, pruneBackupsIn, verifyBackupIn } from '../../lib/copies/backups.ts'
import { restoreIn } from '../../lib/copies/restore.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { contentOf, type Entries, failure, namesIn, openAt, opened, smallDatabase } from './support/copies-world.ts'
import { type Files, Machine, useMachineTime } from './support/machine.ts'

const { step } = campaign('flipped backups', { short: { step: 8 }, long: { step: 1 }, instrumented: { step: 64 } })
const { below } = drawsOf(randomOf(seedOf('flipped backups')))
let files: Files
let entries: Entries

beforeAll(async () => {
  useMachineTime()
  const made = await smallDatabase(seedOf('flipped backups'))
  files = made.files
  entries = made.entries
})
const counts = { flips: 0 }
afterAll(() => console.log(`flipped backups: ${JSON.stringify(counts)}`))

test('a flipped bit anywhere in a backup is found before anything is written', async () => {
  const { machine, db } = await opened(files)
  await machine.run(db.backup('/backups'))
  await machine.run(db.close())
  const folders = ['tables', 'backups']
  for (const folder of folders) {
    for (const name of await namesIn(machine, `/backups/${folder}`)) {
      const path = `/backups/${folder}/${name}`
      const bytes = native.memoryDump(machine.fs, path)
      for (let at = below(step); at < bytes.length; at += step === 1 ? 1 : 1 + below(2 * step - 1)) {
        const flipped = Buffer.from(bytes)
        flipped[at] = (flipped[at] ?? 0) ^ (1 << below(8))
        native.memoryOverwrite(machine.fs, path, flipped)
        const before = native.memoryDigest(machine.fs)
        const error = await failure(machine, () => restoreIn('/backups', '/restored', {}, machine.environment))
        expect([error?.code, error?.file], `${path} at ${at}`).toEqual(['VARVE_CORRUPTION', path])
        expect(native.memoryDigest(machine.fs)).toBe(before)
        const seen = await machine.run(verifyBackupIn('/backups', {}, machine.environment))
        expect(seen.files.filter((file) => !file.ok)).toHaveLength(1)
        counts.flips++
      }
      native.memoryOverwrite(machine.fs, path, bytes)
    }
  }
  expect(counts.flips).toBeGreaterThan(30)
  await machine.run(restoreIn('/backups', '/restored', {}, machine.environment))
  expect(await contentOf(machine, '/restored')).toEqual(entries)
  machine.release()
})

test('a table that is damaged in the database is no backup', async () => {
  const damaged = new Map(files)
  const [name, bytes] = [...files].find(([one]) => one.endsWith('.sst')) as [string, Buffer]
  const copy = Buffer.from(bytes)
  copy[100] = (copy[100] ?? 0) ^ 1
  damaged.set(name, copy)
  const { machine, db } = await opened(damaged)
  const error = await failure(machine, () => db.backup('/backups'))
  expect([error?.code, error?.file]).toEqual(['VARVE_CORRUPTION', `/data/${name}`])
  expect(await machine.run(backupsIn('/backups', machine.environment))).toEqual([])
  expect(await namesIn(machine, '/backups/tables')).toEqual([])
  await machine.run(db.close())
  machine.release()
})

test('tables are copied where they cannot be linked', async () => {
  const { machine, db } = await opened(files)
  const { executor, fs } = machine.environment()
  native.makeDirectory(executor, fs, '/other')
  while (native.step(executor));
  native.release(executor)
  // The first change of names is the first link: it is on another device.
  native.memoryFaults(machine.fs, { atCall: 1, operations: 32, errno: 18 })
  const { tables } = await machine.run(db.checkpoint('/other'))
  expect(tables).toBeGreaterThan(0)
  native.memoryFaults(machine.fs, null)
  await machine.run(db.close())
  expect(await contentOf(machine, '/other')).toEqual(entries)
  machine.release()
})

test('compaction removes no table that is being copied', async () => {
  for (let order = 0; order < 25; order++) {
    const machine = new Machine(seedOf('flipped backups') + order, order)
    const db = await openAt(machine, '/data', { memtableBytes: 16 << 10 })
    const at = (round: number) => Array.from({ length: 40 }, (_, i): [string, string] => [`k${i}`, `${round}.${i}`])
    for (let round = 0; round < 4; round++) {
      for (const [key, value] of at(round)) void db.put(key, value)
      await machine.run(db.flush())
    }
    const work = [db.checkpoint('/copy'), db.backup('/backups'), db.compact()]
    const later = Array.from({ length: 3 }, async () => {
      await db.put('later', 'v'.repeat(9000))
      await db.flush()
    })
    await machine.run(Promise.all([...work, ...later]))
    await machine.run(db.drain())
    const numbers = (await namesIn(machine, '/data')).filter((name) => name.endsWith('.sst'))
    expect(numbers).toHaveLength(db.stats().levels.reduce((sum, level) => sum + level.tables, 0))
    await machine.run(db.close())
    await machine.run(restoreIn('/backups', '/restored', {}, machine.environment))
    const wanted = at(3).sort(([a], [b]) => (a < b ? -1 : 1))
    for (const path of ['/copy', '/restored']) {
      const found = await contentOf(machine, path)
      expect(found?.filter(([key]) => key !== 'later')).toEqual(wanted)
    }
    machine.release()
  }
})

test('a prune that fails is done by the next', async () => {
  const { machine, db } = await opened(files)
  for (let i = 0; i < 3; i++) {
    await machine.run(db.put(`more${i}`, 'v'))
    await machine.run(db.compact())
    await machine.run(db.backup('/backups'))
  }
  await machine.run(db.close())
  for (let n = 1; n < 60; n++) {
    native.memoryFaults(machine.fs, { atCall: n })
    await failure(machine, () => pruneBackupsIn('/backups', { keep: 1 }, machine.environment))
    native.memoryFaults(machine.fs, null)
    expect(await machine.run(verifyBackupIn('/backups', {}, machine.environment))).toMatchObject({ ok: true })
  }
  const [only, ...others] = await machine.run(backupsIn('/backups', machine.environment))
  expect([only?.id, others]).toEqual([3, []])
  expect(await namesIn(machine, '/backups/tables')).toHaveLength(only?.tables ?? 0)
  machine.release()
})
