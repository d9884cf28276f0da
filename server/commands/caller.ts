// What a command sees of the connection it came by, and of the server behind it.
import type { Stats } from '../../lib/index.ts'
import type { Access } from '../auth/access.ts'
import type { Users } from '../auth/users.ts'
import type { LeaderWatch } from '../cluster/leader-watch.ts'
import type { ClusterView } from '../cluster/view.ts'
import type { Reply } from '../protocol/reply.ts'
import type { Broker, RelayCounts, Subscriber } from '../pubsub.ts'
import type { SlowLog } from '../slow-log.ts'
import type { Statistics } from '../statistics.ts'
import type { Entry, Key, Store, StoreStatus } from '../store.ts'
import type { Arguments, Command } from './command.ts'
import type { CursorTable } from './cursors.ts'
import type { AskedRequest, Plan } from './plan.ts'

/** The connection. What is not readonly a command may change. */
export interface Caller extends Subscriber {
  readonly id: number
  readonly language: 'line' | 'resp'
  readonly address: string
  readonly localAddress: string
  readonly connectedMs: number
  /** When it last sent something. */
  readonly activeMs: number
  /** Of the command that it sent last, as `get` or `client|id`. */
  readonly lastCommand: string
  /** Bytes of an unfinished request. */
  readonly heldBytes: number
  /** Bytes of replies that the system has not taken yet. */
  readonly unsentBytes: number
  /** Whom it is served as. */
  readonly user: string
  readonly access: Access
  /** Whether it may do more than say who it is. */
  readonly isAuthenticated: boolean
  /** Its connection is closed: nobody waits for an answer. */
  readonly isGone: boolean
  readonly server: ServerView
  readonly store: Store
  name: string
  /** CLIENT NO-EVICT: kept and told, as nobody is evicted. */
  isKept: boolean
  libraryName: string
  libraryVersion: string
  /** Of RESP. */
  version: 2 | 3
  /** It has used a command that only clients of Redis Cluster do: it knows what MOVED means. */
  isClusterClient: boolean
  /** READONLY: it takes what this member has, where the configuration allows that. */
  readsLocally: boolean
  /** CLIENT CAPA REDIRECT: it knows what REDIRECT means. */
  knowsRedirect: boolean
  /** Commands since MULTI; undefined outside. */
  transaction: Transaction | undefined
  /** Key (latin1) → its entry's sequence when it was watched; undefined: there was none. */
  readonly watched: Map<string, Watched>
  /** Checks who it says it is, and serves it as that user from then on; undefined: done, else what is wrong. */
  authenticate(user: string, password: Buffer): Promise<Reply | undefined>
  /** Back to the user that a new connection has. */
  forgetUser(): void
  /** What the planner found: the command of the next plan; undefined: the plan is a refusal. */
  noted(command: Noted | undefined, args: Arguments): void
  /** Once the reply is sent: close the connection. */
  close(): void
  /** Closes at once, whatever it waits for. */
  destroy(): void
}

export type Noted = Pick<Command, 'name' | 'flags'>

export interface Watched {
  readonly key: Key
  readonly sequence: number | undefined
}

export interface Transaction {
  readonly plans: Plan[]
  /** As they were asked for, where they may have to be asked for elsewhere. */
  readonly requests: AskedRequest[]
  /** About what they hold. */
  bytes: number
  /** A request was refused: EXEC will refuse too. */
  isBroken: boolean
}

/** What a command may see of the server. */
export interface ServerView {
  readonly nodeId: number
  /** Drawn at each start. */
  readonly runId: string
  readonly version: string
  readonly startedMs: number
  readonly activeConnections: number
  readonly host: string
  readonly port: number
  readonly clients: ReadonlyMap<number, Caller>
  readonly commands: ReadonlyMap<string, Command>
  readonly broker: Broker
  /** To the subscribers of this server, and of all members of its cluster. Answers how many there are here. */
  publish(channel: Buffer, message: Buffer): number
  readonly statistics: Statistics
  readonly slowLog: SlowLog
  readonly limits: ServedLimits
  limitConnections(countMax: number): void
  readonly users: Users
  /** Undefined: the store is no member of a cluster. */
  readonly cluster: ServedCluster | undefined
  /** Undefined: writes are made here, or refused. */
  readonly forwarding: Forwarding | undefined
  /** Where the scans of all connections go on. */
  readonly cursors: CursorTable
  nowMs(): number
  /** From 0 to below 1. */
  random(): number
  status(): StoreStatus
  /** Of the engine below, where it is in this process. */
  engineStats(): Stats | undefined
  /** About; undefined: the store does not know. */
  estimateCount(): number | undefined
}

/** Writes that are made by the member that leads. */
export interface Forwarding {
  /** This member does not lead. */
  readonly isNeeded: boolean
  /** Never rejects; a reply each, in order. */
  forward(requests: readonly AskedRequest[], caller: Caller): Promise<readonly Reply[]>
  /** A transaction's; what plans of this connection answer is left for them. */
  exec(requests: readonly AskedRequest[], watched: readonly Watched[], caller: Caller): Promise<Reply>
}

export interface ServedCluster {
  readonly view: ClusterView
  readonly watch: Pick<LeaderWatch, 'isSettling' | 'isLeaderless' | 'isDown' | 'switches'>
  /** Of the cluster, as clients of Sentinel ask for it. */
  readonly masterName: string
  /** Of messages that were published here, to other members. */
  readonly relayed?: Readonly<RelayCounts> | undefined
}

/** The limits that commands apply or tell. */
export interface ServedLimits {
  readonly connectionsMax: number
  readonly bulkBytesMax: number
  readonly subscriptionsMax: number
  readonly pushedBytesMax: number
}

export const sequenceOf = (entry: Entry | undefined): number | undefined => entry?.sequence
