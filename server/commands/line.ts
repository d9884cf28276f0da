// The line protocol's own commands: names, arguments and replies as that protocol fixes them. They make the same plans as
// those of RESP do.
import { linesReply, missing, ok, pong, valueOrMissing } from '../protocol/reply.ts'
import type { ArgumentShape } from '../protocol/text.ts'
import { type Key, keyBytesMax, type Range } from '../store.ts'
import { type Arguments, argument, type Flag, type KeyPlaces, oneKey } from './command.ts'
import { type Plan, replyPlan } from './plan.ts'
import { countOf, entriesPlan, rangeIn, rangeOf } from './range.ts'
import { statusFields } from './status-fields.ts'

export interface LineCommand extends ArgumentShape {
  readonly name: string
  /** How it is written, for the replies to those who write it otherwise. */
  readonly usage: string
  readonly flags: readonly Flag[]
  readonly keys?: KeyPlaces
  readonly keysIn?: (args: Arguments) => readonly Key[]
  /** The ranges that it reads or removes. */
  readonly rangesIn?: (args: Arguments) => readonly Range[]
  /** How many of the arguments, the last ones, may be left out. */
  readonly optional?: number
  /** What is wrong with arguments of the right number, or `undefined`. */
  readonly fault?: (args: Arguments) => string | undefined
  readonly plan: (args: Arguments) => Plan
}

function keyFault(args: Arguments): string | undefined {
  const { length } = argument(args, 0)
  if (length === 0) return 'the key is empty (exactly one space separates)'
  if (length > keyBytesMax) return `the key is longer than ${keyBytesMax} bytes`
  return undefined
}

const ofKey = { takesRest: false, keys: oneKey, fault: keyFault } as const

const put: LineCommand = {
  ...ofKey,
  name: 'PUT',
  usage: 'PUT <key> <value>',
  flags: ['write'],
  count: 2,
  takesRest: true,
  plan: (args) => ({
    kind: 'write',
    operations: [{ type: 'put', key: argument(args, 0), value: argument(args, 1) }],
    reply: ok
  })
}

const get: LineCommand = {
  ...ofKey,
  name: 'GET',
  usage: 'GET <key>',
  flags: ['read'],
  count: 1,
  plan: (keys) => ({
    kind: 'lookup',
    keys,
    reply: ([value]) => (value === undefined ? missing : valueOrMissing(value))
  })
}

const del: LineCommand = {
  ...ofKey,
  name: 'DELETE',
  usage: 'DELETE <key>',
  flags: ['write'],
  count: 1,
  plan: (args) => ({ kind: 'write', operations: [{ type: 'del', key: argument(args, 0) }], reply: ok })
}

const ping: LineCommand = {
  name: 'PING',
  usage: 'PING',
  flags: ['noauth'],
  count: 0,
  takesRest: false,
  plan: () => replyPlan(pong)
}

/** Readers look lines up by name: more may follow, and these five come first. */
const status: LineCommand = {
  name: 'STATUS',
  usage: 'STATUS',
  flags: ['read'],
  count: 0,
  takesRest: false,
  plan: () => ({
    kind: 'session',
    run: ({ server }) => linesReply(statusFields(server).map(([title, value]) => `${title}: ${value}`))
  })
}

const auth: LineCommand = {
  name: 'AUTH',
  usage: 'AUTH <user> <password>',
  flags: ['noauth', 'secret'],
  count: 2,
  takesRest: true,
  plan: (args) => ({
    kind: 'slow',
    run: async (caller) => (await caller.authenticate(argument(args, 0).toString(), argument(args, 1))) ?? ok
  })
}

/** Entries from a key on, below another; an empty word is the beginning, or the end. */
const scan: LineCommand = {
  name: 'SCAN',
  usage: 'SCAN <from> <to> [limit]',
  flags: ['read'],
  rangesIn: rangeIn,
  count: 3,
  optional: 1,
  takesRest: false,
  fault: ([, , limit]) =>
    limit === undefined || countOf(limit) !== undefined ? undefined : 'the limit of SCAN is a whole number from 0 on',
  plan: (args) => {
    const limit = args[2] === undefined ? undefined : countOf(args[2])
    return entriesPlan({
      ...rangeOf(argument(args, 0), argument(args, 1)),
      ...(limit === undefined ? {} : { limit })
    })
  }
}

const quit: LineCommand = {
  name: 'QUIT',
  usage: 'QUIT',
  flags: ['noauth'],
  count: 0,
  takesRest: false,
  plan: () => ({
    kind: 'session',
    run: (caller) => {
      caller.close()
      return ok
    }
  })
}

export const lineCommands: ReadonlyMap<string, LineCommand> = new Map(
  [put, get, del, scan, ping, status, auth, quit].map((command) => [command.name, command])
)
