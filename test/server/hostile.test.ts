// Hostile clients against the built server, each kind in a process of its own, while one good client asks on: the server does
// not end, its memory stays bounded, and the good client is answered.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { campaign, isInstrumented, isLong, report, seedOf } from '../support/campaign.ts'
import { program, tracked } from '../support/varve.ts'
import { RawClient } from './support/raw-client.ts'
import { atEnd, respOf, temporaryDirectory } from './support/served.ts'

const attackPath = fileURLToPath(new URL('support/attack.mjs', import.meta.url))

interface Serving {
  readonly child: ChildProcess
  readonly port: number
}

async function serve(env: Readonly<Record<string, string>>): Promise<Serving> {
  const args = [program, 'serve', '--port', '0', '--data-dir', temporaryDirectory()]
  const child = tracked(
    spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  )
  atEnd(() => void child.kill('SIGKILL'))
  child.stderr.resume()
  let output = ''
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk
      const port = /listening on \S+:(\d+)\n/.exec(output)?.[1]
      if (port !== undefined) resolve({ child, port: Number(port) })
    })
    child.once('close', () => reject(new Error(`the server does not start: ${output}`)))
  })
}

async function attack(kind: string, port: number, count: number): Promise<() => Promise<void>> {
  const args = [attackPath, kind, String(port), String(count), String(seedOf(`attack ${kind}`))]
  const child = tracked(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  const ended = once(child, 'close')
  await once(child.stdout, 'data')
  return async () => {
    child.stdin.end()
    await ended
  }
}

/** Kibibytes of memory: now, and at most since it began. */
function memoryOf({ child }: Serving): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${child.pid}/status`, 'latin1')
  const figure = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1])
  return { now: figure('VmRSS'), most: figure('VmHWM') }
}

const requests = campaign('requests of the good client', { short: 300, long: 5_000 })

/** Milliseconds that 99 of 100 requests take at most. */
async function p99Of(client: RawClient): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < requests; i++) {
    const startMs = performance.now()
    expect(await client.ask(respOf('GET', 'short').toString(), '$1\r\nv\r\n')).toBe('$1\r\nv\r\n')
    took.push(performance.now() - startMs)
  }
  took.sort((a, b) => a - b)
  return took[Math.floor(took.length * 0.99)] ?? 0
}

const longValueBytes = 2 ** 20
const memoryGrowthMax = 256 * 1_024
// On a machine that does other things at the same time, the short form says only that nothing hangs.
const p99Max = (quietMs: number): number => (isLong && !isInstrumented ? Math.max(3 * quietMs, 20) : 1_000)

test.each([
  ['stall', { short: 500, long: 5_000 }, 6_000],
  ['deaf', { short: 100, long: 1_000 }, 6_000],
  ['sly', { short: 100, long: 1_000 }, 6_000],
  ['loris', { short: 100, long: 2_000 }, 6_000],
  ['flood', { short: 300, long: 3_000 }, 100],
  ['fuzz', { short: 3_000, long: 100_000 }, 6_000]
] as const)('%s', async (kind, sizes, connections) => {
  const count = campaign(`attack ${kind}`, sizes)
  const serving = await serve({ VARVE_LIMITS_CONNECTIONS: String(connections) })
  const client = await RawClient.connect({ host: '127.0.0.1', port: serving.port })
  atEnd(() => client[Symbol.dispose]())
  await client.ask(respOf('SET', 'short', 'v').toString(), '+OK\r\n')
  await client.sent(respOf('SET', 'long', Buffer.alloc(longValueBytes, 'v')))
  expect((await client.bytes(5)).toString()).toBe('+OK\r\n')
  // Its code is hot and its heap as large as it gets before anybody is hostile.
  await p99Of(client)
  const quietMs = await p99Of(client)
  const quiet = memoryOf(serving)
  const end = await attack(kind, serving.port, count)
  const attackedMs = await p99Of(client)
  const growth = memoryOf(serving).most - quiet.now
  await end()
  report(`attack ${kind}`, { count, quietMs, attackedMs, growthMiB: Math.round(growth / 1_024) })
  console.log(
    `${kind}: p99 ${quietMs.toFixed(2)} → ${attackedMs.toFixed(2)} ms, memory +${Math.round(growth / 1_024)} MiB`
  )
  expect(serving.child.exitCode).toBeNull()
  expect(growth).toBeLessThanOrEqual(memoryGrowthMax)
  expect(attackedMs).toBeLessThanOrEqual(p99Max(quietMs))
  // A new client is served, too, as soon as they are gone.
  const after = await RawClient.connect({ host: '127.0.0.1', port: serving.port })
  atEnd(() => after[Symbol.dispose]())
  expect(await client.ask(respOf('PING').toString(), '+PONG\r\n')).toBe('+PONG\r\n')
  serving.child.kill('SIGTERM')
  expect(await once(serving.child, 'close')).toEqual([0, null])
})
