// A member's disk dies at the n-th call, for every n: while it appends, votes, applies, flushes, opens and becomes a member.
// Then the process dies or the power fails, and nothing that was acknowledged may be lost, applied twice or go back.
import { afterAll, beforeAll, expect, test } from 'vitest'
import native from '#native'
import { becomeMember, ownerOf } from '../../lib/member.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { directory, filesOf, Machine, machineWith, useMachineTime } from './support/machine.ts'
import { MemberRun } from './support/member-run.ts'
import { contentOf, enter, memberOptions, newMember } from './support/members.ts'

/** One in `step` calls fails. */
const { step } = campaign('member crashes', { short: { step: 40 }, long: { step: 1 }, instrumented: { step: 60 } })
const seed = seedOf('member crashes')
const draws = drawsOf(randomOf(seed))
const rounds = 40
const counts = { runs: 0, failures: 0, calls: 0, becoming: 0, becameMember: 0, stayedAlone: 0 }

beforeAll(useMachineTime)
afterAll(() => {
  console.log(`member crashes: ${JSON.stringify(counts)}`)
  report('member crashes', counts)
})

const cuts = (): (number | undefined)[] => [undefined, 0, 1 + draws.below(2 ** 31)]

async function crashAt(n: number, order: number, powerCut: number | undefined, forever: boolean): Promise<boolean> {
  try {
    const run = new MemberRun(seed, order, drawsOf(randomOf(seed)).below)
    await run.begin()
    native.memoryFaults(run.machine.fs, { atCall: n, forever })
    const isOver = await run.work(rounds)
    const calls = native.memoryCalls(run.machine.fs)
    await run.recover(powerCut)
    // And again from there, with a disk that works.
    expect(await run.work(10)).toBe(true)
    await run.recover(draws.below(2 ** 31))
    run.machine.release()
    counts.runs++
    counts.failures += run.failures
    counts.calls = Math.max(counts.calls, calls)
    return isOver && calls < n
  } catch (error) {
    const after = powerCut === undefined ? 'the process dies' : `a power cut of seed ${powerCut}`
    throw new Error(`call ${n} of order ${order} fails (for ever: ${forever}), then ${after}: ${String(error)}`, {
      cause: error
    })
  }
}

test.each([true, false])('in its life, for ever: %s', async (forever) => {
  let isOver = false
  for (let n = 1 + draws.below(step); !isOver; n += 1 + draws.below(step * 2 - 1)) {
    for (const powerCut of cuts()) isOver = await crashAt(n, 0, powerCut, forever)
    // In another order the n-th call is another one.
    await crashAt(n, 1 + draws.below(2 ** 31), draws.below(2 ** 31), forever)
  }
  expect(counts.failures).toBeGreaterThan(10)
})

test('when it becomes one', async () => {
  const first = new Machine(seed)
  const db = await first.run(first.open(memberOptions))
  for (let i = 0; i < 40; i++) void db.put(`k${i}`, `${i}`.padEnd(600, 'v'))
  await first.run(db.flush())
  await first.run(db.put('last', 'in the log', { sync: true }))
  const entries = await first.run(db.iterator().all())
  await first.run(db.close())
  const files = await filesOf(first)
  first.release()

  const crash = async (n: number, powerCut: number | undefined): Promise<boolean> => {
    const machine = machineWith(files)
    native.memoryFaults(machine.fs, { atCall: n, forever: true })
    const made = await machine
      .run(becomeMember(directory, newMember, memberOptions, machine.environment))
      .catch((error: { name: string }) => {
        expect(error.name).toBe('VarveError')
        return undefined
      })
    const isOver = native.memoryCalls(machine.fs) < n
    native.memoryFaults(machine.fs, null)
    if (powerCut === undefined) native.memoryKill(machine.fs)
    else native.memoryCrash(machine.fs, powerCut)
    const owner = await machine.run(ownerOf(directory, machine.environment))
    counts.becoming++
    if (made !== undefined || owner?.member !== undefined) {
      expect(owner?.member).toMatchObject({ clusterId: 'lakes', memberId: 7 })
      counts.becameMember++
      const member = await enter(machine)
      expect(await contentOf(machine, member)).toEqual(entries)
      expect(member.log.lastIndex).toBe(member.identity.sinceIndex)
      expect(member.applied).toMatchObject({ index: member.identity.sinceIndex, membership: { voters: [7] } })
      await machine.run(member.close())
    } else {
      counts.stayedAlone++
      const alone = await machine.run(machine.open(memberOptions))
      expect(await machine.run(alone.iterator().all())).toEqual(entries)
      await machine.run(alone.close())
      // It can become one afterwards.
      await machine.run(becomeMember(directory, newMember, memberOptions, machine.environment))
    }
    machine.release()
    return isOver
  }
  let isOver = false
  for (let n = 1; !isOver; n += 1 + draws.below(step / 8)) {
    for (const powerCut of cuts()) isOver = await crash(n, powerCut)
  }
  expect(counts.becameMember).toBeGreaterThan(2)
  expect(counts.stayedAlone).toBeGreaterThan(3)
})
