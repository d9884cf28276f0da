// The server's configuration: its shape, its defaults, and the flags of the command line over it. Files are read by
// config-file.ts, which alone needs YAML: most calls of `varve` read none.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface Peer {
  readonly host: string
  readonly port: number
}

export interface ServerConfig {
  readonly node: { readonly id: number; readonly role: 'leader' | 'follower' }
  readonly server: { readonly host: string; readonly port: number; readonly threads: number }
  readonly replication: { readonly port: number }
  readonly peers: readonly Peer[]
  /** `cacheBytes` undefined: the engine's own default. */
  readonly storage: { readonly dataDir: string; readonly cacheBytes: number | undefined }
  readonly logging: { readonly level: LogLevel }
}

export const defaultConfig: ServerConfig = freeze({
  node: { id: 1, role: 'leader' },
  server: { host: '127.0.0.1', port: 9000, threads: 4 },
  replication: { port: 9100 },
  peers: [],
  storage: { dataDir: './data', cacheBytes: undefined },
  logging: { level: 'info' }
})

/** What is laid over a configuration, as the flags of `varve serve` do. */
export interface ConfigFlags {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly dataDir?: string | undefined
}

export function withFlags(config: ServerConfig, { host, port, dataDir }: ConfigFlags): ServerConfig {
  return freeze({
    ...config,
    server: { ...config.server, host: host ?? config.server.host, port: port ?? config.server.port },
    storage: { ...config.storage, dataDir: dataDir ?? config.storage.dataDir }
  })
}

/** Makes a configuration unchangeable, to its last leaf. */
export function freeze<T extends object>(value: T): T {
  for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) freeze(child)
  return Object.freeze(value)
}
