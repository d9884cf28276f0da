// CLIENT INFO · CLIENT LIST [TYPE type] [ID id …]: a line for each connection, with the fields of Redis that mean something here.
import { errorReply, type Reply } from '../protocol/reply.ts'
import { subscriptionsOf } from '../pubsub.ts'
import type { Caller, ServerView } from './caller.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { syntaxError } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

function lineOf(caller: Caller, server: ServerView): string {
  const nowMs = server.nowMs()
  const seconds = (sinceMs: number) => Math.max(0, Math.floor((nowMs - sinceMs) / 1_000))
  const { transaction } = caller
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', caller.id],
    ['addr', caller.address],
    ['laddr', caller.localAddress],
    ['name', caller.name],
    ['age', seconds(caller.connectedMs)],
    ['idle', seconds(caller.activeMs)],
    ['flags', flagsOf(caller)],
    ['db', 0],
    ['sub', caller.channels.size],
    ['psub', caller.patterns.size],
    ['ssub', 0],
    ['multi', transaction === undefined ? -1 : transaction.plans.length],
    ['watch', caller.watched.size],
    ['qbuf', caller.heldBytes],
    ['omem', caller.unsentBytes],
    ['tot-mem', caller.heldBytes + caller.unsentBytes],
    ['events', 'r'],
    ['cmd', caller.lastCommand],
    ['user', caller.user],
    ['redir', -1],
    ['resp', caller.language === 'resp' ? caller.version : 0],
    ['lib-name', caller.libraryName],
    ['lib-ver', caller.libraryVersion]
  ]
  return fields.map(([name, value]) => `${name}=${value}`).join(' ')
}

function flagsOf(caller: Caller): string {
  let flags = ''
  if (subscriptionsOf(caller) > 0) flags += 'P'
  if (caller.transaction !== undefined) flags += 'x'
  if (caller.isKept) flags += 'e'
  return flags === '' ? 'N' : flags
}

const textOf = (lines: readonly string[]): Reply => ({ kind: 'text', text: lines.map((line) => `${line}\n`).join('') })

export const clientInfo: Command = {
  name: 'CLIENT INFO',
  arity: 2,
  flags: [],
  group: 'connection',
  summary: 'This connection.',
  plan: () => sessionPlan((caller) => textOf([lineOf(caller, caller.server)]))
}

export type ClientType = 'normal' | 'pubsub' | 'master' | 'replica'

/** Of a word; `slave` is Redis's older one. */
export function clientTypeOf(word: Buffer): ClientType | Reply {
  const type = word.toString('latin1', 0, 32).toLowerCase()
  if (type === 'slave') return 'replica'
  if (type === 'normal' || type === 'pubsub' || type === 'master' || type === 'replica') return type
  return errorReply(`Unknown client type '${word.toString('latin1', 0, 128)}'`)
}

export const typeOf = (caller: Caller): ClientType => (subscriptionsOf(caller) > 0 ? 'pubsub' : 'normal')

type Filter = (caller: Caller) => boolean

export const clientList: Command = {
  name: 'CLIENT LIST',
  arity: -2,
  flags: ['admin', 'dangerous'],
  group: 'connection',
  usage: '[TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]',
  summary: 'All connections, or some of them.',
  plan: (args: Arguments) => {
    const filter = filterOf(args)
    if (typeof filter !== 'function') return replyPlan(filter)
    return sessionPlan(({ server }) =>
      textOf([...server.clients.values()].filter(filter).map((each) => lineOf(each, server)))
    )
  }
}

function filterOf(args: Arguments): Filter | Reply {
  if (args.length === 0) return () => true
  const word = wordOf(argument(args, 0))
  if (word === 'TYPE' && args.length === 2) {
    const type = clientTypeOf(argument(args, 1))
    return typeof type === 'string' ? (caller) => typeOf(caller) === type : type
  }
  if (word !== 'ID' || args.length < 2) return syntaxError
  const ids = new Set<number>()
  for (const bytes of args.slice(1)) {
    const id = wholeNumberOf(bytes)
    if (id === undefined || id <= 0n) return errorReply('Invalid client ID')
    ids.add(Number(id))
  }
  return (caller) => ids.has(caller.id)
}
