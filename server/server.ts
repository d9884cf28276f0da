// The listening socket and its sessions. Does not own the store: who opened that closes it, after `stop()`.
import type { Server as NetServer, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Caller, ServerView } from './commands/caller.ts'
import { CursorTable } from './commands/cursors.ts'
import type { Limits } from './limits.ts'
import { defaultLimits } from './limits.ts'
import { errorReply } from './protocol/reply.ts'
import { encodeReplies } from './protocol/text.ts'
import { endAndLinger, Session } from './session.ts'
import type { Store } from './store.ts'

export interface ServerOptions {
  readonly store: Store
  readonly nodeId?: number
  readonly host?: string
  /** 0 lets the system choose. */
  readonly port?: number
  readonly limits?: Partial<Limits>
  readonly onFault?: (error: unknown) => void
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** Connections over the limit are told so; this many more than that are dropped by the system without a word. */
const connectionsBeyondMax = 100

export class Server {
  readonly #net: NetServer
  readonly #store: Store
  readonly #nodeId: number
  readonly #limits: Limits
  readonly #onFault: (error: unknown) => void
  readonly #sessions = new Map<number, Session>()
  readonly #view: ServerView
  #lastId = 0
  #stopping: Promise<void> | undefined

  private constructor(options: ServerOptions) {
    this.#store = options.store
    this.#nodeId = options.nodeId ?? 1
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#onFault = options.onFault ?? (() => {})
    this.#net = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    this.#view = this.#makeView()
    this.#net.maxConnections = this.#limits.connectionsMax + connectionsBeyondMax
  }

  /** Resolves once connections are accepted; rejects with the system's error if the address cannot be had. */
  static async listen(options: ServerOptions): Promise<Server> {
    const server = new Server(options)
    await new Promise<void>((resolve, reject) => {
      server.#net.once('error', reject)
      server.#net.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 9000 }, () => {
        server.#net.off('error', reject)
        server.#net.on('error', server.#onFault)
        resolve()
      })
    })
    return server
  }

  /** Where it listens, with the port that the system chose. */
  get address(): Address {
    const address = this.#net.address()
    if (address === null || typeof address === 'string') throw new Error('the server does not listen')
    return { host: address.address, port: address.port }
  }

  get activeConnections(): number {
    return this.#sessions.size
  }

  /** Stops accepting, lets every session answer what it received, then closes. After `graceMs` what is left is cut off. */
  stop(graceMs = 3_000): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()))
    const sessions = [...this.#sessions.values()]
    const timer = setTimeout(() => {
      for (const session of sessions) session.destroy()
    }, graceMs)
    await Promise.all(sessions.map((session) => session.stop()))
    clearTimeout(timer)
    await closed
  }

  #accept(socket: Socket): void {
    if (this.#sessions.size >= this.#limits.connectionsMax) {
      this.#turnAway(socket)
      return
    }
    const id = ++this.#lastId
    const session = new Session(socket, {
      id,
      store: this.#store,
      limits: this.#limits,
      server: this.#view,
      onFault: this.#onFault
    })
    this.#sessions.set(id, session)
    void session.closed.then(() => this.#sessions.delete(id))
  }

  #turnAway(socket: Socket): void {
    const reply = errorReply(`too many connections, the limit is ${this.#limits.connectionsMax}`)
    socket.on('error', () => {})
    socket.write(encodeReplies([reply]))
    socket.resume()
    endAndLinger(socket, this.#limits.lingerMs)
  }

  #makeView(): ServerView {
    const sessions: ReadonlyMap<number, Caller> = this.#sessions
    const net = this.#net
    const store = this.#store
    return {
      nodeId: this.#nodeId,
      startedMs: Date.now(),
      clients: sessions,
      get activeConnections() {
        return sessions.size
      },
      get port() {
        const address = net.address()
        return address === null || typeof address === 'string' ? 0 : address.port
      },
      cursors: new CursorTable(Math.random),
      nowMs: Date.now,
      random: Math.random,
      status: () => store.status()
    }
  }
}
