// Whether an address may be listened on: others reach it, and a server that asks nobody who they are gives them everything.
import { isLoopback } from '../loopback.ts'

export interface Exposure {
  readonly host: string
  /** Nobody has to log in. */
  readonly isOpen: boolean
  /** Somebody said that it shall be so. */
  readonly isInsecure: boolean
}

/** Why not, with what to do, or undefined. */
export function exposureFault({ host, isOpen, isInsecure }: Exposure): string | undefined {
  if (!isOpen || isInsecure || isLoopback(host)) return undefined
  return (
    `${host} can be reached by other machines, and this server asks nobody for a password. Set auth.password_file in the ` +
    'configuration (or VARVE_AUTH_PASSWORD_FILE), listen on 127.0.0.1, or say --insecure if the network keeps strangers out.'
  )
}
