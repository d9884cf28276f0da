// A client that is given several members: it finds who leads, goes after it, keeps the order of its calls, and does nothing twice.
import { describe, expect, test } from 'vitest'
import { Client } from '../../server/client/client.ts'
import { ClientError } from '../../server/client/errors.ts'
import type { ClientOptions } from '../../server/client/options.ts'
import { Places, targetOf } from '../../server/client/places.ts'
import { seedOf } from '../support/campaign.ts'
import { type Answering, FakeServer } from './support/fake-server.ts'
import { randomOf } from './support/random.ts'
import { atEnd } from './support/served.ts'
import { type ServedGroup, servedGroup } from './support/served-group.ts'

const seed = seedOf('client and leader')
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
const reconnect = { firstMs: 1, mostMs: 4 }
const codeOf = (error: unknown): string => (error instanceof ClientError ? error.code : String(error))

async function clientOf(addresses: readonly string[], options: ClientOptions = {}): Promise<Client> {
  const client = await Client.connect({ addresses, reconnect, ...options })
  atEnd(() => client.close())
  return client
}

/** All members, those that follow first. */
const addressesOf = ({ members, ports }: ServedGroup): string[] => {
  const leader = members.leaderAt as number
  return [0, 1, 2].sort((a, b) => Number(a === leader) - Number(b === leader)).map((at) => `127.0.0.1:${ports[at]}`)
}

describe('over three members', () => {
  test('it finds who leads, and all its calls keep their order', async () => {
    const group = await servedGroup(seed)
    const client = await clientOf(addressesOf(group))
    const sums = Array.from({ length: 100 }, () => client.increment('n'))
    const last = client.get('n')
    expect(await Promise.all(sums)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(await last).toBe('100')
    expect((await client.status()).role).toBe('LEADER')
    const [other] = [0, 1, 2].filter((at) => at !== group.members.leaderAt)
    group.members.transfer(other as number)
    await turns(50)
    const more = Array.from({ length: 50 }, () => client.increment('n'))
    expect(await Promise.all(more)).toEqual(Array.from({ length: 50 }, (_, i) => i + 101))
    expect((await client.status()).role).toBe('LEADER')
  })

  test('leaders that go, with their processes and without: only what was sent is not known, and nothing is done twice', async () => {
    const group = await servedGroup(seed)
    const random = randomOf(seed)
    const clients = [await clientOf(addressesOf(group)), await clientOf(addressesOf(group), { poolSize: 1 })]
    let acknowledged = 0
    let unknown = 0
    let left = 400
    const writing = async (client: Client): Promise<void> => {
      while (left-- > 0) {
        const outcome = await client.increment('n').then(() => 'done', codeOf)
        expect(['done', 'OUTCOME_UNKNOWN']).toContain(outcome)
        if (outcome === 'done') acknowledged++
        else unknown++
        expect(Number(await client.get('n'))).toBeGreaterThanOrEqual(acknowledged)
      }
    }
    let isOver = false
    const trouble = async (): Promise<void> => {
      while (!isOver) {
        await turns(100 + random.below(200))
        const at = group.members.leaderAt
        if (at === undefined) group.members.elect()
        else if (random.below(3) > 0) group.members.loseLeader()
        else {
          await group.kill(at)
          await group.electAfter(random.below(20))
          await group.restart(at)
        }
      }
    }
    const troubled = trouble()
    await Promise.all(clients.flatMap((client) => [writing(client), writing(client), writing(client)]))
    isOver = true
    await troubled
    group.members.elect()
    const done = Number(await (clients[0] as Client).get('n'))
    console.log(`${acknowledged} acknowledged, ${unknown} unknown, ${done} done`)
    expect(unknown).toBeGreaterThan(0)
    expect(done).toBeGreaterThanOrEqual(acknowledged)
    expect(done).toBeLessThanOrEqual(acknowledged + unknown)
  }, 60_000)
})

describe('over servers that answer as they are told', () => {
  async function listen(answer: Answering): Promise<FakeServer> {
    const server = await FakeServer.listen(answer)
    atEnd(() => server.close())
    return server
  }
  const at = ({ port }: FakeServer) => `127.0.0.1:${port}`
  const handshake = ({ words: [name] }: { readonly words: readonly string[] }) =>
    name === 'HELLO' || name === 'CLIENT' ? '+OK\r\n' : undefined

  test('a call that nobody takes is made again elsewhere, and told so when that comes to nothing', async () => {
    const down: Answering = (asked) => handshake(asked) ?? '-CLUSTERDOWN nobody leads\r\n'
    const [first, second] = [await listen(down), await listen(down)]
    const client = await clientOf([at(first), at(second)], { poolSize: 1 })
    expect(await client.put('k', 'v').catch(codeOf)).toBe('NO_LEADER')
    const puts = [first, second].map(({ lines }) => lines.filter((line) => line.startsWith('SET')).length)
    expect(puts[0]).toBeGreaterThan(3)
    expect(puts[1]).toBeGreaterThan(3)
    expect((puts[0] as number) + (puts[1] as number)).toBe(17)
    second.answer = () => '+OK\r\n'
    await client.put('k', 'v')
  })

  test('a write that was refused is not made behind a later one that was done', async () => {
    let isElected = false
    const member = await listen((asked) => {
      if (handshake(asked) !== undefined) return '+OK\r\n'
      const { words } = asked
      if (words[0] === 'GET') return '$4\r\nlate\r\n'
      isElected = words[2] === 'late'
      return isElected ? '+OK\r\n' : '-CLUSTERDOWN nobody leads\r\n'
    })
    const other = await listen((asked) => handshake(asked) ?? '$4\r\nlate\r\n')
    const client = await clientOf([at(member), at(other)], { poolSize: 1 })
    const outcomes = await Promise.all([
      client.put('k', 'early').catch(codeOf),
      client.put('k', 'late').then(() => 'done'),
      client.get('k')
    ])
    expect(outcomes).toEqual(['NO_LEADER', 'done', 'late'])
    expect([...member.lines, ...other.lines].filter((line) => line === 'SET k early')).toHaveLength(1)
  })

  test('a call that was sent and not answered is not made again', async () => {
    const first = await listen((asked) => {
      if (handshake(asked) !== undefined) return '+OK\r\n'
      asked.socket.destroy()
      return undefined
    })
    const second = await listen(() => '+OK\r\n')
    const client = await clientOf([at(first), at(second)], { poolSize: 1 })
    expect(await client.put('k', 'v').catch(codeOf)).toBe('OUTCOME_UNKNOWN')
    await client.put('other', 'v')
    expect(second.lines.filter((line) => line.startsWith('SET'))).toEqual(['SET other v'])
  })

  test('the leader need not be among the addresses, and one that cannot be reached is passed over', async () => {
    const leader = await listen(() => '+OK\r\n')
    const member = await listen((asked) => handshake(asked) ?? `-REDIRECT ${at(leader)}\r\n`)
    const gone = await FakeServer.listen()
    const nobody = at(gone)
    await gone.close()
    const client = await clientOf([nobody, at(member)])
    await client.put('k', 'v')
    expect(leader.lines.filter((line) => line.startsWith('SET'))).toEqual(['SET k v'])
  })

  test('one address is told what the server says', async () => {
    const member = await listen((asked) => handshake(asked) ?? '-READONLY not here\r\n')
    const client = await Client.connect({ port: member.port })
    atEnd(() => client.close())
    expect(await client.put('k', 'v').catch(codeOf)).toBe('NOT_LEADER')
  })
})

test('addresses are host:port, in place of host and port', async () => {
  for (const options of [
    { addresses: [] },
    { addresses: ['nowhere'] },
    { addresses: ['a:0'] },
    { addresses: ['a:1'], host: 'b' },
    { addresses: ['a:1'], port: 2 }
  ]) {
    expect(await Client.connect(options).catch(codeOf)).toBe('INVALID_ARGUMENT')
  }
  expect(targetOf('[::1]:9000', undefined)).toEqual({ host: '::1', port: 9000, tls: undefined })
  expect(targetOf('::1:9000', undefined)).toEqual({ host: '::1', port: 9000, tls: undefined })
})

test('places: the leader first, else one after the other; what failed at the same time counts once', () => {
  const targets = ['a', 'b', 'c'].map((host) => ({ host, port: 1, tls: undefined }))
  const places = new Places(targets)
  const { current } = places
  places.failed(current)
  places.failed(current)
  expect(places.current.host).toBe('b')
  places.learn('c:1')
  expect(places.current.host).toBe('c')
  places.failed(places.current)
  expect(places.current.host).toBe('b')
  places.learn('b:1')
  places.failed(places.current)
  expect(places.current.host).toBe('c')
})
