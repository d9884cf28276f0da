// What a command sees of the connection it came by, and of the server behind it.
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
  /** Where the scans of all connections go on. */
  readonly cursors: CursorTable
  nowMs(): number
  /** From 0 to below 1. */
  random(): number
  status(): StoreStatus
}

export const sequenceOf = (entry: Entry | undefined): number | undefined => entry?.sequence
