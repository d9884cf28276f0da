// What a command sees of the connection it came by, and of the server behind it.
import type { Access } from '../auth/access.ts'
import type { Users } from '../auth/users.ts'
import type { Reply } from '../protocol/reply.ts'
import type { Entry, Key, Store, StoreStatus } from '../store.ts'
import type { CursorTable } from './cursors.ts'
import type { Plan } from './plan.ts'

/** The connection. What is not readonly a command may change. */
export interface Caller {
  readonly id: number
  readonly language: 'line' | 'resp'
  readonly address: string
  readonly connectedMs: number
  /** Whom it is served as. */
  readonly user: string
  readonly access: Access
  /** Whether it may do more than say who it is. */
  readonly isAuthenticated: boolean
  readonly server: ServerView
  readonly store: Store
  name: string
  libraryName: string
  libraryVersion: string
  /** Of RESP. */
  version: 2 | 3
  /** Commands since MULTI; undefined outside. */
  transaction: Transaction | undefined
  /** Key (latin1) → its entry's sequence when it was watched; undefined: there was none. */
  readonly watched: Map<string, Watched>
  /** Checks who it says it is, and serves it as that user from then on; undefined: done, else what is wrong. */
  authenticate(user: string, password: Buffer): Promise<Reply | undefined>
  /** Back to the user that a new connection has. */
  forgetUser(): void
  /** Once the reply is sent: close the connection. */
  close(): void
  /** Sends something that is no reply. */
  push(reply: Reply): void
}

export interface Watched {
  readonly key: Key
  readonly sequence: number | undefined
}

export interface Transaction {
  readonly plans: Plan[]
  /** A request was refused: EXEC will refuse too. */
  isBroken: boolean
}

/** What a command may see of the server. */
export interface ServerView {
  readonly nodeId: number
  readonly startedMs: number
  readonly activeConnections: number
  readonly port: number
  readonly clients: ReadonlyMap<number, Caller>
  readonly users: Users
  /** Where the scans of all connections go on. */
  readonly cursors: CursorTable
  nowMs(): number
  /** From 0 to below 1. */
  random(): number
  status(): StoreStatus
}

export const sequenceOf = (entry: Entry | undefined): number | undefined => entry?.sequence
