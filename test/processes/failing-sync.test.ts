// fdatasync fails under 64 writers that wait for it. None of them is told that its write is on disk, all are told why not;
// the database takes no more writes and still reads. Killed and opened again it goes on, and after a power cut nothing is
// missing that was ever acknowledged as synced.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { hasPowerSwitch, PowerDisk, powerSwitchNeeds } from './support/power.ts'
import { Expected, type Plan, WritingProcess } from './support/rounds.ts'

const rounds = campaign('failing syncs', { short: 4, long: 60, instrumented: 1 })
const seed = seedOf('failing syncs')
const random = randomOf(seed)
const { below } = drawsOf(random)

const writers = 64
const inject = (when: string): string[] => [
  ...['strace', '-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=fdatasync'],
  ...['-e', `inject=fdatasync:error=EIO:when=${when}`]
]
const canTrace = hasCommand('strace') && spawnSync('strace', [...inject('1').slice(1), 'true']).status === 0

const counts = { rounds: 0, failedAtOpen: 0, acknowledged: 0, rejected: 0, powerCuts: 0 }

interface Place {
  readonly directory: string
  /** Cuts the power and restores it, where that can be done. */
  readonly cut: () => void
  [Symbol.dispose](): void
}

function place(): Place {
  if (!skipUnless('power cuts', hasPowerSwitch, powerSwitchNeeds)) {
    const directory = mkdtempSync(join(tmpdir(), 'varve-sync-'))
    return { directory, cut() {}, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) }
  }
  const disk = new PowerDisk()
  mkdirSync(disk.directory)
  const cut = (): void => {
    disk.cut()
    disk.restore()
    counts.powerCuts++
  }
  return { directory: disk.directory, cut, [Symbol.dispose]: () => disk[Symbol.dispose]() }
}

/** Writes until the syncs fail, and checks what the writers were told. */
async function failing(plan: Plan): Promise<WritingProcess> {
  // strace counts for each thread by itself: the n-th sync of the log, and of the others perhaps never. Once, or from then on.
  const child = new WritingProcess(plan, inject(`${1 + below(40)}${below(2) === 0 ? '' : '+'}`))
  await child.listen(() => {
    if (/^(stopped|failed)/.test(child.said.at(-1) ?? '')) child.kill()
  })
  counts.rounds++
  counts.acknowledged += child.acknowledged
  if (!child.said.includes('open')) {
    expect(child.said).toEqual(['opening', 'failed VARVE_IO_ERROR'])
    counts.failedAtOpen++
    return child
  }
  expect(child.said).toEqual(['opening', 'open', 'stopped 0 VARVE_POISONED'])
  expect([...new Set(child.errors.map(({ code }) => code))]).toEqual(['VARVE_POISONED'])
  expect(new Set(child.errors.map(({ writer }) => writer)).size).toBe(writers)
  expect(child.acknowledgedAfterError).toBe(0)
  counts.rejected += child.errors.length
  return child
}

test.runIf(skipUnless('failing syncs', canTrace, 'needs strace, and leave to trace'))(
  'a sync that fails acknowledges nobody, and costs nothing that was acknowledged',
  async () => {
    using on = place()
    const expected = new Expected()
    for (let round = 1; round <= rounds; round++) {
      const plan = {
        ...{ directory: on.directory, seed, round, writers, window: 1, syncShare: 1, writes: 0 },
        options: { durability: 'interval', memtableBytes: [64 << 10, 1 << 20][below(2)] as number } as const
      }
      const child = await failing(plan)
      // Opened again it goes on, without anybody to look at it before the power goes.
      const after = { ...plan, firstWriter: writers, writers: 4 }
      const more = new WritingProcess(after)
      await more.listen(() => {
        if (more.acknowledged >= 20) more.kill()
      })
      expect([more.said, more.errors]).toEqual([['opening', 'open'], []])
      on.cut()
      await using db = await open(on.directory)
      expect(await expected.look(db, 'durable', child, more)).toEqual([])
      counts.acknowledged += more.acknowledged
      await db.close()
    }
    console.log(`failing syncs: ${JSON.stringify(counts)}`)
    report('failing syncs', { ...counts })
  }
)
