// What clients of a member see: who is told what on a follower, while nobody leads, and when a leader steps down.
import { describe, expect, test } from 'vitest'
import { nodeIdOf } from '../../server/cluster/node-id.ts'
import { slotOf } from '../../server/cluster/slots.ts'
import type { ReadConsistency } from '../../server/store.ts'
import { seedOf } from '../support/campaign.ts'
import { MemoryStore } from './support/memory-store.ts'
import type { RawClient } from './support/raw-client.ts'
import { clientOf, databaseStore, FakeClock, respOf, served } from './support/served.ts'
import { type ServedGroup, servedGroup } from './support/served-group.ts'
import { usersWith } from './support/users.ts'

const seed = seedOf('cluster')
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Time stands still unless a test moves it. */
async function start() {
  const clock = new FakeClock()
  const group = await servedGroup(seed, () => ({ clock }), clock)
  const place = (at: number) => `127.0.0.1:${group.ports[at]}`
  const connect = (at: number) => clientOf(group.serverAt(at))
  const leader = group.members.leaderAt as number
  const [follower, other] = [0, 1, 2].filter((at) => at !== leader) as [number, number]
  return { clock, group, place, connect, leader, follower, other }
}

/** Nobody leads, and all know. */
async function loseLeader(group: ServedGroup): Promise<void> {
  group.members.loseLeader({ keepsNone: true })
  await turns(50)
}

/** A certain member leads, and all know. */
async function lead(group: ServedGroup, at: number): Promise<void> {
  if (group.members.leaderAt !== at) {
    group.members.loseLeader({ keepsNone: true })
    await turns(50)
    group.members.elect(at)
  }
  await turns(50)
  expect(group.members.leaderAt).toBe(at)
}

const ask = async (client: RawClient, words: readonly string[], reply: string): Promise<void> =>
  expect(await client.ask(respOf(...words).toString(), reply)).toBe(reply)
const readonlyOf = (place: string) =>
  `-READONLY You can't write against a read only replica. The leader is ${place}.\r\n`

describe('a write on a follower', () => {
  test('line protocol: where the leader is, and the connection goes on', async () => {
    const { connect, follower, leader, place } = await start()
    const client = await connect(follower)
    const replies = `-NOT_LEADER ${place(leader)}\n-NOT_LEADER ${place(leader)}\n-NOT_FOUND\n`
    expect(await client.ask('PUT a 1\nDELETE a\nGET a\n', replies)).toBe(replies)
  })

  test('RESP: READONLY, whatever the way of the write', async () => {
    const { connect, follower, leader, place } = await start()
    const client = await connect(follower)
    const said = readonlyOf(place(leader))
    for (const words of ['SET a 1', 'SET a 1 EX 10', 'INCR a', 'DEL a', 'MSET a 1 b 2', 'FLUSHALL', 'CAS a 1 2']) {
      await ask(client, words.split(' '), said)
    }
    await ask(client, ['MULTI'], '+OK\r\n')
    await ask(client, ['SET', 'a', '1'], '+QUEUED\r\n')
    await ask(client, ['EXEC'], said)
    await ask(client, ['GET', 'a'], '$-1\r\n')
  })

  test.each(['READONLY', 'READWRITE', 'ASKING', 'CLUSTER MYID', 'CLUSTER KEYSLOT a'])(
    'RESP: MOVED on connections that used %s',
    async (request) => {
      const { connect, follower, leader, place } = await start()
      const client = await connect(follower)
      await ask(client, request.split(' '), firstReplyTo(request, follower))
      // Several in a row, as they come in runs: each has the slot of its own key.
      const keys = ['a', 'b', '{a}c', 'foo']
      const moved = keys.map((key) => `-MOVED ${slotOf(Buffer.from(key))} ${place(leader)}\r\n`).join('')
      expect(await client.ask(Buffer.concat(keys.map((key) => respOf('SET', key, '1'))).toString(), moved)).toBe(moved)
      await ask(client, ['INCR', 'foo'], `-MOVED 12182 ${place(leader)}\r\n`)
      await ask(client, ['RESET'], '+RESET\r\n')
      await ask(client, ['INCR', 'foo'], readonlyOf(place(leader)))
    }
  )

  function firstReplyTo(request: string, at: number): string {
    if (request === 'CLUSTER MYID') return `$40\r\n${nodeIdOf(`member-${at + 1}`)}\r\n`
    return request.startsWith('CLUSTER') ? `:${slotOf(Buffer.from('a'))}\r\n` : '+OK\r\n'
  }

  test('RESP: REDIRECT on connections that know it, just after a change of leader too', async () => {
    const { group, connect, leader, other, place } = await start()
    const client = await connect(leader)
    await ask(client, ['CLIENT', 'CAPA', 'redirect', 'other'], '+OK\r\n')
    await ask(client, ['SET', 'a', '1'], '+OK\r\n')
    await lead(group, other)
    await ask(client, ['SET', 'a', '1'], `-REDIRECT ${place(other)}\r\n`)
    await ask(client, ['GET', 'a'], '$1\r\n1\r\n')
    await ask(client, ['RESET'], '+RESET\r\n')
    client.send(respOf('SET', 'a', '1'))
    expect(await client.rest()).toBe('')
  })

  test('just after a change of leader: connections that do not know MOVED close, and are told later', async () => {
    const { clock, group, connect, follower, other, place } = await start()
    await lead(group, other)
    const [early, line, cluster] = [await connect(follower), await connect(follower), await connect(follower)]
    await ask(cluster, ['READONLY'], '+OK\r\n')
    early.send(Buffer.concat([respOf('PING'), respOf('SET', 'a', '1'), respOf('PING')]))
    expect(await early.rest()).toBe('+PONG\r\n')
    await ask(cluster, ['SET', 'foo', '1'], `-MOVED 12182 ${place(other)}\r\n`)
    expect(await line.ask('PUT a 1\n', `-NOT_LEADER ${place(other)}\n`)).toBe(`-NOT_LEADER ${place(other)}\n`)
    clock.pass(2)
    await ask(await connect(follower), ['SET', 'a', '1'], readonlyOf(place(other)))
  })
})

describe('reads', () => {
  test('see on every member what was acknowledged on another, whatever READONLY and READWRITE say', async () => {
    const { connect, leader, follower, other } = await start()
    const writer = await connect(leader)
    const readers = [await connect(follower), await connect(other)]
    await ask(readers[0] as RawClient, ['READONLY'], '+OK\r\n')
    for (let i = 0; i < 100; i++) {
      await ask(writer, ['SET', 'n', String(i)], '+OK\r\n')
      const value = `$${String(i).length}\r\n${i}\r\n`
      for (const reader of readers) await ask(reader, ['GET', 'n'], value)
    }
    await ask(readers[1] as RawClient, ['TTL', 'n'], ':-1\r\n')
    await ask(readers[1] as RawClient, ['KEYS', '*'], '*1\r\n$1\r\nn\r\n')
  })
})

describe('a member says what it is', () => {
  test('HELLO', async () => {
    const { connect, leader, follower } = await start()
    for (const [at, role] of [
      [leader, 'master'],
      [follower, 'replica']
    ] as const) {
      const client = await connect(at)
      client.send(Buffer.concat([respOf('HELLO'), respOf('QUIT')]))
      const words = (await client.rest()).split('\r\n')
      expect(words[words.indexOf('mode') + 2]).toBe('cluster')
      expect(words[words.indexOf('role') + 2]).toBe(role)
    }
  })
})

test('reads are made as the configuration says, where the store leaves a choice', async () => {
  const store = new MemoryStore()
  const asked: unknown[] = []
  const reading = (consistency: ReadConsistency) => {
    asked.push(consistency)
    return Object.assign(Object.create(store) as MemoryStore, { getMany: async () => [Buffer.from('of the view')] })
  }
  const reads = { reads: 'local', maxStalenessMs: 500 } as const
  const client = await clientOf(await served({ store: Object.assign(store, { reading }), reads }))
  expect(await client.ask('GET a\n', 'of the view\n')).toBe('of the view\n')
  expect(asked).toEqual([reads])
})

test('WAIT counts the members that have what the leader had, as soon as they are enough', async () => {
  const { clock, group, connect, leader, follower, other } = await start()
  const client = await connect(leader)
  await ask(client, ['SET', 'a', '1'], '+OK\r\n')
  // One other has it, or it would not have been acknowledged; the last one may come later.
  expect(Number((await client.ask(respOf('WAIT', '1', '0').toString(), ':1\r\n')).slice(1, 2))).toBeGreaterThan(0)
  await ask(client, ['WAIT', '2', '0'], ':2\r\n')
  await ask(client, ['WAIT', '0', '0'], ':2\r\n')
  group.members.stop(other)
  await ask(client, ['SET', 'a', '2'], '+OK\r\n')
  client.send(respOf('WAIT', '2', '2000'))
  await turns(50)
  const before = client.socket.bytesRead
  await turns(200)
  expect(client.socket.bytesRead).toBe(before)
  clock.pass(2)
  expect(await client.ask('', ':1\r\n')).toBe(':1\r\n')
  await ask(client, ['MULTI'], '+OK\r\n')
  await ask(client, ['SET', 'a', '3'], '+QUEUED\r\n')
  await ask(client, ['WAIT', '2', '0'], '+QUEUED\r\n')
  client.send(respOf('EXEC'))
  expect((await client.bytes(13)).toString()).toMatch(/^\*2\r\n\+OK\r\n:[012]\r\n$/)
  const there = await connect(follower)
  there.send(respOf('WAIT', '1', '0'))
  expect((await there.bytes(5)).toString()).toBe('-ERR ')
  // Who waits for ever, and goes, is waited for by nobody.
  client.send(respOf('WAIT', '2', '0'))
  await turns(20)
  client[Symbol.dispose]()
})

describe('READONLY', () => {
  /** A follower whose local reads say so. */
  async function withReads(reads: ReadConsistency | undefined) {
    const group = await servedGroup(seed, () => ({ ...(reads === undefined ? {} : { reads }) }))
    const asked: ReadConsistency[] = []
    for (const store of group.stores) {
      const reading = (consistency: ReadConsistency) => {
        asked.push(consistency)
        if (consistency.reads !== 'local') return store
        return new Proxy(store, { get: (target, name) => (name === 'getMany' ? readLocally : bound(target, name)) })
      }
      Object.assign(store, { reading })
    }
    // Servers ask their store when they begin.
    for (const at of [0, 1, 2]) {
      await group.kill(at)
      await group.restart(at)
    }
    await group.electAfter(10)
    const client = await clientOf(group.serverAt(group.members.leaderAt as number))
    await client.ask(respOf('SET', 'k', 'newest').toString(), '+OK\r\n')
    return { client, asked }
  }
  const readLocally = async () => [Buffer.from('local')]
  const bound = (target: object, name: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, name)
    return typeof value === 'function' ? value.bind(target) : value
  }
  const get = respOf('GET', 'k').toString()
  const newest = '$6\r\nnewest\r\n'
  const local = '$5\r\nlocal\r\n'

  test('changes nothing where the configuration says nothing of how old reads may be', async () => {
    for (const reads of [undefined, { reads: 'linearizable' }, { reads: 'lease' }] as const) {
      const { client } = await withReads(reads)
      await ask(client, ['READONLY'], '+OK\r\n')
      expect(await client.ask(get, newest)).toBe(newest)
    }
  })

  test('lets reads of its connection be as old as the configuration says, until READWRITE or RESET', async () => {
    const { client, asked } = await withReads({ reads: 'linearizable', maxStalenessMs: 500 })
    expect(asked).toContainEqual({ reads: 'local', maxStalenessMs: 500 })
    expect(await client.ask(get, newest)).toBe(newest)
    for (const back of ['READWRITE', 'RESET']) {
      await ask(client, ['READONLY'], '+OK\r\n')
      expect(await client.ask(get, local)).toBe(local)
      await ask(client, [back], back === 'RESET' ? '+RESET\r\n' : '+OK\r\n')
      expect(await client.ask(get, newest)).toBe(newest)
    }
  })

  test('has nothing to change where all reads are local', async () => {
    const { client } = await withReads({ reads: 'local', maxStalenessMs: 500 })
    expect(await client.ask(get, local)).toBe(local)
    await ask(client, ['READWRITE'], '+OK\r\n')
    expect(await client.ask(get, local)).toBe(local)
  })
})

describe('while nobody leads', () => {
  test('reads and writes wait, and go on with the next leader; those of others learn who it is', async () => {
    const { group, connect, leader, other, place } = await start()
    await loseLeader(group)
    const at = [0, 1, 2]
    const clients = await Promise.all(at.map(connect))
    for (const client of clients) client.send('PUT a 1\nPING\n')
    const reader = await connect(leader)
    reader.send(respOf('GET', 'a'))
    await turns(100)
    expect(clients.map((client) => client.socket.bytesRead)).toEqual([0, 0, 0])
    expect(reader.socket.bytesRead).toBe(0)
    await lead(group, other)
    for (const [i, client] of clients.entries()) {
      const said = i === other ? '+OK\n+PONG\n' : `-NOT_LEADER ${place(other)}\n+PONG\n`
      expect((await client.bytes(said.length)).toString()).toBe(said)
    }
    // It came before or after the write: the two were not ordered.
    expect((await reader.bytes(4)).toString()).toMatch(/^\$(-1|1)\r\n?/)
  })

  test('for two seconds and no longer: nothing was written', async () => {
    const { clock, group, connect, follower, leader } = await start()
    await loseLeader(group)
    const [line, resp, reader] = [await connect(follower), await connect(leader), await connect(follower)]
    line.send('PUT a 1\n')
    resp.send(respOf('SET', 'a', '1'))
    reader.send(Buffer.concat([respOf('GET', 'a'), respOf('GET', 'b')]))
    while (group.stores.every((store) => store.held === 0)) await turns(1)
    while (group.stores.reduce((sum, store) => sum + store.held, 0) < 3) await turns(1)
    clock.pass(1)
    await turns(20)
    expect(line.socket.bytesRead + resp.socket.bytesRead).toBe(0)
    clock.pass(1)
    const down = '-CLUSTERDOWN nobody is known to lead\r\n'
    const none = '-NO_LEADER nobody is known to lead\n'
    expect((await line.bytes(none.length)).toString()).toBe(none)
    expect((await resp.bytes(down.length)).toString()).toBe(down)
    expect((await reader.bytes(2 * down.length)).toString()).toBe(down + down)
    await lead(group, leader)
    await ask(await connect(leader), ['GET', 'a'], '$-1\r\n')
  })

  test('the leader of before is told, never none', async () => {
    const { clock, group, connect, leader, follower, place } = await start()
    await loseLeader(group)
    const client = await connect(follower)
    const [host, port] = place(leader).split(':') as [string, string]
    const address = `*2\r\n$${host.length}\r\n${host}\r\n$${port.length}\r\n${port}\r\n`
    await ask(client, ['SENTINEL', 'get-master-addr-by-name', 'varve'], address)
    const slots = `*1\r\n*5\r\n:0\r\n:16383\r\n*4\r\n$9\r\n${host}\r\n:${port}\r\n`
    await ask(client, ['CLUSTER', 'SLOTS'], slots)
    const told = async (...words: string[]) => {
      const asked = await connect(follower)
      asked.send(Buffer.concat([respOf(...words), respOf('QUIT')]))
      return asked.rest()
    }
    expect(await told('SENTINEL', 'MASTER', 'varve')).toContain('\r\nmaster,failover_in_progress\r\n')
    expect(await told('CLUSTER', 'INFO')).toContain('cluster_state:ok\r\n')
    clock.pass(600)
    expect(await told('SENTINEL', 'MASTER', 'varve')).toContain('\r\ns_down,o_down,master\r\n')
    expect(await told('CLUSTER', 'INFO')).toContain('cluster_state:fail\r\n')
    expect(await told('CLUSTER', 'NODES')).toMatch(/ master,fail\? - .* disconnected 0-16383\n/)
    await ask(await connect(follower), ['SENTINEL', 'get-master-addr-by-name', 'varve'], address)
    await ask(await connect(follower), ['CLUSTER', 'SLOTS'], slots)
  })
})

describe('a leader that steps down', () => {
  test('closes connections of RESP but those that know MOVED or listen to Sentinels, after what it knows is answered', async () => {
    const { group, connect, leader, other, place } = await start()
    const plain = await connect(leader)
    const cluster = await connect(leader)
    const line = await connect(leader)
    const listener = await connect(leader)
    const subscriber = await connect(leader)
    await ask(plain, ['SET', 'a', '1'], '+OK\r\n')
    await ask(cluster, ['ASKING'], '+OK\r\n')
    expect(await line.ask('PING\n', '+PONG\n')).toBe('+PONG\n')
    await ask(listener, ['SUBSCRIBE', '+switch-master'], '*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n')
    await ask(subscriber, ['SUBSCRIBE', 'news'], '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n')
    group.members.loseLeader({ keepsNone: true })
    expect(await plain.rest()).toBe('')
    expect(await subscriber.rest()).toBe('')
    await lead(group, other)
    await ask(cluster, ['SET', 'foo', '1'], `-MOVED 12182 ${place(other)}\r\n`)
    expect(await line.ask('PUT a 1\n', `-NOT_LEADER ${place(other)}\n`)).toBe(`-NOT_LEADER ${place(other)}\n`)
    const words = ['varve', place(leader), place(other)].join(' ').replaceAll(':', ' ')
    const message = `*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$${words.length}\r\n${words}\r\n`
    expect((await listener.bytes(message.length)).toString()).toBe(message)
  })

  test('a call that is under way is not answered there: neither READONLY nor CLUSTERDOWN', async () => {
    const { group, connect, leader } = await start()
    for (let round = 0; round < 20; round++) {
      await lead(group, leader)
      const clients = await Promise.all([connect(leader), connect(leader), connect(leader)])
      const requests = ['INCR n', 'SET a 1', 'GET a'].map((words) => respOf(...words.split(' ')))
      // It is known by then what they speak.
      for (const client of clients) await ask(client, ['PING'], '+PONG\r\n')
      for (const [i, client] of clients.entries()) client.send(requests[i] as Buffer)
      await turns(round)
      while ((group.members.leaderAt ?? leader) === leader) {
        group.members.loseLeader({ keepsNone: true })
        await turns(5)
        group.members.elect()
      }
      for (const client of clients) expect(await client.rest()).toMatch(/^(|:\d+\r\n|\+OK\r\n|\$1\r\n1\r\n|\$-1\r\n)$/)
    }
  })

  test('proposed, and nobody knows what became of it: nothing is said, to clients of Redis Cluster neither', async () => {
    const { group, connect, leader } = await start()
    const [cluster, line] = [await connect(leader), await connect(leader)]
    await ask(cluster, ['READONLY'], '+OK\r\n')
    const proposed = new Promise<void>((resolve) => {
      const { members } = group
      let count = 0
      for (const method of ['write', 'decide'] as const) {
        const original = members[method].bind(members) as (...args: unknown[]) => Promise<unknown>
        Object.assign(members, {
          [method]: (...args: unknown[]) => {
            const call = original(...args)
            if (++count === 2) resolve()
            return call
          }
        })
      }
    })
    cluster.send(Buffer.concat([respOf('PING'), respOf('INCR', 'n'), respOf('PING')]))
    line.send('PUT a 1\nPING\n')
    await proposed
    group.members.loseLeader({ keepsNone: true })
    expect(await cluster.rest()).toBe('+PONG\r\n')
    const said = '-TIMEOUT outcome unknown\n+PONG\n'
    expect((await line.bytes(said.length)).toString()).toBe(said)
  })
})

test('who has not logged in learns nothing of the cluster; every user does', async () => {
  const users = () => usersWith('ada', '+@read ~a*')
  const group = await servedGroup(seed, async () => ({ users: await users() }))
  const client = await clientOf(group.serverAt(0))
  const noAuth = '-NOAUTH Authentication required.\r\n'
  for (const words of ['SENTINEL MASTERS', 'CLUSTER SLOTS', 'READONLY', 'SUBSCRIBE +switch-master']) {
    await ask(client, words.split(' '), noAuth)
  }
  await ask(client, ['AUTH', 'ada', 'ada'], '+OK\r\n')
  await ask(client, ['READONLY'], '+OK\r\n')
  await ask(client, ['CLUSTER', 'KEYSLOT', 'foo'], ':12182\r\n')
  await ask(client, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'nobody'], '*-1\r\n')
  client.send(Buffer.concat([respOf('VARVE.CLUSTER', 'TRANSFER'), respOf('QUIT')]))
  expect(await client.rest()).toMatch(/^-NOPERM /)
})

test('a server alone has no cluster', async () => {
  const client = await clientOf(await served({ store: await databaseStore() }))
  for (const words of ['CLUSTER SLOTS', 'CLUSTER INFO', 'READONLY', 'READWRITE', 'ASKING']) {
    await ask(client, words.split(' '), '-ERR This instance has cluster support disabled\r\n')
  }
  await ask(
    client,
    ['SENTINEL', 'MASTERS'],
    '-ERR This instance has sentinel support disabled: it is no member of a cluster\r\n'
  )
  await ask(client, ['VARVE.CLUSTER', 'STATUS'], '-ERR this server runs alone: it is no member of a cluster\r\n')
  await ask(client, ['INFO', 'cluster'], '$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n')
})
