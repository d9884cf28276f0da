// AUTH [user] password · QUIT · RESET · SELECT 0
import { errorReply, ok, type Reply } from '../protocol/reply.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { notANumber, syntaxError } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

export const auth: Command = {
  name: 'AUTH',
  arity: -2,
  // In a transaction nothing could be said of what is queued before it is known who asks.
  flags: ['fast', 'noauth', 'no_multi', 'secret'],
  group: 'connection',
  summary: 'Says who is asking.',
  usage: '[username] password',
  plan: (args: Arguments) => {
    if (args.length > 2) return replyPlan(syntaxError)
    const user = args.length === 2 ? argument(args, 0).toString() : 'default'
    const password = argument(args, args.length - 1)
    return {
      kind: 'slow',
      run: async (caller) => {
        if (caller.transaction !== undefined) return notInTransaction
        return (await caller.authenticate(user, password)) ?? ok
      }
    }
  }
}

export const notInTransaction = errorReply('Command not allowed inside a transaction')

export const quit: Command = {
  name: 'QUIT',
  arity: -1,
  flags: ['fast', 'noauth', 'no_multi', 'subscribed'],
  group: 'connection',
  summary: 'Closes the connection.',
  plan: () =>
    sessionPlan((caller) => {
      caller.close()
      return ok
    })
}

const hasReset: Reply = { kind: 'simple', text: 'RESET' }

export const reset: Command = {
  name: 'RESET',
  arity: 1,
  flags: ['fast', 'noauth', 'no_multi', 'subscribed'],
  group: 'connection',
  summary: 'Makes the connection as if it were new.',
  plan: () =>
    sessionPlan((caller) => {
      caller.transaction = undefined
      caller.watched.clear()
      caller.server.broker.leave(caller)
      caller.name = ''
      caller.isKept = false
      caller.isClusterClient = false
      caller.readsLocally = false
      caller.knowsRedirect = false
      caller.version = 2
      caller.forgetUser()
      return hasReset
    })
}

const int32 = 2n ** 31n

export const select: Command = {
  name: 'SELECT',
  arity: 2,
  flags: ['fast'],
  group: 'connection',
  summary: 'Takes database 0, the only one.',
  usage: 'index',
  plan: (args: Arguments) => {
    const index = wholeNumberOf(argument(args, 0))
    if (index === undefined) return replyPlan(notANumber)
    if (index >= int32 || index < -int32) {
      return replyPlan(errorReply(`value is out of range, value must between ${-int32} and ${int32 - 1n}`))
    }
    return replyPlan(index === 0n ? ok : errorReply('DB index is out of range'))
  }
}
