// All three killed at once, over and over, under clients: what was acknowledged is there when they have started again.
import { expect, test } from 'vitest'
import { randomOf } from '../server/support/random.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { fallTogether } from './support/falling.ts'
import { ClusterProcesses } from './support/nodes.ts'

const falls = campaign('cluster killed at once', { short: 1, long: 50, instrumented: 1 })
const seed = seedOf('cluster killed at once')

test('all members killed at the same time, again and again: everything acknowledged is there', async () => {
  await using cluster = await ClusterProcesses.start()
  const figures = await fallTogether({
    cluster,
    falls,
    random: randomOf(seed),
    fall: () => Promise.all(cluster.nodes.map((node) => cluster.kill(node)))
  })
  console.log(`cluster killed at once: ${JSON.stringify(figures)}`)
  report('cluster killed at once', figures)
  expect(figures.unknown).toBeGreaterThan(0)
})
