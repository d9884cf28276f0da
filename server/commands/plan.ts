// What a request comes to: what it needs of the store and what it answers. Plans are pure values: making one touches nothing,
// so many can be made before any runs, and what runs as one call of the store is decided by looking at them (pipeline.ts).
//
//   lookup    values of keys → reply                                      GET MGET STRLEN EXISTS
//   entries   entries of keys with their expiry and the time → reply      TTL
//   write     operations that depend on nothing → a fixed reply           SET MSET
//   decide    a decision in the order of all writes                       INCR, SET NX, DEL (it counts)
//   run       several GETs, or SETs, as they came                         (resp-runs.ts)
//   forward   a write, for the member that leads                          (forwarding.ts)
//   session   an answer from the connection and the server, at once       PING CLIENT HELLO
//   slow      many calls of the store, in slices                          SCAN KEYS DBSIZE
import type { Reply } from '../protocol/reply.ts'
import type { Run } from '../protocol/resp-runs.ts'
import type { DecisionView, Entry, Key, Operation, WriteOptions } from '../store.ts'
import type { Caller } from './caller.ts'

/** A request as it was asked for. */
export interface AskedRequest {
  readonly name: string
  readonly args: readonly Buffer[]
}

export type Plan =
  | { readonly kind: 'reply'; readonly reply: Reply }
  | {
      readonly kind: 'lookup'
      readonly keys: readonly Key[]
      readonly reply: (values: readonly (Uint8Array | undefined)[]) => Reply
    }
  | {
      readonly kind: 'entries'
      readonly keys: readonly Key[]
      readonly reply: (entries: readonly (Entry | undefined)[], nowMs: number) => Reply
    }
  | ({ readonly kind: 'write'; readonly operations: readonly Operation[]; readonly reply: Reply } & WriteOptions)
  | ({
      readonly kind: 'decide'
      readonly keys: readonly Key[]
      readonly decide: (view: DecisionView) => Reply
    } & WriteOptions)
  | { readonly kind: 'run'; readonly run: Run }
  | { readonly kind: 'forward'; readonly request: AskedRequest }
  | { readonly kind: 'session'; readonly run: (caller: Caller) => Reply }
  | {
      readonly kind: 'slow'
      readonly run: (caller: Caller) => Promise<Reply>
      /** What it answers among the requests of a transaction; left out: it is refused there. */
      readonly inTransaction?: (caller: Caller) => Reply
    }

export type MutationPlan = Extract<Plan, { kind: 'write' | 'decide' }>

export const replyPlan = (reply: Reply): Plan => ({ kind: 'reply', reply })
