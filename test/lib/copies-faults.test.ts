// The n-th call to the disk fails in a checkpoint, backup, restore or repair, for every n; or the power goes at it. The
// database stays usable, and no target opens with anything but the whole content.
import { afterAll, beforeAll, expect, test } from 'vitest'
import native from '#native'
import { backupsIn, verifyBackupIn } from '../../lib/copies/backups.ts'
import { repairIn } from '../../lib/copies/repair.ts'
import { restoreIn } from '../../lib/copies/restore.ts'
import type { Database } from '../../lib/database.ts'
import { parseName } from '../../lib/disk/files.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import {
  contentOf,
  type Entries,
  failure,
  faults,
  forEachCall,
  heal,
  namesIn,
  openAt,
  opened,
  smallDatabase
} from './support/copies-world.ts'
import { type Files, type Machine, machineWith, useMachineTime } from './support/machine.ts'

const { step } = campaign('copies under faults', { short: { step: 3 }, long: { step: 1 }, instrumented: { step: 20 } })
const { below } = drawsOf(randomOf(seedOf('copies under faults')))
const steps = (): number => (step === 1 ? 1 : 1 + below(step * 2 - 1))
let files: Files
let entries: Entries
const counts: Record<string, number> = {}

beforeAll(async () => {
  useMachineTime()
  const made = await smallDatabase(seedOf('copies under faults'))
  files = made.files
  entries = made.entries
})
afterAll(() => console.log(`copies under faults: ${JSON.stringify(counts)}`))

/** The database works on, and holds what it held. */
async function checkUsable(machine: Machine, db: Database): Promise<void> {
  expect(await machine.run(db.iterator().all())).toEqual(entries)
  await machine.run(db.put('after', 'the fault', { sync: true }))
  await machine.run(db.del('after', { sync: true }))
  await machine.run(db.close())
  expect(await contentOf(machine, '/data')).toEqual(entries)
}

async function checkTarget(machine: Machine, path: string, isThere: boolean): Promise<void> {
  const content = await contentOf(machine, path)
  if (isThere || content !== undefined) expect(content).toEqual(entries)
}

test.each(faults)('checkpoint: $name', async (fault) => {
  counts[`checkpoint ${fault.name}`] = await forEachCall(fault, steps, async (fail) => {
    const { machine, db } = await opened(files)
    fail(machine)
    const failed = await failure(machine, () => db.checkpoint('/copies/one'))
    heal(machine)
    await checkTarget(machine, '/copies/one', failed === undefined)
    // What was made was removed, as far as the disk let it.
    if (failed !== undefined && !fault.forever) {
      expect(await failure(machine, () => db.checkpoint('/copies/one'))).toBeUndefined()
    }
    await checkUsable(machine, db)
    return machine
  })
})

test.each(faults)('backup: $name', async (fault) => {
  counts[`backup ${fault.name}`] = await forEachCall(fault, steps, async (fail) => {
    const { machine, db } = await opened(files)
    await machine.run(db.backup('/backups'))
    await machine.run(db.put('more', 'for another table'))
    await machine.run(db.flush())
    await machine.run(db.del('more'))
    await machine.run(db.flush())
    await machine.run(db.drain())
    fail(machine)
    await failure(machine, () => db.backup('/backups'))
    heal(machine)
    const before = await machine.run(backupsIn('/backups', machine.environment))
    expect(before.length).toBeGreaterThan(0)
    const { id } = await machine.run(db.backup('/backups'))
    const listed = await machine.run(backupsIn('/backups', machine.environment))
    expect(listed.map((one) => one.id)).toEqual([...before.map((one) => one.id), id])
    expect(await machine.run(verifyBackupIn('/backups', {}, machine.environment))).toMatchObject({ ok: true })
    const newest = listed.at(-1)?.tables ?? 0
    // Tables of both, and nothing that the failed one left.
    const tables = await namesIn(machine, '/backups/tables')
    expect(tables.filter((name) => !name.endsWith('.sst'))).toEqual([])
    expect(tables.length).toBeLessThanOrEqual(newest + (listed[0]?.tables ?? 0))
    for (const one of listed) {
      const path = `/restored/${one.id}`
      await machine.run(restoreIn('/backups', path, { backup: one.id }, machine.environment))
      await checkTarget(machine, path, true)
    }
    await checkUsable(machine, db)
    return machine
  })
})

async function withBackup(): Promise<Machine> {
  const { machine, db } = await opened(files)
  await machine.run(db.backup('/backups'))
  await machine.run(db.close())
  return machine
}

test.each(faults)('restore: $name', async (fault) => {
  counts[`restore ${fault.name}`] = await forEachCall(fault, steps, async (fail) => {
    const machine = await withBackup()
    fail(machine)
    const failed = await failure(machine, () => restoreIn('/backups', '/restored/here', {}, machine.environment))
    heal(machine)
    await checkTarget(machine, '/restored/here', failed === undefined)
    if (failed !== undefined && !fault.forever) {
      await machine.run(restoreIn('/backups', '/restored/here', {}, machine.environment))
      await checkTarget(machine, '/restored/here', true)
    }
    return machine
  })
})

test.each([0, 1, 2])('the power goes in the midst of a restore or checkpoint, %s', async (seed) => {
  const fault = { name: 'power', errno: 5, forever: true }
  counts[`power ${seed}`] = await forEachCall(fault, steps, async (fail) => {
    const { machine, db } = await opened(files)
    await machine.run(db.backup('/backups'))
    fail(machine)
    const failed = [
      await failure(machine, () => db.checkpoint('/checkpoint')),
      await failure(machine, () => restoreIn('/backups', '/restored', {}, machine.environment))
    ]
    heal(machine)
    native.memoryCrash(machine.fs, seed === 0 ? 0 : 1 + below(2 ** 31))
    await failure(machine, () => db.close())
    await checkTarget(machine, '/checkpoint', failed[0] === undefined)
    await checkTarget(machine, '/restored', failed[1] === undefined)
    expect(await contentOf(machine, '/data')).toEqual(entries)
    return machine
  })
})

/** The files, with the first table, the log and IDENTITY damaged. */
function damagedFiles(): Files {
  return new Map(
    [...files].map(([name, bytes]) => {
      const copy = Buffer.from(bytes)
      const { kind } = parseName(name)
      if (kind === 'table') copy[100] = (copy[100] ?? 0) ^ 1
      if (kind === 'wal' && copy.length > 200) copy[200] = (copy[200] ?? 0) ^ 1
      if (kind === 'identity') copy[20] = (copy[20] ?? 0) ^ 1
      return [name, copy]
    })
  )
}

test.each([
  ...faults.map((fault) => ({ ...fault, power: undefined })),
  ...[0, 1, 2].map((power) => ({ name: `power ${power}`, errno: 5, forever: true, power }))
])('repair: $name', async ({ power, ...fault }) => {
  const clean = machineWith(damagedFiles())
  const expected = await clean.run(repairIn('/data', {}, clean.environment))
  expect(expected.isLossy).toBe(true)
  const saved = await contentOf(clean, '/data')
  clean.release()
  expect(saved?.length).toBeGreaterThan(0)
  counts[`repair ${fault.name}`] = await forEachCall(fault, steps, async (fail) => {
    const machine = machineWith(damagedFiles())
    fail(machine)
    const failed = await failure(machine, () => repairIn('/data', {}, machine.environment))
    heal(machine)
    if (power !== undefined) native.memoryCrash(machine.fs, power === 0 ? 0 : 1 + below(2 ** 31))
    if (failed !== undefined) await machine.run(repairIn('/data', {}, machine.environment))
    expect(await contentOf(machine, '/data')).toEqual(saved)
    const again = await openAt(machine, '/data')
    await machine.run(again.put('after', 'the repair'))
    await machine.run(again.close())
    return machine
  })
})
