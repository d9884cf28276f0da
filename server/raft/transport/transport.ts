// The transport of a member: what Raft says goes out, what its peers say comes in, and who is gone is told at once.
//
//   const transport = await Transport.listen({ identity, directory, listen, clock, random, … })
//   transport.send(message)                        any turn; leaves at the end of the turn, or is dropped
//   transport.become(identity, members)            there is a cluster, or its membership has changed
//   await transport.sendSnapshot(message, source)
//   await transport.close()
//
// Invariants:
// - Messages may be lost, and may overtake those of another lane; they never change and never come from anybody but the
//   peer that they say they are from.
// - No callback is called from within `send`.
// - `onLost` is called once for each time that a peer is lost: its process closed or reset its connections without a word, and
//   none is left, so what it said last was heard before. A peer that cannot be reached, and one that says that it closes a connection, is not lost.
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../clock.ts'
import { turn } from '../../turn.ts'
import { invariant } from '../core/invariant.ts'
import type { InstallSnapshot, NodeId, PeerMessage } from '../core/types.ts'
import { type Accepted, Acceptor } from './acceptor.ts'
import type { Address } from './address.ts'
import type { EndCause } from './connection.ts'
import { type Answer, answer, exchange, type OnStatement } from './exchange.ts'
import { TransportFault } from './fault.ts'
import { ownVersions, type Refusal, type Versions } from './handshake.ts'
import type { Directory, ExpectedPeer, Identity, MemberInfo } from './identity.ts'
import { Inbound } from './inbound.ts'
import { type Lane, laneOf, noteLane, type SteadyLane, steadyLanes } from './lanes.ts'
import { defaultTransportLimits, type TransportLimits } from './limits.ts'
import { Link, type LinkStatus } from './link.ts'
import { MessageCodec, type PayloadCodec } from './message-codec.ts'
import { Security, type TransportTls } from './security.ts'
import { type OnSnapshot, SnapshotReceiver } from './snapshot-receiver.ts'
import { type SendingSnapshot, type SnapshotSource, sendSnapshot } from './snapshot-sender.ts'
import type { Notice, Wiring } from './wiring.ts'

export interface TransportEvents {
  /** What it throws is not caught. */
  readonly onMessage: (message: PeerMessage) => void
  /** What the server of a peer says to the one here; without it, it is not heard. */
  readonly onNote?: ((peer: NodeId, note: Buffer) => void) | undefined
  /** What was said last to this peer may not have got there: `reportUnreachable` of the core wants to know. Once a turn. */
  readonly onUnreachable?: ((peer: NodeId) => void) | undefined
  readonly onLost?: ((peer: NodeId) => void) | undefined
  /** Without it snapshots are refused. */
  readonly onSnapshot?: OnSnapshot | undefined
  /** Answers nodes that are looking for a cluster to begin with; without it they are refused. */
  readonly onStatement?: OnStatement | undefined
  /** For the log. */
  readonly onNotice?: ((notice: Notice) => void) | undefined
}

export interface TransportOptions extends TransportEvents {
  readonly identity: Identity
  readonly members?: readonly MemberInfo[] | undefined
  readonly expected?: readonly ExpectedPeer[] | undefined
  readonly listen: Address
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly tls?: TransportTls | undefined
  /** Off loopback without TLS. */
  readonly insecure?: boolean | undefined
  readonly payloads?: PayloadCodec | undefined
  readonly limits?: Partial<TransportLimits> | undefined
  readonly versions?: Versions | undefined
  /** How names are resolved; Node's way unless given. */
  readonly lookup?: LookupFunction | undefined
}

export type PeerStatus = Readonly<Record<SteadyLane, LinkStatus>> & {
  readonly name: string
  /** Its own connections to this node. */
  readonly isHeard: boolean
}

type Links = Readonly<Record<SteadyLane, Link>>

export class Transport {
  readonly #wiring: Wiring
  readonly #events: TransportEvents
  readonly #acceptor: Acceptor
  readonly #inbound: Inbound
  readonly #links = new Map<NodeId, Links>()
  readonly #receiving = new Map<Accepted, SnapshotReceiver>()
  readonly #sending = new Set<SendingSnapshot>()
  readonly #unreachable = new Set<NodeId>()
  #identity: Identity
  #directory: Directory
  #address: Address
  #cancelBeat: () => void = () => {}
  #beatMs = 0
  #isFlushPlanned = false
  #isClosed = false

  private constructor(options: TransportOptions, security: Security) {
    this.#events = options
    this.#identity = options.identity
    this.#address = options.listen
    this.#directory = { members: [], expected: options.expected ?? [] }
    this.#wiring = {
      clock: options.clock,
      random: options.random,
      limits: { ...defaultTransportLimits, ...options.limits },
      versions: options.versions ?? ownVersions,
      security,
      codec: new MessageCodec(options.payloads),
      lookup: options.lookup,
      onNotice: options.onNotice ?? (() => {}),
      identity: () => this.#identity,
      directory: () => this.#directory
    }
    this.#inbound = new Inbound(this.#wiring, options.onMessage, (peer, note) => options.onNote?.(peer, note))
    this.#acceptor = new Acceptor(this.#wiring, {
      refusalOf: (lane) => this.#refusalOf(lane),
      onAccepted: (accepted) => this.#accepted(accepted),
      onEnd: (accepted, cause, fault) => this.#inboundEnded(accepted, cause, fault)
    })
  }

  /** Rejects where it cannot listen, or must not: off loopback without TLS and without `insecure`. */
  static async listen(options: TransportOptions): Promise<Transport> {
    const { tls, insecure } = options
    const handshakeMs = options.limits?.handshakeMs ?? defaultTransportLimits.handshakeMs
    const security = new Security({ tls, insecure, handshakeMs })
    const transport = new Transport(options, security)
    try {
      const { address, port } = await transport.#acceptor.listen(options.listen.host, options.listen.port)
      transport.#address = { host: address, port }
    } catch (error) {
      security.close()
      throw error
    }
    transport.#beatSoon()
    transport.become(options.identity, options.members ?? [])
    return transport
  }

  /** Where it listens. */
  get address(): Address {
    return this.#address
  }

  /**
   * Who this node is, and who the members are, from here on. Members that are new are dialled; connections with those that
   * are members no more are closed.
   */
  become(identity: Identity, members: readonly MemberInfo[]): void {
    if (this.#isClosed) return
    this.#identity = identity
    this.#directory = { ...this.#directory, members }
    const peers = members.filter(({ id }) => id !== identity.id)
    const ids = new Set(peers.map(({ id }) => id))
    this.#inbound.keep(ids)
    for (const [id, links] of this.#links) {
      if (ids.has(id)) continue
      this.#links.delete(id)
      for (const lane of steadyLanes) links[lane].close(true)
    }
    for (const peer of peers) {
      const links = this.#links.get(peer.id)
      if (links !== undefined) for (const lane of steadyLanes) links[lane].update(peer)
      else this.#links.set(peer.id, { control: this.#link('control', peer), log: this.#link('log', peer) })
    }
  }

  /** Says it at the end of this turn, if it can be said now; else it is dropped. Snapshots go by `sendSnapshot`. */
  send(message: PeerMessage): void {
    if (this.#isClosed) return
    const lane = laneOf(message.kind)
    invariant(lane !== 'snapshot', 'a snapshot cannot be sent as a message')
    const isTaken = this.#links.get(message.to)?.[lane].send(message) ?? false
    if (!isTaken) this.#unreachable.add(message.to)
    this.#planFlush()
  }

  /**
   * Says what is no message of the consensus, at the end of this turn; false where it is dropped: there is no connection, or
   * more than `roomBytes` wait before it. It gets there once or not at all.
   */
  note(to: NodeId, note: Uint8Array, roomBytes: number): boolean {
    if (this.#isClosed || this.#links.get(to)?.[noteLane].sendNote(note, roomBytes) !== true) return false
    this.#planFlush()
    return true
  }

  /** Resolves once the peer has the snapshot, durably. Rejects with a TransportFault, or with what the source throws. */
  async sendSnapshot(message: InstallSnapshot, source: SnapshotSource): Promise<void> {
    const peer = this.#directory.members.find(({ id }) => id === message.to)
    if (this.#isClosed) throw new TransportFault('CLOSED', 'The transport was closed.')
    if (peer === undefined) throw new TransportFault('UNREACHABLE', `There is no member ${message.to}.`)
    const sending = sendSnapshot(this.#wiring, peer, message, source)
    this.#sending.add(sending)
    try {
      await sending.done
    } finally {
      this.#sending.delete(sending)
    }
  }

  /** Says a statement to whoever listens there, before there is a cluster. Rejects with a TransportFault. */
  exchange(address: Address, name: string | undefined, statement: Uint8Array): Promise<Answer> {
    return exchange(this.#wiring, address, name, statement)
  }

  status(): ReadonlyMap<NodeId, PeerStatus> {
    const status = new Map<NodeId, PeerStatus>()
    for (const [id, { control, log }] of this.#links) {
      const isHeard = this.#inbound.has(id, 'control') && this.#inbound.has(id, 'log')
      status.set(id, { name: control.peer.name, control: control.status, log: log.status, isHeard })
    }
    return status
  }

  /** Ends all connections: to the others it is as if the process had ended. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelBeat()
    const fault = new TransportFault('CLOSED', 'The transport was closed.')
    for (const sending of this.#sending) sending.stop(fault)
    for (const links of this.#links.values()) for (const lane of steadyLanes) links[lane].close()
    for (const receiver of this.#receiving.values()) receiver.close()
    this.#inbound.close()
    await this.#acceptor.close()
    this.#wiring.security.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #link(lane: SteadyLane, peer: MemberInfo): Link {
    return new Link(lane, peer, this.#wiring, {
      onReady: () => {},
      onEnd: (link, cause) => {
        if (this.#isClosed) return
        this.#unreachable.add(link.peer.id)
        this.#planFlush()
        this.#steadyEnded(link.peer.id, cause)
      }
    })
  }

  #refusalOf(lane: Lane): Refusal | undefined {
    const { onSnapshot, onStatement } = this.#events
    const isTaken = lane === 'snapshot' ? onSnapshot : lane === 'bootstrap' ? onStatement : true
    if (isTaken !== undefined) return undefined
    return { code: 'lane', sentence: `Node "${this.#identity.name}" takes nothing over the ${lane} lane.` }
  }

  #accepted(accepted: Accepted): void {
    const { lane, peer } = accepted
    const { onSnapshot, onStatement } = this.#events
    if (lane === 'bootstrap') {
      if (onStatement !== undefined) answer(this.#wiring, accepted, onStatement)
    } else if (lane === 'snapshot') {
      if (onSnapshot !== undefined) {
        this.#receiving.set(accepted, new SnapshotReceiver(this.#wiring, accepted, onSnapshot))
      }
    } else {
      this.#inbound.take(accepted, lane)
      // Who dials can be dialled.
      const links = this.#links.get(peer.id)
      if (links !== undefined) for (const steady of steadyLanes) links[steady].wake()
    }
  }

  #inboundEnded(accepted: Accepted, cause: EndCause, fault: TransportFault): void {
    const { lane, peer } = accepted
    if (lane === 'snapshot') {
      this.#receiving.get(accepted)?.ended(fault)
      this.#receiving.delete(accepted)
    } else if (lane !== 'bootstrap') {
      this.#inbound.ended(accepted, lane)
      if (cause === 'bytes') this.#wiring.onNotice({ peer: peer.name, lane, kind: 'ended', fault })
      this.#steadyEnded(peer.id, cause)
    }
  }

  /**
   * A steady connection with this peer has ended, whoever had dialled it. What it said last in another lane is read first: an
   * append after the loss would make the peer a leader that is heard from again.
   */
  #steadyEnded(id: NodeId, cause: EndCause): void {
    const links = this.#links.get(id)
    if (this.#isClosed || cause !== 'remote' || links === undefined) return
    const isConnected = (lane: SteadyLane) => links[lane].isReady || this.#inbound.has(id, lane)
    if (!steadyLanes.some(isConnected)) this.#events.onLost?.(id)
  }

  /** At the end of the turn: all that was said in it leaves, one write a lane. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    turn.atEnd(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushPlanned = false
    if (this.#isClosed) return
    // What is urgent first.
    for (const lane of steadyLanes) for (const links of this.#links.values()) links[lane].flush()
    const unreachable = [...this.#unreachable]
    this.#unreachable.clear()
    for (const id of unreachable) this.#events.onUnreachable?.(id)
  }

  #beatSoon(): void {
    const { clock, limits } = this.#wiring
    this.#beatMs = clock.nowMs()
    this.#cancelBeat = clock.after(limits.beatMs, () => this.#beat())
  }

  #beat(): void {
    const nowMs = this.#wiring.clock.nowMs()
    // This process stood still, so it says nothing that nothing was heard.
    const isLate = nowMs - this.#beatMs > 2 * this.#wiring.limits.beatMs
    for (const links of this.#links.values()) for (const lane of steadyLanes) links[lane].beat(nowMs, isLate)
    this.#inbound.beat(nowMs, isLate)
    for (const receiver of this.#receiving.values()) receiver.beat(nowMs, isLate)
    for (const sending of this.#sending) sending.beat(nowMs, isLate)
    this.#beatSoon()
  }
}
