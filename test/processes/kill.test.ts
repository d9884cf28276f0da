// kill -9, over and over in one directory. A process that dies loses nothing that the system has, so whatever the
// durability, everything acknowledged is there: each writer's keys are as after one of its writes, none of them half done,
// and none later than one that is missing. The seed gives the rounds; at which instant a kill strikes is the machine's.
import { mkdtempSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import native from '#native'
import { open } from '../../lib/index.ts'
import { verify } from '../../lib/inspect.ts'
import { openMemory } from '../lib/support/databases.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { Expected, type Plan, WritingProcess } from './support/rounds.ts'
import { writesOf } from './support/workload.mjs'

const cycles = campaign('kill -9', { short: 20, long: 1_000, instrumented: 8 })
const directory = mkdtempSync(join(tmpdir(), 'varve-kill-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const seed = seedOf('kill -9')
const random = randomOf(seed)
const { below, oneOf } = drawsOf(random)

const counts = { kills: 0, killsInRecovery: 0, killsAtClose: 0, acknowledged: 0, readOnlyLooks: 0, verified: 0 }

function planOf(round: number): Plan {
  return {
    directory,
    seed,
    round,
    writers: 1 + below(4),
    window: oneOf([1, 4, 16]),
    syncShare: oneOf([0, 0.1, 0.5]),
    writes: below(8) === 0 ? 1 + below(200) : 0,
    options: {
      durability: oneOf(['interval', 'interval', 'sync', 'os'] as const),
      syncIntervalMs: oneOf([1, 10]),
      memtableBytes: oneOf([16 << 10, 64 << 10, 16 << 20]),
      tableBytes: 64 << 10
    }
  }
}

/** Runs a plan until a drawn number of acknowledgements, or changes of the directory, and kills it there. */
async function killed(plan: Plan, { acknowledgements, changes }: { acknowledgements: number; changes: number }) {
  const child = new WritingProcess(plan)
  let seen = 0
  // Files that come and go: a kill inside recoveries, flushes and compactions.
  const watcher = watch(directory, (event) => {
    if (event === 'rename' && ++seen === changes) child.kill()
  })
  const last = plan.writers === 0 ? 'open' : plan.writes > 0 ? oneOf(['closing', 'closed']) : ''
  await child.listen(() => {
    if (child.acknowledged >= acknowledgements || child.said.at(-1) === last) child.kill()
  })
  watcher.close()
  expect(child.said.filter((line) => /^(failed|stopped)/.test(line))).toEqual([])
  expect(child.errors).toEqual([])
  counts.kills++
  counts.acknowledged += child.acknowledged
  if (!child.said.includes('open')) counts.killsInRecovery++
  if (child.said.includes('closing')) counts.killsAtClose++
  return child
}

const never = Number.POSITIVE_INFINITY

test('what was acknowledged is there after every kill -9', async () => {
  const expected = new Expected()
  const startMs = performance.now()
  for (let round = 1; round <= cycles; round++) {
    const plan = planOf(round)
    const byChanges = below(3) === 0
    const child = await killed(plan, {
      acknowledgements: plan.writes > 0 ? never : 1 + below(byChanges ? 2000 : 300),
      changes: byChanges ? 1 + below(30) : never
    })
    // Some recoveries are killed as well, before anything looks.
    while (below(4) === 0) await killed({ ...plan, writers: 0 }, { acknowledgements: never, changes: 1 + below(8) })
    const readOnly = below(3) === 0
    if (readOnly) counts.readOnlyLooks++
    const made = child.said.includes('open')
    // Killed before it was created, a database is not there to be read.
    if (!made && readOnly) continue
    const db = await open(directory, { readOnly })
    expect(await expected.look(db, 'acknowledged', child)).toEqual([])
    await db.close()
    if (round % 10 > 0) continue
    expect(await verify(directory)).toMatchObject({ ok: true })
    counts.verified++
  }
  const seconds = Math.round((performance.now() - startMs) / 1000)
  console.log(`kill -9: ${JSON.stringify({ cycles, ...counts, seconds })}`)
  report('kill -9', { cycles, ...counts, seconds })
})

test('the account tells a write that is missing, one that is half there and one that was never made', async () => {
  const plan = { ...planOf(1), writers: 1, window: 1 }
  const writes = writesOf({ ...plan, writer: 0 })
  const heard = (last: number) => () => ({ count: last, last, durable: 0 })
  await using db = await openMemory(native.memoryFileSystem())
  let last = 0
  let batch = { operations: [] as { key: string; type: string }[] }
  for (const { number, kind, operations } of writes) {
    await db.batch(operations as never)
    last = number
    batch = { operations }
    // Without its last put such a batch is half there, and not just what was there before.
    const puts = new Set(operations.filter(({ type }) => type === 'put').map(({ key }) => key))
    if (number > 50 && kind === 'batch' && operations.at(-1)?.type === 'put' && puts.size > 1) break
  }
  const faults = (from: Expected, acknowledged: number) =>
    from.look(db, 'acknowledged', { plan, heard: heard(acknowledged) })
  expect(await faults(new Expected(), last)).toEqual([])
  expect(await faults(new Expected(), last - 2)).toEqual([])
  expect((await faults(new Expected(), last + 1))[0]).toContain(`came to ${last}, but ${last + 1} must be there`)
  expect((await faults(new Expected(), last - 3))[0]).toContain('no state of its first')
  expect(await new Expected().look(db, 'durable', { plan, heard: heard(last + 1) })).toEqual([])
  await db.del(batch.operations.at(-1)?.key as string)
  expect((await faults(new Expected(), last))[0]).toContain('no state of its first')
})
