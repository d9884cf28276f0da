// Where connections come from: the reactor and Node's own sockets do the same.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, test } from 'vitest'
import { type Connection, endAndLinger, type Listener, type ListenOptions } from '../../server/net/connection.ts'
import { NodeListener } from '../../server/net/node-listener.ts'
import { Reactor } from '../../server/net/reactor.ts'
import { seedOf } from '../support/campaign.ts'
import { randomOf } from './support/random.ts'
import { bytesOf, requestOf } from './support/resp-peer.ts'
import { clientOf, served } from './support/served.ts'

type Listen = (options: ListenOptions) => Promise<Listener | undefined>

/** A listener, its connections in order, and clients; all closed after the test. */
class Open {
  readonly faults: unknown[] = []
  /** What is done with each connection at once. */
  serve: (connection: Connection) => void = () => {}
  readonly #listen: Listen
  readonly #clients: Socket[] = []
  readonly #connections: Connection[] = []
  readonly #waiting: Connection[] = []
  #listener: Listener | undefined
  #wake = () => {}

  constructor(listen: Listen) {
    this.#listen = listen
  }

  async listen(host = '127.0.0.1', port = 0): Promise<Listener> {
    const onConnection = (connection: Connection) => {
      connection.on('error', () => {})
      this.serve(connection)
      this.#connections.push(connection)
      this.#waiting.push(connection)
      this.#wake()
    }
    const listener = await this.#listen({ host, port, onConnection, onFault: (error) => this.faults.push(error) })
    if (listener === undefined) throw new Error('this system has no such listener')
    this.#listener = listener
    return listener
  }

  async accepted(): Promise<Connection> {
    for (;;) {
      const connection = this.#waiting.shift()
      if (connection !== undefined) return connection
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  dial(host = '127.0.0.1'): Socket {
    const client = connect({ host, port: this.#listener?.address?.port ?? 0, allowHalfOpen: true })
    client.on('error', () => {})
    this.#clients.push(client)
    return client
  }

  async pair(): Promise<{ client: Socket; connection: Connection }> {
    const client = this.dial()
    return { client, connection: await this.accepted() }
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    for (const connection of this.#connections) connection.destroy()
    await this.#listener?.close()
  }
}

const opened: Open[] = []
afterEach(async () => {
  for (const open of opened.splice(0)) {
    await open.close()
    expect(open.faults).toEqual([])
  }
})

const chunksOf = (socket: Socket): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', () => resolve(Buffer.concat(chunks)))
    socket.resume()
  })

const heard = (connection: Connection, event: 'close' | 'drain' | 'end' | 'timeout'): Promise<void> =>
  new Promise((resolve) => connection.on(event, () => resolve()))

const kinds: [string, Listen][] = [
  ['the reactor', (options) => Reactor.listen(options)],
  ['sockets of Node', (options) => NodeListener.listen(options)]
]

describe.each(kinds)('%s', (_, listen) => {
  const open = (): Open => {
    const made = new Open(listen)
    opened.push(made)
    return made
  }

  test('whatever is sent comes back in order, at any size', async () => {
    const here = open()
    await here.listen()
    const random = randomOf(seedOf('echoes'))
    const sent = Buffer.alloc(3_000_000)
    for (let i = 0; i < sent.length; i++) sent[i] = random.below(256)
    const { client, connection } = await here.pair()
    connection.on('data', (chunk) => {
      if (random.below(3) === 0) {
        connection.cork()
        setImmediate(() => connection.uncork())
      }
      if (!connection.write(Buffer.from(chunk))) connection.pause()
    })
    connection.on('drain', () => connection.resume())
    connection.on('end', () => connection.end())
    const received = chunksOf(client)
    for (let at = 0; at < sent.length; ) {
      const end = at + 1 + random.below(random.below(4) === 0 ? 200_000 : 300)
      client.write(sent.subarray(at, end))
      if (random.below(4) === 0) await new Promise(setImmediate)
      at = end
    }
    client.end()
    expect((await received).equals(sent)).toBe(true)
  })

  test('a client that takes nothing is waited for', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    client.pause()
    const part = Buffer.alloc(200_000, 'x')
    let bytes = 0
    do bytes += part.length
    while (connection.write(part))
    expect(connection.writableNeedDrain).toBe(true)
    expect(connection.writableLength).toBeGreaterThan(0)
    expect(connection.write(Buffer.from('end'))).toBe(false)
    const drained = heard(connection, 'drain')
    const received = chunksOf(client)
    await drained
    expect(connection.writableNeedDrain).toBe(false)
    expect(connection.writableLength).toBe(0)
    connection.end()
    expect((await received).length).toBe(bytes + 3)
  })

  test('what is corked leaves together, and is waited for', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    const received = chunksOf(client)
    connection.cork()
    let isSent = false
    expect(connection.write(Buffer.from('one '))).toBe(true)
    expect(connection.write(Buffer.alloc(100_000, ' '), () => (isSent = true))).toBe(false)
    expect(connection.writableLength).toBe(100_004)
    expect(isSent).toBe(false)
    const drained = heard(connection, 'drain')
    connection.uncork()
    connection.write(Buffer.from('two'))
    await drained
    connection.end()
    expect((await received).toString().trim()).toMatch(/^one +two$/)
    expect(isSent).toBe(true)
  })

  test('nothing comes while it is paused', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    const chunks: string[] = []
    connection.on('data', (chunk) => chunks.push(String(chunk)))
    connection.pause()
    expect(connection.isPaused()).toBe(true)
    await new Promise<void>((resolve) => client.write('later', () => resolve()))
    const other = await here.pair()
    const answered = new Promise<void>((resolve) => other.connection.on('data', () => resolve()))
    other.client.write('x')
    await answered
    expect(chunks).toEqual([])
    connection.resume()
    while (chunks.length === 0) await new Promise(setImmediate)
    expect(chunks).toEqual(['later'])
  })

  test('a client that has said all is still answered; then both sides are closed', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    connection.on('data', () => {})
    const ended = heard(connection, 'end')
    client.end('question')
    await ended
    const received = chunksOf(client)
    connection.write(Buffer.from('answer'))
    const gone = heard(connection, 'close')
    endAndLinger(connection, 10_000)
    expect((await received).toString()).toBe('answer')
    await gone
    expect(connection.destroyed).toBe(true)
  })

  test('an end lingers no longer than it may', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    client.resume()
    const gone = heard(connection, 'close')
    endAndLinger(connection, 1)
    await gone
  })

  test('what was written before it is destroyed arrives', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    const received = chunksOf(client)
    const gone = heard(connection, 'close')
    connection.write(Buffer.from('last words'))
    connection.destroy()
    connection.destroy()
    expect(connection.write(Buffer.from('too late'))).toBe(false)
    await gone
    expect((await received).toString()).toBe('last words')
  })

  test('a reset is an end', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    connection.on('data', () => {})
    const gone = heard(connection, 'close')
    client.resetAndDestroy()
    await gone
    expect(connection.destroyed).toBe(true)
  })

  test('a client that takes nothing for a while is told of', async () => {
    const here = open()
    await here.listen()
    const { client, connection } = await here.pair()
    client.pause()
    const part = Buffer.alloc(200_000)
    while (connection.write(part));
    connection.setTimeout(20)
    await heard(connection, 'timeout')
    connection.setTimeout(0)
  })

  test('says who is there', async () => {
    const here = open()
    const { address } = await here.listen()
    const { client, connection } = await here.pair()
    if (client.localPort === undefined) await once(client, 'connect')
    expect(connection.remoteAddress).toBe('127.0.0.1')
    expect(connection.remotePort).toBe(client.localPort)
    expect(connection.localAddress).toBe('127.0.0.1')
    expect(connection.localPort).toBe(address?.port)
  })

  test('beyond the limit connections are dropped', async () => {
    const here = open()
    const listener = await here.listen()
    listener.limit(2)
    await here.pair()
    const second = await here.pair()
    const third = here.dial().resume()
    await new Promise<void>((resolve) => third.once('end', () => resolve()))
    second.connection.destroy()
    await heard(second.connection, 'close')
    expect((await here.pair()).connection.destroyed).toBe(false)
  })

  test('many connections at once', async () => {
    const here = open()
    await here.listen()
    here.serve = (connection) => connection.on('data', (chunk) => connection.write(Buffer.from(`${chunk}!`)))
    const clients = Array.from({ length: 900 }, () => here.dial())
    const replies = clients.map(async (client, i) => {
      client.write(String(i))
      return String((await once(client, 'data'))[0])
    })
    expect(await Promise.all(replies)).toEqual(clients.map((_, i) => `${i}!`))
  })

  test('closing ends when the last connection does', async () => {
    const here = open()
    const listener = await here.listen()
    const { connection } = await here.pair()
    let isClosed = false
    const closed = listener.close().then(() => (isClosed = true))
    expect(listener.address).toBe(undefined)
    await new Promise(setImmediate)
    expect(isClosed).toBe(false)
    connection.destroy()
    await closed
  })

  test('an address that is taken, and one that is not here', async () => {
    const here = open()
    const { address } = await here.listen()
    const taken = new Open(listen).listen('127.0.0.1', address?.port)
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port: address?.port })
    await expect(new Open(listen).listen('203.0.113.1')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
  })
})

test('who keeps a little of a chunk does not keep the slab', async () => {
  const server = await served()
  const loud = await clientOf(server)
  setFlagsFromString('--expose-gc')
  const collect = async () => {
    for (let i = 0; i < 3; i++) {
      runInNewContext('gc')()
      await new Promise(setImmediate)
    }
    return process.memoryUsage().arrayBuffers
  }
  const noise = bytesOf(requestOf('PING', 'x'.repeat(60_000)))
  const before = await collect()
  for (let i = 0; i < 200; i++) {
    await loud.ask(noise.toString('latin1'), `$60000\r\n${'x'.repeat(60_000)}\r\n`)
    const slow = await clientOf(server)
    // Half of a request, and one that is queued.
    await slow.ask('*1\r\n$5\r\nMULTI\r\n', '+OK\r\n')
    await slow.ask('*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n', '+QUEUED\r\n')
  }
  expect((await collect()) - before).toBeLessThan(200 * 16 * 2 ** 10)
})
