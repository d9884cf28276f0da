// varve cluster, end to end, over three servers.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FakeClock } from '../server/support/served.ts'
import { type ServedGroup, serveGroup } from '../server/support/served-group.ts'
import { run as varve } from './support/in-process.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

/** Of the servers. */
const clock = new FakeClock()
let group: ServedGroup
let alone: LocalServer
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  group = await serveGroup(1, () => ({ clock }))
  alone = await startServer()
  env = { XDG_CONFIG_HOME: alone.directory }
})

afterAll(async () => {
  await group.close()
  await alone[Symbol.asyncDispose]()
})

const runAt = (at: number, ...args: string[]) => varve([...args, '--port', String(group.ports[at])], { env })

/** The first member leads, and all know. */
async function leadFirst(): Promise<void> {
  if (group.members.leaderAt !== 0) group.members.transfer(0)
  await group.members.quiet()
}

test('status as a person reads it: the leader knows how far the others are', async () => {
  await leadFirst()
  const { code, stdout, stderr } = await runAt(0, 'cluster', 'status')
  expect([code, stderr]).toEqual([0, ''])
  const [title, asked, ...members] = stdout.trimEnd().split('\n')
  expect(title).toMatch(/^varve: node1 leads in term \d+$/)
  expect(asked).toMatch(/^asked node1: committed \d+, applied \d+$/)
  const [first, second, third] = group.ports
  expect(members.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    `node1 127.0.0.1:${first} leader online`,
    `node2 127.0.0.1:${second} follower online lag 0`,
    `node3 127.0.0.1:${third} follower online lag 0`
  ])
})

test('status as a program reads it, at a follower', async () => {
  await leadFirst()
  const { code, stdout } = await runAt(2, 'cluster', 'status', '--json')
  const status = JSON.parse(stdout)
  expect([code, status]).toEqual([
    0,
    {
      cluster: 'varve',
      clusterId: expect.stringMatching(/^[0-9a-f]{32}$/),
      member: 'node3',
      role: 'follower',
      leader: 'node1',
      lastLeader: 'node1',
      term: group.members.term,
      lastIndex: expect.any(Number),
      commitIndex: expect.any(Number),
      appliedIndex: expect.any(Number),
      members: [0, 1, 2].map((at) => ({
        name: `node${at + 1}`,
        id: `member-${at + 1}`,
        host: '127.0.0.1',
        port: group.ports[at],
        tls: false,
        role: at === 0 ? 'leader' : 'follower',
        online: true,
        lag: null
      }))
    }
  ])
})

test('transfer: to a member, to any other, to one that cannot', async () => {
  await leadFirst()
  expect(await runAt(0, 'cluster', 'transfer', 'node3')).toEqual({ code: 0, stdout: 'node3 leads\n', stderr: '' })
  await group.members.quiet()
  expect(group.members.leaderAt).toBe(2)
  const said = `answered: node3 leads: ask it, at 127.0.0.1:${group.ports[2]}`
  const elsewhere = await runAt(0, 'cluster', 'transfer')
  expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringContaining(said)])
  const twice = await runAt(2, 'cluster', 'transfer', 'node3')
  expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining('node3 leads already')])
  const nobody = await runAt(2, 'cluster', 'transfer', 'node9')
  expect([nobody.code, nobody.stderr]).toEqual([
    1,
    expect.stringContaining('there is no member node9, there are node1')
  ])
  const any = await runAt(2, 'cluster', 'transfer', '--json')
  await group.members.quiet()
  expect([any.code, JSON.parse(any.stdout)]).toEqual([
    0,
    { ok: true, leader: `node${(group.members.leaderAt as number) + 1}` }
  ])
  expect(group.members.leaderAt).not.toBe(2)
})

test('status while nobody leads', async () => {
  await leadFirst()
  group.members.loseLeader({ keepsNone: true })
  const { code, stdout } = await runAt(0, 'cluster', 'status')
  group.members.elect(0)
  await group.members.quiet()
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^varve: nobody leads, node1 did last in term \d+\n/)])
})

test('a write on a follower is rejected, and says who leads', async () => {
  await leadFirst()
  // Just after a change of leader connections close instead.
  clock.pass(2)
  const { code, stderr } = await runAt(1, 'set', 'a', '1')
  const said = `can't write against a read only replica. The leader is 127.0.0.1:${group.ports[0]}`
  expect([code, stderr]).toEqual([1, expect.stringContaining(said)])
})

test('a server alone', async () => {
  const { code, stderr } = await varve(['cluster', 'status', '--port', String(alone.port)], { env })
  expect([code, stderr]).toEqual([1, expect.stringContaining('this server runs alone')])
})
