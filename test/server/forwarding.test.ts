// Writes that come to a member that does not lead and are made by the one that does: what clients are told, as whom they are made, and
// that nothing is done twice.
import { describe, expect, test, vi } from 'vitest'
import type { Users } from '../../server/auth/users.ts'
import type { ServerOptions } from '../../server/server.ts'
import { seedOf } from '../support/campaign.ts'
import { randomOf } from './support/random.ts'
import type { RawClient } from './support/raw-client.ts'
import { clientOf, FakeClock, respOf } from './support/served.ts'
import { type ServedGroup, servedGroup } from './support/served-group.ts'
import { usersWith } from './support/users.ts'

const seed = seedOf('forwarding')
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function start(optionsOf: () => Promise<Partial<ServerOptions>> | Partial<ServerOptions> = () => ({})) {
  const clock = new FakeClock()
  const group = await servedGroup(seed, async () => ({ clock, forwardsWrites: true, ...(await optionsOf()) }), clock)
  const leader = group.members.leaderAt as number
  const [follower, other] = [0, 1, 2].filter((at) => at !== leader) as [number, number]
  const connect = (at: number) => clientOf(group.serverAt(at))
  return { clock, group, leader, follower, other, connect }
}

/** Some turns, in which seconds pass. */
async function pass(clock: FakeClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    clock.pass(1)
    await turns(50)
  }
}

const ask = async (client: RawClient, line: string, reply: string): Promise<void> =>
  expect(await client.ask(respOf(...line.split(' ')).toString('latin1'), reply)).toBe(reply)
const idOf = (at: number) => `member-${at + 1}`
const cut = (group: ServedGroup, from: number, to: number) => void group.cutNotes.add(`${idOf(from)} ${idOf(to)}`)

describe('a write on a follower', () => {
  test('is made, whatever it answers, in the order of its connection, and seen everywhere', async () => {
    const { group, leader, follower, other, connect } = await start()
    const client = await connect(follower)
    const lines = [
      'SET a 1',
      'INCR a',
      'GET a',
      'APPEND a x',
      'INCR a',
      'SETNX a 5',
      'GETDEL a',
      'MSET b 1 c 2',
      'DEL b c d'
    ]
    client.send(Buffer.concat(lines.map((line) => respOf(...line.split(' ')))))
    const replies =
      '+OK\r\n:2\r\n$1\r\n2\r\n:2\r\n-ERR value is not an integer or out of range\r\n:0\r\n$2\r\n2x\r\n+OK\r\n:2\r\n'
    expect((await client.bytes(replies.length)).toString()).toBe(replies)
    await ask(client, 'INCRBYFLOAT f 1.5', '$3\r\n1.5\r\n')
    await ask(client, 'SET g 1 NX GET', '$-1\r\n')
    const value = Buffer.alloc(300_000, 'v')
    client.send(respOf('SET', 'long', value))
    expect((await client.bytes(5)).toString()).toBe('+OK\r\n')
    const line = await connect(other)
    const said = '+OK\n+OK\n-NOT_FOUND\n1.5\n'
    expect(await line.ask('PUT p 1\nDELETE p\nGET p\nGET f\n', said)).toBe(said)
    for (const at of [leader, follower, other]) {
      const [found] = await (group.stores[at]?.getMany([Buffer.from('long')]) ?? [])
      expect(found?.equals(value)).toBe(true)
    }
    await ask(client, 'SET b 1 XX EX', '-ERR syntax error\r\n')
  })

  test('that is longer than what may wait for the leader is refused at once, and says why', async () => {
    const { clock, follower, connect } = await start()
    const client = await connect(follower)
    const value = Buffer.alloc(2 ** 20, 'v')
    const pairs = Array.from({ length: 65 }, (_, i) => [`key${i}`, value]).flat()
    client.send(Buffer.concat([respOf('MSET', ...pairs), respOf('QUIT')]))
    const startMs = clock.nowMs()
    expect(await client.rest()).toBe(
      '-TOO_LARGE a follower forwards at most 67108864 bytes at once; ask the leader itself\r\n+OK\r\n'
    )
    expect(clock.nowMs()).toBe(startMs)
  })

  test('is refused where it is not to be forwarded', async () => {
    const { follower, connect } = await start(() => ({ forwardsWrites: false }))
    const client = await connect(follower)
    client.send(respOf('SET', 'a', '1'))
    expect((await client.bytes(9)).toString()).toBe('-READONLY')
  })

  test('is a transaction where the client makes one', async () => {
    const { leader, follower, connect } = await start()
    const client = await connect(follower)
    const rival = await connect(leader)
    await ask(client, 'SET a 1', '+OK\r\n')
    await ask(client, 'WATCH a', '+OK\r\n')
    for (const line of ['MULTI', 'INCR a', 'CLIENT GETNAME', 'GET a'])
      await ask(client, line, line === 'MULTI' ? '+OK\r\n' : '+QUEUED\r\n')
    await ask(client, 'EXEC', '*3\r\n:2\r\n$-1\r\n$1\r\n2\r\n')
    await ask(client, 'CLIENT SETNAME me', '+OK\r\n')
    await ask(client, 'WATCH a none', '+OK\r\n')
    await ask(rival, 'SET a 7', '+OK\r\n')
    await ask(client, 'MULTI', '+OK\r\n')
    await ask(client, 'SET a 8', '+QUEUED\r\n')
    await ask(client, 'EXEC', '*-1\r\n')
    await ask(client, 'MULTI', '+OK\r\n')
    await ask(client, 'CLIENT GETNAME', '+QUEUED\r\n')
    await ask(client, 'INCR a', '+QUEUED\r\n')
    await ask(client, 'EXEC', '*2\r\n$2\r\nme\r\n:8\r\n')
    await ask(client, 'WATCH none', '+OK\r\n')
    await ask(client, 'MULTI', '+OK\r\n')
    await ask(client, 'SET a 9', '+QUEUED\r\n')
    await ask(client, 'NOSUCH', "-ERR unknown command 'NOSUCH', with args beginning with: \r\n")
    await ask(client, 'EXEC', '-EXECABORT Transaction discarded because of previous errors.\r\n')
    await ask(client, 'GET a', '$1\r\n8\r\n')
  })

  test('is made as its user, by what the leader knows of that user', async () => {
    let made = 0
    // Each server has users of its own here: what the leader knows differs from what the others do.
    const knows = [
      () => usersWith('ann', '+@all ~*'),
      () => usersWith('ann', '+@all ~*'),
      () => usersWith('ann', '+@all ~*')
    ]
    const all: Users[] = []
    const { leader, follower, connect } = await start(async () => {
      const users = await (knows[made++]?.() ?? usersWith('ann', '+@all ~*'))
      all.push(users)
      return { users }
    })
    const client = await connect(follower)
    await ask(client, 'SET a 1', '-NOAUTH Authentication required.\r\n')
    await ask(client, 'AUTH ann ann', '+OK\r\n')
    await ask(client, 'SET a 1', '+OK\r\n')
    const there = all[leader] as Users
    const noKey = '-NOPERM this user has no permissions to access one of the keys used as arguments\r\n'
    await there.change(
      'ann',
      ['resetkeys', '~b*'].map((rule) => Buffer.from(rule))
    )
    await ask(client, 'SET a 2', noKey)
    await ask(client, 'SET b 2', '+OK\r\n')
    await ask(client, 'MULTI', '+OK\r\n')
    await ask(client, 'SET a 3', '+QUEUED\r\n')
    await ask(client, 'EXEC', '-EXECABORT Transaction discarded because of previous errors.\r\n')
    await there.change('ann', [Buffer.from('-@write')])
    await ask(client, 'SET b 3', "-NOPERM this user has no permissions to run the 'set' command\r\n")
    await there.remove('ann')
    await ask(client, 'SET b 3', '-NOAUTH Authentication required.\r\n')
    await ask(client, 'MGET a b', '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
  })
})

describe('where the leader does not answer', () => {
  test('and was asked, nobody knows the outcome: nothing is said, and it is done once at most', async () => {
    const { clock, group, leader, follower, connect } = await start()
    const [resp, line] = [await connect(follower), await connect(follower)]
    // Its answers get lost.
    cut(group, leader, follower)
    resp.send(Buffer.concat([respOf('INCR', 'n'), respOf('PING')]))
    line.send('PUT k v\nPING\n')
    await turns(100)
    expect([resp.socket.bytesRead, line.socket.bytesRead]).toEqual([0, 0])
    await pass(clock, 6)
    expect(await resp.rest()).toBe('')
    const said = '-TIMEOUT outcome unknown\n+PONG\n'
    expect((await line.bytes(said.length)).toString()).toBe(said)
    await ask(await connect(leader), 'GET n', '$1\r\n1\r\n')
  })

  test('for it leads no longer, that is told at once', async () => {
    const { group, leader, follower, other, connect } = await start()
    const client = await connect(follower)
    cut(group, leader, follower)
    client.send(respOf('INCR', 'n'))
    await turns(100)
    group.members.transfer(other)
    expect(await client.rest()).toBe('')
    await ask(await connect(other), 'GET n', '$1\r\n1\r\n')
    // A connection that comes then asks who leads by then.
    await ask(await connect(follower), 'INCR n', ':2\r\n')
  })

  test('and cannot be asked, nothing was done: that is said after two seconds', async () => {
    const { clock, group, leader, follower, connect } = await start()
    const client = await connect(follower)
    cut(group, follower, leader)
    client.send(respOf('INCR', 'n'))
    await turns(100)
    expect(client.socket.bytesRead).toBe(0)
    await pass(clock, 3)
    expect((await client.bytes(12)).toString()).toBe('-CLUSTERDOWN')
    await ask(await connect(leader), 'GET n', '$-1\r\n')
  })

  test('nor anybody leads, it waits for who does', async () => {
    const { group, leader, follower, other, connect } = await start()
    const clients = [await connect(follower), await connect(leader)]
    group.members.loseLeader({ keepsNone: true })
    await turns(50)
    for (const client of clients) client.send(respOf('INCR', 'n'))
    await turns(50)
    group.members.elect(other)
    const replies = await Promise.all(clients.map(async (client) => (await client.bytes(4)).toString()))
    expect(replies.sort()).toEqual([':1\r\n', ':2\r\n'])
  })
})

describe('where nobody leads', () => {
  test('a transaction of nothing but watched keys is refused, as any other', async () => {
    const { clock, group, follower, connect } = await start()
    const client = await connect(follower)
    await ask(client, 'WATCH a', '+OK\r\n')
    await ask(client, 'MULTI', '+OK\r\n')
    group.members.loseLeader({ keepsNone: true })
    await turns(50)
    client.send(respOf('EXEC'))
    await turns(50)
    await pass(clock, 3)
    expect((await client.bytes(12)).toString()).toBe('-CLUSTERDOWN')
  })

  test('and this member comes to, what fails on the way is unknown, and not attempted again', async () => {
    const { group, other, connect } = await start()
    const client = await connect(other)
    group.members.loseLeader({ keepsNone: true })
    await turns(50)
    client.send(respOf('INCR', 'n'))
    await turns(50)
    const identityOf = vi.spyOn(group.serverAt(other).view.users, 'identityOf').mockImplementation(() => {
      throw new Error('lost on the way')
    })
    group.members.elect(other)
    expect(await client.rest()).toBe('')
    expect(identityOf).toHaveBeenCalledTimes(1)
  })
})

describe('a server that stops', () => {
  test('does not wait for an answer that was lost', async () => {
    const { group, leader, follower, connect } = await start()
    const client = await connect(follower)
    cut(group, leader, follower)
    client.send(respOf('INCR', 'n'))
    await turns(100)
    await group.serverAt(follower).stop(1)
    expect(await client.rest()).toBe('')
    await ask(await connect(leader), 'GET n', '$1\r\n1\r\n')
  })

  test('does not attempt again what was refused', async () => {
    const { clock, group, leader, follower, connect } = await start()
    const client = await connect(follower)
    cut(group, follower, leader)
    client.send(respOf('INCR', 'n'))
    await turns(100)
    await group.serverAt(follower).stop(1)
    expect(await client.rest()).toBe('')
    group.cutNotes.clear()
    await pass(clock, 1)
    await ask(await connect(leader), 'GET n', '$-1\r\n')
  })
})

test('clients of all members, while leaders go and answers get lost: what was acknowledged was done, and nothing twice', async () => {
  const { clock, group, connect } = await start()
  const random = randomOf(seed)
  let acknowledged = 0
  let unknown = 0
  let refused = 0
  let left = 300
  const writer = async (at: number): Promise<void> => {
    let client = await connect(at)
    while (left-- > 0) {
      client.send(respOf('INCR', 'n'))
      const first = (await client.bytes(1)).toString()
      if (first === ':') acknowledged++
      else if (first === '') unknown++
      else refused++
      if (first === '') client = await connect(at)
      else while (!(await client.bytes(1)).equals(Buffer.from('\n')));
    }
  }
  let isOver = false
  const trouble = async (): Promise<void> => {
    while (!isOver) {
      await turns(5 + random.below(20))
      const draw = random.below(10)
      if (draw === 0) group.members.loseLeader()
      else if (draw <= 3) cut(group, random.below(3), random.below(3))
      else if (draw <= 6) group.cutNotes.clear()
      clock.pass(1)
    }
  }
  const troubled = trouble()
  await Promise.all([0, 1, 2, 0, 1, 2].map(writer))
  isOver = true
  await troubled
  group.cutNotes.clear()
  group.members.elect()
  await turns(100)
  const [value] = await (group.stores[0]?.getMany([Buffer.from('n')]) ?? [])
  const done = Number(value?.toString() ?? 0)
  console.log(`${acknowledged} acknowledged, ${unknown} unknown, ${refused} refused, ${done} done`)
  expect(acknowledged).toBeGreaterThan(100)
  expect(unknown).toBeGreaterThan(0)
  expect(done).toBeGreaterThanOrEqual(acknowledged)
  expect(done).toBeLessThanOrEqual(acknowledged + unknown)
})
