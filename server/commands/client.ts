// CLIENT: what a connection says of itself, and what there is to know of all connections.
import { errorReply, integerReply, missing, ok, type Reply, textValue, valueReply } from '../protocol/reply.ts'
import type { Caller } from './caller.ts'
import { clientKill } from './client-kill.ts'
import { clientInfo, clientList } from './client-list.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { container } from './container.ts'
import { syntaxError } from './expiry.ts'
import { type Plan, replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

type Subcommand = Pick<Command, 'arity' | 'summary' | 'plan'> & Partial<Command>

const subcommand = (word: string, rest: Subcommand): Command => ({
  flags: [],
  group: 'connection',
  ...rest,
  name: `CLIENT ${word}`
})

/** Names stand in lines of CLIENT LIST: they have no spaces. */
export function nameFault(name: Buffer, what: string): Reply | undefined {
  if (name.length > 1_024) return errorReply(`${what} are at most 1024 bytes long.`)
  for (const byte of name) {
    if (byte < 0x21 || byte > 0x7e) return errorReply(`${what} cannot contain spaces, newlines or special characters.`)
  }
  return undefined
}

const setname = subcommand('SETNAME', {
  arity: 3,
  usage: '<name>',
  summary: 'Names this connection.',
  plan: (args) => {
    const fault = nameFault(argument(args, 0), 'Client names')
    return fault === undefined ? setting(args, (caller, text) => (caller.name = text)) : replyPlan(fault)
  }
})

/** Stores the last argument as a text. */
const setting = (args: Arguments, set: (caller: Caller, text: string) => void): Plan =>
  sessionPlan((caller) => {
    set(caller, argument(args, args.length - 1).toString('latin1'))
    return ok
  })

const getname = subcommand('GETNAME', {
  arity: 2,
  summary: 'The name of this connection.',
  plan: () => sessionPlan(({ name }) => (name === '' ? missing : textValue(name)))
})

const setinfo = subcommand('SETINFO', {
  arity: 4,
  usage: '(LIB-NAME|LIB-VER) <value>',
  summary: 'Says which library this connection is made with.',
  plan: (args) => {
    const word = wordOf(argument(args, 0))
    if (word !== 'LIB-NAME' && word !== 'LIB-VER') {
      return replyPlan(errorReply(`Unrecognized option '${argument(args, 0).toString('latin1', 0, 128)}'`))
    }
    const fault = nameFault(argument(args, 1), word.toLowerCase())
    if (fault !== undefined) return replyPlan(fault)
    return setting(args, (caller, text) => {
      if (word === 'LIB-NAME') caller.libraryName = text
      else caller.libraryVersion = text
    })
  }
})

const id = subcommand('ID', {
  arity: 2,
  summary: 'The number of this connection.',
  plan: () => sessionPlan((caller) => integerReply(caller.id))
})

const noEvict = subcommand('NO-EVICT', {
  arity: 3,
  flags: ['admin', 'dangerous'],
  usage: '(ON|OFF)',
  summary: 'Protects this connection from eviction; varve evicts none.',
  plan: (args) => {
    const word = wordOf(argument(args, 0))
    if (word !== 'ON' && word !== 'OFF') return replyPlan(syntaxError)
    return sessionPlan((caller) => {
      caller.isKept = word === 'ON'
      return ok
    })
  }
})

const capa = subcommand('CAPA', {
  arity: -3,
  usage: '<capability> [<capability> ...]',
  summary: 'Says what this client can do: REDIRECT, go where the leader is. Unknown words are ignored.',
  plan: (words) => {
    if (!words.some((word) => wordOf(word) === 'REDIRECT')) return replyPlan(ok)
    return sessionPlan((caller) => {
      caller.knowsRedirect = true
      return ok
    })
  }
})

const reply = subcommand('REPLY', {
  arity: 3,
  usage: 'ON',
  summary: 'Replies are always on.',
  plan: (args) => {
    const word = wordOf(argument(args, 0))
    if (word === 'ON') return replyPlan(ok)
    if (word !== 'OFF' && word !== 'SKIP') return replyPlan(syntaxError)
    return replyPlan(errorReply(`CLIENT REPLY ${word} is not supported: varve answers every request`))
  }
})

const untracked = errorReply('CLIENT TRACKING is not supported: varve tells clients of no changes')

const tracking = subcommand('TRACKING', {
  arity: -3,
  usage: 'OFF',
  summary: 'Keys are not tracked.',
  plan: ([word]) => replyPlan(word !== undefined && wordOf(word) === 'OFF' ? ok : untracked)
})

const trackingInfo = subcommand('TRACKINGINFO', {
  arity: 2,
  summary: 'Says that keys are not tracked.',
  plan: () =>
    replyPlan({
      kind: 'map',
      pairs: [
        [textValue('flags'), { kind: 'set', items: [valueReply(Buffer.from('off'))] }],
        [textValue('redirect'), integerReply(-1)],
        [textValue('prefixes'), { kind: 'array', items: [] }]
      ]
    })
})

const getredir = subcommand('GETREDIR', {
  arity: 2,
  summary: 'Says that keys are not tracked.',
  plan: () => replyPlan(integerReply(-1))
})

export const client = container(
  { name: 'CLIENT', group: 'connection', summary: 'Connections: their names, their list, their end.' },
  [
    id,
    clientInfo,
    clientList,
    clientKill,
    setname,
    getname,
    setinfo,
    noEvict,
    capa,
    reply,
    tracking,
    trackingInfo,
    getredir
  ]
)
