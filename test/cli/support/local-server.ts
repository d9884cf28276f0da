// A server in this process over a database of its own, for commands that talk to one.
import { join } from 'node:path'
import { Users } from '../../../server/auth/users.ts'
import { Server, type ServerOptions } from '../../../server/server.ts'
import { DatabaseStore } from '../../../server/store/database.ts'
import { temporaryDirectory } from '../../support/varve.ts'

export interface LocalServer {
  readonly port: number
  readonly store: DatabaseStore
  /** A directory for the test's files; the data is in it, too. */
  readonly directory: string
  [Symbol.asyncDispose](): Promise<void>
}

/** With a password, the admin is `root`. */
export async function startServer(
  options: Partial<ServerOptions> & { readonly password?: string } = {}
): Promise<LocalServer> {
  const { password, ...others } = options
  const directory = temporaryDirectory()
  const store = await DatabaseStore.open(join(directory.path, 'served'))
  const users = await Users.open({ records: store.records })
  if (password !== undefined) await users.seed('root', Buffer.from(password))
  const server = await Server.listen({ store, port: 0, users, ...others })
  return {
    port: server.address.port,
    store,
    directory: directory.path,
    async [Symbol.asyncDispose]() {
      await server.stop(0)
      await store.close()
      directory[Symbol.dispose]()
    }
  }
}
