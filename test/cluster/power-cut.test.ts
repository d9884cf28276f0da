// Power cut of all three at once, each with a disk of its own: what was acknowledged was synced on two of them, and is there when
// power is back.
import { test } from 'vitest'
import { hasPowerSwitch, PowerDisk, powerSwitchNeeds } from '../processes/support/power.ts'
import { randomOf } from '../server/support/random.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { skipUnless } from '../support/skip.ts'
import { fallTogether } from './support/falling.ts'
import { ClusterProcesses } from './support/nodes.ts'

const cuts = campaign('cluster power cuts', { short: 1, long: 20, instrumented: 1 })
const seed = seedOf('cluster power cuts')

test.runIf(skipUnless('power cuts', hasPowerSwitch, powerSwitchNeeds))(
  'power cut under all members at the same time, again and again: everything acknowledged is there',
  async () => {
    using first = new PowerDisk()
    using second = new PowerDisk()
    using third = new PowerDisk()
    const disks = [first, second, third]
    await using cluster = await ClusterProcesses.start({
      directoryOf: (id) => (disks[id - 1] as PowerDisk).directory
    })
    const figures = await fallTogether({
      cluster,
      falls: cuts,
      random: randomOf(seed),
      fall: async (isOff) => {
        // A sync that is under way in this very moment may say that all is well; a machine without power says nothing.
        isOff()
        for (const disk of disks) disk.cut()
        await Promise.all(cluster.nodes.map((node) => cluster.kill(node)))
        for (const disk of disks) disk.restore()
      }
    })
    console.log(`cluster power cuts: ${JSON.stringify(figures)}`)
    report('cluster power cuts', figures)
  }
)
