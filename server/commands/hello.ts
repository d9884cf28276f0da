// HELLO [version [AUTH user password] [SETNAME name]]
import { arrayReply, errorReply, integerReply, type Reply, textValue } from '../protocol/reply.ts'
import type { Caller } from './caller.ts'
import { nameFault } from './client.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { notInTransaction } from './connection.ts'
import { modeOf, redisVersion } from './info.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

interface Hello {
  readonly version?: 2 | 3
  readonly login?: { readonly user: string; readonly password: Buffer }
  readonly name?: string
}

export const hello: Command = {
  name: 'HELLO',
  arity: -1,
  flags: ['fast', 'noauth', 'no_multi', 'secret'],
  group: 'connection',
  summary: 'Chooses the version of the protocol, says who is asking, and tells about the server.',
  usage: '[protover [AUTH username password] [SETNAME clientname]]',
  plan: (args: Arguments) => {
    const asked = helloOf(args)
    if ('kind' in asked) return replyPlan(asked)
    const { login } = asked
    if (login === undefined) return sessionPlan((caller) => answer(caller, asked))
    return {
      kind: 'slow',
      run: async (caller) => {
        if (caller.transaction !== undefined) return notInTransaction
        return (await caller.authenticate(login.user, login.password)) ?? answer(caller, asked)
      }
    }
  }
}

const unsupported = errorReply('unsupported protocol version', 'NOPROTO')
const unauthenticated = errorReply(
  'HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option ' +
    'can be used to authenticate the client and select the RESP protocol version at the same time',
  'NOAUTH'
)

function helloOf(args: Arguments): Hello | Reply {
  const [first] = args
  if (first === undefined) return {}
  const number = wholeNumberOf(first)
  if (number === undefined) return errorReply('Protocol version is not an integer or out of range')
  if (number !== 2n && number !== 3n) return unsupported
  let asked: Hello = { version: number === 2n ? 2 : 3 }
  for (let i = 1; i < args.length; i++) {
    const word = wordOf(argument(args, i))
    const rest = args.length - 1 - i
    if (word === 'AUTH' && rest >= 2) {
      asked = { ...asked, login: { user: argument(args, ++i).toString(), password: argument(args, ++i) } }
    } else if (word === 'SETNAME' && rest >= 1) {
      const name = argument(args, ++i)
      const fault = nameFault(name, 'Client names')
      if (fault !== undefined) return fault
      asked = { ...asked, name: name.toString('latin1') }
    } else return errorReply(`Syntax error in HELLO option '${argument(args, i).toString('latin1', 0, 128)}'`)
  }
  return asked
}

function answer(caller: Caller, { version, name }: Hello): Reply {
  if (caller.transaction !== undefined) return notInTransaction
  if (!caller.isAuthenticated) return unauthenticated
  if (name !== undefined) caller.name = name
  if (version !== undefined) caller.version = version
  const { role } = caller.server.status()
  // Clients decide by name and version what they may ask: the language is Redis's, whoever speaks it. INFO tells varve's own.
  return {
    kind: 'map',
    pairs: [
      [textValue('server'), textValue('redis')],
      [textValue('version'), textValue(redisVersion)],
      [textValue('proto'), integerReply(caller.version)],
      [textValue('id'), integerReply(caller.id)],
      [textValue('mode'), textValue(modeOf(caller.server))],
      [textValue('role'), textValue(role === 'LEADER' ? 'master' : 'replica')],
      [textValue('modules'), arrayReply([])]
    ]
  }
}
