// Addresses as configurations and memberships have them: host:port, an IPv6 address in brackets.
import { isIPv6 } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Undefined where it is none. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1 && port <= 65_535)) return undefined
  if (match?.[1] !== undefined && !isIPv6(host)) return undefined
  return { host, port }
}

export const addressText = ({ host, port }: Address): string => (isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`)

/** The hosts of those that are addresses. */
export const hostsOf = (addresses: readonly string[]): string[] =>
  addresses.flatMap((address) => parseAddress(address)?.host ?? [])
