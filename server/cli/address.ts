// Which server a command talks to: flags, else `varve config set`, else this machine.
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { LineClient } from '../client/line.ts'
import { connectionExit } from './exit.ts'
import { isPort, readSettings } from './settings.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface ClientFlags {
  readonly host?: string
  readonly port?: number
  readonly json?: boolean
}

export const defaultAddress: Address = { host: '127.0.0.1', port: 9000 }

/** --host, --port and --json, as every command that talks to a server has them. */
export function addClientFlags(command: Command): Command {
  return command
    .option('--host <host>', `server to talk to (default: "varve config set host", else ${defaultAddress.host})`)
    .option('--port <port>', `its port (default: "varve config set port", else ${defaultAddress.port})`, parsePort)
    .option('--json', 'print the result as one line of JSON')
}

export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!isPort(port)) throw new InvalidArgumentError('A port is a whole number from 0 to 65535.')
  return port
}

export function addressOf({ host, port }: ClientFlags): Address {
  const settings = host === undefined || port === undefined ? readSettings() : {}
  return {
    host: host ?? settings.host ?? defaultAddress.host,
    port: port ?? settings.port ?? defaultAddress.port
  }
}

/** Runs `work` with a connection, and says what to do when there is none. */
export async function withClient<T>(flags: ClientFlags, work: (client: LineClient) => Promise<T>): Promise<T> {
  const address = addressOf(flags)
  let client: LineClient | undefined
  try {
    client = await LineClient.connect({ ...address, timeoutMs: 30_000 })
    return await work(client)
  } catch (error) {
    throw connectionExit(error, address)
  } finally {
    await client?.close()
  }
}
