// Nodes over real sockets and disks: they find each other, elect a leader, and go on when it ends.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { systemClock } from '../../server/clock.ts'
import { type ClusterNode, startNode } from '../../server/raft/node.ts'
import type { Operation, Store } from '../../server/store.ts'

const directory = mkdtempSync(join(tmpdir(), 'varve-nodes-'))
let running: ClusterNode[] = []
afterEach(async () => {
  for (const node of running.splice(0)) await node.close()
  rmSync(directory, { recursive: true, force: true })
})

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  for (const server of servers) server.close()
  return ports
}

const failures: Error[] = []
const start = async (ports: readonly number[], i: number): Promise<ClusterNode> => {
  const node = await startNode({
    directory: join(directory, `node${i + 1}`),
    name: String(i + 1),
    wantsToLead: i === 0,
    listen: { host: '127.0.0.1', port: ports[i] as number },
    clientAddress: `127.0.0.1:${9000 + i}`,
    peers: ports.filter((_, other) => other !== i).map((port) => ({ addresses: [`127.0.0.1:${port}`] })),
    engine: {},
    clock: systemClock,
    clientTls: false,
    insecure: false,
    onWaiting: () => {},
    onNotice: () => {},
    onFailure: (error) => failures.push(error)
  })
  running.push(node)
  return node
}

const put = (key: string, value: string): Operation => ({
  type: 'put',
  key: Buffer.from(key),
  value: Buffer.from(value)
})
const read = async (store: Store, key: string) => {
  const [value] = await store.getMany([Buffer.from(key)])
  return value && Buffer.from(value).toString()
}
const leaderOf = async (nodes: readonly ClusterNode[]): Promise<ClusterNode> => {
  for (;;) {
    const leader = nodes.find(({ store }) => store.leadership.isReady)
    if (leader !== undefined) return leader
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What servers say to each other gets to the one that it is for, from who said it. */
async function sayNotes(nodes: readonly ClusterNode[]): Promise<void> {
  const heard: string[] = []
  for (const { view } of nodes) {
    view.notes.onNote((from, note) => void heard.push(`${from} to ${view.ownId}: ${note.toString()}`))
  }
  const ids = nodes.map(({ view }) => view.ownId)
  const said: string[] = []
  for (const { view } of nodes) {
    for (const to of ids.filter((id) => id !== view.ownId)) {
      expect(view.notes.send(to, Buffer.from('hello'), 1_000)).toBe(true)
      said.push(`${view.ownId} to ${to}: hello`)
    }
  }
  while (heard.length < said.length) await new Promise((resolve) => setImmediate(resolve))
  expect(heard.sort()).toEqual(said.sort())
}

test('three nodes become a cluster, serve, lose their leader and start again', { timeout: 60_000 }, async () => {
  const ports = await freePorts(3)
  const nodes = await Promise.all([0, 1, 2].map((i) => start(ports, i)))
  const leader = await leaderOf(nodes)
  expect(leader.view.members.map(({ name }) => name)).toEqual(['1', '2', '3'])
  await leader.store.write([put('k', 'first')])
  const long = 'v'.repeat(3_000_000)
  await leader.store.write([put('long', long)])
  for (const { store } of nodes) {
    expect(await read(store, 'k')).toBe('first')
    expect((await read(store, 'long')) === long).toBe(true)
  }
  await sayNotes(nodes)
  running = running.filter((node) => node !== leader)
  await leader.close()
  const rest = nodes.filter((node) => node !== leader)
  const next = await leaderOf(rest)
  await next.store.write([put('k', 'second')])
  const again = await start(ports, nodes.indexOf(leader))
  expect(await read(again.store, 'k')).toBe('second')
  expect(again.view.clusterId).toBe(leader.view.clusterId)
  expect(again.view.ownId).toBe(leader.view.ownId)
  for (const node of running.splice(0)) await node.close()
  const all = await Promise.all([0, 1, 2].map((i) => start(ports, i)))
  await leaderOf(all)
  for (const { store } of all) expect(await read(store, 'k')).toBe('second')
  expect(failures).toEqual([])
})

test('a database alone becomes a member with what it holds, and the others receive it', {
  timeout: 60_000
}, async () => {
  const before = await open(join(directory, 'node3'), { memtableBytes: 64 << 10, valueEncoding: 'utf8' })
  const names = Array.from({ length: 3_000 }, (_, i) => `city ${String(i).padStart(5, '0')}`)
  for (let at = 0; at < names.length; at += 100) {
    await before.batch(names.slice(at, at + 100).map((key) => ({ type: 'put' as const, key, value: `of ${key}` })))
  }
  await before.del(names[7] as string)
  await before.close()
  const ports = await freePorts(3)
  const nodes = await Promise.all([0, 1, 2].map((i) => start(ports, i)))
  const leader = await leaderOf(nodes)
  expect(nodes.indexOf(leader)).toBe(2)
  await leader.store.write([put('new', 'value')])
  const keys = names.map((name) => Buffer.from(name))
  for (const { store } of nodes) {
    expect(await read(store, 'new')).toBe('value')
    const values = await store.getMany(keys)
    expect(values.map((value) => value && Buffer.from(value).toString())).toEqual(
      names.map((name, i) => (i === 7 ? undefined : `of ${name}`))
    )
  }
  // What came as tables is there after a restart as well.
  for (const node of running.splice(0)) await node.close()
  const again = await Promise.all([0, 1, 2].map((i) => start(ports, i)))
  await leaderOf(again)
  for (const { store } of again) expect(await read(store, names[42] as string)).toBe(`of ${names[42]}`)
  expect(failures).toEqual([])
})
