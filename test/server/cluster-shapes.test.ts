// What a member says of its cluster has the shape of what Redis says: its own cluster mode and its own Sentinel are asked the
// same, where they are installed.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Wire } from '../../server/cli/wire.ts'
import { slotOf } from '../../server/cluster/slots.ts'
import { ReplyError, ReplyParser, type ReplyValue } from '../../server/protocol/resp-replies.ts'
import { seedOf } from '../support/campaign.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { randomOf } from './support/random.ts'
import {
  type RedisOnPort,
  type RedisServer,
  startRedisCluster,
  startRedisOnPort,
  startSentinel
} from './support/redis-server.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd } from './support/served.ts'
import { type ServedGroup, servedGroup } from './support/served-group.ts'

const seed = seedOf('cluster shapes')

async function wireOf(port: number): Promise<Wire> {
  const wire = await Wire.connect({ host: '127.0.0.1', port })
  atEnd(() => wire.close())
  return wire
}

const textOf = (reply: ReplyValue | undefined): string => (Buffer.isBuffer(reply) ? reply.toString() : String(reply))

/** A reply with texts and numbers taken out: arrays keep what they hold, once for items that are alike. */
function shapeOf(reply: ReplyValue): unknown {
  if (reply instanceof ReplyError) return `error ${reply.code}`
  if (Array.isArray(reply)) return reply.map(shapeOf)
  return reply === null ? 'none' : typeof reply === 'number' ? 'number' : 'text'
}

/** Names of fields in order: of a flat map, of lines `name:value`. */
const namesOf = (reply: ReplyValue): string[] =>
  (reply as readonly ReplyValue[]).filter((_, i) => i % 2 === 0).map((name) => textOf(name))
const fieldsOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)])
  )
function isSubsetOf(some: Iterable<string>, all: Iterable<string>): void {
  const known = new Set(all)
  expect([...some].filter((name) => !known.has(name))).toEqual([])
}

describe('slots', () => {
  test.each([
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['', 0],
    ['{user1000}.following', slotOf(Buffer.from('user1000'))],
    ['foo{}{bar}', slotOf(Buffer.from('foo{}{bar}'))],
    ['foo{{bar}}zap', slotOf(Buffer.from('{bar'))],
    ['foo{bar}{zap}', slotOf(Buffer.from('bar'))],
    ['foo{bar', slotOf(Buffer.from('foo{bar'))]
  ])('of %s', (key, slot) => {
    expect(slotOf(Buffer.from(key))).toBe(slot)
  })
})

describe.runIf(skipUnless('redis-server', hasCommand('redis-server'), 'needs the Debian package of this name'))(
  'as Redis Cluster',
  () => {
    let redis: RedisOnPort
    beforeAll(async () => {
      redis = await startRedisCluster()
      const peer = await RespPeer.connect({ port: redis.port })
      await peer.ask([requestOf('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')])
      // It is well a moment after it has its slots.
      for (let state = ''; !state.includes('cluster_state:ok'); ) {
        state = (await peer.ask([requestOf('CLUSTER', 'INFO')])).join('')
      }
      peer[Symbol.dispose]()
    })
    afterAll(() => redis.stop())

    async function both(): Promise<{ theirs: Wire; ours: Wire; group: ServedGroup }> {
      const group = await servedGroup(seed)
      const leader = group.ports[group.members.leaderAt as number] as number
      return { theirs: await wireOf(redis.port), ours: await wireOf(leader), group }
    }

    test('SLOTS: a range, then its nodes', async () => {
      const { theirs, ours } = await both()
      const [[theirRange], [ourRange]] = [
        await theirs.call('CLUSTER', 'SLOTS'),
        await ours.call('CLUSTER', 'SLOTS')
      ] as [ReplyValue[][], ReplyValue[][]]
      const [start, end, ...nodes] = ourRange as ReplyValue[]
      expect([start, end]).toEqual((theirRange as ReplyValue[]).slice(0, 2))
      expect(nodes).toHaveLength(3)
      for (const node of nodes) expect(shapeOf(node)).toEqual(shapeOf((theirRange as ReplyValue[])[2] as ReplyValue))
    })

    test('SHARDS: slots and nodes', async () => {
      const { theirs, ours } = await both()
      const [[theirShard], [ourShard]] = [
        await theirs.call('CLUSTER', 'SHARDS'),
        await ours.call('CLUSTER', 'SHARDS')
      ] as [ReplyValue[][], ReplyValue[][]]
      const [, theirSlots, , theirNodes] = theirShard as [ReplyValue, ReplyValue, ReplyValue, ReplyValue[]]
      const [, ourSlots, , ourNodes] = ourShard as [ReplyValue, ReplyValue, ReplyValue, ReplyValue[]]
      expect(namesOf(ourShard as ReplyValue)).toEqual(namesOf(theirShard as ReplyValue))
      expect(ourSlots).toEqual(theirSlots)
      expect(ourNodes).toHaveLength(3)
      for (const node of ourNodes) {
        expect(namesOf(node)).toEqual(namesOf(theirNodes[0] as ReplyValue))
        expect(shapeOf(node)).toEqual(shapeOf(theirNodes[0] as ReplyValue))
      }
    })

    test('NODES: lines of the same words', async () => {
      const { theirs, ours } = await both()
      const linesOf = async (wire: Wire) => textOf(await wire.call('CLUSTER', 'NODES')).split('\n')
      const [theirLines, ourLines] = [await linesOf(theirs), await linesOf(ours)]
      expect(theirLines.at(-1)).toBe('')
      expect(ourLines.at(-1)).toBe('')
      const form =
        /^[0-9a-f]{40} 127\.0\.0\.1:\d+@\d+(,[^ ]*)? (myself,)?(master|slave) (-|[0-9a-f]{40}) \d+ \d+ \d+ connected( 0-16383)?$/
      expect(theirLines[0]).toMatch(/myself,master/)
      for (const line of ourLines.slice(0, -1)) expect(line).toMatch(form)
      expect(ourLines.filter((line) => line.includes(' myself,master - ') && line.endsWith(' 0-16383'))).toHaveLength(1)
      expect(ourLines.filter((line) => line.includes(' slave '))).toHaveLength(2)
    })

    test('INFO, MYID, KEYSLOT, COUNTKEYSINSLOT, the marks, and what is no request', async () => {
      const { theirs, ours } = await both()
      const infoOf = async (wire: Wire) => fieldsOf(textOf(await wire.call('CLUSTER', 'INFO')))
      const [theirInfo, ourInfo] = [await infoOf(theirs), await infoOf(ours)]
      isSubsetOf(ourInfo.keys(), theirInfo.keys())
      for (const name of ['cluster_state', 'cluster_slots_assigned', 'cluster_slots_ok', 'cluster_size']) {
        expect([name, ourInfo.get(name)]).toEqual([name, theirInfo.get(name)])
      }
      expect(textOf(await ours.call('CLUSTER', 'MYID'))).toMatch(/^[0-9a-f]{40}$/)
      const same = ['READONLY', 'READWRITE', 'ASKING', 'CLUSTER COUNTKEYSINSLOT 16384', 'CLUSTER COUNTKEYSINSLOT -1']
      for (const line of [...same, 'CLUSTER KEYSLOT', 'CLUSTER', 'CLUSTER INFO x', 'READONLY x']) {
        const words = line.split(' ')
        const [their, our] = await Promise.all(
          [theirs, ours].map((wire) => wire.call(...words).then(textOf, (error: Error) => error.message))
        )
        expect([line, our]).toEqual([line, their])
      }
      await expect(ours.call('CLUSTER', 'COUNTKEYSINSLOT', '7')).rejects.toThrow(/does not count keys by slot: DBSIZE/)
      expect(fieldsOf(textOf(await theirs.call('INFO', 'cluster'))).get('cluster_enabled')).toBe('1')
      expect(fieldsOf(textOf(await ours.call('INFO', 'cluster'))).get('cluster_enabled')).toBe('1')
      expect(fieldsOf(textOf(await ours.call('INFO', 'server'))).get('redis_mode')).toBe(
        fieldsOf(textOf(await theirs.call('INFO', 'server'))).get('redis_mode')
      )
    })

    test('KEYSLOT of random keys', async () => {
      const { theirs } = await both()
      const random = randomOf(seed)
      const letters = ['{', '}', 'a', 'b', '\0', 'ÿ', '1']
      const keys = Array.from({ length: 2_000 }, () =>
        Buffer.from(Array.from({ length: random.below(12) }, () => random.pick(letters)).join(''), 'latin1')
      )
      const slots = await Promise.all(keys.map((key) => theirs.call('CLUSTER', 'KEYSLOT', key)))
      expect(keys.map(slotOf)).toEqual(slots)
    })
  }
)

describe.runIf(skipUnless('redis-server', hasCommand('redis-server'), 'needs the Debian package of this name'))(
  'as Redis and its Sentinel',
  () => {
    let master: RedisOnPort
    let replica: RedisOnPort
    let sentinel: RedisServer

    beforeAll(async () => {
      master = await startRedisOnPort()
      replica = await startRedisOnPort('--replicaof', '127.0.0.1', String(master.port))
      await until(replica.path, ['INFO', 'replication'], /master_link_status:up/)
      sentinel = await startSentinel('varve', master.port)
      await until(sentinel.path, ['SENTINEL', 'REPLICAS', 'varve'], /master-link-status\r\n\$2\r\nok/)
    })
    afterAll(async () => {
      for (const server of [sentinel, replica, master]) await server?.stop()
    })

    async function both(theirs: RedisServer, at: (group: ServedGroup) => number) {
      const group = await servedGroup(seed)
      const peer = await RespPeer.connect({ path: theirs.path })
      const ours = await RespPeer.connect({ port: group.ports[at(group)] as number })
      atEnd(() => {
        peer[Symbol.dispose]()
        ours[Symbol.dispose]()
      })
      const ask = async (...words: string[]) => {
        const replies = [await peer.ask([requestOf(...words)]), await ours.ask([requestOf(...words)])]
        return replies.map(([reply = '']) => [...new ReplyParser().push(Buffer.from(reply, 'latin1'))][0]) as [
          ReplyValue,
          ReplyValue
        ]
      }
      return { group, ask }
    }
    const leaderOf = (group: ServedGroup) => group.members.leaderAt as number
    const followerOf = (group: ServedGroup) => (leaderOf(group) + 1) % 3

    test.each([2, 3])('SENTINEL, RESP%i', async (version) => {
      const { ask, group } = await both(sentinel, followerOf)
      await ask('HELLO', String(version))
      const address = await ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'varve')
      expect(address.map(shapeOf)).toEqual([
        ['text', 'text'],
        ['text', 'text']
      ])
      expect((address[1] as ReplyValue[]).map(textOf)).toEqual(['127.0.0.1', String(group.ports[leaderOf(group)])])
      for (const words of [
        ['GET-MASTER-ADDR-BY-NAME', 'nobody'],
        ['MASTER', 'nobody'],
        ['REPLICAS', 'nobody'],
        ['SENTINELS', 'nobody'],
        ['CKQUORUM', 'nobody'],
        ['MASTER']
      ]) {
        const [theirs, ours] = await ask('SENTINEL', ...words)
        expect([words, ours]).toEqual([words, theirs])
      }
      const [theirMaster, ourMaster] = await ask('SENTINEL', 'MASTER', 'varve')
      expect(mapNamesOf(ourMaster)).toEqual(mapNamesOf(theirMaster))
      const [theirMasters, ourMasters] = (await ask('SENTINEL', 'MASTERS')) as [ReplyValue[], ReplyValue[]]
      expect(ourMasters.map(mapNamesOf)).toEqual(theirMasters.map(mapNamesOf))
      for (const word of ['REPLICAS', 'SLAVES']) {
        const [their, our] = (await ask('SENTINEL', word, 'varve')) as [ReplyValue[], ReplyValue[]]
        expect(our).toHaveLength(2)
        for (const each of our) expect(mapNamesOf(each)).toEqual(mapNamesOf(their[0] as ReplyValue))
      }
      const [, ourSentinels] = (await ask('SENTINEL', 'SENTINELS', 'varve')) as [ReplyValue[], ReplyValue[]]
      expect(ourSentinels).toHaveLength(2)
      const [theirQuorum, ourQuorum] = await ask('SENTINEL', 'CKQUORUM', 'varve')
      expect(textOf(ourQuorum).replace('3 usable', '1 usable')).toBe(textOf(theirQuorum))
    })

    test('ROLE and INFO replication of a leader', async () => {
      const { ask } = await both(master, leaderOf)
      const [theirRole, ourRole] = (await ask('ROLE')) as [ReplyValue[], ReplyValue[]]
      expect(ourRole.slice(0, 2).map(shapeOf)).toEqual(theirRole.slice(0, 2).map(shapeOf))
      expect(textOf(ourRole[0])).toBe('master')
      for (const each of ourRole[2] as ReplyValue[]) {
        expect(shapeOf(each)).toEqual(shapeOf((theirRole[2] as ReplyValue[])[0] as ReplyValue))
      }
      const [theirs, ours] = (await ask('INFO', 'replication')).map((text) => fieldsOf(textOf(text))) as [
        Fields,
        Fields
      ]
      isSubsetOf(
        [...ours.keys()].filter((name) => name !== 'slave1'),
        theirs.keys()
      )
      expect([ours.get('role'), ours.get('connected_slaves')]).toEqual(['master', '2'])
      const form = /^ip=127\.0\.0\.1,port=\d+,state=online,offset=\d+,lag=\d+$/
      expect([theirs.get('slave0'), ours.get('slave0')]).toEqual([
        expect.stringMatching(form),
        expect.stringMatching(form)
      ])
    })

    test('ROLE and INFO replication of a follower', async () => {
      const { ask, group } = await both(replica, followerOf)
      const [theirRole, ourRole] = (await ask('ROLE')) as [ReplyValue[], ReplyValue[]]
      expect(shapeOf(ourRole)).toEqual(shapeOf(theirRole))
      const port = group.ports[leaderOf(group)]
      expect(ourRole.map(textOf).slice(0, 4)).toEqual(['slave', '127.0.0.1', String(port), 'connected'])
      const [theirs, ours] = (await ask('INFO', 'replication')).map((text) => fieldsOf(textOf(text))) as [
        Fields,
        Fields
      ]
      isSubsetOf(ours.keys(), theirs.keys())
      const wanted = { role: 'slave', master_host: '127.0.0.1', master_port: String(port), master_link_status: 'up' }
      expect(Object.fromEntries(ours)).toMatchObject(wanted)
    })
  }
)

type Fields = Map<string, string>

const mapNamesOf = (reply: ReplyValue): string[] =>
  reply instanceof Map ? [...reply.keys()].map((name) => textOf(name as ReplyValue)) : namesOf(reply)

/** Asks until the answer is like the pattern. */
async function until(path: string, words: readonly string[], pattern: RegExp): Promise<void> {
  const peer = await RespPeer.connect({ path })
  for (let reply = ''; !pattern.test(reply); ) reply = (await peer.ask([requestOf(...words)])).join('')
  peer[Symbol.dispose]()
}
