// The client's connections against a server that misbehaves as it is told, and a clock that goes when it is told.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '../../server/client/client.ts'
import { backoffMs } from '../../server/client/environment.ts'
import { ClientError } from '../../server/client/errors.ts'
import type { ClientOptions } from '../../server/client/options.ts'
import { FakeEnvironment } from './support/fake-environment.ts'
import { type Answering, FakeServer } from './support/fake-server.ts'

let environment: FakeEnvironment
let open: { close(): Promise<unknown> }[]

beforeEach(() => {
  environment = new FakeEnvironment()
  open = []
})

afterEach(async () => {
  for (const one of open.reverse()) await one.close()
})

async function listen(answer?: Answering): Promise<FakeServer> {
  const server = await FakeServer.listen(answer)
  open.push(server)
  return server
}

async function connect(server: FakeServer, options: ClientOptions = {}): Promise<Client> {
  const client = await Client.connect({ port: server.port, poolSize: 1, environment, ...options })
  // Closing a client waits for its calls: its server goes first.
  open.unshift(client)
  return client
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: unknown) => (error instanceof ClientError ? error.code : String(error))
  )

describe('calls', () => {
  test('of one turn leave in one write, and their replies come in order', async () => {
    const server = await listen(({ words }) => (words[0] === 'GET' ? `+${words[1]}\r\n` : '+OK\r\n'))
    const client = await connect(server)
    server.answer = ({ words }) => `$${words[1]?.length}\r\n${words[1]}\r\n`
    const before = server.chunks.length
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys)
    expect(server.chunks.slice(before)).toEqual([50])
  })

  test('a read follows the writes before it on their connection, and spreads when there are none', async () => {
    const server = await listen()
    const client = await connect(server, { poolSize: 2 })
    await server.until(() => server.asked.length === 2)
    while (client.openConnections < 2) await client.ping()
    server.answer = () => undefined
    const calls: Promise<unknown>[] = []
    for (const make of [
      () => client.get('read'),
      () => client.get('read'),
      () => client.put('a', '1'),
      () => client.get('a'),
      () => client.put('b', '1')
    ]) {
      const count = server.asked.length
      calls.push(codeOf(make()))
      await server.until(() => server.asked.length > count)
    }
    const places = server.asked.slice(-5).map(({ connection }) => connection)
    const [first, second, ...ordered] = places
    expect(second).not.toBe(first)
    expect(new Set(ordered).size).toBe(1)
    for (const socket of server.sockets) socket.destroy()
    environment.advance(60_000)
    await Promise.all(calls)
  })

  test('an error rejects its own call', async () => {
    const server = await listen()
    const client = await connect(server)
    server.answer = ({ words: [, key] }) => (key === 'bad' ? '-WRONGTYPE of another kind\r\n' : '$1\r\nv\r\n')
    const [good, bad, after] = await Promise.allSettled([client.get('a'), client.get('bad'), client.get('b')])
    expect([good, after].map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(bad).toMatchObject({
      reason: { name: 'ClientError', code: 'REFUSED', reply: 'WRONGTYPE', message: 'of another kind' }
    })
  })

  test.each([
    ['NOPERM no', 'DENIED'],
    ['NOAUTH no', 'DENIED'],
    ["READONLY You can't", 'NOT_LEADER'],
    ['MOVED 7 10.0.0.2:9000', 'NOT_LEADER'],
    ['REDIRECT 10.0.0.2:9000', 'NOT_LEADER'],
    ['CLUSTERDOWN down', 'NO_LEADER'],
    ['TOO_LARGE long', 'TOO_LARGE'],
    ['ERR odd', 'REFUSED']
  ])('%s is %s', async (said, code) => {
    const server = await listen()
    const client = await connect(server)
    server.answer = () => `-${said}\r\n`
    expect(await codeOf(client.put('a', '1'))).toBe(code)
  })
})

describe('a connection that breaks', () => {
  test('leaves writes with an unknown outcome, and reads are sent again', async () => {
    const server = await listen()
    const client = await connect(server)
    server.answer = () => undefined
    const write = codeOf(client.put('a', '1'))
    const read = client.get('a')
    await server.until(() => server.lines.length === 2)
    server.answer = () => '$1\r\n1\r\n'
    server.sockets[0]?.destroy()
    expect(await write).toBe('OUTCOME_UNKNOWN')
    expect(await read).toBe('1')
    expect(server.lines).toEqual(['SET a 1', 'GET a', 'GET a'])
  })

  test('a write that was not sent yet goes by the next one', async () => {
    const server = await listen()
    const client = await connect(server, { windowBytes: 1 })
    server.answer = ({ words }) => (words[1] === 'sent' ? undefined : '+OK\r\n')
    const sent = codeOf(client.put('sent', '1'))
    const waits = codeOf(client.put('waits', '1'))
    await server.until(() => server.lines.length === 1)
    server.sockets[0]?.destroy()
    expect([await sent, await waits]).toEqual(['OUTCOME_UNKNOWN', 'done'])
    expect(server.lines).toEqual(['SET sent 1', 'SET waits 1'])
  })

  test('a read that loses every connection is given up', async () => {
    const server = await listen()
    environment.chance = 0
    const client = await connect(server)
    server.answer = ({ words, socket }) => {
      if (words[0] === 'GET') socket.destroy()
      return '+OK\r\n'
    }
    const read = codeOf(client.get('a'))
    for (let i = 2; i <= 4; i++) {
      await environment.waited(0)
      environment.advance(0)
      await server.until(() => server.lines.length === i)
    }
    expect(await read).toBe('UNREACHABLE')
    expect(server.lines.length).toBe(4)
  })

  test('is made anew, later and later, and at random', async () => {
    const times = { firstMs: 100, mostMs: 1_000 }
    expect([0, 1, 2, 3, 4, 60].map((tries) => backoffMs(tries, times, 1))).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(backoffMs(2, times, 0.25)).toBe(100)
    expect(backoffMs(2, times, 0)).toBe(0)
    const server = await listen()
    const client = await connect(server, { reconnect: times })
    const { port } = server
    await client.ping()
    await server.close()
    const ping = client.ping()
    for (const ms of [50, 100, 200, 400]) {
      await environment.waited(ms)
      environment.advance(ms)
    }
    await environment.waited(500)
    open.unshift(await FakeServer.listen(() => '+PONG\r\n', port))
    environment.advance(500)
    await ping
  })

  test('bytes that are no RESP end it', async () => {
    const server = await listen()
    const client = await connect(server)
    server.answer = () => 'hello\r\n'
    expect(await codeOf(client.put('a', '1'))).toBe('OUTCOME_UNKNOWN')
  })
})

describe('time', () => {
  test('a call that is not answered in time: a write may be done, a read is not', async () => {
    const server = await listen()
    const client = await connect(server, { timeoutMs: 1_000 })
    server.answer = () => undefined
    const write = codeOf(client.put('a', '1'))
    const read = codeOf(client.get('a', { timeoutMs: 500 }))
    await server.until(() => server.lines.length === 2)
    environment.advance(500)
    expect(await read).toBe('TIMEOUT')
    environment.advance(500)
    expect(await write).toBe('OUTCOME_UNKNOWN')
    // What comes late is not taken for the answer to something else.
    server.answer = () => '$5\r\nfresh\r\n'
    server.sockets[0]?.write('+OK\r\n$3\r\nold\r\n')
    expect(await client.get('b')).toBe('fresh')
  })

  test('a call that waits for a connection says why there is none', async () => {
    const server = await listen()
    const client = await connect(server)
    await client.ping()
    await server.close()
    await environment.waited(25)
    const waits = client.put('a', '1', { timeoutMs: 10 })
    environment.advance(10)
    await expect(waits).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/^No connection to 127\.0\.0\.1:\d+: .*\. Nothing was sent\.$/)
    })
  })

  test('a server that says nothing for long is given up', async () => {
    const server = await listen()
    const client = await connect(server, { silenceMs: 1_000, timeoutMs: 100_000 })
    server.answer = ({ words }) => (words[1] === 'answered' ? '$1\r\n1\r\n' : undefined)
    const write = codeOf(client.put('a', '1'))
    await server.until(() => server.lines.length === 1)
    environment.advance(999)
    server.answer = () => '+OK\r\n'
    environment.advance(1)
    expect(await write).toBe('OUTCOME_UNKNOWN')
    await server.until(() => server.sockets.length === 2)
    expect(await codeOf(client.put('b', '1'))).toBe('done')
  })

  test('one that answers something is not', async () => {
    const server = await listen()
    const client = await connect(server, { silenceMs: 1_000, timeoutMs: 100_000 })
    server.answer = () => undefined
    const [quick, slow] = [client.get('quick'), client.get('slow')]
    await server.until(() => server.lines.length === 2)
    environment.advance(600)
    server.sockets[0]?.write('$5\r\nquick\r\n')
    expect(await quick).toBe('quick')
    environment.advance(600)
    server.sockets[0]?.write('$4\r\nlate\r\n')
    expect(await slow).toBe('late')
  })

  test('nothing is left of calls that are answered', async () => {
    const server = await listen()
    const client = await connect(server)
    await Promise.all([client.ping(), client.put('a', '1', { signal: new AbortController().signal })])
    expect(environment.pending).toBe(0)
  })

  test('a signal ends a call', async () => {
    const server = await listen()
    const client = await connect(server, { windowBytes: 1 })
    server.answer = () => undefined
    const [sent, waits] = [new AbortController(), new AbortController()]
    const calls = [
      codeOf(client.put('a', '1', { signal: sent.signal })),
      codeOf(client.put('b', '1', { signal: waits.signal })),
      codeOf(client.put('c', '1', { signal: AbortSignal.abort() }))
    ]
    await server.until(() => server.lines.length === 1)
    sent.abort()
    waits.abort()
    expect(await Promise.all(calls)).toEqual(['OUTCOME_UNKNOWN', 'ABORTED', 'ABORTED'])
    server.sockets[0]?.destroy()
  })
})

describe('bounds', () => {
  test('what is sent and unanswered, and what waits', async () => {
    const server = await listen()
    const client = await connect(server, { windowBytes: 1_000, queueBytesMax: 5_000 })
    server.answer = () => undefined
    const calls = Array.from({ length: 40 }, (_, i) => codeOf(client.put(`k${i}`, 'v'.repeat(200))))
    await server.until(() => server.lines.length >= 4)
    const refused = (await Promise.all(calls.slice(-10))).filter((code) => code === 'BUSY')
    expect(refused.length).toBe(10)
    expect(server.lines.length).toBeLessThan(6)
    server.answer = () => '+OK\r\n'
    server.sockets[0]?.write('+OK\r\n'.repeat(server.lines.length))
    const outcomes = await Promise.all(calls)
    expect(new Set(outcomes)).toEqual(new Set(['done', 'BUSY']))
    const done = outcomes.filter((code) => code === 'done').length
    expect(server.lines).toEqual(Array.from({ length: done }, (_, i) => `SET k${i} ${'v'.repeat(200)}`))
  })

  test('what gave up waiting makes room', async () => {
    const server = await listen()
    const client = await connect(server, { windowBytes: 1, queueBytesMax: 300 })
    server.answer = () => undefined
    const sent = codeOf(client.put('sent', ''))
    await server.until(() => server.lines.length === 1)
    const waits = codeOf(client.put('waits', 'v'.repeat(250), { timeoutMs: 10 }))
    expect(await codeOf(client.put('refused', 'v'.repeat(250)))).toBe('BUSY')
    environment.advance(10)
    expect(await waits).toBe('TIMEOUT')
    const fits = codeOf(client.put('fits', 'v'.repeat(250)))
    server.answer = () => '+OK\r\n'
    server.sockets[0]?.write('+OK\r\n')
    expect([await sent, await fits]).toEqual(['done', 'done'])
  })
})

describe('the handshake', () => {
  test('says who is there', async () => {
    const server = await listen()
    await connect(server, { user: 'ann', password: 'secret', name: 'app' })
    expect(server.asked[0]?.words).toEqual(['HELLO', '3', 'AUTH', 'ann', 'secret', 'SETNAME', 'app'])
  })

  test.each(["-ERR unknown command 'HELLO'\r\n", '-NOPROTO unsupported protocol version\r\n'])(
    'falls back to RESP2: %j',
    async (refusal) => {
      const server = await listen(({ words }) => (words[0] === 'HELLO' ? refusal : '+OK\r\n'))
      const client = await connect(server, { password: 'secret', name: 'app' })
      server.answer = () => '*2\r\n$-1\r\n$1\r\n1\r\n'
      expect(await client.getMany(['a', 'b'])).toEqual([undefined, '1'])
      expect(server.lines).toEqual(['AUTH default secret', 'CLIENT SETNAME app', 'MGET a b'])
    }
  )

  test.each([
    ['-WRONGPASS invalid username-password pair\r\n', 'DENIED', 'invalid username-password pair'],
    ['-NOAUTH Authentication required.\r\n', 'DENIED', 'Authentication required.'],
    ['-ERR too many connections, the limit is 1\r\n', 'REFUSED', 'too many connections, the limit is 1']
  ])('%j is told', async (said, code, message) => {
    const server = await listen(() => said)
    await expect(Client.connect({ port: server.port, environment })).rejects.toMatchObject({ code, message })
  })

  test('a server of something else is told', async () => {
    const server = await listen(({ socket }) => {
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
      return undefined
    })
    await expect(Client.connect({ port: server.port, environment })).rejects.toMatchObject({ code: 'PROTOCOL' })
  })

  test('a server that says nothing is given up, and nobody there is told', async () => {
    const server = await listen()
    server.answer = () => undefined
    const { port } = server
    const connecting = codeOf(Client.connect({ port, environment, connectTimeoutMs: 777, silenceMs: 10_000 }))
    await server.until(() => server.sockets.length === 1)
    environment.advance(777)
    expect(await connecting).toBe('UNREACHABLE')
    await server.close()
    await expect(Client.connect({ port, environment })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      cause: { code: 'ECONNREFUSED' }
    })
  })

  test('a password that is not taken any more rejects what waits', async () => {
    const server = await listen()
    const client = await connect(server)
    await client.ping()
    server.answer = ({ words }) => (words[0] === 'HELLO' ? '-WRONGPASS no\r\n' : undefined)
    const write = codeOf(client.put('a', '1'))
    await server.until(() => server.lines.length === 2)
    server.sockets[0]?.destroy()
    expect(await write).toBe('OUTCOME_UNKNOWN')
    expect(await codeOf(client.get('a'))).toBe('DENIED')
  })
})

describe('closing', () => {
  test('lets calls be answered, takes none after, and comes once', async () => {
    const server = await listen()
    const client = await connect(server)
    const calls = [codeOf(client.put('a', '1')), codeOf(client.put('b', '1'))]
    await Promise.all([client.close(), client.close()])
    expect(await Promise.all(calls)).toEqual(['done', 'done'])
    expect(await codeOf(client.get('a'))).toBe('CLOSED')
  })

  test('rejects what waits when there is no connection', async () => {
    const server = await listen()
    const client = await connect(server)
    await client.ping()
    await server.close()
    await environment.waited(25)
    const waits = codeOf(client.put('a', '1'))
    await client.close()
    expect(await waits).toBe('CLOSED')
    expect(environment.pending).toBe(0)
  })
})

test('options that are none are told', async () => {
  const faults = await Promise.all(
    [{ prot: 1 }, { port: 0 }, { poolSize: 1.5 }, { user: 'ann' }, { keyEncoding: 'json' }, { timeoutMs: 2 ** 31 }].map(
      (options) => Client.connect(options as ClientOptions).catch((error: ClientError) => error.message)
    )
  )
  expect(faults).toEqual([
    'There is no option prot.',
    'port must be a whole number from 1 to 65535, not 0.',
    'poolSize must be a whole number from 1 to 1000, not 1.5.',
    'user needs a password beside it.',
    "keyEncoding must be 'utf8' or 'buffer'.",
    'timeoutMs must be a whole number from 1 to 2147483647, not 2147483648.'
  ])
})
