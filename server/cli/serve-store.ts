// What `varve serve` stands on: a database alone, or a member of the cluster that the configuration names peers of.
import type { Database } from '../../lib/index.ts'
import type { Effective } from '../config/load.ts'
import type { ServerConfig } from '../config.ts'
import type { Log } from '../log.ts'
import type { NodeOptions } from '../raft/node.ts'
import type { Store, SystemRecords } from '../store.ts'
import { databaseExit, exit, exitCodes, messageOf } from './exit.ts'

export interface ServedStore {
  readonly store: Store & { readonly records: SystemRecords }
  readonly database: Database<Buffer, Buffer>
  /** Rejects when nothing can be written any more, and the process has to end. */
  readonly failed: Promise<never>
  /** Hands leadership over, where it leads and somebody can take it. */
  handOver(): Promise<void>
  close(): Promise<void>
}

export async function openServedStore(dataDir: string, effective: Effective, log: Log): Promise<ServedStore> {
  const { config } = effective
  return config.peers.length === 0 ? openAlone(dataDir, config) : openMember(dataDir, effective, log)
}

const never = new Promise<never>(() => {})

async function openAlone(dataDir: string, { storage, server, node }: ServerConfig): Promise<ServedStore> {
  if (node.role === 'follower') {
    throw exit(
      exitCodes.usage,
      'node.role "follower" needs peers, and this server runs alone: use "leader", or name the peers.'
    )
  }
  const { cacheBytes, durability, diskReserveBytes } = storage
  try {
    const { DatabaseStore } = await import('../store/database.ts')
    const options = { cacheBytes, durability, diskReserveBytes, readThreads: server.threads }
    const store = await DatabaseStore.open(dataDir, options)
    return { store, database: store.database, failed: never, handOver: async () => {}, close: () => store.close() }
  } catch (error) {
    throw databaseExit(error)
  }
}

async function openMember(directory: string, { config, settings }: Effective, log: Log): Promise<ServedStore> {
  const { durability } = config.storage
  if (durability !== 'sync' && settings.get('storage.durability')?.origin !== 'default') {
    throw exit(
      exitCodes.usage,
      `storage.durability "${durability}" is not for a cluster: what it answers is on the disks of most members. Leave it out, or use "sync".`
    )
  }
  const { startNode } = await import('../raft/node.ts')
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const options = await nodeOptions(directory, config, log, fail)
  try {
    const node = await startNode(options)
    const { store } = node
    log.info({ cluster: node.view.clusterId, member: node.view.ownId, ...node.address }, 'a member of the cluster')
    return {
      store,
      database: store.database,
      failed,
      handOver: () => node.handOver(),
      close: () => node.close()
    }
  } catch (error) {
    throw error instanceof Error && 'code' in error ? databaseExit(error) : exit(exitCodes.failed, messageOf(error))
  }
}

async function nodeOptions(
  directory: string,
  config: ServerConfig,
  log: Log,
  onFailure: (error: Error) => void
): Promise<NodeOptions> {
  const { systemClock } = await import('../clock.ts')
  const { node, server, replication, peers, storage, tls } = config
  const { cert, key, ca } = tls
  const place = (host: string, port: number) => `${host.includes(':') ? `[${host}]` : host}:${port}`
  const { advertise } = server
  const isAnywhere = server.host === '0.0.0.0' || server.host === '::'
  if (isAnywhere && advertise === undefined) {
    throw exit(
      exitCodes.usage,
      `server.host ${server.host} is no address that others can go to: set server.advertise to the host and port of this node.`
    )
  }
  const clients = advertise ?? { host: server.host, port: server.port }
  return {
    directory,
    name: String(node.id),
    wantsToLead: node.role === 'leader',
    listen: { host: server.host, port: replication.port },
    ...(isAnywhere ? { peerHost: clients.host } : {}),
    clientAddress: place(clients.host, clients.port),
    peers: peers.map(({ host, port }) => ({ addresses: [place(host, port)] })),
    engine: {
      ...(storage.cacheBytes === undefined ? {} : { blockCacheBytes: storage.cacheBytes }),
      ...(storage.diskReserveBytes === undefined ? {} : { limits: { diskReserveBytes: storage.diskReserveBytes } })
    },
    clock: systemClock,
    tls: cert !== undefined && key !== undefined && ca !== undefined ? { cert, key, ca } : undefined,
    clientTls: cert !== undefined,
    reads: config.cluster.reads.reads === 'lease' ? 'lease' : 'safe',
    insecure: server.insecure,
    onWaiting: (sentence) => log.info(sentence),
    onNotice: ({ peer, lane, kind, fault }) => {
      const level = kind === 'refused' || kind === 'refusing' ? 'warn' : 'debug'
      log[level]({ peer, lane, kind, why: fault.message }, 'a connection between members')
    },
    onFailure
  }
}
