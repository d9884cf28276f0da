// MULTI and EXEC over real sockets and a database: one batch, or nothing.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Server } from '../../server/server.ts'
import { DatabaseStore } from '../../server/store/database.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'

let directory: string
let store: DatabaseStore
let server: Server
const peers: RespPeer[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'varve-transaction-'))
  store = await DatabaseStore.open(directory)
  server = await Server.listen({ store, port: 0 })
})

afterEach(() => {
  for (const peer of peers.splice(0)) peer[Symbol.dispose]()
})

afterAll(async () => {
  await server.stop()
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

async function connected(): Promise<RespPeer> {
  const peer = await RespPeer.connect({ port: server.address.port })
  peers.push(peer)
  return peer
}

/** Lines in one piece; each reply's bytes with a space for a line end. */
async function ask(peer: RespPeer, ...lines: string[]): Promise<string[]> {
  const replies = await peer.ask(lines.map((line) => requestOf(...line.split(' '))))
  return replies.map((reply) => reply.trimEnd().replaceAll('\r\n', ' '))
}

test('a transaction is one record of the log', async () => {
  const peer = await connected()
  const before = store.status().commitIndex
  expect(await ask(peer, 'MULTI', 'SET a 1', 'INCR a', 'MSET b 2 c 3', 'DEL c x', 'GET a', 'EXEC')).toEqual([
    '+OK',
    ...Array(5).fill('+QUEUED'),
    '*5 +OK :2 +OK :1 $1 2'
  ])
  expect(store.status().commitIndex).toBe(before + 1)
})

test('one that only reads writes nothing', async () => {
  const peer = await connected()
  await ask(peer, 'SET a 1')
  const before = store.status().commitIndex
  const replies = await ask(peer, 'WATCH a', 'MULTI', 'GET a', 'TTL a', 'SET a 2 NX', 'PING', 'EXEC')
  expect(replies.at(-1)).toBe('*4 $1 1 :-1 $-1 +PONG')
  expect(store.status().commitIndex).toBe(before)
})

test('nothing of others comes between', async () => {
  const some = await Promise.all(Array.from({ length: 8 }, connected))
  await ask(some[0] as RespPeer, 'MSET left 0 right 0')
  const rounds = 50
  const transfer = ['MULTI', 'INCR left', 'INCR right', 'MGET left right', 'EXEC']
  const replies = await Promise.all(some.map((peer) => ask(peer, ...Array(rounds).fill(transfer).flat())))
  const seen = replies.flat().filter((reply) => reply.startsWith('*3'))
  expect(seen).toHaveLength(rounds * some.length)
  const numbers = seen.map((reply) => /^\*3 :(\d+) :(\d+) \*2 \$\d+ (\d+) \$\d+ (\d+)$/.exec(reply)?.slice(1))
  for (const [first, ...others] of numbers as string[][]) for (const other of others) expect(other).toBe(first)
  expect(new Set(numbers.map((four) => four?.[0])).size).toBe(rounds * some.length)
})

test.each([
  ['is written', 'SET w 2'],
  ['is written with the same value', 'SET w 1'],
  ['is removed', 'DEL w'],
  ['is to expire', 'EXPIRE w 100'],
  ['is removed with all', 'FLUSHALL'],
  ['is in a range that is removed', 'DELRANGE w x']
])('EXEC does nothing when a watched key %s', async (_what, write) => {
  const [peer, other] = [await connected(), await connected()]
  await ask(peer, 'SET w 1', 'DEL absent', 'WATCH w absent')
  await ask(other, write)
  expect(await ask(peer, 'MULTI', 'SET done 1', 'EXEC', 'EXISTS done')).toEqual(['+OK', '+QUEUED', '*-1', ':0'])
  expect((await ask(peer, 'MULTI', 'SET done 1', 'EXEC', 'DEL done')).slice(2)).toEqual(['*1 +OK', ':1'])
})

test('EXEC goes on when what was read or left as it is was watched', async () => {
  const [peer, other] = [await connected(), await connected()]
  await ask(peer, 'SET w 1', 'DEL absent', 'WATCH w absent')
  await ask(other, 'GET w', 'SETNX w 2', 'DEL absent', 'PERSIST w', 'SET v 1')
  expect((await ask(peer, 'MULTI', 'INCR w', 'EXEC')).at(-1)).toBe('*1 :2')
})

test('of two that watch the same, one wins', async () => {
  const some = await Promise.all(Array.from({ length: 8 }, connected))
  await ask(some[0] as RespPeer, 'SET w 0')
  await Promise.all(some.map((peer) => ask(peer, 'WATCH w')))
  const replies = await Promise.all(some.map((peer) => ask(peer, 'MULTI', 'INCR w', 'EXEC')))
  expect(replies.map((each) => each.at(-1)).sort()).toEqual(['*-1', '*-1', '*-1', '*-1', '*-1', '*-1', '*-1', '*1 :1'])
})

test('what was refused, or takes many steps, ends the transaction', async () => {
  const peer = await connected()
  const aborted = '-EXECABORT Transaction discarded because of previous errors.'
  expect((await ask(peer, 'MULTI', 'SET a', 'SET b 1', 'EXEC', 'EXISTS b')).slice(3)).toEqual([aborted, ':0'])
  expect((await ask(peer, 'MULTI', 'DBSIZE', 'SET b 1', 'EXEC', 'EXISTS b')).slice(1)).toEqual([
    '-ERR DBSIZE takes many steps and cannot be in a transaction, ask outside of it',
    '+QUEUED',
    aborted,
    ':0'
  ])
  expect(await ask(peer, 'MULTI', 'SET b 1', 'DISCARD', 'EXISTS b', 'EXEC')).toEqual([
    '+OK',
    '+QUEUED',
    '+OK',
    ':0',
    '-ERR EXEC without MULTI'
  ])
})

test('a request that fails does not take the others with it', async () => {
  const peer = await connected()
  expect((await ask(peer, 'SET a x', 'MULTI', 'SET b 1', 'INCR a', 'INCR b', 'EXEC')).at(-1)).toBe(
    '*3 +OK -ERR value is not an integer or out of range :2'
  )
})

test('what a connection answers in a transaction comes in its place', async () => {
  const peer = await connected()
  const replies = await ask(peer, 'MULTI', 'SET a 1', 'CLIENT SETNAME me', 'CLIENT GETNAME', 'GET a', 'EXEC')
  expect(replies.at(-1)).toBe('*4 +OK +OK $2 me $1 1')
})

test('a transaction does not grow without end', async () => {
  const peer = await connected()
  const piece = Buffer.alloc(16 * 2 ** 20)
  const requests = [requestOf('MULTI'), ...Array(5).fill(requestOf('SET', 'large', piece)), requestOf('EXEC')]
  const replies = await peer.ask(requests)
  expect(replies.slice(3)).toEqual([
    '+QUEUED\r\n',
    '-TOO_LARGE the transaction is too large, its requests may hold 64 MiB\r\n',
    '-TOO_LARGE the transaction is too large, its requests may hold 64 MiB\r\n',
    '-EXECABORT Transaction discarded because of previous errors.\r\n'
  ])
  expect(await ask(peer, 'EXISTS large')).toEqual([':0'])
})
