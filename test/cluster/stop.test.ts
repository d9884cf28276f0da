// SIGSTOP of the leader, over and over: it stands still with its connections open, others lead meanwhile, and SIGCONT wakes one
// that takes itself for the leader still. Writes go on before long, and nobody reads from it what is no longer so.
import { expect, test } from 'vitest'
import { randomOf } from '../server/support/random.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { checkRound, gapsOf, judge } from './support/judging.ts'
import { Load, type Member, numberOf } from './support/load.ts'
import { ClusterProcesses } from './support/nodes.ts'
import { RawConnection, requestOf } from './support/raw-connection.ts'

const stops = campaign('cluster SIGSTOP', { short: 1, long: 50, instrumented: 1 })
const seed = seedOf('cluster SIGSTOP')

/** Clients notice by themselves that nothing comes: within this time and twice this. */
const patienceMs = 200

/** Connections to a member that are open before it is stopped, one for each register. */
async function readersOf({ port }: Member, count: number): Promise<RawConnection[]> {
  const opened = await Promise.all(Array.from({ length: count }, () => RawConnection.open(port, 0)))
  return opened.filter((connection) => connection !== undefined)
}

/**
 * Asks for every register what has to wait: whoever is asked stands still. Resolves with the number of those that were answered
 * with a value, once all are, or their connections have ended.
 */
async function readWhileStopped(readers: readonly RawConnection[], load: Load): Promise<number> {
  const found = await Promise.all(
    readers.map(async (reader, i) => {
      const key = load.register(i)
      const calledAt = performance.now()
      const reply = await reader.ask(requestOf('GET', key))
      if (reply === undefined || reply.startsWith('-')) return 0
      load.history.read(key, numberOf(reply), calledAt, performance.now())
      return 1
    })
  )
  for (const reader of readers) reader.close()
  return found.reduce<number>((sum, one) => sum + one, 0)
}

test('the leader stopped and continued again and again: writes go on, and nothing stale is read', async () => {
  const random = randomOf(seed)
  await using cluster = await ClusterProcesses.start()
  const load = new Load(cluster.nodes, random.below(2 ** 32), patienceMs)
  const gapsMs: number[] = []
  let answeredLate = 0
  const startMs = performance.now()
  for (let i = 0; i < stops; i++) {
    load.begin()
    await load.more(200 + random.below(500))
    const leader = cluster.nodes.find((node) => node.id === load.leader?.id)
    if (leader === undefined) throw new Error('nobody leads')
    const readers = await readersOf(leader, load.registerCount)
    load.watch()
    cluster.stop(leader)
    // What was acknowledged before is in the sockets; then every register has a newer value by far.
    await load.more(500 + random.below(500), ({ id }) => id !== leader.id)
    const late = readWhileStopped(readers, load)
    cluster.resume(leader)
    answeredLate += await late
    await load.more(200)
    gapsMs.push(load.gapMs)
    await load.end()
    await checkRound(cluster, load)
  }
  const seconds = Math.round((performance.now() - startMs) / 1000)
  const { digest, keys } = await judge(cluster, load)
  const { counts, acknowledged } = load.history
  const gaps = gapsOf(gapsMs)
  const keysWrittenOnce = acknowledged.length
  const figures = { stops, ...counts, answeredLate, keysWrittenOnce, keys, lost: 0, ...gaps, digest, seconds }
  console.log(`cluster SIGSTOP: ${JSON.stringify(figures)} ${gapsMs.map(Math.round).join(' ')}`)
  report('cluster SIGSTOP', { ...figures, gapsMs: gapsMs.map(Math.round) })
  // Of a short run beside others the times say nothing.
  if (!isLong) return
  expect(answeredLate).toBeGreaterThan(0)
  expect(gaps.worstMs).toBeLessThanOrEqual(2_500)
})
