// The listening socket and its sessions. Does not own the store: who opened that closes it, after `stop()`.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { exposureFault } from './auth/exposure.ts'
import { Users } from './auth/users.ts'
import { type LeaderSwitch, LeaderWatch } from './cluster/leader-watch.ts'
import type { Caller, ServedCluster, ServerView } from './commands/caller.ts'
import { CursorTable } from './commands/cursors.ts'
import { listensToSentinels, publishSwitch } from './commands/sentinel-events.ts'
import { commands } from './commands/table.ts'
import { Forwarder } from './forwarding.ts'
import type { Limits } from './limits.ts'
import { defaultLimits } from './limits.ts'
import { Memory } from './memory.ts'
import { type Address, type Connection, endAndLinger, type Listener } from './net/connection.ts'
import { NodeListener } from './net/node-listener.ts'
import { Reactor } from './net/reactor.ts'
import { errorReply } from './protocol/reply.ts'
import { encodeReplies } from './protocol/text.ts'
import { Broker } from './pubsub.ts'
import { Relay } from './relay.ts'
import { Session } from './session.ts'
import { type SlowEntry, SlowLog } from './slow-log.ts'
import { Statistics } from './statistics.ts'
import type { ReadConsistency, Store } from './store.ts'
import { TlsDoor, type TlsOptions } from './tls.ts'
import { version } from './version.ts'

export interface ServerOptions {
  readonly store: Store
  readonly nodeId?: number
  /** Of the cluster, for clients that go by Sentinel. */
  readonly masterName?: string
  /** How clients' reads are made, where the store leaves a choice. */
  readonly reads?: ReadConsistency | undefined
  /** Writes that come to a member that does not lead are made by the one that does. */
  readonly forwardsWrites?: boolean
  readonly host?: string
  /** 0 lets the system choose. */
  readonly port?: number
  readonly limits?: Partial<Limits>
  /** Undefined: everybody may everything. */
  readonly users?: Users | undefined
  /** Undefined: without TLS. */
  readonly tls?: TlsOptions | undefined
  /** Listens where other machines reach it even though nobody has to log in. */
  readonly insecure?: boolean
  readonly clock?: Clock
  readonly onFault?: (error: unknown) => void
  /** A command took longer than the slow log's threshold. */
  readonly onSlow?: ((entry: SlowEntry) => void) | undefined
}

/** Time as the server sees it. */
export interface Clock {
  nowMs(): number
  /** Calls about once a second, until the function that it returns is called. */
  everySecond(call: () => void): () => void
  /** Calls once, after so long, unless the function that it returns was called. Left out: the machine's timers do. */
  after?(ms: number, call: () => void): () => void
}

const afterOnMachine = (ms: number, call: () => void): (() => void) => {
  const timer = setTimeout(call, ms).unref()
  return () => clearTimeout(timer)
}

const systemClock: Clock = {
  nowMs: Date.now,
  everySecond(call) {
    const timer = setInterval(call, 1_000).unref()
    return () => clearInterval(timer)
  }
}

/** Connections over the limit are told so; this many more than that are dropped by the system without a word. */
const connectionsBeyondMax = 100

export class Server {
  #listener: Listener | undefined
  readonly #store: Store
  /** For connections that said READONLY. */
  readonly #localStore: Store | undefined
  readonly #nodeId: number
  readonly #statistics = new Statistics()
  #limits: Limits
  readonly #onFault: (error: unknown) => void
  readonly #onSlow: ((entry: SlowEntry) => void) | undefined
  readonly #sessions = new Map<number, Session>()
  readonly #view: ServerView
  readonly #users: Users
  readonly #memory: Memory
  readonly #clock: Clock
  readonly #door: TlsDoor | undefined
  readonly #watch: LeaderWatch | undefined
  readonly #broker = new Broker()
  readonly #relay: Relay | undefined
  readonly #forwarder: Forwarder | undefined
  #stopSweeps = () => {}
  #lastId = 0
  #stopping: Promise<void> | undefined

  private constructor(options: ServerOptions) {
    this.#store = readingOf(options.store, options.reads)
    this.#localStore = localOf(options)
    this.#nodeId = options.nodeId ?? 1
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#onFault = options.onFault ?? (() => {})
    this.#onSlow = options.onSlow
    this.#users = options.users ?? new Users()
    this.#clock = options.clock ?? systemClock
    this.#memory = new Memory(this.#limits, () => this.#sessions.values())
    this.#door = options.tls && this.#makeDoor(options.tls)
    this.#watch = this.#watchLeader(options)
    this.#relay = options.store.cluster && new Relay(options.store.cluster, this.#broker)
    this.#forwarder = this.#makeForwarder(options)
    this.#view = this.#makeView(options)
  }

  /**
   * Resolves once connections are accepted; rejects with the system's error if the address cannot be had, and with a
   * sentence if it may not be listened on, or if the files of TLS cannot be used.
   */
  static async listen(options: ServerOptions): Promise<Server> {
    const { host = '127.0.0.1', users, insecure = false } = options
    const fault = exposureFault({ host, isOpen: users?.isOpen ?? true, isInsecure: insecure })
    if (fault !== undefined) throw new Error(fault)
    const server = new Server(options)
    try {
      await server.#listen(host, options.port ?? 9000)
    } catch (error) {
      server.#door?.close()
      server.#leaveCluster()
      throw error
    }
    server.#stopSweeps = server.#clock.everySecond(() => server.#sweep())
    return server
  }

  /** Where it listens, with the port that the system chose. */
  get address(): Address {
    const address = this.#listener?.address
    if (address === undefined) throw new Error('the server does not listen')
    return address
  }

  get activeConnections(): number {
    return this.#sessions.size
  }

  get statistics(): Statistics {
    return this.#statistics
  }

  /** What commands see of this server; for metrics, too. */
  get view(): ServerView {
    return this.#view
  }

  /** Undefined: the store is no member of one. */
  get cluster(): ServedCluster | undefined {
    return this.#view.cluster
  }

  /** What all connections together hold. */
  get memory(): Pick<Memory, 'inputBytes' | 'outputBytes' | 'evicted'> {
    return this.#memory
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Stops accepting, lets every session answer what it received, then closes. After `graceMs` what is left is cut off. */
  stop(graceMs = 3_000): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** One look at every connection, instead of a timer for each. */
  #sweep(): void {
    const nowMs = this.#clock.nowMs()
    for (const session of this.#sessions.values()) session.sweep(nowMs)
    this.#forwarder?.sweep()
    this.#memory.tick()
  }

  async #stop(graceMs: number): Promise<void> {
    this.#stopSweeps()
    this.#watch?.close()
    this.#door?.close()
    const closed = this.#listener?.close()
    const sessions = [...this.#sessions.values()]
    const timer = setTimeout(() => {
      // A session that waits for another member's answer ends only once it is told that none comes.
      this.#forwarder?.close()
      for (const session of sessions) session.destroy()
    }, graceMs)
    await Promise.all(sessions.map((session) => session.stop()))
    clearTimeout(timer)
    this.#leaveCluster()
    await closed
  }

  /** TLS needs Node's sockets below it. */
  async #listen(host: string, port: number): Promise<void> {
    const door = this.#door
    const options = { host, port, onFault: this.#onFault }
    this.#listener =
      door === undefined
        ? ((await Reactor.listen({ ...options, onConnection: (connection) => this.#accept(connection) })) ??
          (await NodeListener.listen({ ...options, onConnection: (socket) => this.#accept(socket) })))
        : await NodeListener.listen({ ...options, onConnection: (socket) => this.#receive(socket, door) })
    this.#limitConnections(this.#limits.connectionsMax)
  }

  #leaveCluster(): void {
    this.#watch?.close()
    this.#relay?.close()
    this.#forwarder?.close()
  }

  #makeForwarder({ store, forwardsWrites = false }: ServerOptions): Forwarder | undefined {
    if (store.cluster === undefined) return undefined
    return new Forwarder({
      view: store.cluster,
      store,
      server: () => this.#view,
      forwards: forwardsWrites,
      nowMs: this.#clock.nowMs,
      after: (ms, call) => (this.#clock.after ?? afterOnMachine)(ms, call)
    })
  }

  #makeDoor(options: TlsOptions): TlsDoor {
    return new TlsDoor(options, {
      handshakeMs: this.#limits.handshakeMs,
      onSecure: (socket) => this.#accept(socket)
    })
  }

  #receive(socket: Socket, door: TlsDoor): void {
    if (this.#sessions.size + door.waiting < this.#limits.connectionsMax) door.accept(socket)
    // It could be told so only after a handshake, which is what costs.
    else socket.destroy()
  }

  #accept(socket: Connection): void {
    this.#statistics.counts.connectionsReceived++
    if (this.#sessions.size >= this.#limits.connectionsMax) {
      this.#turnAway(socket)
      return
    }
    const id = ++this.#lastId
    const session = new Session(socket, {
      id,
      store: this.#store,
      localStore: this.#localStore,
      limits: this.#limits,
      server: this.#view,
      memory: this.#memory,
      onFault: this.#onFault
    })
    this.#sessions.set(id, session)
    void session.closed.then(() => this.#sessions.delete(id))
  }

  #turnAway(socket: Connection): void {
    this.#statistics.counts.connectionsRejected++
    const reply = errorReply(`too many connections, the limit is ${this.#limits.connectionsMax}`)
    socket.on('error', () => {})
    socket.write(encodeReplies([reply]))
    socket.resume()
    endAndLinger(socket, this.#limits.lingerMs)
  }

  #limitConnections(connectionsMax: number): void {
    this.#limits = { ...this.#limits, connectionsMax }
    this.#listener?.limit(connectionsMax + connectionsBeyondMax)
  }

  #watchLeader({ store: { cluster } }: ServerOptions): LeaderWatch | undefined {
    if (cluster === undefined) return undefined
    return new LeaderWatch(cluster, {
      nowMs: this.#clock.nowMs,
      onStepDown: () => this.#letGo(),
      onSwitch: (change) => this.#publishSwitch(change)
    })
  }

  /** Clients that know no redirect find who leads by connecting again. The line protocol is told by every reply. */
  #letGo(): void {
    for (const session of this.#sessions.values()) {
      const isTold = session.language === 'line' || session.isClusterClient || session.knowsRedirect
      if (isTold || listensToSentinels(session)) continue
      session.leave()
    }
  }

  #publishSwitch(change: LeaderSwitch): void {
    const { broker, cluster } = this.#view
    if (cluster !== undefined) publishSwitch(broker, cluster, change)
  }

  #makeView({ masterName = 'varve' }: ServerOptions): ServerView {
    const sessions: ReadonlyMap<number, Caller> = this.#sessions
    const address = () => this.#listener?.address
    const store = this.#store
    const limits = () => this.#limits
    const [view, watch, relayed] = [store.cluster, this.#watch, this.#relay?.counts]
    const cluster = view && watch && { view, watch, masterName, relayed }
    return {
      nodeId: this.#nodeId,
      runId: randomBytes(20).toString('hex'),
      version: version(),
      startedMs: this.#clock.nowMs(),
      clients: sessions,
      commands,
      broker: this.#broker,
      publish: (channel, message) => {
        this.#relay?.publish(channel, message)
        return this.#broker.publish(channel, message)
      },
      statistics: this.#statistics,
      slowLog: new SlowLog(this.#onSlow),
      get limits() {
        return limits()
      },
      limitConnections: (countMax) => this.#limitConnections(countMax),
      users: this.#users,
      cluster,
      forwarding: this.#forwarder,
      get activeConnections() {
        return sessions.size
      },
      get host() {
        return address()?.host ?? ''
      },
      get port() {
        return address()?.port ?? 0
      },
      nowMs: this.#clock.nowMs,
      cursors: new CursorTable(Math.random),
      random: Math.random,
      status: () => store.status(),
      engineStats: () => store.engineStats?.(),
      estimateCount: () => store.estimateCount?.()
    }
  }
}

const readingOf = (store: Store, reads: ReadConsistency | undefined): Store =>
  reads === undefined ? store : (store.reading?.(reads) ?? store)

/** A bound on how old reads may be allows READONLY to ask for such. Where all reads are local, there is nothing to choose. */
function localOf({ store, reads }: ServerOptions): Store | undefined {
  if (reads?.maxStalenessMs === undefined || reads.reads === 'local') return undefined
  return store.reading?.({ ...reads, reads: 'local' })
}
