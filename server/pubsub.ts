// Messages between clients: who has subscribed to which channel. At most once: a message goes to those who are subscribed now,
// is kept nowhere, and is not waited for. A connection that does not take its messages is closed (session.ts).
import { globMatches } from './commands/glob.ts'
import { integerReply, missing, type Reply, textValue, valueReply } from './protocol/reply.ts'
import { ownCopies } from './protocol/request.ts'

export interface Subscriber {
  /** Name (latin1) → its bytes. */
  readonly channels: Map<string, Buffer>
  readonly patterns: Map<string, Buffer>
  push(reply: Reply): void
}

export const subscriptionsOf = ({ channels, patterns }: Pick<Subscriber, 'channels' | 'patterns'>): number =>
  channels.size + patterns.size

interface Pattern {
  readonly bytes: Buffer
  readonly subscribers: Set<Subscriber>
}

export type SubscriptionKind = 'channels' | 'patterns'

const nameOf = (bytes: Buffer): string => bytes.toString('latin1')

/** Of messages that were published at this member of a cluster. */
export interface RelayCounts {
  /** Once for each other member that was told. */
  relayed: number
  /** Not sent to a member, for want of a connection or of room. */
  dropped: number
}

export class Broker {
  readonly #channels = new Map<string, Set<Subscriber>>()
  readonly #patterns = new Map<string, Pattern>()

  get channelCount(): number {
    return this.#channels.size
  }

  /** Different ones, however many hold them. */
  get patternCount(): number {
    return this.#patterns.size
  }

  /** Answers how many subscriptions there are now; a second subscription to the same is none. */
  subscribe(subscriber: Subscriber, kind: SubscriptionKind, bytes: Buffer): number {
    // A name is kept for as long as the subscription: not with the chunk it came in.
    const own = Buffer.from(bytes)
    const name = nameOf(own)
    subscriber[kind].set(name, own)
    if (kind === 'channels') {
      const subscribers = this.#channels.get(name)
      if (subscribers === undefined) this.#channels.set(name, new Set([subscriber]))
      else subscribers.add(subscriber)
    } else {
      const pattern = this.#patterns.get(name)
      if (pattern === undefined) this.#patterns.set(name, { bytes: own, subscribers: new Set([subscriber]) })
      else pattern.subscribers.add(subscriber)
    }
    return subscriptionsOf(subscriber)
  }

  unsubscribe(subscriber: Subscriber, kind: SubscriptionKind, bytes: Buffer): number {
    const name = nameOf(bytes)
    if (subscriber[kind].delete(name)) {
      if (kind === 'channels') {
        const subscribers = this.#channels.get(name)
        subscribers?.delete(subscriber)
        if (subscribers?.size === 0) this.#channels.delete(name)
      } else {
        const subscribers = this.#patterns.get(name)?.subscribers
        subscribers?.delete(subscriber)
        if (subscribers?.size === 0) this.#patterns.delete(name)
      }
    }
    return subscriptionsOf(subscriber)
  }

  /** Ends all subscriptions of a connection: it is closed or reset. */
  leave(subscriber: Subscriber): void {
    for (const kind of ['channels', 'patterns'] as const) {
      for (const bytes of [...subscriber[kind].values()]) this.unsubscribe(subscriber, kind, bytes)
    }
  }

  /** Answers how many times the message was handed over. */
  publish(sentTo: Buffer, sent: Buffer): number {
    const subscribers = this.#channels.get(nameOf(sentTo))
    if (subscribers === undefined && this.#patterns.size === 0) return 0
    // It may wait for subscribers much longer than its chunk would be kept.
    const [channel = sentTo, message = sent] = ownCopies([sentTo, sent])
    let count = 0
    if (subscribers !== undefined) {
      const reply = pushOf('message', valueReply(channel), valueReply(message))
      for (const subscriber of subscribers) subscriber.push(reply)
      count += subscribers.size
    }
    for (const { bytes, subscribers: matching } of this.#patterns.values()) {
      if (!globMatches(bytes, channel)) continue
      const reply = pushOf('pmessage', valueReply(bytes), valueReply(channel), valueReply(message))
      for (const subscriber of matching) subscriber.push(reply)
      count += matching.size
    }
    return count
  }

  /** Channels with subscribers, those that match a pattern. */
  channels(pattern: Buffer | undefined): Buffer[] {
    const all = [...this.#channels.keys()].map((name) => Buffer.from(name, 'latin1'))
    return pattern === undefined ? all : all.filter((channel) => globMatches(pattern, channel))
  }

  subscriberCount(channel: Buffer): number {
    return this.#channels.get(nameOf(channel))?.size ?? 0
  }
}

const pushOf = (word: string, ...items: readonly Reply[]): Reply => ({
  kind: 'push',
  items: [textValue(word), ...items]
})

/** What SUBSCRIBE and its kin answer for each name. */
export const subscriptionReply = (word: string, name: Buffer | undefined, count: number): Reply =>
  pushOf(word, name === undefined ? missing : valueReply(name), integerReply(count))
