// What the parts of a transport share.
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../clock.ts'
import { hostsOf } from './address.ts'
import type { TransportFault } from './fault.ts'
import type { Versions } from './handshake.ts'
import type { Directory, Identity } from './identity.ts'
import type { TransportLimits } from './limits.ts'
import type { MessageCodec } from './message-codec.ts'
import type { Security } from './security.ts'

/** Something for the log, that nobody has to act upon. */
export interface Notice {
  /** Whose: a member's name, or an address. */
  readonly peer: string
  readonly lane?: string | undefined
  readonly fault: TransportFault
  /** refused: the other side refuses this node; refusing: this node the other side. */
  readonly kind: 'refused' | 'refusing' | 'failed' | 'ended'
}

export interface Wiring {
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly limits: TransportLimits
  readonly versions: Versions
  readonly security: Security
  readonly codec: MessageCodec
  /** How names are resolved; Node's way unless given. */
  readonly lookup: LookupFunction | undefined
  readonly onNotice: (notice: Notice) => void
  /** As they are now. */
  identity(): Identity
  directory(): Directory
}

/** The names that the certificate of whoever calls itself so may have, and of the addresses that were dialled. */
export function certificateNames(directory: Directory, name: string, addresses: readonly string[] = []): string[] {
  const known = [
    ...directory.members.filter((member) => member.name === name).flatMap((member) => member.addresses.peer),
    ...directory.expected
      .filter((peer) => peer.name === undefined || peer.name === name)
      .flatMap((peer) => peer.addresses)
  ]
  return [...new Set([name, ...hostsOf([...addresses, ...known])])]
}
