// Places: where a client's connections go. Of several addresses it is the one of the leader, as soon as one of the members has told
// it; while nobody is known to lead, one after the other.
import type { ConnectionOptions } from 'node:tls'
import { invalid } from './errors.ts'
import type { Target } from './options.ts'

export class Places {
  readonly #targets: readonly Target[]
  #at = 0
  #leader: Target | undefined

  /** REQUIRES: one at least. */
  constructor(targets: readonly Target[]) {
    this.#targets = targets
  }

  /** There are several: the leader among them is looked for. */
  get areSeveral(): boolean {
    return this.#targets.length > 1
  }

  get count(): number {
    return this.#targets.length
  }

  /** Where to connect to now. */
  get current(): Target {
    return this.#leader ?? (this.#targets[this.#at] as Target)
  }

  /** A member says who leads: `host:port`. */
  learn(address: string): void {
    this.#leader = targetOf(address, this.current.tls)
  }

  /** Nothing comes of it, or no more: another is next, unless that was found already. */
  failed(target: Target): void {
    if (target !== this.current) return
    const wasListed = this.#leader === undefined
    this.#leader = undefined
    const { host, port } = this.current
    if (wasListed || (host === target.host && port === target.port)) this.#at = (this.#at + 1) % this.#targets.length
  }
}

/** `host:port`, an IPv6 address in brackets or bare. Undefined: it is none. */
export function targetOf(address: string, tls: ConnectionOptions | undefined): Target | undefined {
  const [, bracketed, bare, digits] = /^(?:\[([^\]]+)\]|([^\s[\]]+)):(\d{1,5})$/.exec(address) ?? []
  const host = bracketed ?? bare
  const port = Number(digits)
  return host === undefined || port === 0 || port > 65_535 ? undefined : { host, port, tls }
}

export function targetsOf(addresses: readonly string[], tls: ConnectionOptions | undefined): readonly Target[] {
  if (!Array.isArray(addresses) || addresses.length === 0) throw invalid('addresses must be a list of host:port.')
  return addresses.map((address: unknown) => {
    const target = typeof address === 'string' ? targetOf(address, tls) : undefined
    if (target === undefined) throw invalid(`addresses must be a list of host:port, and ${String(address)} is none.`)
    return target
  })
}
