// Request → plan: which command it names, whether its arguments fit, whether the connection may.
import type { Caller, Noted, Transaction } from './commands/caller.ts'
import { type Arguments, type Command, keysOf, shownText, spelt, takes, wordOf } from './commands/command.ts'
import { type LineCommand, lineCommands } from './commands/line.ts'
import { otherTypeFault } from './commands/other-types.ts'
import type { Plan } from './commands/plan.ts'
import { type AskedRequest, replyPlan } from './commands/plan.ts'
import { commands } from './commands/table.ts'
import { needsLogin, noAuth, refusalOf } from './permission.ts'
import { arrayReply, errorReply, queued, type Reply, textValue, valueReply } from './protocol/reply.ts'
import { ownCopies, type Single } from './protocol/request.ts'
import type { Run } from './protocol/resp-runs.ts'
import { subscriptionsOf } from './pubsub.ts'
import { keyBytesMax } from './store.ts'

type Request = Extract<Single, { kind: 'request' }>

export function planLine(decoded: Single, caller: Caller): Plan {
  if (decoded.kind !== 'request') {
    caller.noted(undefined, [])
    return refusal(decoded)
  }
  const { name, args } = decoded
  const command = lineCommands.get(name)
  const refused = lineRefusal(command, decoded, caller)
  if (refused !== undefined || command === undefined) return refuse(caller, command, refused)
  caller.noted(command, args)
  return forwarded(command, decoded, caller) ?? command.plan(args)
}

/** A write that another member is to make. */
function forwarded({ flags }: Command | LineCommand, { name, args }: Request, { server }: Caller): Plan | undefined {
  if (server.forwarding?.isNeeded !== true || !flags.includes('write')) return undefined
  return { kind: 'forward', request: { name, args } }
}

function lineRefusal(command: LineCommand | undefined, request: Request, { access }: Caller): Reply | undefined {
  if (needsLogin(access, command)) return noAuth
  const fault = command === undefined ? unknownLine(request.name) : lineFault(command, request)
  if (fault !== undefined) return errorReply(fault)
  return command && refusalOf(access, command, request.args)
}

/** Tells the counts of a refusal. */
function refuse(caller: Caller, command: Noted | undefined, reply: Reply = noAuth): Plan {
  if (command !== undefined) caller.server.statistics.rejected(command.name)
  if (caller.transaction !== undefined) caller.transaction.isBroken = true
  caller.noted(undefined, [])
  return replyPlan(reply)
}

function lineFault(command: LineCommand, { args }: Request): string | undefined {
  const { count, optional = 0 } = command
  if (args.length > count || args.length < count - optional) return `write it so: ${command.usage}`
  return command.fault?.(args)
}

function unknownLine(name: string): string {
  const shown = /^[\x21-\x7e]+$/.test(name) ? ` ${name}` : ''
  return `unknown command${shown}, there are ${[...lineCommands.keys()].join(' ')}`
}

export function planResp(decoded: Single, caller: Caller): Plan {
  if (decoded.kind !== 'request') {
    caller.noted(undefined, [])
    return refusal(decoded)
  }
  const args = caller.transaction === undefined ? decoded.args : kept(decoded.args, caller.transaction)
  const command = commandOf(decoded)
  const refused = respRefusal(command, decoded, caller)
  if (refused !== undefined || command === undefined) return refuse(caller, command, refused)
  caller.noted(command, args)
  const plan =
    command.name === 'PING' && subscriptionsOf(caller) > 0 && caller.version === 2
      ? pongArray(args)
      : command.plan(args)
  const { transaction } = caller
  if (transaction === undefined || command.flags.includes('no_multi')) {
    return transaction === undefined ? (forwarded(command, decoded, caller) ?? plan) : plan
  }
  const request = caller.server.forwarding && { name: decoded.name, args }
  return enqueue({ plan, request }, command, args, transaction)
}

/** A run as it is, where nothing on the connection makes more of its requests than what they say. */
export function planRun(run: Run, caller: Caller): Plan | undefined {
  const { access, store, transaction } = caller
  const reads = store.getFramed ?? store.freshen
  const takesRuns = (run.name === 'GET' ? reads : store.putPlaced) !== undefined
  if (run.name === 'SET' && caller.server.forwarding?.isNeeded === true) return undefined
  if (!takesRuns || !access.isUnrestricted || transaction !== undefined || subscriptionsOf(caller) > 0) return undefined
  return { kind: 'run', run }
}

/** What the requests of one transaction may hold, in bytes, with about what a plan costs. */
const transactionBytesMax = 64 * 2 ** 20
const planBytes = 200

/** What is queued stays longer than its chunk; what has no room is not queued. */
function kept(args: Arguments, { bytes }: Transaction): Arguments {
  return bytesOf(args) + bytes > transactionBytesMax ? args : ownCopies(args)
}

const bytesOf = (args: Arguments): number => args.reduce((sum, { length }) => sum + length, planBytes)

/** `request`: where another member may have to be asked for it. */
interface Queued {
  readonly plan: Plan
  readonly request: AskedRequest | undefined
}

function enqueue({ plan: asked, request }: Queued, { name }: Command, args: Arguments, transaction: Transaction): Plan {
  const isShort = asked.kind === 'slow' && asked.inTransaction !== undefined
  const plan: Plan = isShort ? { kind: 'session', run: asked.inTransaction } : asked
  if (plan.kind === 'slow') {
    transaction.isBroken = true
    return replyPlan(errorReply(`${name} takes many steps and cannot be in a transaction, ask outside of it`))
  }
  transaction.bytes += bytesOf(args)
  if (transaction.bytes > transactionBytesMax) {
    transaction.isBroken = true
    transaction.plans.length = transaction.requests.length = 0
    return replyPlan(errorReply('the transaction is too large, its requests may hold 64 MiB', 'TOO_LARGE'))
  }
  if (!transaction.isBroken) {
    transaction.plans.push(plan)
    if (request !== undefined) transaction.requests.push(request)
  }
  return replyPlan(queued)
}

function respRefusal(command: Command | undefined, request: Request, caller: Caller): Reply | undefined {
  const { access } = caller
  if (needsLogin(access, command)) return noAuth
  const fault = command === undefined ? unknownResp(request) : respFault(command, request.args, caller)
  if (fault !== undefined) return errorReply(fault)
  return command && refusalOf(access, command, request.args)
}

/** RESP2 cannot tell a reply from a message but by its shape: with subscriptions, PING answers in that of messages. */
const pongArray = ([message]: Arguments): Plan =>
  replyPlan(arrayReply([textValue('pong'), message === undefined ? textValue('') : valueReply(message)]))

/** The command, or a container's subcommand. */
function commandOf({ name, args: [word] }: Request): Command | undefined {
  const command = commands.get(name)
  if (command?.subcommands === undefined || word === undefined) return command
  return command.subcommands.get(wordOf(word))
}

function respFault(command: Command, args: Arguments, caller: Caller): string | undefined {
  if (!takes(command, args)) return `wrong number of arguments for '${spelt(command)}' command`
  if (subscriptionsOf(caller) > 0 && caller.version === 2 && !command.flags.includes('subscribed')) {
    return `Can't execute '${spelt(command)}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
  }
  for (const key of keysOf(command, args)) {
    if (key.length > keyBytesMax) return `the key is longer than ${keyBytesMax} bytes`
  }
  return undefined
}

const shownBytesMax = 128

/** Letter by letter as Redis says it: clients look for these words. */
function unknownResp({ name, spelt: sent = name, args }: Request): string {
  const [word] = args
  if (commands.has(name) && word !== undefined) {
    return `unknown subcommand '${shownText(word, shownBytesMax)}'. Try ${name} HELP.`
  }
  const otherType = otherTypeFault(name)
  if (otherType !== undefined) return otherType
  let shown = ''
  for (const arg of args) {
    if (shown.length >= shownBytesMax) break
    shown += `'${shownText(arg, shownBytesMax - shown.length)}' `
  }
  return `unknown command '${shownText(Buffer.from(sent, 'latin1'), shownBytesMax)}', with args beginning with: ${shown}`
}

function refusal(decoded: Exclude<Single, Request>): Plan {
  switch (decoded.kind) {
    case 'refused':
      return replyPlan(errorReply(decoded.reason, decoded.code))
    case 'fatal':
      return closing(errorReply(decoded.reason))
    case 'foreign':
      return closing({ kind: 'many', replies: [] })
  }
}

function closing(reply: Reply): Plan {
  return {
    kind: 'session',
    run: (caller) => {
      caller.close()
      return reply
    }
  }
}
