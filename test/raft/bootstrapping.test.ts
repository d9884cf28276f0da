// The bootstrap over real sockets: three nodes that start in any order, and stop at each of their writes.
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../server/clock.ts'
import type { BootstrapRecord, Candidate, Plan } from '../../server/raft/bootstrap.ts'
import { Bootstrapping } from '../../server/raft/bootstrapping.ts'
import { type Address, addressText } from '../../server/raft/transport/address.ts'
import type { OnStatement } from '../../server/raft/transport/exchange.ts'
import { TransportFault } from '../../server/raft/transport/fault.ts'
import { Transport } from '../../server/raft/transport/transport.ts'
import { atEnd, bareServer, isConnected, localhost, Seen } from './support/transports.ts'

const names = ['a', 'b', 'c'] as const
type Name = (typeof names)[number]

class Stopped extends Error {}

interface Place {
  id: number
  record: BootstrapRecord | undefined
  writes: number
}

interface Running {
  readonly transport: Transport
  readonly seen: Seen
  readonly over: Promise<Plan>
  readonly candidate: Candidate
}

/** Nodes with directories. They are configured by host names; a host has the address that its node has now, if it runs. */
class Cluster {
  readonly places: Record<Name, Place>
  readonly hosts = new Map<string, Address>()
  readonly waits: string[] = []
  /** What happens at a write; by default it is done. */
  onWrite: (name: Name, write: number, keep: () => void) => void = (_, __, keep) => keep()
  readonly #data: readonly Name[]

  constructor(data: readonly Name[] = []) {
    this.#data = data
    const place = (id: number): Place => ({ id, record: undefined, writes: 0 })
    this.places = { a: place(11), b: place(12), c: place(13) }
  }

  async start(name: Name): Promise<Running> {
    const { id } = this.places[name]
    const seen = new Seen()
    let answer: OnStatement = () => {
      throw new Error('It is asked before it runs.')
    }
    const transport = await Transport.listen({
      identity: { clusterId: '', id, name, addresses: { peer: [], client: [] } },
      listen: localhost,
      clock: systemClock,
      random: () => 0.5,
      onStatement: (statement, peer) => answer(statement, peer),
      onMessage: (message) => seen.add(seen.messages, message)
    })
    atEnd(() => transport.close())
    const { address } = transport
    const candidate: Candidate = {
      id,
      name,
      addresses: { peer: [addressText(address)], client: [] },
      holdsData: this.#data.includes(name),
      wantsToLead: false
    }
    const bootstrapping = this.#bootstrappingOf(candidate, name)
    answer = bootstrapping.answer
    this.hosts.set(name, address)
    const over = bootstrapping.run(async ({ host }, peer, statement) => {
      const at = this.hosts.get(host)
      if (at === undefined) throw new TransportFault('UNREACHABLE', `${host} does not run.`)
      return transport.exchange(at, peer, statement)
    })
    over.catch(() => {})
    return { transport, seen, over, candidate }
  }

  #bootstrappingOf(self: Candidate, name: Name): Bootstrapping {
    const place = this.places[name]
    return new Bootstrapping({
      self,
      // As the configuration has them: without names.
      peers: names.filter((peer) => peer !== name).map((peer) => ({ addresses: [`${peer}:1`] })),
      record: place.record,
      persist: async (record) => {
        this.onWrite(name, place.writes++, () => {
          place.record = record
        })
      },
      mintClusterId: () => `cluster of ${place.id}, ${place.writes}`,
      clock: systemClock,
      pollMs: 5,
      onWaiting: (sentence) => this.waits.push(`${name}: ${sentence}`)
    })
  }
}

describe('three nodes', () => {
  test('begin a cluster whose members talk at once', async () => {
    const cluster = new Cluster(['b'])
    const running: Running[] = []
    for (const name of names) running.push(await cluster.start(name))
    const plans = await Promise.all(running.map(({ over }) => over))
    expect(new Set(plans.map(({ clusterId }) => clusterId)).size).toBe(1)
    const [plan] = plans as [Plan]
    expect(plan).toMatchObject({ firstCampaigner: 12, dataHolder: 12 })
    expect(plan.members.map(({ id, name }) => `${name}${id}`)).toEqual(['a11', 'b12', 'c13'])
    for (const { transport, candidate } of running) {
      const { id, name, addresses } = candidate
      transport.become({ clusterId: plan.clusterId, id, name, addresses }, plan.members)
    }
    for (const { transport, seen } of running) await seen.until(() => isConnected(transport, 2))
    expect(names.map((name) => cluster.places[name].record)).toEqual(Array(3).fill({ plan, isFormed: true }))
  })

  test('wait for the one that is missing, and say so', async () => {
    const cluster = new Cluster()
    const a = await cluster.start('a')
    const c = await cluster.start('c')
    await a.seen.until(() => cluster.waits.includes('a: Waiting for peer 1 to be there.'))
    expect(names.map((name) => cluster.places[name].record)).toEqual([undefined, undefined, undefined])
    const b = await cluster.start('b')
    await Promise.all([a.over, b.over, c.over])
  })

  test('of which two hold data refuse, all three, naming both', async () => {
    const cluster = new Cluster(['a', 'c'])
    const running: Running[] = []
    for (const name of names) running.push(await cluster.start(name))
    for (const { over } of running) await expect(over).rejects.toThrow(/^Node "a" and Node "c" hold data\./)
    expect(names.map((name) => cluster.places[name].record)).toEqual([undefined, undefined, undefined])
  })

  const stops = names.flatMap((name) =>
    [0, 1].flatMap((write) => [true, false].map((isKept) => ({ name, write, isKept })))
  )
  test.each(stops)('of which one stops at a write and starts again: %j', async ({ name, write, isKept }) => {
    const cluster = new Cluster()
    let hasStopped = false
    cluster.onWrite = (who, count, keep) => {
      if (who !== name || count !== write || hasStopped) {
        keep()
        return
      }
      hasStopped = true
      if (isKept) keep()
      throw new Stopped()
    }
    const running = new Map<Name, Running>()
    for (const one of names) running.set(one, await cluster.start(one))
    const stopped = running.get(name) as Running
    await expect(stopped.over).rejects.toBeInstanceOf(Stopped)
    await stopped.transport.close()
    // Who had kept that the cluster is formed knows it when it starts; else it hears of it, from whoever has formed it.
    running.set(name, await cluster.start(name))
    const plans = await Promise.all([...running.values()].map(({ over }) => over))
    expect(new Set(plans.map(({ clusterId }) => clusterId)).size).toBe(1)
    for (const one of names) expect(cluster.places[one].record).toEqual({ plan: plans[0], isFormed: true })
  })

  test('of which one lost its directory: it is refused, and the others go on', async () => {
    const cluster = new Cluster()
    const [a, b, c] = [await cluster.start('a'), await cluster.start('b'), await cluster.start('c')]
    await Promise.all([a.over, b.over, c.over])
    await c.transport.close()
    cluster.places.c = { ...cluster.places.c, id: 99, record: undefined, writes: 0 }
    const fresh = await cluster.start('c')
    await expect(fresh.over).rejects.toThrow(/in which "c" is member 13; this directory is of 99/)
    expect(cluster.places.c.record).toBeUndefined()
  })

  test('of which one is no node of ours is waited for', async () => {
    const cluster = new Cluster()
    const port = await bareServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    cluster.hosts.set('c', { host: '127.0.0.1', port })
    const a = await cluster.start('a')
    await cluster.start('b')
    await a.seen.until(() => cluster.waits.includes('a: Waiting for peer 2 to be there.'))
    expect(cluster.places.a.record).toBeUndefined()
  })
})
