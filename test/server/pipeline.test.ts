// Requests into groups, groups into calls of the store, and one reply for each request whatever the store says.
import { expect, test } from 'vitest'
import { lineCommands } from '../../server/commands/line.ts'
import { Requests, runGroup } from '../../server/pipeline.ts'
import { planLine } from '../../server/planner.ts'
import { encodeReplies, LineCodec } from '../../server/protocol/text.ts'
import { keyBytesMax } from '../../server/store.ts'
import { callerOver } from './support/caller.ts'
import { MemoryStore } from './support/memory-store.ts'

const sizes = { readsMax: 100, writesMax: 100 }

async function run(session: string, store: MemoryStore, groupSizes = sizes): Promise<string> {
  const limits = { lineBytesMax: 2 ** 20, bulkBytesMax: 0, argumentsMax: 0, requestBytesMax: 0 }
  const decoded = new LineCodec(limits, (name) => lineCommands.get(name)).push(Buffer.from(session))
  const caller = callerOver(store)
  const requests = new Requests(decoded, (request) => planLine(request, caller))
  let replies = ''
  while (!requests.isAtEnd) replies += encodeReplies(await runGroup(requests.take(groupSizes), caller)).toString()
  return replies
}

test('consecutive reads are one lookup and consecutive writes one batch', async () => {
  const store = new MemoryStore()
  const replies = await run('PUT a 1\nPUT b 2\nDELETE c\nGET a\nGET b\nGET c\nPUT a 3\nGET a\n', store)
  expect(replies).toBe('+OK\n+OK\n+OK\n1\n2\n-NOT_FOUND\n+OK\n3\n')
  expect(store.batches).toEqual([3, 1])
  expect(store.lookups).toEqual([3, 1])
})

test('groups are no longer than allowed', async () => {
  const store = new MemoryStore()
  const replies = await run('PUT a 1\n'.repeat(5) + 'GET a\n'.repeat(7), store, { readsMax: 3, writesMax: 2 })
  expect(replies).toBe('+OK\n'.repeat(5) + '1\n'.repeat(7))
  expect(store.batches).toEqual([2, 2, 1])
  expect(store.lookups).toEqual([3, 3, 1])
})

test('a session command between them sees what was written before it', async () => {
  const store = new MemoryStore()
  const replies = await run('PUT a 1\nSTATUS\nPUT b 1\nPING\n', store)
  expect(replies).toBe('+OK\nNode ID: 3\nRole: LEADER\nTerm: 1\nCommit Index: 1\nActive Connections: 2\n\n+OK\n+PONG\n')
})

test('what is wrong is answered in its place and reaches no store', async () => {
  const store = new MemoryStore()
  const bad = [
    'NOPE',
    'GET',
    'GET a b',
    'PUT a',
    'PING x',
    'PUT  v',
    'GET ',
    `GET ${'k'.repeat(keyBytesMax + 1)}`,
    '\x01',
    ''
  ]
  const replies = await run(`PUT a 1\n${bad.join('\n')}\nGET a\n`, store)
  expect(replies.split('\n')).toEqual([
    '+OK',
    '-ERR unknown command NOPE, there are PUT GET DELETE SCAN PING STATUS AUTH QUIT',
    '-ERR write it so: GET <key>',
    '-ERR write it so: GET <key>',
    '-ERR write it so: PUT <key> <value>',
    '-ERR write it so: PING',
    '-ERR the key is empty (exactly one space separates)',
    '-ERR the key is empty (exactly one space separates)',
    `-ERR the key is longer than ${keyBytesMax} bytes`,
    '-ERR unknown command, there are PUT GET DELETE SCAN PING STATUS AUTH QUIT',
    '-ERR empty line',
    '1',
    ''
  ])
  expect(store.batches).toEqual([1])
})

test('one value that cannot be read does not take its neighbours with it', async () => {
  const store = new MemoryStore()
  store.set('a', '1')
  store.set('c', '3')
  store.failReadsOf('b')
  expect(await run('GET a\nGET b\nGET c\n', store)).toBe('1\n-ERR 000007.sst is damaged at offset 12\n3\n')
})

test('a batch that fails is an error for each of its writes', async () => {
  const store = new MemoryStore()
  store.failWrites(new Error('the disk is full'))
  expect(await run('PUT a 1\nPUT b 2\nGET a\n', store)).toBe(
    '-ERR the disk is full\n-ERR the disk is full\n-NOT_FOUND\n'
  )
})
