// The shape of a command: what it is called, how many arguments it takes, which of them are keys, what it needs of the caller,
// and how a request becomes a plan.
import type { Key, Range } from '../store.ts'
import type { Plan } from './plan.ts'

export type Arguments = readonly Buffer[]

export interface Command {
  /** In upper case; a subcommand is written `CLIENT ID`. */
  readonly name: string
  /** Arguments with the name: exactly so many, or with a minus at least so many. As Redis counts. */
  readonly arity: number
  /** What it does, for COMMAND and for the rules of users. */
  readonly flags: readonly Flag[]
  /** Which arguments are keys; undefined: none. */
  readonly keys?: KeyPlaces
  /** Which arguments are channels of messages, or patterns of such. */
  readonly channels?: KeyPlaces
  /** Of a container such as CLIENT, by their own word in upper case. Its plan is of requests without one. */
  readonly subcommands?: ReadonlyMap<string, Command>
  /** The keys where places cannot tell. */
  readonly keysIn?: (args: Arguments) => readonly Key[]
  /** The ranges that it reads or removes. */
  readonly rangesIn?: (args: Arguments) => readonly Range[]
  /** What it is about, in one line. */
  readonly summary: string
  /** How its arguments are written. */
  readonly usage?: string
  readonly group: Group
  /** Makes a plan of arguments whose number is right. */
  readonly plan: (args: Arguments) => Plan
}

/** `secret`: its arguments appear in no log. `subscribed`: a connection of RESP2 with subscriptions may send it. */
export type Flag =
  | 'read'
  | 'write'
  | 'admin'
  | 'fast'
  | 'noauth'
  | 'pubsub'
  | 'no_multi'
  | 'dangerous'
  | 'secret'
  | 'subscribed'

export type Group = 'generic' | 'string' | 'connection' | 'server' | 'transactions' | 'pubsub' | 'cluster' | 'varve'

/** Positions as Redis counts them: the name is 0, so the first argument is 1; `last` -1 is the last. */
export interface KeyPlaces {
  readonly first: number
  readonly last: number
  readonly step: number
}

export const oneKey: KeyPlaces = { first: 1, last: 1, step: 1 }
export const allKeys: KeyPlaces = { first: 1, last: -1, step: 1 }

/** Whether there are as many arguments as the command takes. */
export function takes({ arity }: Command, args: Arguments): boolean {
  const count = args.length + 1
  return arity < 0 ? count >= -arity : count === arity
}

/** The keys among arguments. */
export const keysOf = ({ keys, keysIn }: Pick<Command, 'keys' | 'keysIn'>, args: Arguments): readonly Key[] =>
  keysIn === undefined ? argumentsAt(keys, args) : keysIn(args)

export function argumentsAt(places: KeyPlaces | undefined, args: Arguments): readonly Buffer[] {
  if (places === undefined) return []
  const last = places.last < 0 ? args.length + 1 + places.last : places.last
  const found: Buffer[] = []
  for (let i = places.first; i <= last; i += places.step) {
    const key = args[i - 1]
    if (key !== undefined) found.push(key)
  }
  return found
}

/** As errors and statistics name it: `get`, `client|id`. */
export const spelt = ({ name }: { readonly name: string }): string => name.toLowerCase().replace(' ', '|')

/** An argument that the number of arguments promised. */
export function argument(args: Arguments, index: number): Buffer {
  const value = args[index]
  if (value === undefined) throw new Error(`argument ${index} was not checked`)
  return value
}

/** An argument as the word of an option, in upper case; a longer one is none. */
export const wordOf = (bytes: Buffer): string => bytes.toString('latin1', 0, 32).toUpperCase()

/** An argument as errors show it: text, up to its first zero. */
export function shownText(bytes: Buffer, bytesMax = bytes.length): string {
  const piece = bytes.subarray(0, bytesMax)
  const zero = piece.indexOf(0)
  return (zero === -1 ? piece : piece.subarray(0, zero)).toString()
}
