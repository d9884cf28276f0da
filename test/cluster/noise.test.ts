// Noise on three real members: they are filled and overwritten, so that they flush and compact, take values of 8 MiB, and list
// a million keys, all at once. Nobody else comes to lead meanwhile, and no loop is held up for long.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { program, tracked } from '../support/varve.ts'
import { Counting } from './support/noisy.ts'

const { keys, seconds } = campaign('noise', {
  short: { keys: 2_000, seconds: 1 },
  long: { keys: 1_000_000, seconds: 600 }
})
const delayMsMax = 100
const longBytes = 8 << 20
const { below } = drawsOf(randomOf(seedOf('noise')))

const directory = mkdtempSync(join(tmpdir(), 'varve-noise-'))
const children: ChildProcess[] = []
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')))
  rmSync(directory, { recursive: true, force: true })
})

interface Node {
  readonly port: number
  readonly http: number
}

/** Held together until all are known, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

async function start(): Promise<Node[]> {
  const ports = await freePorts(9)
  return [0, 1, 2].map((i) => {
    const peers = [3, 4, 5].filter((at) => at !== i + 3).map((at) => ({ host: '127.0.0.1', port: ports[at] }))
    const content = {
      node: { id: i + 1, role: i === 0 ? 'leader' : 'follower' },
      server: { port: ports[i] },
      replication: { port: ports[i + 3] },
      http: { port: ports[i + 6] },
      peers,
      storage: { data_dir: join(directory, `node${i}`) },
      logging: { level: 'error' }
    }
    const config = join(directory, `${i}.yaml`)
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(content))
    children.push(tracked(spawn(process.execPath, [program, 'serve', '-f', config], { stdio: 'ignore' })))
    return { port: ports[i] as number, http: ports[i + 6] as number }
  })
}

interface Metrics {
  readonly leads: boolean
  readonly term: number
  readonly switches: number
  /** Since the last time that this was asked. */
  readonly delayMs: number
  readonly delayMsMax: number
}

async function metricsOf({ http }: Node): Promise<Metrics | undefined> {
  const text = await fetch(`http://127.0.0.1:${http}/metrics`).then(
    (response) => response.text(),
    () => ''
  )
  const of = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')
        .at(-1)
    )
  if (Number.isNaN(of('varve_cluster_term'))) return undefined
  return {
    leads: of('varve_cluster_role{role="leader"}') === 1,
    term: of('varve_cluster_term'),
    switches: of('varve_cluster_leader_switches_total'),
    delayMs: of('nodejs_event_loop_delay_seconds{share="0.999"}') * 1000,
    delayMsMax: of('nodejs_event_loop_delay_seconds{share="1"}') * 1000
  }
}

/** Once all three know of one leader, which comes first. */
async function settled(nodes: readonly Node[]): Promise<Node[]> {
  const untilMs = performance.now() + 60_000
  while (performance.now() < untilMs) {
    const said = await Promise.all(nodes.map(metricsOf))
    const terms = new Set(said.map((one) => one?.term))
    const leader = nodes.find((_, i) => said[i]?.leads)
    if (terms.size === 1 && leader !== undefined) return [leader, ...nodes.filter((node) => node !== leader)]
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('there is no leader after a minute')
}

const keyOf = (number: number): string => `key:${String(number).padStart(8, '0')}`
const value = Buffer.alloc(200, 'v')
const inBatch = 100
const inFilling = 1_000

async function fill(leader: Node): Promise<void> {
  const connection = await Counting.open(leader.port)
  for (let at = 0; at < keys; at += inFilling) {
    await connection.send(
      Array.from({ length: Math.min(inFilling, keys - at) }, (_, i) => ['SET', keyOf(at + i), value])
    )
  }
  expect(connection.errors).toEqual([])
  connection.close()
}

/** Does something again and again until the time is over; answers how often. */
async function again(port: number, untilMs: number, work: (connection: Counting) => Promise<void>): Promise<number> {
  const connection = await Counting.open(port)
  let times = 0
  while (performance.now() < untilMs && connection.errors.length === 0) {
    await work(connection)
    times++
  }
  expect(connection.errors).toEqual([])
  connection.close()
  return times
}

test(
  'nobody else comes to lead, and no loop is held up for long',
  async () => {
    const nodes = await settled(await start())
    const [leader, ...followers] = nodes as [Node, Node, Node]
    await fill(leader)
    // What is told from here on is of the noise.
    const before = await Promise.all(nodes.map(metricsOf))
    const untilMs = performance.now() + seconds * 1000
    const long = Buffer.alloc(longBytes, 'l')
    const overwrite = (connection: Counting) =>
      connection.send(Array.from({ length: inBatch }, () => ['SET', keyOf(below(keys)), value]))
    const list = async (connection: Counting) => {
      await connection.send([['KEYS', '*']])
      expect(connection.elements).toBeGreaterThanOrEqual(keys)
    }
    const [batches, longs, ...lists] = await Promise.all([
      again(leader.port, untilMs, overwrite),
      again(leader.port, untilMs, (connection) => connection.send([['SET', `long:${below(4)}`, long]])),
      again(leader.port, untilMs, list),
      again(followers[0]?.port ?? 0, untilMs, list)
    ])
    const after = await Promise.all(nodes.map(metricsOf))
    const changes = after.map((one, i) => (one?.term ?? 0) - (before[i]?.term ?? 0))
    const switches = after.map((one, i) => (one?.switches ?? 0) - (before[i]?.switches ?? 0))
    const delaysMs = after.map((one) => Math.round(one?.delayMs ?? Number.POSITIVE_INFINITY))
    const figures = {
      seconds,
      keys,
      writes: batches * inBatch,
      longs,
      lists,
      changes,
      switches,
      delaysMs,
      delaysMsMax: after.map((one) => Math.round(one?.delayMsMax ?? 0))
    }
    report('noise', figures)
    console.log(`noise: ${JSON.stringify(figures)}`)
    expect(batches).toBeGreaterThan(0)
    expect(Math.min(longs, ...lists)).toBeGreaterThan(0)
    expect({ changes, switches }).toEqual({ changes: [0, 0, 0], switches: [0, 0, 0] })
    if (isLong) expect(Math.max(...delaysMs)).toBeLessThanOrEqual(delayMsMax)
  },
  (seconds * 2 + 600) * 1000
)
