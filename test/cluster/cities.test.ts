// A database that an app has filled grows into a cluster: its directory becomes member 1, and the others receive all of it.
// Then the check of the first system, by the command line and by nc.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cityEntries } from '../../examples/city-entries.mjs'
import { open } from '../../lib/index.ts'
import { report } from '../support/campaign.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { temporaryDirectory, varve } from '../support/varve.ts'
import { contentsOf } from './support/contents.ts'
import { ClusterProcesses, type Node } from './support/nodes.ts'

const entries: readonly { readonly key: string; readonly value: string }[] = cityEntries()
const cities: ReadonlyMap<string, string> = new Map(entries.map(({ key, value }) => [key, value]))
const directory = temporaryDirectory()
const directoryOf = (id: number): string => join(directory.path, `data${id}`)
let cluster: ClusterProcesses
let receivedSeconds = 0

beforeAll(async () => {
  const db = await open(directoryOf(1))
  for (let i = 0; i < entries.length; i += 1000)
    await db.batch(entries.slice(i, i + 1000).map(({ key, value }) => ({ type: 'put', key, value })))
  await db.close()
  const startMs = performance.now()
  cluster = await ClusterProcesses.start({ directoryOf })
  await cluster.applied()
  receivedSeconds = (performance.now() - startMs) / 1000
  console.log(`three members with ${entries.length} cities after ${receivedSeconds.toFixed(1)} s`)
}, 60_000)

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  directory[Symbol.dispose]()
})

const followersOf = (leader: Node): readonly Node[] => cluster.nodes.filter((node) => node !== leader)
const run = (node: Node, ...args: string[]) => varve([...args, '--port', String(node.port)])

test('whoever has the data leads, and every member reads a city', async () => {
  const leader = await cluster.leader()
  expect(leader.id).toBe(1)
  const [[key, value] = ['', '']] = cities
  for (const node of cluster.nodes)
    expect(await run(node, 'get', key)).toEqual({ code: 0, stdout: `${value}\n`, stderr: '' })
})

test('by the command line: set on the leader, read on both followers, refused by them, who name the leader', async () => {
  const leader = await cluster.leader()
  expect(await run(leader, 'set', 'test1', 'value1')).toMatchObject({ code: 0, stderr: '' })
  for (const node of followersOf(leader)) {
    expect(await run(node, 'get', 'test1')).toEqual({ code: 0, stdout: 'value1\n', stderr: '' })
    const refused = await run(node, 'set', 'test2', 'value2')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain(`127.0.0.1:${leader.port}`)
  }
})

describe.runIf(
  skipUnless('nc', hasCommand('nc'), 'nc speaks to the server as people do; Debian has it as netcat-openbsd')
)('by nc', () => {
  test('set on the leader, read on both followers, refused by them, who name the leader', async () => {
    const say = async (node: Node, text: string): Promise<string> => {
      const line = `printf '${text}\\nQUIT\\n' | nc 127.0.0.1 ${node.port}`
      const { stdout } = await promisify(execFile)('sh', ['-c', line])
      return stdout
    }
    const leader = await cluster.leader()
    expect(await say(leader, 'PUT test3 value3')).toBe('+OK\n+OK\n')
    for (const node of followersOf(leader)) {
      expect(await say(node, 'GET test3')).toBe('value3\n+OK\n')
      expect(await say(node, 'PUT test4 value4')).toBe(`-NOT_LEADER 127.0.0.1:${leader.port}\n+OK\n`)
    }
  })
})

test('all three hold every city, byte for byte, and the same', async () => {
  const index = await cluster.applied()
  for (const node of cluster.nodes) expect(await cluster.end(node, 'SIGTERM'), node.said).toBe(0)
  const digests = new Set<string>()
  for (const node of cluster.nodes) {
    const { digest, values } = await contentsOf(node.directory, index)
    digests.add(digest)
    const latin1 = (text: string) => Buffer.from(text).toString('latin1')
    const missing = [...cities].filter(([key, value]) => values.get(latin1(key)) !== latin1(value))
    expect(missing, `node ${node.id}`).toEqual([])
    const others = [...values.keys()].filter((key) => !cities.has(Buffer.from(key, 'latin1').toString()))
    expect(others.filter((key) => !/^test[13]$/.test(key))).toEqual([])
  }
  expect(digests.size).toBe(1)
  report('cities into a cluster', { cities: cities.size, receivedSeconds: Number(receivedSeconds.toFixed(1)) })
})
