// Plain requests that are answered as runs: a client cannot tell, whatever comes between them.
import { expect, test } from 'vitest'
import { NotGranted } from '../../server/auth/granted-store.ts'
import { requestsOf, runAt } from '../../server/protocol/resp-runs.ts'
import type { Store } from '../../server/store.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd, clientOf, databaseStore, respOf, served } from './support/served.ts'
import { usersWith } from './support/users.ts'

const limits = { lineBytesMax: 0, bulkBytesMax: 1_000, argumentsMax: 16, requestBytesMax: 2_000 }
const get = (key: string) => requestOf('GET', key)
const set = (key: string, value: string | Buffer) => requestOf('SET', key, value)

async function peerOf(store: Store, options = {}): Promise<RespPeer> {
  const server = await served({ store, ...options })
  const peer = await RespPeer.connect(server.address)
  atEnd(() => peer[Symbol.dispose]())
  return peer
}

/** Counts the calls by which runs are answered. */
async function countedStore() {
  const store = await databaseStore()
  const calls = { reads: 0, puts: 0 }
  const getFramed = store.getFramed.bind(store)
  const putPlaced = store.putPlaced.bind(store)
  store.getFramed = (...args) => {
    calls.reads++
    return getFramed(...args)
  }
  store.putPlaced = (...args) => {
    calls.puts++
    return putPlaced(...args)
  }
  return { store, calls }
}

test('requests of one kind in a row are one run, up to the first that is another or is cut', () => {
  const bytes = Buffer.concat([respOf('GET', 'a'), respOf('get', ''), respOf('SET', 'k', 'v\r\n'), respOf('GET', 'b')])
  const first = runAt(bytes, 0, limits)
  expect(first?.run).toMatchObject({ name: 'GET' })
  expect(first && requestsOf(first.run).map(({ args }) => args.map(String))).toEqual([['a'], ['']])
  const second = runAt(bytes, first?.end ?? 0, limits)
  expect(second && requestsOf(second.run).map(({ args }) => args.map(String))).toEqual([['k', 'v\r\n']])
  for (let cut = 0; cut < respOf('GET', 'a').length; cut++)
    expect(runAt(bytes.subarray(0, cut), 0, limits)).toBe(undefined)
})

test('what is longer than the limits is no part of a run', () => {
  const at = (...words: string[]) => runAt(respOf(...words), 0, limits)
  expect(at('SET', 'k', 'v'.repeat(1_000))).toBeDefined()
  expect(at('SET', 'k', 'v'.repeat(1_001))).toBe(undefined)
  expect(runAt(respOf('GET', 'k'.repeat(65_536)), 0, { ...limits, bulkBytesMax: 2 ** 20 })).toBe(undefined)
  expect(runAt(Buffer.from('*2\r\n$3\r\nGET\r\n$01\r\na\r\n'), 0, limits)).toBe(undefined)
  expect(runAt(Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\naXX'), 0, limits)).toBe(undefined)
})

test('runs, and whatever comes between them, are answered in order', async () => {
  const { store, calls } = await countedStore()
  const peer = await peerOf(store)
  const long = 'l'.repeat(100_000)
  const requests = [set('a', '1'), set('b', long), set('a', '2'), get('a'), get('b'), get('none'), get('a')]
  const answers = ['+OK', '+OK', '+OK', '$1\r\n2', `$100000\r\n${long}`, '$-1', '$1\r\n2']
  expect(await peer.ask(requests)).toEqual(answers.map((answer) => `${answer}\r\n`))
  expect(calls.reads).toBeGreaterThan(0)
  expect(calls.puts).toBeGreaterThan(0)
  const transaction = [requestOf('MULTI'), set('a', '3'), get('a'), requestOf('EXEC'), get('a')]
  expect(await peer.ask(transaction)).toEqual([
    '+OK\r\n',
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n+OK\r\n$1\r\n3\r\n',
    '$1\r\n3\r\n'
  ])
  const [hello] = await peer.ask([requestOf('HELLO', '3')])
  expect(hello?.startsWith('%')).toBe(true)
  expect(await peer.ask([get('none'), get('a')])).toEqual(['_\r\n', '$1\r\n3\r\n'])
})

test('values that have no room together come in pieces', async () => {
  const { store } = await countedStore()
  const peer = await peerOf(store)
  const keys = Array.from({ length: 60 }, (_, i) => `key${i}`)
  const value = (key: string) => key.repeat(1_000)
  await peer.ask(keys.map((key) => set(key, value(key))))
  for (let round = 0; round < 3; round++) {
    expect(await peer.ask(keys.map(get))).toEqual(keys.map((key) => `$${value(key).length}\r\n${value(key)}\r\n`))
  }
})

test('expired entries are not there', async () => {
  const { store } = await countedStore()
  const peer = await peerOf(store)
  await peer.ask([requestOf('SET', 'gone', 'x', 'PXAT', '1'), requestOf('SET', 'stays', 'x', 'EX', '1000')])
  expect(await peer.ask([get('gone'), get('stays')])).toEqual(['$-1\r\n', '$1\r\nx\r\n'])
})

test('a user with grants gets no run', async () => {
  const { store, calls } = await countedStore()
  const peer = await peerOf(store, { users: await usersWith('ann', '+@write ~a*') })
  const refused = /^-NOPERM .*\r\n$/
  const replies = await peer.ask([requestOf('AUTH', 'ann', 'ann'), set('a', '1'), get('a'), get('b'), set('b', '1')])
  expect(replies.slice(0, 3)).toEqual(['+OK\r\n', '+OK\r\n', '$1\r\n1\r\n'])
  expect(replies[3]).toMatch(refused)
  expect(replies[4]).toMatch(refused)
  expect(calls).toEqual({ reads: 0, puts: 0 })
})

test('runs count as commands, and slow ones are in the slow log', async () => {
  const { store } = await countedStore()
  const peer = await peerOf(store)
  await peer.ask([requestOf('CONFIG', 'SET', 'slowlog-log-slower-than', '0'), requestOf('CONFIG', 'RESETSTAT')])
  await peer.ask([set('a', '1'), set('b', '2'), get('a')])
  const [info, slow] = await peer.ask([requestOf('INFO', 'commandstats'), requestOf('SLOWLOG', 'GET', '3')])
  expect(info).toMatch(/cmdstat_set:calls=2,/)
  expect(info).toMatch(/cmdstat_get:calls=1,/)
  expect(slow).toContain('$3\r\nget\r\n$1\r\na\r\n')
  expect(slow).toContain('$3\r\nset\r\n$1\r\nb\r\n$1\r\n2\r\n')
})

test('what the store refuses is answered one by one', async () => {
  const store = await databaseStore()
  store.putPlaced = () => Promise.reject(new NotGranted())
  store.getFramed = () => {
    throw new Error('unreadable')
  }
  const peer = await peerOf(store)
  const replies = await peer.ask([set('a', '1'), set('b', '2'), get('a')])
  expect(replies).toHaveLength(3)
  expect(replies.slice(0, 2).every((reply) => reply.startsWith('-'))).toBe(true)
  expect(replies[2]).toBe('$-1\r\n')
})

test('long values that are sent give their memory back, and nobody else loses his', async () => {
  const { store } = await countedStore()
  const discarded: number[] = []
  const discard = store.discard.bind(store)
  store.discard = (bytes) => {
    discarded.push(bytes.length)
    discard(bytes)
    expect(bytes.length).toBe(0)
  }
  const peer = await peerOf(store)
  const long = 'l'.repeat(200_000)
  await peer.ask([set('long', long), set('short', 's')])
  const answer = `$200000\r\n${long}\r\n`
  const asked = [get('long'), get('short'), requestOf('MGET', 'short', 'long'), get('long'), get('long')]
  const answers = [answer, '$1\r\ns\r\n', `*2\r\n$1\r\ns\r\n${answer}`, answer, answer]
  for (let round = 0; round < 5; round++) expect(await peer.ask(asked)).toEqual(answers)
  expect(discarded.filter((length) => length === 200_000).length).toBeGreaterThan(0)
  expect(discarded.filter((length) => length > 200_000).length).toBeGreaterThan(0)
  const slab = Buffer.alloc(10_000).subarray(0, 5_000)
  store.database.discard(slab)
  expect(slab).toHaveLength(5_000)
})

test('of a lookup that ends with a long value, each command counts its own keys', async () => {
  const { store } = await countedStore()
  const peer = await peerOf(store)
  await peer.ask([set('a', '1'), set('b', '2'), set('long', 'l'.repeat(10_000))])
  const asked = [requestOf('EXISTS', 'a', 'b', 'none'), requestOf('EXISTS', 'b', 'a', 'long'), requestOf('STRLEN', 'a')]
  expect(await peer.ask(asked)).toEqual([':2\r\n', ':3\r\n', ':1\r\n'])
})

test('so do they by the line protocol', async () => {
  const { store } = await countedStore()
  const client = await clientOf(await served({ store }))
  const long = 'l'.repeat(200_000)
  expect(await client.ask(`PUT long ${long}\n`, '+OK\n')).toBe('+OK\n')
  const answers = `${long}\n+PONG\n${long}\n${long}\n`
  for (let round = 0; round < 3; round++) {
    expect(await client.ask('GET long\nPING\nGET long\nGET long\n', answers)).toBe(answers)
  }
})
