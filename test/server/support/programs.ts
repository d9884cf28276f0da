// Programs that stand on clients of Redis Cluster and of Sentinel, unmodified: each writes ever higher numbers and reads them back.
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { createSentinel as createSentinel6 } from 'redis'
import { createSentinel as createSentinel5 } from 'redis5'
import { atEnd } from './served.ts'

/** What a program does, whatever its client is. */
export interface Program {
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
}

export interface Access {
  readonly login: { readonly username?: string; readonly password?: string }
  readonly tls: { readonly ca: Buffer } | undefined
}

type Connect = (ports: readonly number[], access: Access) => Promise<Program> | Program

const nodesOf = (ports: readonly number[]) => ports.map((port) => ({ host: '127.0.0.1', port }))

const ioredisCluster =
  (Cluster: typeof Cluster6): Connect =>
  (ports, { login, tls }) => {
    const client = new Cluster(nodesOf(ports), { redisOptions: { ...login, ...(tls && { tls }) } })
    // What happens to connections is told here; what happens to calls is told to the program.
    client.on('error', () => {})
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
    // Not waited for: with no server left it may never be told that it is over.
    atEnd(() => void client.destroy().catch(() => {}))
    return client
  }

/** Each is told the ports of all members. */
export const clients: readonly (readonly [string, Connect])[] = [
  ['ioredis 6 Cluster', ioredisCluster(Cluster6)],
  // They speak the same interface; their types differ in names that are not used here.
  ['ioredis 5 Cluster', ioredisCluster(Cluster5 as unknown as typeof Cluster6)],
  ['ioredis 6 Sentinel', ioredisSentinel(Redis6)],
  ['ioredis 5 Sentinel', ioredisSentinel(Redis5 as unknown as typeof Redis6)],
  ['node-redis 6 Sentinel', nodeRedisSentinel(createSentinel6)],
  ['node-redis 5 Sentinel', nodeRedisSentinel(createSentinel5 as unknown as typeof createSentinel6)]
]

/** Writes ever higher numbers to a key of its own, and reads that none is lost. */
export class Worker {
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

  get key(): string {
    return `{${this.#name}}:n`
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
    const { key } = this
    const answer = await this.#program.set(key, String(n))
    if (answer !== 'OK') return `${n}: answered ${String(answer)}`
    const found = Number(await this.#program.get(key))
    return found === n ? undefined : `${n}: read ${found}`
  }
}
