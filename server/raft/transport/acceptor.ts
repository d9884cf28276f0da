// The listening side: connections, their handshake, and who is let in.
//
// Who is refused is told why, and both sides log it. Until its handshake is over a connection may send one short frame, within
// a time, and there are only so many of them.
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { ByteReader } from './bytes.ts'
import { Connection } from './connection.ts'
import { badBytes, faultOf, TransportFault } from './fault.ts'
import { frameKinds } from './frames.ts'
import { type Hello, judge, type Refusal, readHello, refusalFrame, welcomeFrame } from './handshake.ts'
import type { MemberInfo } from './identity.ts'
import type { Lane } from './lanes.ts'
import { certificateNames, type Wiring } from './wiring.ts'

/** A connection that was welcomed. */
export interface Accepted {
  readonly connection: Connection
  readonly lane: Lane
  /** As it says itself. */
  readonly peer: MemberInfo
  readonly clusterId: string
}

export interface AcceptorEvents {
  /** Undefined: the lane is taken. */
  refusalOf(lane: Lane): Refusal | undefined
  /** The connection has to `become` its lane within the call. */
  onAccepted(accepted: Accepted): void
  /** A connection that was accepted has ended. */
  onEnd(accepted: Accepted, ...end: Parameters<ConstructorParameters<typeof Connection>[1]['onEnd']>): void
}

const saidMax = 256

export class Acceptor {
  readonly #wiring: Wiring
  readonly #events: AcceptorEvents
  readonly #server: Server
  /** Those that have not been welcomed. */
  readonly #waiting = new Set<Connection>()
  /** What was said last to whom: they try again and again, and the log need not say it each time. */
  readonly #said = new Map<string, string>()

  constructor(wiring: Wiring, events: AcceptorEvents) {
    this.#wiring = wiring
    this.#events = events
    this.#server = wiring.security.createServer((socket) => this.#accept(socket))
  }

  /** Throws where others could listen to what comes. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.#wiring.security.check(host)
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    // What goes wrong with one connection to come is not the end of the others.
    this.#server.on('error', (error) => this.#note(host, 'failed', faultOf(error)))
    return this.#server.address() as AddressInfo
  }

  /** Stops listening, and closes who was not welcomed yet. */
  async close(): Promise<void> {
    for (const connection of this.#waiting) connection.end('own', new TransportFault('CLOSED', 'The node stops.'))
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #accept(socket: Socket): void {
    const { clock, limits } = this.#wiring
    const from = `${socket.remoteAddress}:${socket.remotePort}`
    let accepted: Accepted | undefined
    const connection = new Connection(socket, {
      clock,
      payloadBytesMax: limits.helloBytesMax,
      onFrame: (kind, payload) => {
        cancelDeadline()
        this.#waiting.delete(connection)
        accepted = this.#shakeHands(connection, from, kind, payload)
        if (accepted !== undefined) this.#events.onAccepted(accepted)
      },
      onEnd: (cause, fault) => {
        cancelDeadline()
        this.#waiting.delete(connection)
        if (accepted !== undefined) this.#events.onEnd(accepted, cause, fault)
        else if (cause === 'bytes') this.#note(from, 'refusing', fault)
      }
    })
    const cancelDeadline = clock.after(limits.handshakeMs, () => {
      connection.end('own', new TransportFault('LOST', 'It did not say who it is in time.'))
    })
    this.#waiting.add(connection)
    const [oldest] = this.#waiting
    if (this.#waiting.size > limits.handshakesMax) {
      oldest?.end('own', new TransportFault('LOST', 'Too many connections do not say who they are.'))
    }
  }

  #shakeHands(connection: Connection, from: string, kind: number, payload: Buffer): Accepted | undefined {
    if (kind !== frameKinds.hello) throw badBytes(`a frame of kind ${kind} comes before the handshake`)
    const hello = readHello(new ByteReader(payload))
    const { versions } = this.#wiring
    const identity = this.#wiring.identity()
    const judgement = this.#refusalOf(connection, hello) ?? judge(hello, identity, versions, this.#wiring.directory())
    if ('sentence' in judgement) {
      connection.begin(refusalFrame(judgement))
      this.#noteRefusal(hello, from, judgement)
      connection.farewell()
      return undefined
    }
    connection.begin(welcomeFrame({ ...judgement, identity }))
    const { clusterId, id, name, addresses } = hello.identity
    return { connection, lane: hello.lane, clusterId, peer: { id, name, addresses } }
  }

  #refusalOf({ socket }: Connection, { identity: { name }, lane }: Hello): Refusal | undefined {
    const { security } = this.#wiring
    const fault = security.certificateFault(socket, certificateNames(this.#wiring.directory(), name))
    if (fault === undefined) return this.#events.refusalOf(lane)
    return { code: 'certificate', sentence: `Node "${name}" is not believed: ${fault}.` }
  }

  #noteRefusal({ identity: { name }, lane }: Hello, from: string, { sentence }: Refusal): void {
    const who = `${name} ${lane}`
    if (this.#said.get(who) === sentence) return
    if (this.#said.size >= saidMax) this.#said.clear()
    this.#said.set(who, sentence)
    this.#note(`${name} at ${from}`, 'refusing', new TransportFault('REFUSED', sentence), lane)
  }

  #note(peer: string, kind: 'refusing' | 'failed', fault: TransportFault, lane?: Lane): void {
    this.#wiring.onNotice({ peer, lane, kind, fault })
  }
}
