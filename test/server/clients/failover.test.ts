// Clients of Redis Cluster and of Sentinel, unmodified, over three servers whose leader goes: they find it again by themselves,
// and programs see no error.
import { readFileSync } from 'node:fs'
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { createSentinel as createSentinel6 } from 'redis'
import { createSentinel as createSentinel5 } from 'redis5'
import { describe, expect, test } from 'vitest'
import { campaign, report, seedOf } from '../../support/campaign.ts'
import { hasCommand, skipUnless } from '../../support/skip.ts'
import { makeCertificates } from '../support/certificates.ts'
import { randomOf } from '../support/random.ts'
import { atEnd, temporaryDirectory } from '../support/served.ts'
import { type OptionsOf, type ServedGroup, servedGroup } from '../support/served-group.ts'
import { usersWith } from '../support/users.ts'

/** What a program does, whatever its client is. */
interface Program {
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
}

interface Access {
  readonly login: { readonly username?: string; readonly password?: string }
  readonly tls: { readonly ca: Buffer } | undefined
}

type Connect = (ports: readonly number[], access: Access) => Promise<Program> | Program

const nodesOf = (ports: readonly number[]) => ports.map((port) => ({ host: '127.0.0.1', port }))

const ioredisCluster =
  (Cluster: typeof Cluster6): Connect =>
  (ports, { login, tls }) => {
    const client = new Cluster(nodesOf(ports), { redisOptions: { ...login, ...(tls && { tls }) } })
    atEnd(() => client.disconnect())
    return client
  }

const ioredisSentinel =
  (Redis: typeof Redis6): Connect =>
  (ports, { login: { username, password }, tls }) => {
    const login = username === undefined || password === undefined ? {} : { username, password }
    const ofSentinels =
      username === undefined || password === undefined ? {} : { sentinelUsername: username, sentinelPassword: password }
    const secured = tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }
    const client = new Redis({
      sentinels: nodesOf(ports),
      name: 'varve',
      ...login,
      ...ofSentinels,
      ...secured
    })
    // What happens to connections is told here; what happens to calls is told to the program.
    client.on('error', () => {})
    atEnd(() => client.disconnect())
    return client
  }

const nodeRedisSentinel =
  (createSentinel: typeof createSentinel6): Connect =>
  async (ports, { login, tls }) => {
    const options = { ...login, ...(tls && { socket: { tls: true as const, ca: tls.ca } }) }
    const client = createSentinel({
      name: 'varve',
      sentinelRootNodes: nodesOf(ports),
      nodeClientOptions: options,
      sentinelClientOptions: options
    })
    client.on('error', () => {})
    await client.connect()
    atEnd(async () => void (await client.destroy()))
    return client
  }

const clients: readonly (readonly [string, Connect])[] = [
  ['ioredis 6 Cluster', ioredisCluster(Cluster6)],
  // They speak the same interface; their types differ in names that are not used here.
  ['ioredis 5 Cluster', ioredisCluster(Cluster5 as unknown as typeof Cluster6)],
  ['ioredis 6 Sentinel', ioredisSentinel(Redis6)],
  ['ioredis 5 Sentinel', ioredisSentinel(Redis5 as unknown as typeof Redis6)],
  ['node-redis 6 Sentinel', nodeRedisSentinel(createSentinel6)],
  ['node-redis 5 Sentinel', nodeRedisSentinel(createSentinel5 as unknown as typeof createSentinel6)]
]

const workersEach = 2

/** Writes ever higher numbers to a key of its own, and reads that none is lost. */
class Worker {
  /** The first one ends it. */
  fault: string | undefined
  done = 0
  readonly #name: string
  readonly #program: Program
  #isEnding = false
  #wake = () => {}

  constructor(name: string, program: Program) {
    this.#name = name
    this.#program = program
  }

  async run(): Promise<void> {
    for (let n = 1; !this.#isEnding && this.fault === undefined; n++) {
      const fault = await this.#step(n).catch((error: unknown) => `${n}: ${String(error)}`)
      if (fault !== undefined) this.fault = `${this.#name} ${fault}`
      this.done++
      this.#wake()
    }
  }

  /** Resolves once it is that far. */
  async reaches(done: number): Promise<void> {
    while (this.done < done && this.fault === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  end(): void {
    this.#isEnding = true
  }

  async #step(n: number): Promise<string | undefined> {
    const key = `{${this.#name}}:n`
    const answer = await this.#program.set(key, String(n))
    if (answer !== 'OK') return `${n}: answered ${String(answer)}`
    const found = Number(await this.#program.get(key))
    return found === n ? undefined : `${n}: read ${found}`
  }
}

const failovers = campaign('failover', { short: 5, long: 50 })

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const comeBackTurnsMax = 20_000

/** The leader's server is killed, or it only leads no longer; nobody leads for a while, then another one does. */
async function failOver(group: ServedGroup, isKilled: boolean, turns: number): Promise<void> {
  const led = group.members.leaderAt as number
  if (isKilled) await group.kill(led)
  else {
    group.members.loseLeader({ keepsNone: true })
    // Some have come back to it before anybody else leads: it is the last known leader.
    for (let i = 0; i < comeBackTurnsMax && group.stores[led]?.held === 0; i++) await aTurn()
  }
  while (group.members.leaderAt === undefined || group.members.leaderAt === led) {
    if (group.members.leaderAt === led) group.members.loseLeader({ keepsNone: true })
    await group.electAfter(turns)
  }
  if (isKilled) await group.restart(led)
}

async function runFailovers(name: string, seed: number, optionsOf: OptionsOf, access: Access): Promise<void> {
  const random = randomOf(seed)
  const group = await servedGroup(random.below(2 ** 32), optionsOf)
  const workers: Worker[] = []
  for (const [name, connect] of clients) {
    const program = await connect(group.ports, access)
    for (let i = 0; i < workersEach; i++) workers.push(new Worker(`${name}.${i}`, program))
  }
  const runs = workers.map((worker) => worker.run())
  const allReach = (more: number) => Promise.all(workers.map((worker) => worker.reaches(worker.done + more)))
  const faults = () => workers.flatMap(({ fault }) => fault ?? [])
  for (let i = 0; i < failovers && faults().length === 0; i++) {
    await allReach(5)
    await failOver(group, i % 2 === 0, 20 + random.below(200))
    await allReach(5)
  }
  for (const worker of workers) worker.end()
  await Promise.all(runs)
  expect(faults()).toEqual([])
  report(`failover ${name}`, { failovers, calls: workers.reduce((sum, { done }) => sum + 2 * done, 0) })
}

describe('programs see no error', () => {
  const seed = seedOf('failover')

  test('plain', () => runFailovers('plain', seed, () => ({}), { login: {}, tls: undefined }))

  const login = { username: 'ada', password: 'ada' }
  const users = () => usersWith('ada', '+@admin ~* &*')

  test('AUTH', () => runFailovers('AUTH', seed + 1, async () => ({ users: await users() }), { login, tls: undefined }))

  test.runIf(skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl'))(
    'AUTH and TLS',
    async () => {
      const { ca, first } = makeCertificates(temporaryDirectory())
      const optionsOf = async () => ({ users: await users(), tls: first })
      await runFailovers('AUTH and TLS', seed + 2, optionsOf, { login, tls: { ca: readFileSync(ca.cert) } })
    }
  )
})
