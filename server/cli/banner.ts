// What `varve serve` says once it listens: where, and how to talk to it.
import type { Address } from './address.ts'
import { print } from './output.ts'
import { version } from './version.ts'

export interface Banner {
  readonly address: Address
  readonly dataDir: string
  /** Undefined: no HTTP. */
  readonly http: Address | undefined
  readonly isTls: boolean
}

export function printBanner({ address, dataDir, http, isTls }: Banner): void {
  const { host, port } = address
  const reachable = reachableHost(host)
  print(`varve ${version()} listening on ${hostPort(address)}${isTls ? ' with TLS' : ''}`)
  print(`  data   ${dataDir}`)
  if (http !== undefined) print(`  http   ${urlOf(http)}/readyz and ${urlOf(http)}/metrics`)
  if (!isTls) print(`  try    printf 'PUT hello world\\nGET hello\\nQUIT\\n' | nc ${reachable} ${port}`)
  const at = reachable === '127.0.0.1' || reachable === 'localhost' ? '' : ` -h ${reachable}`
  print(`  or     redis-cli${at} -p ${port}${isTls ? ' --tls' : ''} set hello world`)
  print(`  or     npx varve set hello world${port === 9000 ? '' : ` --port ${port}`}${isTls ? ' --tls' : ''}`)
  print('  stop   Ctrl-C')
}

const reachableHost = (host: string): string => (host === '0.0.0.0' || host === '::' ? 'localhost' : host)
const hostPort = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`
const urlOf = ({ host, port }: Address): string => `http://${hostPort({ host: reachableHost(host), port })}`
