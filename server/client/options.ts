// The options of a client: its only defaults and checks.
import type { ConnectionOptions } from 'node:tls'
import type { KeyEncoding, ValueEncoding } from './encoding.ts'
import { type Environment, realEnvironment } from './environment.ts'
import { invalid } from './errors.ts'
import { targetsOf } from './places.ts'

export interface ClientOptions<K extends KeyEncoding = 'utf8', V extends ValueEncoding = 'utf8'> {
  /** 127.0.0.1 unless given. */
  readonly host?: string
  /** 9000 unless given. */
  readonly port?: number
  /**
   * Members of a cluster, each as `host:port`, in place of host and port: the client finds who leads, and goes after it when
   * that changes.
   */
  readonly addresses?: readonly string[]
  readonly user?: string
  readonly password?: string
  /** `true`, or options as `tls.connect` takes them: `ca`, `cert`, `key`, `servername`. */
  readonly tls?: boolean | ConnectionOptions
  /** What the server's CLIENT LIST calls it. */
  readonly name?: string
  /** Connections that are kept; 2 unless given. */
  readonly poolSize?: number
  /** How a key is given: 'utf8' (strings, unless told otherwise) or 'buffer'. */
  readonly keyEncoding?: K
  /** How a value is given: 'utf8' (strings, unless told otherwise), 'json' or 'buffer'. */
  readonly valueEncoding?: V
  /** How long a call may take, in milliseconds; 30 000 unless given. Each call can have its own. */
  readonly timeoutMs?: number
  /** How long connecting may take, handshake and all; 5 000 unless given. */
  readonly connectTimeoutMs?: number
  /** A connection whose server says nothing for so long while something is unanswered is given up; 30 000 unless given. */
  readonly silenceMs?: number
  /** Before a lost connection is tried again: at most `firstMs` (50) the first time, doubling up to `mostMs` (2 000). */
  readonly reconnect?: { readonly firstMs?: number; readonly mostMs?: number }
  /** Bytes sent and unanswered on one connection over which requests wait; 1 MiB unless given. */
  readonly windowBytes?: number
  /** Bytes that may wait to be sent; over that, calls are rejected with BUSY. 64 MiB unless given. */
  readonly queueBytesMax?: number
  /** The longest value that is read; 1 GiB unless given. */
  readonly valueBytesMax?: number
  /** For tests: another clock, randomness and sockets. */
  readonly environment?: Environment
}

/** Where to connect to. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly tls: ConnectionOptions | undefined
}

/** Options with nothing left out. */
export interface Settings {
  /** One at least; with several it follows the leader. */
  readonly targets: readonly Target[]
  readonly user: string
  readonly password: string | undefined
  readonly name: string
  readonly poolSize: number
  readonly keyEncoding: KeyEncoding
  readonly valueEncoding: ValueEncoding
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly silenceMs: number
  readonly reconnect: { readonly firstMs: number; readonly mostMs: number }
  readonly windowBytes: number
  readonly queueBytesMax: number
  readonly valueBytesMax: number
  readonly environment: Environment
}

const known = new Set([
  'host',
  'port',
  'addresses',
  'user',
  'password',
  'tls',
  'name',
  'poolSize',
  'keyEncoding',
  'valueEncoding',
  'timeoutMs',
  'connectTimeoutMs',
  'silenceMs',
  'reconnect',
  'windowBytes',
  'queueBytesMax',
  'valueBytesMax',
  'environment'
])

export function settingsOf(options: ClientOptions<KeyEncoding, ValueEncoding>): Settings {
  if (typeof options !== 'object' || options === null) throw invalid('connect takes an object of options.')
  for (const name of Object.keys(options)) if (!known.has(name)) throw invalid(`There is no option ${name}.`)
  const { keyEncoding = 'utf8', valueEncoding = 'utf8', host = '127.0.0.1', tls } = options
  if (typeof host !== 'string' || host === '') throw invalid('host must be a name or an address.')
  if (!['utf8', 'buffer'].includes(keyEncoding)) throw invalid("keyEncoding must be 'utf8' or 'buffer'.")
  if (!['utf8', 'json', 'buffer'].includes(valueEncoding)) {
    throw invalid("valueEncoding must be 'utf8', 'json' or 'buffer'.")
  }
  if (options.user !== undefined && options.password === undefined) throw invalid('user needs a password beside it.')
  const { reconnect = {}, addresses } = options
  if (addresses !== undefined && (options.host ?? options.port) !== undefined) {
    throw invalid('Give either addresses, or host and port.')
  }
  const itsTls = tls === true ? {} : tls === false ? undefined : tls
  const alone = { host, port: whole('port', options.port ?? 9_000, 1, 65_535), tls: itsTls }
  return {
    targets: addresses === undefined ? [alone] : targetsOf(addresses, itsTls),
    user: options.user ?? 'default',
    password: options.password,
    name: options.name ?? '',
    poolSize: whole('poolSize', options.poolSize ?? 2, 1, 1_000),
    keyEncoding,
    valueEncoding,
    timeoutMs: time('timeoutMs', options.timeoutMs ?? 30_000),
    connectTimeoutMs: time('connectTimeoutMs', options.connectTimeoutMs ?? 5_000),
    silenceMs: time('silenceMs', options.silenceMs ?? 30_000),
    reconnect: {
      firstMs: time('reconnect.firstMs', reconnect.firstMs ?? 50),
      mostMs: time('reconnect.mostMs', reconnect.mostMs ?? 2_000)
    },
    windowBytes: whole('windowBytes', options.windowBytes ?? 2 ** 20, 1),
    queueBytesMax: whole('queueBytesMax', options.queueBytesMax ?? 64 * 2 ** 20, 1),
    valueBytesMax: whole('valueBytesMax', options.valueBytesMax ?? 2 ** 30, 1),
    environment: options.environment ?? realEnvironment
  }
}

/** Timers take no more. */
const timeMsMax = 2 ** 31 - 1

export const time = (name: string, ms: number): number => whole(name, ms, 1, timeMsMax)

function whole(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  const upTo = max === Number.MAX_SAFE_INTEGER ? 'on' : `to ${max}`
  throw invalid(`${name} must be a whole number from ${min} ${upTo}, not ${String(value)}.`)
}
