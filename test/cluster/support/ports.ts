// Ports of loopback that stay free. Those that the system gives out by itself would not: while a member is down, its port could
// become the near end of somebody's connection, even of one to that very port.
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below what Linux gives out. Each process has a block of its own, and looks on where it is taken. */
const first = 10_000
const blocks = 2_000
const blockPorts = 10
let next = process.pid % blocks

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listening = once(server, 'listening').then(
    () => true,
    () => false
  )
  server.listen(port, '127.0.0.1')
  if (!(await listening)) return false
  server.close()
  await once(server, 'close')
  return true
}

/** So many ports, at most ten, that nobody listens on. */
export async function steadyPorts(count: number): Promise<number[]> {
  for (let tries = 0; tries < blocks; tries++) {
    const start = first + blockPorts * next
    next = (next + 1) % blocks
    const ports = Array.from({ length: count }, (_, i) => start + i)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return ports
  }
  throw new Error('no ports are free')
}
