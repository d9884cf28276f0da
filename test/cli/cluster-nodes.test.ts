// Three processes of `varve serve` that name each other: the check of the first system, and what happens when one is killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RespPeer, requestOf } from '../server/support/resp-peer.ts'
import { program } from '../support/varve.ts'

interface Node {
  readonly id: number
  readonly port: number
  child: ChildProcess
}

const directory = mkdtempSync(join(tmpdir(), 'varve-three-'))
let nodes: Node[] = []

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  for (const server of servers) server.close()
  await Promise.all(servers.map((server) => once(server, 'close')))
  return ports
}

const configOf = (id: number): string => join(directory, `node${id}.yaml`)

function start(id: number): ChildProcess {
  return spawn(process.execPath, [program, 'serve', '-f', configOf(id)], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
}

function serves(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const hear = (text: unknown) => {
      said += String(text)
      if (said.includes('listening on')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${said}`)))
  })
}

beforeAll(async () => {
  const [a, b, c, d, e, f] = (await freePorts(6)) as [number, number, number, number, number, number]
  const client = [a, b, c]
  const peer = [d, e, f]
  for (const [i, port] of client.entries()) {
    const others = peer.filter((_, other) => other !== i).map((each) => `{ host: 127.0.0.1, port: ${each} }`)
    writeFileSync(
      configOf(i + 1),
      `node: { id: ${i + 1}, role: ${i === 0 ? 'leader' : 'follower'} }
server: { port: ${port} }
replication: { port: ${peer[i]} }
peers: [${others.join(', ')}]
storage: { data_dir: ${join(directory, `data${i + 1}`)} }
`
    )
  }
  nodes = client.map((port, i) => ({ id: i + 1, port, child: start(i + 1) }))
  await Promise.all(nodes.map(({ child }) => serves(child)))
}, 30_000)

afterAll(async () => {
  const running = nodes.filter(({ child }) => child.exitCode === null && child.signalCode === null)
  for (const { child } of running) child.kill('SIGKILL')
  await Promise.all(running.map(({ child }) => once(child, 'exit')))
  rmSync(directory, { recursive: true, force: true })
})

/** What the line protocol answers, to its end. */
async function lines(node: Node, ...requests: string[]): Promise<string[]> {
  const socket = connect(node.port, '127.0.0.1')
  socket.end([...requests, 'QUIT', ''].join('\n'))
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text.trimEnd().split('\n')
}

async function ask(node: Node, ...words: string[]): Promise<string> {
  const peer = await RespPeer.connect({ port: node.port })
  try {
    const [reply = ''] = await peer.ask([requestOf(...words)])
    return reply
  } finally {
    peer[Symbol.dispose]()
  }
}

/** The one that says it leads; asked again until one does. */
async function leaderAmong(some: readonly Node[]): Promise<Node> {
  for (;;) {
    for (const node of some) {
      const status = await lines(node, 'STATUS').catch((): string[] => [])
      if (status.includes('Role: LEADER')) return node
    }
  }
}

describe('three nodes', () => {
  test('the one that is to begin leads; the others have what it was told, and take nothing themselves', async () => {
    const leader = await leaderAmong(nodes)
    expect(leader.id).toBe(1)
    expect(await lines(leader, 'PUT test1 value1')).toEqual(['+OK', '+OK'])
    for (const node of nodes) {
      expect(await lines(node, 'GET test1')).toEqual(['value1', '+OK'])
      if (node === leader) continue
      expect(await lines(node, 'PUT test2 value2', 'GET test2')).toEqual([
        `-NOT_LEADER 127.0.0.1:${leader.port}`,
        '-NOT_FOUND',
        '+OK'
      ])
      expect(await ask(node, 'SET', 'test2', 'value2')).toMatch(/^-READONLY /)
    }
  })

  test('killed, the leader is followed by another within a second or so, that has all; it comes back and follows', async () => {
    const leader = await leaderAmong(nodes)
    for (let i = 0; i < 50; i++) expect(await ask(leader, 'SET', `key${i}`, `value${i}`)).toBe('+OK\r\n')
    const exited = once(leader.child, 'exit')
    leader.child.kill('SIGKILL')
    await exited
    const rest = nodes.filter((node) => node !== leader)
    const killedMs = performance.now()
    const next = await leaderAmong(rest)
    expect(await ask(next, 'SET', 'after', 'it')).toBe('+OK\r\n')
    // A bound against hanging; how long it takes is the campaign's to measure.
    expect(performance.now() - killedMs).toBeLessThan(10_000)
    for (let i = 0; i < 50; i++)
      expect(await ask(next, 'GET', `key${i}`)).toBe(`$${`value${i}`.length}\r\nvalue${i}\r\n`)
    leader.child = start(leader.id)
    await serves(leader.child)
    expect(await ask(leader, 'GET', 'after')).toBe('$2\r\nit\r\n')
  })

  test('told to stop, the leader hands over first and exits with 0', async () => {
    const leader = await leaderAmong(nodes)
    const exited = once(leader.child, 'exit')
    leader.child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    const next = await leaderAmong(nodes.filter((node) => node !== leader))
    expect(await ask(next, 'GET', 'after')).toBe('$2\r\nit\r\n')
  })

  test('durability that is less than a cluster gives is refused, and a follower without peers', async () => {
    const file = join(directory, 'refused.yaml')
    const end = async (yaml: string) => {
      writeFileSync(file, yaml)
      const child = spawn(process.execPath, [program, 'serve', '-f', file])
      let said = ''
      child.stderr.on('data', (text) => {
        said += String(text)
      })
      const [code] = await once(child, 'exit')
      return `${code} ${said}`
    }
    const data = `storage: { data_dir: ${join(directory, 'refused')}`
    expect(await end(`peers: [{ host: 127.0.0.1, port: 1 }]\n${data}, durability: os }\n`)).toMatch(
      /^2 .*storage\.durability "os" is not for a cluster/s
    )
    expect(await end(`node: { role: follower }\n${data} }\n`)).toMatch(/^2 .*needs peers/s)
  })
})
