// Debian's redis-server on a Unix socket in a directory of its own, without persistence: what varve's replies are compared with.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface RedisServer {
  readonly path: string
  stop(): Promise<void>
}

export async function startRedis(): Promise<RedisServer> {
  return start(['--port', '0'])
}

export type RedisOnPort = RedisServer & { readonly port: number }

/** On a port of the system's, too. */
export async function startRedisOnPort(...options: readonly string[]): Promise<RedisOnPort> {
  const [port] = await freePorts(1)
  return { ...(await start(['--port', String(port), '--bind', '127.0.0.1', ...options])), port: port as number }
}

/** In cluster mode. It has no slots yet. */
export async function startRedisCluster(): Promise<RedisOnPort> {
  const [bus] = await freePorts(1)
  return startRedisOnPort('--cluster-enabled', 'yes', '--cluster-port', String(bus))
}

/** A Sentinel that watches a Redis under a name. It keeps its state in its configuration. */
export async function startSentinel(name: string, port: number): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'varve-sentinel-'))
  const file = join(directory, 'sentinel.conf')
  await writeFile(file, `sentinel monitor ${name} 127.0.0.1 ${port} 1\n`)
  const sentinel = await start([file, '--sentinel', '--port', '0'], [])
  return {
    path: sentinel.path,
    async stop() {
      await sentinel.stop()
      await rm(directory, { recursive: true, force: true })
    }
  }
}

const withoutPersistence = ['--save', '', '--appendonly', 'no']

async function start(own: readonly string[], common = withoutPersistence): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'varve-redis-'))
  const path = join(directory, 'socket')
  const options = [...own, '--unixsocket', path, ...common, '--dir', directory]
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    if (/ready to accept|\+monitor/.test(line)) break
  }
  child.stdout.resume()
  return {
    path,
    async stop() {
      child.kill('SIGKILL')
      await ended
      await rm(directory, { recursive: true, force: true })
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    ports.push(typeof address === 'object' && address !== null ? address.port : 0)
  }
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}
