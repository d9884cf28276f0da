// How a member tells who leads and how far everybody is: STATUS, INFO, metrics, health.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { checksOf, exposeAll, type MetricSources } from '../../server/metrics/all.ts'
import { ProcessMetrics } from '../../server/metrics/process.ts'
import { seedOf } from '../support/campaign.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { atEnd, clientOf, databaseStore, respOf } from './support/served.ts'
import { servedGroup } from './support/served-group.ts'

async function start() {
  const group = await servedGroup(seedOf('cluster status'))
  const leader = group.members.leaderAt as number
  const [follower] = [0, 1, 2].filter((at) => at !== leader) as [number]
  await group.stores[leader]?.write([{ type: 'put', key: Buffer.from('a'), value: Buffer.from('1') }])
  await group.members.quiet()
  const statusAt = async (at: number): Promise<Map<string, string>> => {
    const client = await clientOf(group.serverAt(at))
    client.send('STATUS\nQUIT\n')
    const lines = (await client.rest()).split('\n').filter((line) => line.includes(': '))
    return new Map(lines.map((line) => line.split(': ') as [string, string]))
  }
  const infoAt = async (at: number, section: string): Promise<string> => {
    const client = await clientOf(group.serverAt(at))
    client.send(Buffer.concat([respOf('INFO', section), respOf('QUIT')]))
    return client.rest()
  }
  return { group, leader, follower, statusAt, infoAt }
}

test('STATUS of a leader, of a follower, and while nobody leads', async () => {
  const { group, leader, follower, statusAt } = await start()
  const index = String(group.members.commitIndex)
  const place = `node${leader + 1} 127.0.0.1:${group.ports[leader]}`
  const others = [0, 1, 2].filter((at) => at !== leader)
  expect([...(await statusAt(leader))]).toEqual([
    ['Node ID', String(leader + 1)],
    ['Role', 'LEADER'],
    ['Term', '1'],
    ['Commit Index', index],
    ['Active Connections', '1'],
    ['Leader', place],
    ['Applied Index', index],
    ...others.map((at) => [`Peer node${at + 1}`, 'connected, lag 0'])
  ])
  const ofFollower = await statusAt(follower)
  expect([ofFollower.get('Role'), ofFollower.get('Leader')]).toEqual(['FOLLOWER', place])
  expect(ofFollower.get(`Peer node${leader + 1}`)).toBe('connected')
  group.members.stop(follower)
  expect((await statusAt(leader)).get(`Peer node${follower + 1}`)).toBe('disconnected, lag 0')
  group.members.start(follower)
  group.members.loseLeader({ keepsNone: true })
  const lost = await statusAt(leader)
  expect([lost.get('Role'), lost.get('Leader'), lost.get('Last Leader')]).toEqual(['FOLLOWER', undefined, place])
})

test('INFO cluster', async () => {
  const { group, leader, follower, infoAt } = await start()
  const fields = (text: string): Readonly<Record<string, string | undefined>> =>
    Object.fromEntries([...text.matchAll(/^(\w+):(.*)\r$/gm)].map(([, name, value]) => [name, value]))
  const index = String(group.members.commitIndex)
  const wanted = {
    cluster_enabled: '1',
    cluster_name: 'varve',
    leader: `127.0.0.1:${group.ports[leader]}`,
    leader_name: `node${leader + 1}`,
    leader_switches: '0',
    term: '1',
    commit_index: index
  }
  expect(fields(await infoAt(leader, 'cluster'))).toMatchObject({
    ...wanted,
    member_role: 'leader',
    applied_index: index,
    peer0: expect.stringMatching(/^name=node\d,connected=1,lag=0$/)
  })
  expect(fields(await infoAt(follower, 'cluster'))).toMatchObject({
    ...wanted,
    member_role: 'follower',
    peer0: expect.stringMatching(/^name=node\d,connected=1$/)
  })
})

test('metrics and health', async () => {
  const { group, leader, follower } = await start()
  const process = new ProcessMetrics()
  atEnd(() => process.close())
  const { database } = await databaseStore()
  const sources = (at: number): MetricSources => ({
    server: group.serverAt(at),
    database,
    process,
    nodeId: at,
    version: '1'
  })
  // To each of the others.
  const client = await clientOf(group.serverAt(leader))
  client.send(Buffer.concat([respOf('PUBLISH', 'news', 'hello'), respOf('QUIT')]))
  expect(await client.rest()).toBe(':0\r\n+OK\r\n')
  const text = await exposeAll(sources(leader))
  const index = group.members.commitIndex
  const others = [0, 1, 2].filter((at) => at !== leader).map((at) => `node${at + 1}`)
  const lines = [
    'varve_cluster_role{role="leader"} 1',
    'varve_cluster_role{role="follower"} 0',
    `varve_cluster_leader{member="node${leader + 1}"} 1`,
    `varve_cluster_leader{member="${others[0]}"} 0`,
    'varve_cluster_leader_switches_total 0',
    'varve_cluster_messages_relayed_total 2',
    'varve_cluster_messages_dropped_total 0',
    'varve_cluster_term 1',
    `varve_cluster_last_index ${index}`,
    `varve_cluster_commit_index ${index}`,
    `varve_cluster_applied_index ${index}`,
    ...others.map((name) => `varve_cluster_peer_connected{peer="${name}"} 1`),
    ...others.map((name) => `varve_cluster_peer_lag_records{peer="${name}"} 0`)
  ]
  expect(text.split('\n')).toEqual(expect.arrayContaining(lines))
  const ofFollower = await exposeAll(sources(follower))
  expect(ofFollower).toContain('varve_cluster_role{role="follower"} 1\n')
  // A family without a sample: only the leader knows.
  expect(ofFollower).not.toContain('varve_cluster_peer_lag_records{')
  expect(checksOf(sources(leader))).toMatchObject({ leader: undefined })
  group.members.loseLeader({ keepsNone: true })
  expect(checksOf(sources(leader))['leader']).toMatch(/nobody is known to lead/)
  expect(await exposeAll(sources(leader))).toContain(`varve_cluster_leader{member="node${leader + 1}"} 0\n`)
})

test.runIf(skipUnless('promtool', hasCommand('promtool'), 'needs the Debian package prometheus'))(
  'promtool finds nothing wrong',
  async () => {
    const { group, leader } = await start()
    const process = new ProcessMetrics()
    atEnd(() => process.close())
    const { database } = await databaseStore()
    const text = await exposeAll({ server: group.serverAt(leader), database, process, nodeId: 1, version: '1' })
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    expect([status, stdout, stderr]).toEqual([0, '', ''])
  }
)
