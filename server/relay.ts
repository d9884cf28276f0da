// Relay: what is published at one member reaches the subscribers of all of them. Each other member is told once, and tells its own
// subscribers; a member that cannot be told now, or that lags behind with what it was told, is left out: messages come at most
// once, in a cluster as on one server.

import { decodeNote, encodeNote, kindOfNote } from './cluster/notes.ts'
import { type ClusterView, othersOf } from './cluster/view.ts'
import type { Broker, RelayCounts } from './pubsub.ts'

/** What may wait to be sent to a member before a message is not sent to it. */
const roomBytes = 8 * 2 ** 20

interface Published {
  readonly channel: Buffer
  readonly message: Buffer
}

export class Relay {
  readonly counts: RelayCounts = { relayed: 0, dropped: 0 }
  readonly #view: ClusterView
  readonly #unsubscribe: () => void

  constructor(view: ClusterView, broker: Pick<Broker, 'publish'>) {
    this.#view = view
    const stop = view.notes?.onNote((_, bytes) => {
      if (kindOfNote(bytes) !== 'published') return
      const { channel, message } = (decodeNote(bytes)?.body ?? {}) as Partial<Published>
      if (!Buffer.isBuffer(channel) || !Buffer.isBuffer(message)) return
      broker.publish(channel, message)
    })
    this.#unsubscribe = stop ?? (() => {})
  }

  publish(channel: Buffer, message: Buffer): void {
    const { notes } = this.#view
    const others = othersOf(this.#view)
    if (notes === undefined || others.length === 0) return
    const note = encodeNote('published', { channel, message })
    for (const { id } of others) {
      if (notes.send(id, note, roomBytes)) this.counts.relayed++
      else this.counts.dropped++
    }
  }

  close(): void {
    this.#unsubscribe()
  }
}
