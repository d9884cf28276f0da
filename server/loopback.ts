// Whether an address is this machine's own, so that nobody else can reach it.
import { isIP } from 'node:net'

/** Names other than localhost are not looked up: they count as other machines. */
export function isLoopback(host: string): boolean {
  const address = host.toLowerCase().replace(/^::ffff:/, '')
  if (isIP(address) === 4) return address.startsWith('127.')
  return address === '::1' || address === 'localhost'
}
