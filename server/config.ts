// The server's configuration: its shape, frozen. Its keys, with what they may be and their defaults, are in config/keys.ts;
// config/load.ts makes one of a file, the environment and flags.
import { table, type Values } from './config/keys.ts'
import { type Peer, placeOf } from './config/readers.ts'

export type { Peer } from './config/readers.ts'

/** As ReadConsistency of store.ts. */
export interface ReadsConfig {
  readonly reads: 'linearizable' | 'lease' | 'local'
  readonly maxStalenessMs?: number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface ServerConfig {
  readonly node: { readonly id: number; readonly role: 'leader' | 'follower' }
  readonly server: {
    readonly host: string
    readonly port: number
    /** Undefined: clients reach it where it listens. */
    readonly advertise: Peer | undefined
    readonly threads: number
    readonly insecure: boolean
  }
  readonly replication: { readonly port: number }
  readonly peers: readonly Peer[]
  readonly cluster: { readonly name: string; readonly reads: ReadsConfig; readonly writes: 'reject' | 'forward' }
  /** What is undefined is the engine's own default. */
  readonly storage: {
    readonly dataDir: string
    readonly cacheBytes: number | undefined
    readonly durability: 'interval' | 'sync' | 'os'
    readonly diskReserveBytes: number | undefined
  }
  readonly logging: { readonly level: LogLevel; readonly format: 'auto' | 'json' | 'text' }
  /** `port` undefined: no HTTP. */
  readonly http: { readonly host: string; readonly port: number | undefined }
  /** `password` undefined: nobody has to log in, unless there are users already. */
  readonly auth: { readonly user: string; readonly password: string | undefined }
  readonly tls: {
    readonly cert: string | undefined
    readonly key: string | undefined
    readonly ca: string | undefined
    readonly clientAuth: boolean
  }
  /** What is undefined is as in limits.ts. */
  readonly limits: {
    readonly connectionsMax: number | undefined
    readonly lineBytesMax: number | undefined
    readonly bulkBytesMax: number | undefined
    readonly argumentsMax: number | undefined
    readonly requestBytesMax: number | undefined
    readonly inputBytesTotalMax: number | undefined
    readonly outputBytesTotalMax: number | undefined
    readonly handshakeMs: number | undefined
    readonly requestMs: number | undefined
    readonly stalledMs: number | undefined
    readonly idleMs: number | undefined
  }
}

/** The configuration of a value for every key. */
export function configOf(values: Values): ServerConfig {
  return freeze<ServerConfig>({
    node: { id: values['node.id'], role: values['node.role'] },
    server: {
      host: values['server.host'],
      port: values['server.port'],
      advertise: values['server.advertise'] === undefined ? undefined : placeOf(values['server.advertise']),
      threads: values['server.threads'],
      insecure: values['server.insecure']
    },
    replication: { port: values['replication.port'] },
    peers: values.peers,
    cluster: { name: values['cluster.name'], reads: readsOf(values), writes: values['cluster.writes'] },
    storage: {
      dataDir: values['storage.data_dir'],
      cacheBytes: values['storage.cache_size'],
      durability: values['storage.durability'],
      diskReserveBytes: values['storage.disk_reserve']
    },
    logging: { level: values['logging.level'], format: values['logging.format'] },
    http: { host: values['http.host'], port: values['http.port'] },
    auth: { user: values['auth.user'], password: values['auth.password'] },
    tls: {
      cert: values['tls.cert'],
      key: values['tls.key'],
      ca: values['tls.ca'],
      clientAuth: values['tls.client_auth']
    },
    limits: {
      connectionsMax: values['limits.connections'],
      lineBytesMax: values['limits.line'],
      bulkBytesMax: values['limits.bulk'],
      argumentsMax: values['limits.arguments'],
      requestBytesMax: values['limits.request'],
      inputBytesTotalMax: values['limits.input'],
      outputBytesTotalMax: values['limits.output'],
      handshakeMs: values['limits.handshake_ms'],
      requestMs: values['limits.request_ms'],
      stalledMs: values['limits.stalled_ms'],
      idleMs: values['limits.idle_ms']
    }
  })
}

function readsOf(values: Values): ReadsConfig {
  const maxStalenessMs = values['cluster.max_staleness_ms']
  return { reads: values['cluster.reads'], ...(maxStalenessMs === undefined ? {} : { maxStalenessMs }) }
}

export const defaultConfig: ServerConfig = configOf(
  Object.fromEntries(Object.entries(table).map(([name, { fallback }]) => [name, fallback])) as unknown as Values
)

/** Makes a configuration unchangeable, to its last leaf. */
export function freeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) freeze(child)
  return Object.freeze(value)
}
