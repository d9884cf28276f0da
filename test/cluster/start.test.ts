// `npm run cluster`, without the setup before it: three nodes from server/node{1,2,3}.yaml, ready within five seconds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { isLong, report } from '../support/campaign.ts'
import { root, runNode, temporaryDirectory, tracked, varve } from '../support/varve.ts'
import { steadyPorts } from './support/ports.ts'

const script = join(root, 'scripts', 'cluster.mjs')
const directory = temporaryDirectory()
afterAll(() => directory[Symbol.dispose]())

/** Other tests run beside the short form, with processes of their own. */
const secondsMax = isLong ? 5 : 30

test('three nodes serve soon after they were started, and stop when they are told', async () => {
  const ports = await steadyPorts(6)
  const args = [script, `--dir=${join(directory.path, 'nodes')}`, `--ports=${ports}`]
  const child = tracked(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  const closed = once(child, 'close')
  let said = ''
  await new Promise<void>((resolve) => {
    void closed.then(() => resolve())
    child.stdout.on('data', (text) => {
      said += String(text)
      if (said.includes(' another one leads at once')) resolve()
    })
  })
  const seconds = Number(/Three nodes serve, after ([\d.]+) s/.exec(said)?.[1])
  expect(seconds, said).toBeLessThanOrEqual(secondsMax)
  report('npm run cluster', { seconds })

  const status = await varve(['cluster', 'status', '--json', '--port', String(ports[1])])
  expect(JSON.parse(status.stdout).leader).toBe('1')
  child.kill('SIGTERM')
  expect(await closed).toEqual([0, null])
})

test('ports that are none are refused, and what is asked for is said', async () => {
  for (const ports of ['7000', '1,2,3,4,5,x', '1,2,3,4,5,70000'])
    expect(await runNode([script, '--dir=x', `--ports=${ports}`])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('six ports')
    })
  expect(await runNode([script, '--ports=1,2,3,4,5,6'])).toMatchObject({ code: 2 })
})
