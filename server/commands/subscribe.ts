// SUBSCRIBE PSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE PUBLISH PUBSUB: messages between clients.
import { arrayReply, errorReply, integerReply, type Reply, valueReply } from '../protocol/reply.ts'
import { type SubscriptionKind, subscriptionReply, subscriptionsOf } from '../pubsub.ts'
import { keyBytesMax } from '../store.ts'
import type { Caller } from './caller.ts'
import { type Arguments, allKeys, argument, type Command, oneKey } from './command.ts'
import { notInTransaction } from './connection.ts'
import { container } from './container.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

const many = (replies: readonly Reply[]): Reply => ({ kind: 'many', replies })

/** Several replies are no reply of EXEC: these commands are refused in a transaction. */
const outsideTransactions = (run: (caller: Caller) => Reply) =>
  sessionPlan((caller) => {
    if (caller.transaction === undefined) return run(caller)
    caller.transaction.isBroken = true
    return notInTransaction
  })

function subscription(name: 'SUBSCRIBE' | 'PSUBSCRIBE', kind: SubscriptionKind, summary: string): Command {
  return {
    name,
    arity: -2,
    flags: ['pubsub', 'no_multi', 'subscribed'],
    channels: allKeys,
    group: 'pubsub',
    summary,
    usage: kind === 'channels' ? 'channel [channel ...]' : 'pattern [pattern ...]',
    plan: (names: Arguments) => outsideTransactions((caller) => subscribeAll(caller, name.toLowerCase(), kind, names))
  }
}

function subscribeAll(caller: Caller, word: string, kind: SubscriptionKind, names: Arguments): Reply {
  const { broker, limits } = caller.server
  const replies: Reply[] = []
  for (const name of names) {
    if (name.length > keyBytesMax) replies.push(errorReply(`the name is longer than ${keyBytesMax} bytes`))
    else if (subscriptionsOf(caller) >= limits.subscriptionsMax) replies.push(errorReply(tooMany(limits)))
    else replies.push(subscriptionReply(word, name, broker.subscribe(caller, kind, name)))
  }
  return many(replies)
}

const tooMany = ({ subscriptionsMax }: { readonly subscriptionsMax: number }): string =>
  `too many subscriptions, the limit of a connection is ${subscriptionsMax}`

function unsubscription(name: 'UNSUBSCRIBE' | 'PUNSUBSCRIBE', kind: SubscriptionKind, summary: string): Command {
  return {
    name,
    arity: -1,
    flags: ['pubsub', 'no_multi', 'subscribed'],
    group: 'pubsub',
    summary,
    usage: kind === 'channels' ? '[channel ...]' : '[pattern ...]',
    plan: (names: Arguments) => outsideTransactions((caller) => unsubscribeAll(caller, name.toLowerCase(), kind, names))
  }
}

/** Without names: from all. There is always a reply, for clients wait for one. */
function unsubscribeAll(caller: Caller, word: string, kind: SubscriptionKind, names: Arguments): Reply {
  const { broker } = caller.server
  const left = names.length > 0 ? names : [...caller[kind].values()]
  if (left.length === 0) return subscriptionReply(word, undefined, subscriptionsOf(caller))
  return many(left.map((name) => subscriptionReply(word, name, broker.unsubscribe(caller, kind, name))))
}

export const subscribe = subscription('SUBSCRIBE', 'channels', 'Takes the messages of channels from now on.')
export const psubscribe = subscription('PSUBSCRIBE', 'patterns', 'Takes the messages of all channels like a pattern.')
export const unsubscribe = unsubscription('UNSUBSCRIBE', 'channels', 'Ends subscriptions to channels.')
export const punsubscribe = unsubscription('PUNSUBSCRIBE', 'patterns', 'Ends subscriptions to patterns.')

export const publish: Command = {
  name: 'PUBLISH',
  arity: 3,
  flags: ['pubsub', 'fast'],
  channels: oneKey,
  group: 'pubsub',
  summary: 'Sends a message to who is subscribed to a channel now; answers how many they are on this server.',
  usage: 'channel message',
  plan: (args: Arguments) =>
    sessionPlan(({ server }) => {
      server.statistics.counts.messagesPublished++
      return integerReply(server.publish(argument(args, 0), argument(args, 1)))
    })
}

const channels: Command = {
  name: 'PUBSUB CHANNELS',
  arity: -2,
  flags: ['pubsub'],
  group: 'pubsub',
  usage: '[<pattern>]',
  summary: 'The channels that have subscribers, those like a pattern.',
  plan: (args: Arguments) => {
    if (args.length > 1) {
      return replyPlan(errorReply("unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP."))
    }
    return sessionPlan(({ server }) => arrayReply(server.broker.channels(args[0]).map(valueReply)))
  }
}

const numsub: Command = {
  name: 'PUBSUB NUMSUB',
  arity: -2,
  flags: ['pubsub'],
  group: 'pubsub',
  usage: '[<channel> ...]',
  summary: 'How many are subscribed to each channel, patterns apart.',
  plan: (names: Arguments) =>
    sessionPlan(({ server }) =>
      arrayReply(names.flatMap((name) => [valueReply(name), integerReply(server.broker.subscriberCount(name))]))
    )
}

const numpat: Command = {
  name: 'PUBSUB NUMPAT',
  arity: 2,
  flags: ['pubsub'],
  group: 'pubsub',
  summary: 'How many patterns are subscribed to.',
  plan: () => sessionPlan(({ server }) => integerReply(server.broker.patternCount))
}

export const pubsub = container(
  { name: 'PUBSUB', group: 'pubsub', summary: 'What channels and patterns have subscribers.' },
  [channels, numsub, numpat]
)
