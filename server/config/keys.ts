// Every key of the configuration: what it may be, what it is when nobody says, and what it is for. Files, the environment,
// `varve config print` and the checked ServerConfig all go by this table, so a new key is a line here and a line in config.ts.
import { cacheSize, integer, oneOf, peers, place, port, type Reader, size, text, truth } from './readers.ts'

export interface Key<T> {
  readonly reader: Reader<T>
  readonly fallback: T
  readonly summary: string
  /** Never shown. May also be given by a file: its twin `…_file` has the path. */
  readonly isSecret?: boolean
}

const key = <T>(reader: Reader<T>, fallback: T, summary: string): Key<T> => ({ reader, fallback, summary })
const optional = <T>(reader: Reader<T>, summary: string): Key<T | undefined> => ({
  reader,
  fallback: undefined,
  summary
})
const secret = (summary: string): Key<string | undefined> => ({ ...optional(text, summary), isSecret: true })

const milliseconds = integer(0, 2 ** 31 - 1)

export const keys = {
  'node.id': key(integer(1, 2 ** 31), 1, 'number of this node'),
  'node.role': key(oneOf('leader', 'follower'), 'leader', 'what it begins as'),
  'server.host': key(text, '127.0.0.1', 'address to listen on'),
  'server.port': key(port, 9000, 'its port; 0 takes a free one'),
  'server.advertise': optional(place, 'host:port at which clients reach it, where that is not where it listens'),
  'server.threads': key(integer(1, 64), 4, 'threads that read the disk'),
  'server.insecure': key(truth, false, 'listen where other machines reach it, and ask nobody for a password'),
  'replication.port': key(port, 9100, 'port for other nodes'),
  peers: key(peers, [], 'the other nodes'),
  'cluster.name': key(text, 'varve', 'what clients of Sentinel call it'),
  'cluster.reads': key(
    oneOf('linearizable', 'lease', 'local'),
    'linearizable',
    'linearizable: the newest everywhere; lease: the same, trusting clocks; local: what this node has'
  ),
  'cluster.max_staleness_ms': optional(
    milliseconds,
    'how old local reads may be, and those of clients that say READONLY'
  ),
  'cluster.writes': key(
    oneOf('reject', 'forward'),
    'reject',
    'on a member that does not lead: refused with who does, or made by that one'
  ),
  'storage.data_dir': key(text, './data', 'directory of the data'),
  'storage.cache_size': optional(cacheSize, 'block cache; 64 MiB unless given'),
  'storage.durability': key(oneOf('interval', 'sync', 'os'), 'interval', 'when a write is answered: see Durability'),
  'storage.disk_reserve': optional(size, 'what puts leave free of the disk; an eighth, at most 64 MiB, unless given'),
  'logging.level': key(
    oneOf('debug', 'info', 'warn', 'error'),
    'info',
    'the least important that is logged: debug, info, warn, error'
  ),
  'logging.format': key(oneOf('auto', 'json', 'text'), 'auto', 'auto: text on a terminal, else JSON'),
  'http.host': key(text, '127.0.0.1', 'address of health and metrics'),
  'http.port': optional(port, 'its port; none: no HTTP'),
  'auth.user': key(text, 'default', 'the admin who is always there, once there is a password'),
  'auth.password': secret('its password'),
  'auth.password_file': optional(text, 'file that holds its password'),
  'tls.cert': optional(text, 'file of the certificate and its chain'),
  'tls.key': optional(text, 'file of its private key'),
  'tls.ca': optional(text, 'file of those who sign the certificates of clients'),
  'tls.client_auth': key(truth, false, 'whether clients need a certificate'),
  'limits.connections': optional(integer(1, 1_000_000), 'connections at a time'),
  'limits.line': optional(size, 'longest line of the line protocol'),
  'limits.bulk': optional(size, 'longest argument of RESP'),
  'limits.arguments': optional(integer(1, 2 ** 24), 'arguments of one request'),
  'limits.request': optional(size, 'longest request of RESP, all its arguments together'),
  'limits.input': optional(size, 'unfinished requests of all connections together'),
  'limits.output': optional(size, 'replies of all connections that are not sent yet'),
  'limits.handshake_ms': optional(milliseconds, 'time to log in, TLS included'),
  'limits.request_ms': optional(milliseconds, 'time to finish a request, and a millisecond more for each of its bytes'),
  'limits.stalled_ms': optional(milliseconds, 'time to take something of a reply'),
  'limits.idle_ms': optional(milliseconds, 'time without a request; 0: for ever')
} as const satisfies Readonly<Record<string, Key<unknown>>>

export type KeyName = keyof typeof keys

type ValueOf<K> = K extends Key<infer T> ? T : never

export type Values = { readonly [Name in KeyName]: ValueOf<(typeof keys)[Name]> }

export const keyNames = Object.keys(keys) as readonly KeyName[]

/** The table without the types of its values. */
export const table: Readonly<Record<KeyName, Key<unknown>>> = keys

export const isKey = (name: string): name is KeyName => Object.hasOwn(keys, name)

/** What stands under a path: `server` → host, port, threads. */
export function childrenOf(path: string): readonly string[] {
  const start = path === '' ? '' : `${path}.`
  const under = keyNames.filter((name) => name.startsWith(start))
  return [...new Set(under.map((name) => name.slice(start.length).split('.', 1)[0] ?? ''))]
}

/** A value that was given, and where. */
export interface Setting {
  readonly value: unknown
  /** `server.yaml:6`, `VARVE_SERVER_PORT`, `--port`, `default`. */
  readonly origin: string
}

/** What one source says. */
export type Layer = ReadonlyMap<KeyName, Setting>

export interface LayerResult {
  readonly layer: Layer
  readonly faults: readonly string[]
  readonly notes: readonly string[]
}
