// The client of the line protocol: order, bounds, and how each kind of failure reaches its caller.
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { LineClient } from '../../server/client/line.ts'
import { Server } from '../../server/server.ts'
import { MemoryStore } from './support/memory-store.ts'

const open: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function start(store = new MemoryStore(), connectionsMax = 10) {
  const server = await Server.listen({ store, port: 0, limits: { connectionsMax } })
  open.push(() => server.stop())
  const client = await LineClient.connect({ ...server.address, windowBytes: 1_000 })
  open.push(() => client.close())
  return { server, store, client }
}

/** A server that does as it is told with each connection. */
async function fake(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server: NetServer = createServer((socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as { port: number }).port
}

test('every command, many under way', async () => {
  const { client } = await start()
  const [, found, , gone, , status] = await Promise.all([
    client.put('a', 'one two'),
    client.get('a'),
    client.del('a'),
    client.get('a'),
    client.ping(),
    client.status(),
    client.put('b', '')
  ])
  expect([found?.toString(), gone]).toEqual(['one two', undefined])
  expect(Object.fromEntries(status)).toMatchObject({ Role: 'LEADER', 'Commit Index': '2' })
  expect((await client.get('b'))?.length).toBe(0)
})

test('one refusal rejects its own request only', async () => {
  const { client, store } = await start()
  store.set('bad', 'a\nb')
  const settled = await Promise.allSettled([
    client.get('bad'),
    client.ping(),
    client.put('a b', ''),
    client.put('a', '\n')
  ])
  expect(settled.map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'done'))).toEqual([
    'ERR_REPLY',
    'done',
    'ERR_LINE',
    'ERR_LINE'
  ])
})

test('room waits while a window of bytes is unanswered', async () => {
  const { client, store } = await start()
  const release = store.hold()
  const puts = [client.put('k', 'v'.repeat(1_000))]
  let hasRoom = false
  const room = client.room().then(() => {
    hasRoom = true
  })
  await expect(LineClient.connect({ host: '127.0.0.1', port: 1 })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(hasRoom).toBe(false)
  release()
  await Promise.all([...puts, room])
})

test('closing lets requests be answered, and comes once', async () => {
  const { client } = await start()
  const pinged = client.ping()
  await Promise.all([client.close(), client.close()])
  await pinged
  await expect(client.ping()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await client.room()
})

test('a connection that ends rejects what is under way', async () => {
  const port = await fake((socket) => socket.once('data', () => socket.end('+PONG\n')))
  const client = await LineClient.connect({ host: '127.0.0.1', port })
  const settled = await Promise.allSettled([client.ping(), client.ping(), client.get('a')])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
})

test('a server that says nothing is given up', async () => {
  const port = await fake(() => {})
  const client = await LineClient.connect({ host: '127.0.0.1', port, timeoutMs: 20 })
  await expect(client.ping()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
})

test('being turned away is told', async () => {
  const { server } = await start(new MemoryStore(), 1)
  const second = await LineClient.connect(server.address)
  await expect(second.ping()).rejects.toMatchObject({ message: 'too many connections, the limit is 1' })
})
