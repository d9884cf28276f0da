// Connections by Node's own sockets: where there is no reactor, and below TLS.
import { createServer, type Server, type Socket } from 'node:net'
import type { Address, Listener, ListenOptions } from './connection.ts'

interface NodeListenOptions extends Omit<ListenOptions, 'onConnection'> {
  readonly onConnection: (socket: Socket) => void
}

export class NodeListener implements Listener {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Rejects with the system's error if the address cannot be had. */
  static async listen({ host, port, onConnection, onFault }: NodeListenOptions): Promise<NodeListener> {
    const server = createServer({ allowHalfOpen: true }, onConnection)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
    server.removeAllListeners('error')
    server.on('error', onFault)
    return new NodeListener(server)
  }

  get address(): Address | undefined {
    const address = this.#server.address()
    return address === null || typeof address === 'string' ? undefined : { host: address.address, port: address.port }
  }

  limit(connectionsMax: number): void {
    this.#server.maxConnections = connectionsMax
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}
