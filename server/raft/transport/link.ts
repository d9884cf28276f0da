// A link: what this node says to one peer in one lane. It keeps a connection up, and gives up what cannot be sent now: Raft
// says everything again, and what is late is worse than what is lost.
//
//   waiting ──▶ dialling ──▶ ready
//      ▲            │          │
//      └── backoff ─┴──────────┘
//
// Messages of one turn leave in one write. The queue is bounded by bytes, those that the system has not taken included; an
// empty queue takes a message of any size.
import type { PeerMessage } from '../core/types.ts'
import { type Address, parseAddress } from './address.ts'
import { backoffMs } from './backoff.ts'
import type { Connection, EndCause } from './connection.ts'
import { dial } from './dial.ts'
import { badBytes, TransportFault } from './fault.ts'
import { encodeFrame, type Frame, frameKinds, frameOverheadBytes } from './frames.ts'
import type { MemberInfo } from './identity.ts'
import type { SteadyLane } from './lanes.ts'
import { kindNumbers } from './message-codec.ts'
import type { Wiring } from './wiring.ts'

const staleDialMs = 250

export interface LinkEvents {
  onReady(link: Link): void
  onEnd(link: Link, cause: EndCause): void
}

export interface LinkStatus {
  readonly state: 'waiting' | 'dialling' | 'ready'
  /** Messages so far: handed to the system; dropped without a connection, or because the queue was full. */
  readonly sent: number
  readonly dropped: number
  readonly overflowed: number
  readonly waitingBytes: number
  /** Why there is no connection; undefined while there is one, or none was tried. */
  readonly fault: string | undefined
}

export class Link {
  readonly lane: SteadyLane
  #peer: MemberInfo
  readonly #wiring: Wiring
  readonly #events: LinkEvents
  readonly #queueBytesMax: number
  readonly #frameBytesMax: number
  #state: LinkStatus['state'] = 'waiting'
  #connection: Connection | undefined
  #cancel: () => void = () => {}
  #failures = 0
  #attempts = 0
  #dialledMs = 0
  #fault: string | undefined
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #queued = 0
  #sent = 0
  #dropped = 0
  #overflowed = 0
  #isClosed = false

  constructor(lane: SteadyLane, peer: MemberInfo, wiring: Wiring, events: LinkEvents) {
    const { limits } = wiring
    this.lane = lane
    this.#peer = peer
    this.#wiring = wiring
    this.#events = events
    this.#queueBytesMax = lane === 'control' ? limits.controlQueueBytesMax : limits.logQueueBytesMax
    this.#frameBytesMax = lane === 'control' ? limits.controlBytesMax : limits.logBytesMax
    this.#dial()
  }

  get peer(): MemberInfo {
    return this.#peer
  }

  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get status(): LinkStatus {
    return {
      state: this.#state,
      sent: this.#sent,
      dropped: this.#dropped,
      overflowed: this.#overflowed,
      waitingBytes: this.#queuedBytes + (this.#connection?.waitingBytes ?? 0),
      fault: this.#fault
    }
  }

  /** Takes a message for the next `flush`; false when it is dropped. */
  send(message: PeerMessage): boolean {
    return this.#take(this.#queueBytesMax, () => this.#encode(message))
  }

  /** Takes what is no message of the consensus, if what waits before it leaves room. */
  sendNote(note: Uint8Array, roomBytes: number): boolean {
    const room = Math.min(roomBytes, this.#queueBytesMax)
    return this.#take(room, () => this.#fitting(encodeFrame(frameKinds.note, (writer) => writer.raw(note))))
  }

  #take(queueBytesMax: number, encode: () => Frame | undefined): boolean {
    const connection = this.#connection
    if (connection === undefined) {
      this.#dropped++
      return false
    }
    const held = this.#queuedBytes + connection.waitingBytes
    // Looked at before it is encoded too: what is dropped should cost nothing.
    const frame = held >= queueBytesMax ? undefined : encode()
    if (frame === undefined || (held > 0 && held + frame.bytes > queueBytesMax)) {
      this.#overflowed++
      return false
    }
    for (const part of frame.parts) this.#queue.push(part)
    this.#queuedBytes += frame.bytes
    this.#queued++
    return true
  }

  /** Hands what waits to the system, in one write. */
  flush(): void {
    if (this.#queue.length === 0) return
    const parts = this.#queue
    this.#sent += this.#queued
    this.#clear()
    this.#connection?.write(parts)
  }

  /** The peer is there: it need not be waited for any more. An attempt that is old was lost on the way. */
  wake(): void {
    if (this.#isClosed || this.#state === 'ready') return
    if (this.#state === 'dialling' && this.#wiring.clock.nowMs() - this.#dialledMs < staleDialMs) return
    this.#cancel()
    this.#failures = 0
    this.#dial()
  }

  /** It has other addresses; they count from the next attempt on. */
  update(peer: MemberInfo): void {
    this.#peer = peer
  }

  beat(nowMs: number, isLate: boolean): void {
    const connection = this.#connection
    if (isLate) connection?.forgive(nowMs)
    connection?.beat(nowMs, this.#wiring.limits.silentMs)
  }

  /** As if the process had ended; or with a word, for a peer that is no member any more. */
  close(withWord = false): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancel()
    const fault = new TransportFault('CLOSED', withWord ? 'This node is no member any more.' : 'The link was closed.')
    if (withWord) this.#connection?.bye('own', fault)
    else this.#connection?.end('own', fault)
  }

  #encode(message: PeerMessage): Frame | undefined {
    return this.#fitting(encodeFrame(kindNumbers[message.kind], (writer) => this.#wiring.codec.encode(message, writer)))
  }

  /** Undefined where the peer would not take it. */
  #fitting(frame: Frame): Frame | undefined {
    if (frame.bytes - frameOverheadBytes <= this.#frameBytesMax) return frame
    const sentence = `A message of ${frame.bytes} bytes is longer than the ${this.lane} lane takes.`
    this.#note('failed', new TransportFault('BYTES', sentence))
    return undefined
  }

  #clear(): void {
    this.#queue = []
    this.#queuedBytes = 0
    this.#queued = 0
  }

  #dial(): void {
    const address = this.#nextAddress()
    if (address === undefined) {
      this.#fail(new TransportFault('UNREACHABLE', `Node "${this.#peer.name}" has no address.`))
      return
    }
    const { id, name } = this.#peer
    this.#state = 'dialling'
    this.#dialledMs = this.#wiring.clock.nowMs()
    this.#cancel = dial(this.#wiring, {
      address,
      lane: this.lane,
      wanted: { id, name },
      onReady: (connection) => this.#ready(connection),
      onEnd: (cause, fault) => this.#ended(cause, fault)
    })
  }

  #nextAddress(): Address | undefined {
    const { peer } = this.#peer.addresses
    const text = peer[this.#attempts++ % Math.max(peer.length, 1)]
    return text === undefined ? undefined : parseAddress(text)
  }

  #ready(connection: Connection): void {
    this.#connection = connection
    this.#state = 'ready'
    this.#failures = 0
    this.#fault = undefined
    connection.become(this.#wiring.limits.helloBytesMax, (kind) => {
      throw badBytes(`a frame of kind ${kind} comes over a lane that is not its sender's`)
    })
    this.#events.onReady(this)
  }

  #ended(cause: EndCause, fault: TransportFault): void {
    const wasReady = this.#connection !== undefined
    this.#connection = undefined
    this.#dropped += this.#queued
    this.#clear()
    if (wasReady && !this.#isClosed) this.#note('ended', fault)
    if (!this.#isClosed) this.#fail(fault)
    if (wasReady) this.#events.onEnd(this, cause)
  }

  #fail(fault: TransportFault): void {
    this.#failures++
    // Once, not at every attempt.
    if (this.#fault !== fault.message && this.#state !== 'ready') {
      this.#note(fault.code === 'REFUSED' ? 'refused' : 'failed', fault)
    }
    this.#fault = fault.message
    this.#state = 'waiting'
    const { clock, limits, random } = this.#wiring
    this.#cancel = clock.after(backoffMs(this.#failures, limits, random()), () => this.#dial())
  }

  #note(kind: 'ended' | 'refused' | 'failed', fault: TransportFault): void {
    this.#wiring.onNotice({ peer: this.#peer.name, lane: this.lane, kind, fault })
  }
}
