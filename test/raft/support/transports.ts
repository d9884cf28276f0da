// Transports of a test on loopback, on ports of the system's, and the end of all of them.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect } from 'vitest'
import { systemClock } from '../../../server/clock.ts'
import type { NodeId, PeerMessage } from '../../../server/raft/core/types.ts'
import type { Identity, MemberInfo } from '../../../server/raft/transport/identity.ts'
import { Transport, type TransportOptions } from '../../../server/raft/transport/transport.ts'
import type { Notice } from '../../../server/raft/transport/wiring.ts'

const open: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** Runs after the test; the last one first. */
export const atEnd = (close: () => Promise<void> | void): void => void open.push(close)

export const localhost = { host: '127.0.0.1', port: 0 }

export function memberOf(id: NodeId, name: string, port = 1, host = '127.0.0.1'): MemberInfo {
  return { id, name, addresses: { peer: [`${host}:${port}`], client: [] } }
}

export const identityOf = (member: MemberInfo, clusterId = 'cluster'): Identity => ({ ...member, clusterId })

/** What has happened, for tests to wait for. */
export class Seen {
  readonly messages: PeerMessage[] = []
  readonly unreachable: NodeId[] = []
  readonly lost: NodeId[] = []
  readonly notices: Notice[] = []
  readonly #wakes = new Set<() => void>()

  add<T>(list: T[], item: T): void {
    list.push(item)
    for (const wake of this.#wakes) wake()
  }

  /** Resolves once it holds; looks again at each event, and at every turn of the loop meanwhile. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wakes.delete(wake)
          resolve()
        }
        this.#wakes.add(wake)
        setImmediate(wake)
      })
    }
  }
}

export interface Opened {
  readonly transport: Transport
  readonly seen: Seen
  readonly member: MemberInfo
}

export async function transportOf(
  id: NodeId,
  name: string,
  options: Partial<TransportOptions> & { clusterId?: string } = {}
): Promise<Opened> {
  const { clusterId, ...others } = options
  const seen = new Seen()
  const member = memberOf(id, name)
  const transport = await Transport.listen({
    identity: identityOf(member, clusterId),
    listen: localhost,
    clock: systemClock,
    random: () => 0.5,
    onMessage: (message) => seen.add(seen.messages, message),
    onUnreachable: (peer) => seen.add(seen.unreachable, peer),
    onLost: (peer) => seen.add(seen.lost, peer),
    onNotice: (notice) => seen.add(seen.notices, notice),
    ...others
  })
  atEnd(() => transport.close())
  return { transport, seen, member: memberOf(id, name, transport.address.port, transport.address.host) }
}

/** They know each other, and every connection is up. */
export async function connectAll(nodes: readonly Opened[], clusterId = 'cluster'): Promise<void> {
  const members = nodes.map(({ member }) => member)
  for (const { transport, member } of nodes) transport.become(identityOf(member, clusterId), members)
  for (const { transport, seen } of nodes) await seen.until(() => isConnected(transport, nodes.length - 1))
}

export function isConnected(transport: Transport, peers: number): boolean {
  const all = [...transport.status().values()]
  const areUp = all.every(({ control, log, isHeard }) => control.state === 'ready' && log.state === 'ready' && isHeard)
  return all.length === peers && areUp
}

export async function groupOf(count: number, options: Partial<TransportOptions> = {}): Promise<Opened[]> {
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, count)
  const nodes: Opened[] = []
  for (const [i, name] of names.entries()) nodes.push(await transportOf(i + 1, name, options))
  await connectAll(nodes)
  return nodes
}

export const heartbeat = (from: NodeId, to: NodeId, round: number): PeerMessage => ({
  kind: 'heartbeat',
  from,
  to,
  term: 1,
  commit: 0,
  round
})

export function append(from: NodeId, to: NodeId, index: number, ref: Buffer): PeerMessage {
  const entries = [{ kind: 'normal', term: 1, index: index + 1, payload: { size: ref.length, ref } }] as const
  return { kind: 'append', from, to, term: 1, index, logTerm: 1, entries, commit: 0 }
}

/** A server of bare sockets. */
export async function bareServer(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export function only<T>(items: readonly T[]): T {
  expect(items).toHaveLength(1)
  return items[0] as T
}
