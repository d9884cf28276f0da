// Three processes of `varve serve` that are a cluster, with the times of production: they can be killed, stopped, continued and
// started again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { program, tracked } from '../../support/varve.ts'
import { steadyPorts } from './ports.ts'

export interface Node {
  readonly id: number
  readonly port: number
  readonly directory: string
  child: ChildProcess
  /** The last that it said, for whoever asks why. */
  said: string
}

/** How STATUS is asked. */
export interface Access {
  readonly login?: { readonly username: string; readonly password: string } | undefined
  readonly tls?: { readonly ca: Buffer } | undefined
}

export interface ClusterOptions extends Access {
  /** More lines of the configuration of each. */
  readonly yaml?: string
  /** Where each has its data; a temporary directory unless given. */
  readonly directoryOf?: (id: number) => string
}

const saidMax = 8_000

export class ClusterProcesses {
  readonly nodes: readonly Node[]
  readonly #directory: string
  readonly #access: Access

  private constructor(directory: string, nodes: readonly Node[], access: Access) {
    this.#directory = directory
    this.nodes = nodes
    this.#access = access
  }

  /** Resolves once all three serve, as one cluster. */
  static async start({ yaml = '', directoryOf, login, tls }: ClusterOptions = {}): Promise<ClusterProcesses> {
    const directory = mkdtempSync(join(tmpdir(), 'varve-cluster-'))
    const [client, peer] = await steadyPorts(6).then((ports) => [ports.slice(0, 3), ports.slice(3)] as const)
    const nodes = client.map((port, i): Node => {
      const id = i + 1
      const data = directoryOf?.(id) ?? join(directory, `data${id}`)
      const others = peer.filter((each) => each !== peer[i]).map((each) => `{ host: 127.0.0.1, port: ${each} }`)
      const text = `node: { id: ${id}, role: ${id === 1 ? 'leader' : 'follower'} }
server: { port: ${port} }
replication: { port: ${peer[i]} }
peers: [${others.join(', ')}]
storage: { data_dir: ${data} }
${yaml}`
      writeFileSync(configOf(directory, id), text)
      return { id, port, directory: data, child: spawnNode(directory, id), said: '' }
    })
    const cluster = new ClusterProcesses(directory, nodes, { login, tls })
    try {
      await Promise.all(nodes.map(serves))
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  /** Begins to be killed at the call; resolves once it is gone. */
  async kill(node: Node): Promise<void> {
    await this.end(node, 'SIGKILL')
  }

  /** Its exit code; null where a signal has ended it. */
  async end(node: Node, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const { child } = node
    if (!isRunning(child)) return child.exitCode
    const exited = once(child, 'exit')
    child.kill(signal)
    const [code] = await exited
    return code as number | null
  }

  stop(node: Node): void {
    node.child.kill('SIGSTOP')
  }

  resume(node: Node): void {
    node.child.kill('SIGCONT')
  }

  /** Resolves once it serves; what it lacks may be on its way. */
  async restart(node: Node): Promise<void> {
    node.child = spawnNode(this.#directory, node.id)
    node.said = ''
    await serves(node)
  }

  /** What a node says of itself, name by name; rejects where it cannot be reached. */
  async status(node: Node): Promise<ReadonlyMap<string, string>> {
    const { login, tls } = this.#access
    const to = { port: node.port, host: '127.0.0.1' }
    const socket: Socket = tls === undefined ? connect(to) : connectTls({ ...to, ca: tls.ca })
    const first = login === undefined ? [] : [`AUTH ${login.username} ${login.password}`]
    socket.end([...first, 'STATUS', 'QUIT', ''].join('\n'))
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    const lines = text.split('\n').map((line) => line.split(': ') as [string, string])
    return new Map(lines.filter((parts) => parts.length === 2))
  }

  /** Who says that it leads; asked again until one does. */
  async leader(some: readonly Node[] = this.nodes): Promise<Node> {
    for (;;) {
      for (const node of some) {
        const status = await this.status(node).catch(() => undefined)
        if (status?.get('Role') === 'LEADER') return node
      }
    }
  }

  /** Resolves once all have applied the same; nothing may be written meanwhile. */
  async applied(): Promise<number> {
    for (;;) {
      const told = await Promise.all(this.nodes.map((node) => this.status(node)))
      const [first, ...others] = told.map((status) => Number(status.get('Applied Index')))
      if (first !== undefined && others.every((other) => other === first)) return first
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.kill(node)))
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

const configOf = (directory: string, id: number): string => join(directory, `node${id}.yaml`)

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null

function spawnNode(directory: string, id: number): ChildProcess {
  const args = [program, 'serve', '-f', configOf(directory, id)]
  return tracked(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
}

function serves(node: Node): Promise<void> {
  const { child } = node
  return new Promise((resolve, reject) => {
    const hear = (text: unknown) => {
      node.said = (node.said + String(text)).slice(-saidMax)
      if (node.said.includes('Ctrl-C\n')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', (code, signal) => reject(new Error(`node ${node.id} ended by ${code ?? signal}: ${node.said}`)))
  })
}
