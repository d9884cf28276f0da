// Partitions of three real members, by iptables between network namespaces: there is one leader again soon, terms hardly grow,
// whoever was cut off comes back without disturbing anybody, and a leader that reaches nobody answers nothing.
import { afterAll, describe, expect, test } from 'vitest'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { skipUnless } from '../support/skip.ts'
import { type Cut, canPart } from './support/network.ts'
import { PartedCluster } from './support/parted.ts'

const both = (a: number, b: number): Cut[] => [
  { at: a, from: b },
  { at: b, from: a }
]

interface Fault {
  readonly cuts: (leader: number, others: readonly [number, number]) => readonly Cut[]
  /** Whether somebody is cut off from all, in both directions. */
  readonly isolates?: 'leader' | 'follower'
  readonly flips?: number
}

const faults: Readonly<Record<string, Fault>> = {
  'leader alone': { cuts: (leader, [a, b]) => [...both(leader, a), ...both(leader, b)], isolates: 'leader' },
  'nobody hears the leader': {
    cuts: (leader, [a, b]) => [
      { at: a, from: leader },
      { at: b, from: leader }
    ]
  },
  'follower alone': { cuts: (leader, [a, b]) => [...both(a, leader), ...both(a, b)], isolates: 'follower' },
  'the leader hears nobody': {
    cuts: (leader, [a, b]) => [
      { at: leader, from: a },
      { at: leader, from: b }
    ]
  },
  'a follower does not hear the leader': { cuts: (leader, [a]) => [{ at: a, from: leader }] },
  'the leader does not hear a follower': { cuts: (leader, [a]) => [{ at: leader, from: a }] },
  'bridge: a follower hears both, the leader and the other follower not each other': {
    cuts: (leader, [a]) => both(leader, a)
  },
  'bridge: the leader hears both, the followers not each other': { cuts: (_, [a, b]) => both(a, b) },
  'leader flaps': { cuts: (leader, [a, b]) => [...both(leader, a), ...both(leader, b)], flips: 8 },
  'follower flaps': { cuts: (leader, [a, b]) => [...both(a, leader), ...both(a, b)], flips: 8 }
}

const settledMs = 3_000
/** What takes longer is told with all other figures. */
const patienceMs = 60_000
const termsMax = 5
const electionMs = 1_000
const flipMs = 300

const { names, rounds } = campaign('partitions', {
  short: { names: ['leader alone', 'nobody hears the leader'], rounds: 1 },
  long: { names: Object.keys(faults), rounds: 5 }
})

interface Figures {
  rounds: number
  settledMsMax: number
  healedMsMax: number
  termsMax: number
  /** Until a leader that is alone says that it does not lead. */
  steppedDownMsMax: number
  /** Asked of such a leader, reads and writes, and answered. */
  askedAlone: number
  answeredAlone: number
  /** Returns of somebody who was alone that changed the term, or who leads. */
  disturbed: number
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks a leader that nobody hears for writes and reads, for a while, from the cut on. */
async function askAlone(cluster: PartedCluster, leader: number, figures: Figures): Promise<void> {
  const startMs = performance.now()
  const asked: Promise<string>[] = []
  let steppedDownMs: number | undefined
  while (performance.now() - startMs < 2 * electionMs) {
    asked.push(
      cluster.network.ask(leader, 'GET before', electionMs),
      cluster.network.ask(leader, 'PUT alone 1', electionMs)
    )
    const said = await cluster.network.ask(leader, 'STATUS', electionMs)
    if (steppedDownMs === undefined && said.includes('Role: FOLLOWER')) steppedDownMs = performance.now() - startMs
    await pause(100)
  }
  const answers = await Promise.all(asked)
  figures.askedAlone += answers.length
  figures.answeredAlone += answers.filter((answer) =>
    /^(\+OK\n\+OK|here|-NOT_FOUND)/.test(answer.replaceAll('\r', ''))
  ).length
  figures.steppedDownMsMax = Math.max(figures.steppedDownMsMax, Math.round(steppedDownMs ?? Number.POSITIVE_INFINITY))
}

async function strike(cluster: PartedCluster, name: string, figures: Figures): Promise<void> {
  const { cuts, isolates, flips = 0 } = faults[name] as Fault
  const { leader } = await cluster.oneLeader(patienceMs)
  const [a = 0, b = 0] = oneOf([0, 1]) === 0 ? others(leader) : others(leader).reverse()
  const before = await cluster.allAsOne(patienceMs)
  for (let flip = 0; flip < flips; flip++) {
    cluster.network.cut(cuts(leader, [a, b]))
    await pause(flipMs)
    cluster.network.heal()
    await pause(flipMs)
  }
  if (flips === 0) cluster.network.cut(cuts(leader, [a, b]))
  const [settled] = await Promise.all([
    cluster.oneLeader(patienceMs),
    isolates === 'leader' ? askAlone(cluster, leader, figures) : undefined
  ])
  // So long that whoever is cut off has tried to be elected.
  if (isolates === 'follower') await pause(2 * electionMs)
  const apart = await cluster.termMax()
  cluster.network.heal()
  const healed = await cluster.oneLeader(patienceMs)
  const after = await cluster.allAsOne(patienceMs)
  const isDisturbed = isolates !== undefined && (after !== apart || healed.leader !== settled.leader)
  if (isDisturbed || (isolates === 'follower' && after !== before)) figures.disturbed++
  figures.rounds++
  figures.settledMsMax = Math.max(figures.settledMsMax, settled.ms)
  figures.healedMsMax = Math.max(figures.healedMsMax, healed.ms)
  figures.termsMax = Math.max(figures.termsMax, after - before)
}

const others = (leader: number): number[] => [1, 2, 3].filter((member) => member !== leader)
const { oneOf } = drawsOf(randomOf(seedOf('partitions')))

describe.runIf(skipUnless('partitions', canPart(), 'needs root, namespaces and iptables'))('partitions', () => {
  let cluster: PartedCluster | undefined
  afterAll(() => cluster?.close())

  test(
    'one leader soon, few terms, nobody disturbed, nothing answered alone',
    async () => {
      cluster = new PartedCluster()
      const { leader } = await cluster.oneLeader(patienceMs)
      expect(await cluster.network.ask(leader, 'PUT before here', electionMs)).toMatch(/^\+OK/)
      const byFault: Record<string, Figures> = {}
      for (const name of names) {
        const figures = {
          rounds: 0,
          settledMsMax: 0,
          healedMsMax: 0,
          termsMax: 0,
          steppedDownMsMax: 0,
          askedAlone: 0,
          answeredAlone: 0,
          disturbed: 0
        }
        byFault[name] = figures
        for (let round = 0; round < rounds; round++) await strike(cluster, name, figures)
      }
      report('partitions', byFault)
      console.log(`partitions: ${JSON.stringify(byFault)}`)
      expect(byFault['leader alone']?.askedAlone).toBeGreaterThan(10)
      for (const [name, figures] of Object.entries(byFault)) {
        expect([name, figures.answeredAlone]).toEqual([name, 0])
        expect(figures.termsMax, name).toBeLessThanOrEqual(termsMax)
        // Of a short run beside others the times say nothing.
        if (!isLong) continue
        expect([name, figures.disturbed]).toEqual([name, 0])
        expect(Math.max(figures.settledMsMax, figures.healedMsMax), name).toBeLessThanOrEqual(settledMs)
        // The quorum is looked at once in an election timeout; to ask takes a moment too.
        expect(figures.steppedDownMsMax, name).toBeLessThanOrEqual(1.5 * electionMs)
      }
    },
    90_000 + names.length * rounds * 25_000
  )
})
