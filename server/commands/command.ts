// The shape of a command. Handlers are pure: a reading command names its key and turns what was found into a reply, a
// writing command says its effect, a session command answers from what the session can see. Who runs them groups many into
// one call of the store, so none of them ever waits.
import type { Reply } from '../protocol/reply.ts'
import type { ArgumentShape } from '../protocol/request.ts'
import type { Operation, StoreStatus } from '../store.ts'

export type Arguments = readonly Uint8Array[]

interface CommandBase extends ArgumentShape {
  readonly name: string
  /** How it is written, for the replies to those who write it otherwise. */
  readonly usage: string
  /** What is wrong with arguments of the right number, or `undefined`. */
  readonly fault?: (args: Arguments) => string | undefined
}

export interface ReadCommand extends CommandBase {
  readonly kind: 'read'
  readonly key: (args: Arguments) => Uint8Array
  readonly reply: (value: Uint8Array | undefined) => Reply
}

export interface WriteCommand extends CommandBase {
  readonly kind: 'write'
  readonly effect: (args: Arguments) => Operation
  readonly reply: Reply
}

/** What a session command may look at. */
export interface SessionView {
  readonly nodeId: number
  readonly activeConnections: number
  readonly store: StoreStatus
}

export interface SessionCommand extends CommandBase {
  readonly kind: 'session'
  readonly reply: (view: SessionView) => Reply
  /** Whether the connection ends once this is answered. */
  readonly closes: boolean
}

export type Command = ReadCommand | WriteCommand | SessionCommand

/** An argument that the number of arguments promised. */
export function argument(args: Arguments, index: number): Uint8Array {
  const value = args[index]
  if (value === undefined) throw new Error(`argument ${index} was not checked`)
  return value
}
