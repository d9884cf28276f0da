// Power cuts on a real file system. What was acknowledged as being on disk is there; of everything else there is a
// beginning, each writer's keys as after one of its writes; and no cut makes the database speak of corruption.
import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { verify } from '../../lib/inspect.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { skipUnless } from '../support/skip.ts'
import { hasPowerSwitch, PowerDisk, powerSwitchNeeds } from './support/power.ts'
import { Expected, type Plan, WritingProcess } from './support/rounds.ts'

const cuts = campaign('power cuts', { short: 5, long: 200, instrumented: 2 })
const seed = seedOf('power cuts')
const random = randomOf(seed)
const { below, oneOf } = drawsOf(random)

const counts = { cuts: 0, inRecovery: 0, acknowledged: 0, writersStopped: 0 }

function planOf(directory: string, round: number): Plan {
  return {
    directory,
    seed,
    round,
    writers: 1 + below(4),
    window: oneOf([1, 4, 16]),
    syncShare: oneOf([0.05, 0.2, 0.5]),
    writes: 0,
    options: {
      durability: oneOf(['interval', 'interval', 'sync', 'os'] as const),
      syncIntervalMs: oneOf([1, 10]),
      memtableBytes: oneOf([16 << 10, 64 << 10, 1 << 20]),
      tableBytes: 64 << 10
    }
  }
}

/** Runs a plan until a drawn number of acknowledgements, cuts the power under it, and restores it once it is gone. */
async function cut(disk: PowerDisk, plan: Plan, acknowledgements: number): Promise<WritingProcess> {
  const child = new WritingProcess(plan)
  // Some see their disk fail first: nothing more is acknowledged, and the process lives on.
  const goesOn = plan.writers > 0 && below(2) === 0
  await child.listen(() => {
    const moment = plan.writers === 0 ? 'opening' : 'open'
    if (!child.isPowerOff && child.said.at(-1) === moment && child.acknowledged >= acknowledgements) {
      // An fdatasync that is under way in this very moment may say that all is well (ext4 does, in a program of ten
      // lines as well); a machine without power says nothing.
      child.isPowerOff = true
      disk.cut()
      if (!goesOn) child.kill()
    }
    if (/^(stopped|failed)/.test(child.said.at(-1) ?? '')) child.kill()
  })
  disk.restore()
  expect(child.isPowerOff).toBe(true)
  expect(child.said.filter((line) => line.startsWith('failed') && line !== 'failed VARVE_IO_ERROR')).toEqual([])
  expect(child.errors.filter(({ code }) => code !== 'VARVE_POISONED')).toEqual([])
  if (child.errors.length > 0) counts.writersStopped++
  counts.cuts++
  counts.acknowledged += child.acknowledged
  return child
}

test.runIf(skipUnless('power cuts', hasPowerSwitch, powerSwitchNeeds))(
  'what was acknowledged as synced is there after every cut',
  async () => {
    using disk = new PowerDisk()
    mkdirSync(disk.directory)
    const expected = new Expected()
    for (let round = 1; round <= cuts; round++) {
      const plan = planOf(disk.directory, round)
      const child = await cut(disk, plan, below(300))
      while (below(4) === 0) {
        await cut(disk, { ...plan, writers: 0 }, 0)
        counts.inRecovery++
      }
      await using db = await open(disk.directory)
      expect(await expected.look(db, 'durable', child)).toEqual([])
      await db.close()
      expect(await verify(disk.directory)).toMatchObject({ ok: true })
    }
    const figures = { ...counts, lostUnsynced: expected.lost }
    console.log(`power cuts: ${JSON.stringify(figures)}`)
    report('power cuts', figures)
    // Else nothing was cut.
    if (isLong) expect(expected.lost).toBeGreaterThan(0)
  }
)
