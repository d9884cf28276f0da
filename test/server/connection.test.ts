// Commands of connections and of the server: letter by letter what Redis answers where that is fixed, and what it says of itself.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Server } from '../../server/server.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { type RedisServer, startRedis } from './support/redis-server.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd, clientOf, databaseStore, served } from './support/served.ts'

/** Requests to which Redis's reply does not depend on which server it is. */
const same = `
client
client foo
client id x
client kill
client kill 1.2.3.4:5
client kill id 999
client kill foo bar
client kill type foo
client kill id x
client kill id
client setname a\\ b
client setname me
client getname
client list type foo
client list foo
client list id x
client no-evict on
client no-evict foo
client reply foo
client trackinginfo
client getredir
hello 4
hello x
hello 3 foo
hello 3 setname a\\ b
hello 3 setname
auth a b c
select 0
select 99
select x
select 99999999999
select -1
select
config get
config get nope
config set
config set foo
config set foo bar
config set slowlog-max-len x
config set databases 3
config set slowlog-max-len 10 slowlog-max-len 11
config set slowlog-max-len 64
config get SLOWLOG-MAX-*
config foo
config rewrite x
config resetstat
module list
module
acl whoami
acl
wait 0 0
wait x 0
wait 0 x
wait 0 -1
memory usage nope
memory usage foo samples x
memory usage foo bar
memory foo
set foo bar
set n 12
object encoding foo
object encoding n
object encoding nope
object refcount foo
object idletime foo
object freq foo
object freq nope
object foo bar
object
slowlog get -2
slowlog get x
config set slowlog-log-slower-than -1
slowlog reset
slowlog len
slowlog get
latency latest
latency history x
latency reset
latency foo
debug
readonly
readwrite
cluster info
cluster
command getkeys mset a 1 b 2
command getkeys get k
command getkeys ping x y
command getkeys nope x
command getkeys get a b
command info nope
command info get
command docs nope
command list filterby module nope
command list filterby foo x
command list x
command foo
pubsub
pubsub channels a b
pubsub channels
pubsub numsub a b
pubsub numsub
pubsub numpat
pubsub numpat x
pubsub foo
publish a
publish a b
subscribe a b a
ping
ping x
get foo
unsubscribe z
psubscribe a*
pubsub numpat
unsubscribe a
unsubscribe b
punsubscribe
unsubscribe
punsubscribe
subscribe
echo hi
ping
reset
client getname
role
time x
quit`
  .trim()
  .split('\n')

const wordsOf = (line: string): string[] => line.split(/(?<!\\) /).map((word) => word.replaceAll('\\ ', ' '))

/** What differs on purpose, as patterns of both replies. */
const otherwise: Readonly<Record<string, RegExp>> = {
  role: /^\*3\r\n\$6\r\nmaster\r\n:\d+\r\n\*0\r\n$/,
  'latency foo': /^-ERR unknown subcommand 'foo'/
}

describe.runIf(skipUnless('redis-server', hasCommand('redis-server'), 'needs the Debian package redis-server'))(
  'as Redis',
  () => {
    let redis: RedisServer
    beforeAll(async () => {
      redis = await startRedis()
    })
    afterAll(() => redis.stop())

    test.each([[undefined], ['2'], ['3']])('request by request, HELLO %s', async (version) => {
      const server = await served({ store: await databaseStore() })
      const ours = await RespPeer.connect({ port: server.address.port })
      const theirs = await RespPeer.connect({ path: redis.path })
      atEnd(() => {
        ours[Symbol.dispose]()
        theirs[Symbol.dispose]()
      })
      if (version !== undefined) for (const peer of [ours, theirs]) await peer.ask([requestOf('HELLO', version)])
      const faults: object[] = []
      for (const line of same) {
        const count = line === 'subscribe a b a' ? 3 : 1
        const [expected = '', actual = ''] = await Promise.all(
          [theirs, ours].map(async (peer) => (await peer.ask([requestOf(...wordsOf(line))], count)).join(''))
        )
        const pattern = otherwise[line]
        const isSame = pattern === undefined ? actual === expected : pattern.test(actual) && pattern.test(expected)
        if (!isSame) faults.push({ line, expected, actual })
      }
      expect(faults).toEqual([])
    })
  }
)

describe('what a server says of itself', () => {
  const peerOf = async (server: Server): Promise<RespPeer> => {
    const peer = await RespPeer.connect({ port: server.address.port })
    atEnd(() => peer[Symbol.dispose]())
    return peer
  }
  const ask = async (peer: RespPeer, line: string): Promise<string> =>
    (await peer.ask([requestOf(...wordsOf(line))])).join('')

  test('INFO by sections', async () => {
    const server = await served({ store: await databaseStore() })
    const peer = await peerOf(server)
    const titles = (text: string) => [...text.matchAll(/^# (\w+)\r$/gm)].map(([, title]) => title)
    const usual = ['Server', 'Clients', 'Memory', 'Persistence', 'Stats', 'Replication', 'CPU', 'Modules', 'Errorstats']
    expect(titles(await ask(peer, 'INFO'))).toEqual([...usual, 'Cluster', 'Keyspace', 'Varve'])
    expect(titles(await ask(peer, 'INFO all'))).toContain('Commandstats')
    expect(titles(await ask(peer, 'INFO server VARVE'))).toEqual(['Server', 'Varve'])
    expect(titles(await ask(peer, 'INFO nope'))).toEqual([])
    expect(await ask(peer, 'INFO clients')).toContain('connected_clients:1\r\n')
    expect(await ask(peer, 'INFO varve')).toMatch(/\r\nhealth:ok\r\n(.*\r\n)*tables:\d+\r\n/)
    await ask(peer, 'SET there 1')
    expect(await ask(peer, 'INFO keyspace')).toMatch(/\r\ndb0:keys=\d+,expires=0,avg_ttl=0\r\n/)
    expect(await ask(peer, 'INFO persistence')).toContain('loading:0\r\n')
  })

  test('counts commands, refusals and errors, and starts anew when told so', async () => {
    const server = await served({ store: await databaseStore() })
    const peer = await peerOf(server)
    for (const line of ['SET a x', 'GET a', 'GET a', 'GET', 'INCR a', 'NOPE', 'CLIENT ID']) await ask(peer, line)
    const text = await ask(peer, 'INFO commandstats')
    expect(text).toMatch(/cmdstat_get:calls=2,usec=\d+,usec_per_call=[\d.]+,rejected_calls=1,failed_calls=0\r\n/)
    expect(text).toMatch(/cmdstat_incr:calls=1,.*,rejected_calls=0,failed_calls=1\r\n/)
    expect(text).toContain('cmdstat_client|id:calls=1,')
    expect(await ask(peer, 'INFO errorstats')).toContain('errorstat_ERR:count=3\r\n')
    expect(await ask(peer, 'LATENCY HISTOGRAM get')).toMatch(/^\*2\r\n\$3\r\nget\r\n\*4\r\n\$5\r\ncalls\r\n:2\r\n/)
    await ask(peer, 'CONFIG RESETSTAT')
    expect(await ask(peer, 'INFO commandstats')).not.toContain('cmdstat_get')
  })

  test('a slow log without secrets', async () => {
    const server = await served({ store: await databaseStore() })
    const peer = await peerOf(server)
    await ask(peer, 'CONFIG SET slowlog-log-slower-than 0')
    await ask(peer, 'CLIENT SETNAME me')
    await ask(peer, `SET key ${'v'.repeat(200)}`)
    await ask(peer, 'HELLO 2 AUTH ada s3cret')
    await ask(peer, 'AUTH s3cret')
    const text = await ask(peer, 'SLOWLOG GET 3')
    expect(text).not.toContain('s3cret')
    expect(text).toContain('$4\r\nauth\r\n$10\r\n(redacted)\r\n')
    expect(text).toContain(`${'v'.repeat(128)}... (72 more bytes)\r\n`)
    await ask(peer, 'CONFIG SET slowlog-max-len 1')
    expect(await ask(peer, 'SLOWLOG LEN')).toBe(':1\r\n')
  })

  test('lists connections and ends them', async () => {
    const server = await served({ store: await databaseStore() })
    const [first, second, third] = [await peerOf(server), await peerOf(server), await peerOf(server)]
    await ask(first, 'CLIENT SETNAME first')
    await ask(second, 'SUBSCRIBE news')
    await ask(third, 'MULTI')
    const list = await ask(first, 'CLIENT LIST')
    expect(list).toMatch(
      /id=1 addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ name=first .* cmd=client\|list user=default /
    )
    expect(list).toMatch(/id=2 .* flags=P db=0 sub=1 .* cmd=subscribe /)
    expect(list).toMatch(/id=3 .* flags=x .* multi=0 /)
    expect(await ask(first, 'CLIENT LIST TYPE pubsub')).toMatch(/^\$\d+\r\nid=2 [^\n]*\n\r\n$/)
    expect(await ask(first, 'CLIENT LIST ID 3 9')).toMatch(/^\$\d+\r\nid=3 [^\n]*\n\r\n$/)
    expect(await ask(first, 'CLIENT KILL TYPE pubsub')).toBe(':1\r\n')
    await expect(ask(second, 'PING')).rejects.toThrow('the connection ended')
    expect(await ask(first, 'PUBSUB NUMSUB news')).toBe('*2\r\n$4\r\nnews\r\n:0\r\n')
    expect(await ask(first, 'CLIENT KILL ID 1')).toBe(':0\r\n')
    expect(await ask(first, 'CLIENT KILL ID 1 SKIPME no')).toBe(':1\r\n')
    await expect(ask(first, 'PING')).rejects.toThrow('the connection ended')
    expect(await ask(third, 'PING')).toBe('+QUEUED\r\n')
  })

  test('a limit of connections that is set holds', async () => {
    const server = await served()
    const peer = await peerOf(server)
    expect(await ask(peer, 'CONFIG SET maxclients 1')).toBe('+OK\r\n')
    const late = await clientOf(server)
    expect(await late.rest()).toBe('-ERR too many connections, the limit is 1\n')
    expect(await ask(peer, 'INFO stats')).toContain('rejected_connections:1\r\n')
  })

  test('what was answered before HELLO is said in the version of before', async () => {
    const peer = await peerOf(await served())
    const replies = await peer.ask(
      ['GET x', 'HELLO 3', 'GET x', 'HELLO 2', 'GET x'].map((l) => requestOf(...wordsOf(l)))
    )
    expect([replies[0], replies[2], replies[4]]).toEqual(['$-1\r\n', '_\r\n', '$-1\r\n'])
  })
})
