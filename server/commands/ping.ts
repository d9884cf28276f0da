// PING [message] → +PONG, or the message. ECHO message.
import { errorReply, pong, valueReply } from '../protocol/reply.ts'
import { argument, type Command } from './command.ts'
import { replyPlan } from './plan.ts'

export const ping: Command = {
  name: 'PING',
  arity: -1,
  flags: ['fast', 'subscribed'],
  group: 'connection',
  summary: 'Asks whether the server answers.',
  usage: '[message]',
  plan: ([message, ...more]) => {
    if (more.length > 0) return replyPlan(errorReply("wrong number of arguments for 'ping' command"))
    return replyPlan(message === undefined ? pong : valueReply(message))
  }
}

export const echo: Command = {
  name: 'ECHO',
  arity: 2,
  flags: ['fast'],
  group: 'connection',
  summary: 'Says what it was told.',
  usage: 'message',
  plan: (args) => replyPlan(valueReply(argument(args, 0)))
}
