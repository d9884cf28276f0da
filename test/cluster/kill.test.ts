// kill -9 of the leader, over and over, under clients that never ask again. No acknowledged write is lost, what clients saw is
// linearizable, all members hold the same in the end, and writes go on soon. The seed gives what clients ask; the moments are the
// machine's.
import { expect, test } from 'vitest'
import { randomOf } from '../server/support/random.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { lostOf } from './support/history.ts'
import { checkRound, gapsOf, judge } from './support/judging.ts'
import { Load } from './support/load.ts'
import { ClusterProcesses } from './support/nodes.ts'
import { RawConnection, requestOf } from './support/raw-connection.ts'

const kills = campaign('cluster kill -9', { short: 2, long: 50, instrumented: 1 })
const seed = seedOf('cluster kill -9')

test('the leader killed again and again: nothing acknowledged is lost, and writes go on soon', async () => {
  const random = randomOf(seed)
  await using cluster = await ClusterProcesses.start()
  const load = new Load(cluster.nodes, random.below(2 ** 32))
  const gapsMs: number[] = []
  const startMs = performance.now()
  for (let i = 0; i < kills; i++) {
    load.begin()
    await load.more(200 + random.below(1_000))
    const leader = cluster.nodes.find((node) => node.id === load.leader?.id)
    if (leader === undefined) throw new Error('nobody leads')
    load.watch()
    const gone = cluster.kill(leader)
    await load.more(300, ({ id }) => id !== leader.id)
    await gone
    await cluster.restart(leader)
    // It is answered once it has all that was committed then.
    const back = await RawConnection.open(leader.port, 0)
    expect(await back?.ask(requestOf('GET', 'none'))).toBe('$-1\r\n')
    back?.close()
    await load.more(200)
    gapsMs.push(load.gapMs)
    await load.end()
    await checkRound(cluster, load)
  }
  const seconds = Math.round((performance.now() - startMs) / 1000)
  const { digest, keys } = await judge(cluster, load)
  const { counts, acknowledged } = load.history
  const gaps = gapsOf(gapsMs)
  const figures = { kills, ...counts, keysWrittenOnce: acknowledged.length, keys, lost: 0, ...gaps, digest, seconds }
  console.log(`cluster kill -9: ${JSON.stringify(figures)} ${gapsMs.map(Math.round).join(' ')}`)
  report('cluster kill -9', { ...figures, gapsMs: gapsMs.map(Math.round) })
  expect(counts.unknown).toBeGreaterThan(0)
  // Of a short run beside others the times say nothing.
  if (!isLong) return
  expect(gaps.medianMs).toBeLessThanOrEqual(400)
  expect(gaps.worstMs).toBeLessThanOrEqual(1_200)
})

test('a key that is missing is told', () => {
  expect(lostOf(['a', 'b'], (key) => key === 'a')).toEqual(['b'])
})
