// What a client reaches for outside of itself: the one place for its clock, its randomness and its sockets, so that tests can
// put others there.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Target } from './options.ts'

export interface Environment {
  nowMs(): number
  /** From 0 on, below 1. */
  random(): number
  /** Calls once after that time, unless the returned function is called before. */
  after(ms: number, call: () => void): () => void
  /** A socket that is connecting; it emits `connect`, with TLS `secureConnect`. */
  dial(target: Target): Socket
}

export const realEnvironment: Environment = {
  nowMs: () => performance.now(),
  random: Math.random,
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
  dial: ({ host, port, tls }) => {
    if (tls === undefined) return connectTcp({ host, port })
    // A name is asked for where there is one: addresses have none.
    const named = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
    return connectTls({ ...named, ...tls, host, port })
  }
}

/** How long to wait before the next try: anywhere up to a time that doubles with each, so that clients do not come at once. */
export function backoffMs(
  tries: number,
  { firstMs, mostMs }: { firstMs: number; mostMs: number },
  random: number
): number {
  return Math.round(Math.min(mostMs, firstMs * 2 ** Math.min(tries, 30)) * random)
}
