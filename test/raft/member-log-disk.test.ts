// Three nodes over logs in real directories, with the executors of production: they elect, replicate, stop all at once and
// come back equal.
import { expect, test } from 'vitest'
import { batchesOf, becomeMember, type Member, openMember } from '../../lib/member.ts'
import { RawNode } from '../../server/raft/core/node.ts'
import type { Message, PeerMessage } from '../../server/raft/core/types.ts'
import { payloadOf } from '../../server/raft/entries.ts'
import { MemberLog } from '../../server/raft/log.ts'
import { scratch } from '../lib/support/databases.ts'
import { defaults, voters } from './support/group.ts'

const ids = [1, 2, 3]
const membership = voters(...ids)

interface Open {
  readonly id: number
  readonly member: Member
  readonly log: MemberLog
  readonly node: RawNode
}

class Cluster {
  readonly #nodes = new Map<number, Open>()
  #work: Promise<void>[] = []

  static async open(paths: readonly string[], life: number): Promise<Cluster> {
    const cluster = new Cluster()
    for (const [at, path] of paths.entries()) {
      const id = at + 1
      const member = await openMember(path, { memtableBytes: 64 << 10 })
      member.keepFrom(1)
      const log = new MemberLog(member)
      const config = { ...defaults, id, electionSeed: life * 10 + id, applied: log.applied }
      cluster.#nodes.set(id, { id, member, log, node: new RawNode(config, log) })
    }
    return cluster
  }

  get all(): readonly Open[] {
    return [...this.#nodes.values()]
  }

  get leader(): Open | undefined {
    return this.all.find(({ node }) => node.status().role === 'leader')
  }

  #send(messages: readonly PeerMessage[]): void {
    for (const message of messages) this.#nodes.get(message.to)?.node.step(message)
  }

  #process({ id, log, node }: Open): void {
    const { messages, append, apply } = node.ready()
    this.#send(messages)
    if (append !== undefined) {
      const written = log.append(append).then(() => {
        for (const response of append.responses) {
          if (response.to === id) node.step(response as Message)
          else if (response.kind !== 'storageAppendDone') this.#send([response])
        }
      })
      this.#work.push(written)
    }
    if (apply === undefined) return
    const applied = log.apply(apply.entries, ({ change }) => ({ membership: node.applyMembership(change) }))
    this.#work.push(applied.then(() => void node.step(apply.response)))
  }

  async settle(): Promise<void> {
    do {
      await Promise.all(this.#work.splice(0))
      for (const one of this.all) while (one.node.hasReady()) this.#process(one)
    } while (this.#work.length > 0)
  }

  async elect(): Promise<Open> {
    for (let ticks = 0; ticks < 200; ticks++) {
      for (const { node } of this.all) node.tick()
      await this.settle()
      const { leader } = this
      if (leader !== undefined) return leader
    }
    throw new Error('nobody was elected')
  }

  async close(): Promise<void> {
    for (const { member } of this.all) await member.close()
  }
}

const contentOf = async (member: Member): Promise<[string, string][]> =>
  (await member.database.iterator().all()).map(([key, value]) => [key.toString(), value.toString()])

test('what was acknowledged is on all three, also after all of them stopped', async () => {
  const paths = ids.map(() => scratch())
  for (const [at, path] of paths.entries()) {
    await becomeMember(path, { clusterId: 'lakes', memberId: at + 1, membership: { membership } })
  }
  const expected = new Map<string, string>()
  let lastTerm = 0
  for (let life = 1; life <= 3; life++) {
    const cluster = await Cluster.open(paths, life)
    const leader = await cluster.elect()
    expect(leader.node.status().term).toBeGreaterThan(lastTerm)
    lastTerm = leader.node.status().term
    for (let round = 0; round < 40; round++) {
      const bodies = Array.from({ length: 10 }, (_, i) => {
        const key = `k${(round * 10 + i) % 150}`
        const value = `${life}.${round}.${i}`.padEnd(200, 'v')
        expected.set(key, value)
        return batchesOf((batch) => batch.put(1, key, value), Date.now())
      })
      expect(leader.node.propose(bodies.map(payloadOf)).status).toBe('appended')
      await cluster.settle()
    }
    // A heartbeat tells the followers what is committed.
    for (const { node } of cluster.all) node.tick()
    await cluster.settle()
    const sorted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const { member, log } of cluster.all) {
      expect(member.applied).toEqual(leader.member.applied)
      expect(member.applied.index).toBe(log.lastIndex())
      expect(await contentOf(member)).toEqual(sorted)
    }
    if (life === 2) for (const { member } of cluster.all) await member.flush()
    await cluster.close()
  }
})
