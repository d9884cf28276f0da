// What peers say: frames of the steady lanes become messages. The newest connection of a peer in a lane counts; the one
// before it is closed.
//
// The core believes that a message is from whom it says, so who it is from is what the handshake said, not the bytes.
import type { NodeId, PeerMessage } from '../core/types.ts'
import type { Accepted } from './acceptor.ts'
import { ByteReader } from './bytes.ts'
import { badBytes, TransportFault } from './fault.ts'
import { frameKinds } from './frames.ts'
import { laneOf, noteLane, type SteadyLane } from './lanes.ts'
import { messageKindOf } from './message-codec.ts'
import type { Wiring } from './wiring.ts'

export class Inbound {
  readonly #wiring: Wiring
  readonly #onMessage: (message: PeerMessage) => void
  readonly #onNote: (peer: NodeId, note: Buffer) => void
  readonly #byLane: Readonly<Record<SteadyLane, Map<NodeId, Accepted>>> = { control: new Map(), log: new Map() }

  constructor(wiring: Wiring, onMessage: (message: PeerMessage) => void, onNote: (peer: NodeId, note: Buffer) => void) {
    this.#wiring = wiring
    this.#onMessage = onMessage
    this.#onNote = onNote
  }

  take(accepted: Accepted, lane: SteadyLane): void {
    const { connection, peer } = accepted
    const byPeer = this.#byLane[lane]
    const before = byPeer.get(peer.id)
    byPeer.set(peer.id, accepted)
    before?.connection.bye('own', new TransportFault('CLOSED', 'A newer connection takes its place.'))
    const { limits, codec } = this.#wiring
    const route = { from: peer.id, to: this.#wiring.identity().id }
    connection.become(lane === 'control' ? limits.controlBytesMax : limits.logBytesMax, (kind, payload) => {
      if (kind === frameKinds.note && lane === noteLane) {
        this.#onNote(peer.id, payload)
        return
      }
      const name = messageKindOf(kind)
      if (name === undefined || laneOf(name) !== lane) {
        throw badBytes(`a frame of kind ${kind} came over the ${lane} lane`)
      }
      this.#onMessage(codec.decode(name, new ByteReader(payload), route))
    })
  }

  has(id: NodeId, lane: SteadyLane): boolean {
    return this.#byLane[lane].has(id)
  }

  ended(accepted: Accepted, lane: SteadyLane): void {
    const byPeer = this.#byLane[lane]
    if (byPeer.get(accepted.peer.id) === accepted) byPeer.delete(accepted.peer.id)
  }

  beat(nowMs: number, isLate: boolean): void {
    for (const { connection } of this.#all()) {
      if (isLate) connection.forgive(nowMs)
      connection.beat(nowMs, this.#wiring.limits.silentMs)
    }
  }

  /** Closes those of whoever is no member any more. */
  keep(ids: ReadonlySet<NodeId>): void {
    for (const { connection, peer } of this.#all()) {
      if (!ids.has(peer.id))
        connection.bye('own', new TransportFault('CLOSED', `"${peer.name}" is no member any more.`))
    }
  }

  close(): void {
    for (const { connection } of this.#all()) connection.end('own', new TransportFault('CLOSED', 'The node stops.'))
  }

  #all(): Accepted[] {
    return [...this.#byLane.control.values(), ...this.#byLane.log.values()]
  }
}
