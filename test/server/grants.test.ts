// Users over sockets, on both protocols: who may do what, and what a user without a grant can see.
import { describe, expect, test } from 'vitest'
import { Throttle } from '../../server/auth/throttle.ts'
import { Users } from '../../server/auth/users.ts'
import type { Server } from '../../server/server.ts'
import type { RawClient } from './support/raw-client.ts'
import { clientOf, databaseStore, respOf, served } from './support/served.ts'

const wrong = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
const noAuth = '-NOAUTH Authentication required.\r\n'
const noKey = '-NOPERM this user has no permissions to access one of the keys used as arguments\r\n'
const noChannel = '-NOPERM this user has no permissions to access one of the channels used as arguments\r\n'
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
const noCommand = (name: string) => `-NOPERM this user has no permissions to run the '${name}' command\r\n`

/** A server with an admin `default`, and what others may. */
async function start(others: Readonly<Record<string, string>> = {}) {
  const store = await databaseStore()
  const users = await Users.open({ records: store.records })
  await users.seed('default', Buffer.from('secret'))
  for (const [name, rules] of Object.entries(others)) {
    const fault = await users.change(
      name,
      `on >${name} ${rules}`.split(' ').map((rule) => Buffer.from(rule))
    )
    if (fault !== undefined) throw new Error(fault)
  }
  return { server: await served({ store, users }), users, store }
}

async function as(server: Server, user: string, password = user): Promise<RawClient> {
  const client = await clientOf(server)
  expect(await client.ask(respOf('AUTH', user, password).toString(), '+OK\r\n')).toBe('+OK\r\n')
  return client
}

async function expectReplies(client: RawClient, session: readonly (readonly [words: string, reply: string])[]) {
  for (const [words, reply] of session) {
    expect(await client.ask(respOf(...words.split(' ')).toString('latin1'), reply), words).toBe(reply)
  }
}

describe('before a login', () => {
  test('nothing but a login is answered, by RESP', async () => {
    const { server } = await start()
    await expectReplies(await clientOf(server), [
      ['GET a', noAuth],
      ['NOPE a', noAuth],
      ['PING', noAuth],
      ['INFO', noAuth],
      ['CLIENT LIST', noAuth],
      ['ACL WHOAMI', noAuth],
      ['MULTI', noAuth],
      ['SUBSCRIBE a', noAuth],
      ['AUTH wrong', wrong],
      ['AUTH nobody secret', wrong],
      ['AUTH secret', '+OK\r\n'],
      ['GET a', '$-1\r\n'],
      ['ACL WHOAMI', '$7\r\ndefault\r\n'],
      ['RESET', '+RESET\r\n'],
      ['GET a', noAuth]
    ])
  })

  test('and so by lines', async () => {
    const { server } = await start()
    const client = await clientOf(server)
    const session = [
      ['GET a', '-NOAUTH Authentication required.'],
      ['STATUS', '-NOAUTH Authentication required.'],
      ['NOPE', '-NOAUTH Authentication required.'],
      ['PING', '+PONG'],
      ['AUTH default', '-ERR write it so: AUTH <user> <password>'],
      ['AUTH default wrong', '-WRONGPASS invalid username-password pair or user is disabled.'],
      ['AUTH default secret', '+OK'],
      ['GET a', '-NOT_FOUND']
    ] as const
    for (const [line, reply] of session) expect(await client.ask(`${line}\n`, `${reply}\n`), line).toBe(`${reply}\n`)
  })

  test('what follows a login in the same bytes is read by the limits after it', async () => {
    const { server } = await start()
    const value = 'v'.repeat(100_000)
    const resp = await clientOf(server)
    resp.send(
      Buffer.concat([respOf('AUTH', 'secret'), respOf('SET', 'k', value), respOf('STRLEN', 'k'), respOf('QUIT')])
    )
    expect(await resp.rest()).toBe('+OK\r\n+OK\r\n:100000\r\n+OK\r\n')
    const line = await clientOf(server)
    line.send(`AUTH default secret\nPUT l ${value}\nGET l\nQUIT\n`)
    expect(await line.rest()).toBe(`+OK\n+OK\n${value}\n+OK\n`)
  })

  test('a request may be small only', async () => {
    const { server } = await start()
    const bulk = await clientOf(server)
    bulk.send('*2\r\n$4\r\nAUTH\r\n$16385\r\n')
    expect(await bulk.rest()).toBe('-ERR Protocol error: invalid bulk length\r\n')
    const many = await clientOf(server)
    many.send('*11\r\n')
    expect(await many.rest()).toBe('-ERR Protocol error: invalid multibulk length\r\n')
    const line = await clientOf(server)
    line.send(`PUT a ${'v'.repeat(20_000)}\n`)
    const tooLong = '-TOO_LARGE line too long, the limit is 16384 bytes\n'
    expect((await line.bytes(tooLong.length)).toString()).toBe(tooLong)
  })

  test('who goes on without it is closed after a kilobyte of answers', async () => {
    const { server, store } = await start()
    const client = await clientOf(server)
    client.send(Buffer.concat(Array.from({ length: 1_000 }, () => respOf('SET', 'a', '1'))))
    const replies = await client.rest()
    expect(replies.length).toBeLessThanOrEqual(1_024)
    expect(replies.replaceAll(noAuth, '')).toBe('')
    expect(await store.getMany([Buffer.from('a')])).toEqual([undefined])
  })

  test('HELLO logs in', async () => {
    const { server } = await start()
    const client = await clientOf(server)
    client.send(respOf('HELLO', '3'))
    expect((await client.bytes(7)).toString()).toBe('-NOAUTH')
    const other = await clientOf(server)
    other.send(Buffer.concat([respOf('HELLO', '3', 'AUTH', 'default', 'secret'), respOf('QUIT')]))
    expect(await other.rest()).toMatch(/^%7\r\n/)
  })
})

test('a client that fails too often is told to wait, and so is who knows the password', async () => {
  const users = new Users({ throttle: new Throttle({ nowMs: () => 0, address: { burst: 2, refillMs: 5_000 } }) })
  await users.seed('default', Buffer.from('secret'))
  const client = await clientOf(await served({ users }))
  const wait = '-BUSY too many logins failed, try again in 5 s\r\n'
  await expectReplies(client, [
    ['AUTH a', wrong],
    ['AUTH b', wrong],
    ['AUTH c', wait],
    ['AUTH secret', wait]
  ])
})

describe('grants', () => {
  test('a reader reads what begins so', async () => {
    const { server, store } = await start({ ada: '~app:* ~one +@read' })
    const put = (key: string) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from(key) }) as const
    await store.write(['aaa', 'app:1', 'app:2', 'b', 'one', 'one1'].map(put))
    await expectReplies(await as(server, 'ada'), [
      ['GET app:1', '$5\r\napp:1\r\n'],
      ['GET one', '$3\r\none\r\n'],
      ['GET one1', noKey],
      ['MGET app:1 b', noKey],
      ['EXISTS b', noKey],
      ['TTL b', noKey],
      ['SET app:1 x', noCommand('set')],
      ['DEL app:1', noCommand('del')],
      ['CONFIG GET maxclients', noCommand('config|get')],
      ['ACL LIST', noCommand('acl|list')],
      ['CLIENT LIST', noCommand('client|list')],
      ['FLUSHALL', noCommand('flushall')],
      ['DBSIZE', ':3\r\n'],
      ['KEYS *', '*3\r\n$5\r\napp:1\r\n$5\r\napp:2\r\n$3\r\none\r\n'],
      ['KEYS b*', '*0\r\n'],
      ['SCAN 0 COUNT 100', '*2\r\n$1\r\n0\r\n*3\r\n$5\r\napp:1\r\n$5\r\napp:2\r\n$3\r\none\r\n'],
      ['RANGE app: app;', '*4\r\n$5\r\napp:1\r\n$5\r\napp:1\r\n$5\r\napp:2\r\n$5\r\napp:2\r\n'],
      ['RANGE a b', noKey],
      ['ACL WHOAMI', '$3\r\nada\r\n'],
      ['ECHO hello', '$5\r\nhello\r\n']
    ])
    const random = await as(server, 'ada')
    random.send(Buffer.concat([...Array.from({ length: 50 }, () => respOf('RANDOMKEY')), respOf('QUIT')]))
    expect(await random.rest()).toMatch(/^(\$5\r\napp:[12]\r\n|\$3\r\none\r\n){50}\+OK\r\n$/)
  })

  test('a writer writes there, and nothing else, whatever the way', async () => {
    const { server } = await start({ bob: '~b:* +@write' })
    await expectReplies(await as(server, 'bob'), [
      ['SET b:1 x', '+OK\r\n'],
      ['GET b:1', '$1\r\nx\r\n'],
      ['SET a 1', noKey],
      ['MSET b:1 x a y', noKey],
      ['RENAME b:1 a', noKey],
      ['INCR a', noKey],
      ['CAS a 1 2', noKey],
      ['APPLY PUT b:2 x PUT a x', noKey],
      ['APPLY PUT b:2 x DELRANGE a b', noKey],
      ['APPLY PUT b:2 x DELRANGE b:8 b:9', '+OK\r\n'],
      ['DELRANGE a c', noKey],
      ['DELRANGE b:2 b;', '+OK\r\n'],
      ['FLUSHDB', noKey],
      ['FLUSHALL ASYNC', noKey],
      ['MULTI', '+OK\r\n'],
      ['SET a 1', noKey],
      ['EXEC', '-EXECABORT Transaction discarded because of previous errors.\r\n'],
      ['WATCH a', noKey],
      ['MULTI', '+OK\r\n'],
      ['SET b:3 1', '+QUEUED\r\n'],
      ['EXEC', '*1\r\n+OK\r\n'],
      ['DBSIZE', ':2\r\n']
    ])
  })

  test('what is granted may change while a transaction waits', async () => {
    const { server, users, store } = await start({ bob: '~b:* +@write' })
    const client = await as(server, 'bob')
    await expectReplies(client, [
      ['MULTI', '+OK\r\n'],
      ['SET b:1 x', '+QUEUED\r\n']
    ])
    await users.change('bob', [Buffer.from('resetkeys'), Buffer.from('~c:*')])
    await expectReplies(client, [
      ['EXEC', noKey],
      ['GET c:1', '$-1\r\n']
    ])
    expect(await store.getMany([Buffer.from('b:1')])).toEqual([undefined])
    await users.remove('bob')
    await expectReplies(client, [['GET c:1', noAuth]])
  })

  test('channels have grants of their own', async () => {
    const { server } = await start({ eve: '&news:* +@read' })
    await expectReplies(await as(server, 'eve'), [
      ['PUBLISH news:1 x', ':0\r\n'],
      ['PUBLISH other x', noChannel],
      ['SUBSCRIBE news:1 other', noChannel],
      ['PSUBSCRIBE *', noChannel],
      ['PSUBSCRIBE news:*', '*3\r\n$10\r\npsubscribe\r\n$6\r\nnews:*\r\n:1\r\n'],
      ['PUNSUBSCRIBE other', '*3\r\n$12\r\npunsubscribe\r\n$5\r\nother\r\n:1\r\n']
    ])
  })

  test('by lines, too', async () => {
    const { server } = await start({ ada: '~app:* +@write' })
    const client = await clientOf(server)
    client.send('AUTH ada ada\nPUT app:1 x\nPUT b x\nGET b\nSCAN app: app;\nSCAN a b\nSTATUS\nQUIT\n')
    const noKeyLine = '-NOPERM this user has no permissions to access one of the keys used as arguments\n'
    const replies = await client.rest()
    expect(replies).toMatch(`+OK\n+OK\n${noKeyLine}${noKeyLine}app:1 x\n+END 1 skipped 0\n${noKeyLine}Node ID: 1\n`)
  })
})

test('an admin makes users over the wire, and they are there after a restart', async () => {
  const { server, store } = await start()
  await expectReplies(await as(server, 'default', 'secret'), [
    ['ACL SETUSER ada on >pass ~app:* &news:* +@write', '+OK\r\n'],
    [
      'ACL SETUSER ada ~a*b',
      '-ERR Error in ACL SETUSER: a grant is a prefix with a star at its end, or one whole name: app:* or app:counter\r\n'
    ],
    ['ACL USERS', '*2\r\n$3\r\nada\r\n$7\r\ndefault\r\n'],
    ['ACL LIST', `*2\r\n${bulk('user ada on ~app:* &news:* +@write')}${bulk('user default on ~* &* +@all')}`],
    ['ACL GETUSER nobody', '$-1\r\n'],
    ['ACL CAT', '*3\r\n$4\r\nread\r\n$5\r\nwrite\r\n$5\r\nadmin\r\n'],
    ['ACL DELUSER default', '-ERR default is the last admin: make another one first\r\n'],
    ['ACL NOPE', "-ERR unknown subcommand 'NOPE'. Try ACL HELP.\r\n"]
  ])
  const again = await served({ store, users: await Users.open({ records: store.records }) })
  await expectReplies(await as(again, 'ada', 'pass'), [
    ['SET app:1 x', '+OK\r\n'],
    ['GET b', noKey]
  ])
  await expectReplies(await as(again, 'default', 'secret'), [
    ['ACL DELUSER ada nobody', ':1\r\n'],
    ['ACL GETUSER ada', '$-1\r\n'],
    // Users are beside the entries, not among them.
    ['DBSIZE', ':1\r\n']
  ])
})

test('a server without users is open, and the first user closes it', async () => {
  const client = await clientOf(await served())
  await expectReplies(client, [
    ['AUTH anything', '+OK\r\n'],
    ['ACL LIST', `*1\r\n${bulk('user default on nopass ~* &* +@all')}`],
    [
      'ACL SETUSER bob on >x +@read',
      '-ERR Error in ACL SETUSER: the first user must be an admin: on >password allkeys allchannels +@admin\r\n'
    ],
    ['ACL SETUSER ada on >x ~* &* +@admin', '+OK\r\n'],
    ['ACL LIST', noAuth],
    ['AUTH ada x', '+OK\r\n'],
    ['ACL WHOAMI', '$3\r\nada\r\n']
  ])
})

test('no password is told', async () => {
  const { server } = await start({ ada: '~* &* +@admin' })
  const client = await as(server, 'default', 'secret')
  client.send(respOf('ACL', 'SETUSER', 'bob', 'on', '>hunter2', '~*'))
  client.send(respOf('AUTH', 'bob', 'hunter3'))
  for (const words of ['ACL LIST', 'ACL GETUSER bob', 'CLIENT LIST', 'SLOWLOG GET 100', 'INFO all', 'CONFIG GET *']) {
    client.send(respOf(...words.split(' ')))
  }
  client.send(respOf('QUIT'))
  const replies = await client.rest()
  expect(replies.length).toBeGreaterThan(500)
  for (const secret of ['hunter2', 'hunter3', 'secret']) expect(replies).not.toContain(secret)
})
