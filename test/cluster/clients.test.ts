// Clients of Redis Cluster and of Sentinel, unmodified, over three real members whose leader is killed again and again: programs
// see no error, and every key has what was acknowledged last, or what came after it.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeCertificates } from '../server/support/certificates.ts'
import { clients, Worker } from '../server/support/programs.ts'
import { temporaryDirectory } from '../server/support/served.ts'
import { campaign, report } from '../support/campaign.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { contentsOf } from './support/contents.ts'
import { type ClusterOptions, ClusterProcesses } from './support/nodes.ts'

const kills = campaign('clients of a cluster', { short: 1, long: 50, instrumented: 1 })
const workersEach = 2
const stepsBetween = 5
/** A client that waits for so long waits for ever. */
const hungMs = 45_000

function orHung<T>(work: Promise<T>, told: () => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing more came within ${hungMs} ms: ${told()}`)), hungMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

async function startWorkers(ports: readonly number[], { login, tls }: ClusterOptions): Promise<Worker[]> {
  const workers: Worker[] = []
  for (const [name, connect] of clients) {
    const program = await connect(ports, { login: login ?? {}, tls })
    for (let i = 0; i < workersEach; i++) workers.push(new Worker(`${name}.${i}`, program))
  }
  return workers
}

async function run(name: string, options: ClusterOptions): Promise<void> {
  await using cluster = await ClusterProcesses.start(options)
  await cluster.leader()
  const ports = cluster.nodes.map(({ port }) => port)
  const workers = await startWorkers(ports, options)
  const runs = workers.map((worker) => worker.run())
  const far = () => workers.map(({ key, done }) => `${key} ${done}`).join(', ')
  const allReach = (more: number) =>
    orHung(Promise.all(workers.map((worker) => worker.reaches(worker.done + more))), far)
  const faults = () => workers.flatMap(({ fault }) => fault ?? [])
  const startMs = performance.now()
  for (let i = 0; i < kills && faults().length === 0; i++) {
    await allReach(stepsBetween)
    const leader = await cluster.leader()
    await cluster.kill(leader)
    await allReach(stepsBetween)
    await cluster.restart(leader)
  }
  await allReach(stepsBetween)
  for (const worker of workers) worker.end()
  await Promise.all(runs)
  expect(faults()).toEqual([])
  const seconds = Math.round((performance.now() - startMs) / 1000)
  const index = await cluster.applied()
  for (const node of cluster.nodes) expect(await cluster.end(node, 'SIGTERM'), node.said).toBe(0)
  for (const { directory } of cluster.nodes) {
    const { values } = await contentsOf(directory, index)
    for (const { key, done } of workers) expect(Number(values.get(key)), key).toBeGreaterThanOrEqual(done)
  }
  const figures = { kills, calls: workers.reduce((sum, { done }) => sum + 2 * done, 0), errors: 0, seconds }
  console.log(`clients of a cluster ${name}: ${JSON.stringify(figures)}`)
  report(`clients of a cluster ${name}`, figures)
}

describe('programs see no error while leaders are killed', () => {
  const login = { username: 'ada', password: 'ada' }
  const auth = 'auth: { user: ada, password: ada }\n'

  test('plain', () => run('plain', {}))

  test('AUTH', () => run('AUTH', { login, yaml: auth }))

  test.runIf(skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl'))(
    'AUTH and TLS',
    async () => {
      const { ca, first } = makeCertificates(temporaryDirectory())
      const tls = { ca: readFileSync(ca.cert) }
      const yaml = `${auth}tls: { cert: ${first.cert}, key: ${first.key}, ca: ${ca.cert} }\n`
      await run('AUTH and TLS', { login, tls, yaml })
    }
  )
})
