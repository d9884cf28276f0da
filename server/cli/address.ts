// Which server a command talks to, and as whom: flags, else `varve config set`, else this machine.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { placeOf } from '../config/readers.ts'
import { connectionExit, exit, exitCodes, messageOf } from './exit.ts'
import { askPassword } from './password.ts'
import { isPort, readSettings } from './settings.ts'
import { type Target, Wire } from './wire.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface ClientFlags {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly tls?: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly json?: boolean
}

export const defaultAddress: Address = { host: '127.0.0.1', port: 9000 }

/** The flags of every command that talks to a server. */
export function addClientFlags(command: Command): Command {
  return command
    .option('--host <host>', `server to talk to (default: "varve config set host", else ${defaultAddress.host})`)
    .option('--port <port>', `its port (default: "varve config set port", else ${defaultAddress.port})`, parsePort)
    .option('--user <name>', 'log in; the password is asked for, or VARVE_PASSWORD, or in the file VARVE_PASSWORD_FILE')
    .option('--tls', 'encrypt, and check the certificate of the server')
    .option('--ca <file>', 'who signed it, instead of those that Node.js trusts')
    .option('--cert <file>', 'certificate to show to the server')
    .option('--key <file>', 'its private key')
    .option('--json', 'print the result as one line of JSON')
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!isPort(port)) throw new InvalidArgumentError('A port is a whole number from 0 to 65535.')
  return port
}

export function parsePlace(text: string): string {
  if (placeOf(text) === undefined) throw new InvalidArgumentError('Write it as host:port.')
  return text
}

export function addressOf({ host, port }: ClientFlags): Address {
  const settings = readSettings()
  return {
    host: host ?? settings.host ?? defaultAddress.host,
    port: port ?? settings.port ?? defaultAddress.port
  }
}

/** Address, login and TLS; asks for a password where one is needed. */
export async function targetOf(flags: ClientFlags): Promise<Target> {
  const user = flags.user ?? readSettings().user
  const password = user === undefined ? undefined : await askPassword(user)
  return { ...addressOf(flags), user, password, tls: tlsOf(flags) }
}

function tlsOf({ tls, ca, cert, key }: ClientFlags): Target['tls'] {
  if (!tls && ca === undefined && cert === undefined) return undefined
  return {
    ...(ca === undefined ? {} : { ca: contentOf(ca) }),
    ...(cert === undefined ? {} : { cert: contentOf(cert), key: contentOf(key ?? cert) })
  }
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw exit(exitCodes.usage, `${file} cannot be read: ${messageOf(error)}.`)
  }
}

/** Runs `work` with a connection, and says what to do when there is none. */
export async function withClient<T>(flags: ClientFlags, work: (wire: Wire) => Promise<T>): Promise<T> {
  const target = await targetOf(flags)
  let wire: Wire | undefined
  try {
    wire = await Wire.connect(target)
    return await work(wire)
  } catch (error) {
    throw connectionExit(error, target)
  } finally {
    await wire?.close()
  }
}
