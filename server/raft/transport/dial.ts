// One attempt to reach somebody: name, connection, TLS, handshake, within one time. Names are resolved anew each time.
import { type Address, addressText } from './address.ts'
import { ByteReader } from './bytes.ts'
import { Connection, type EndCause } from './connection.ts'
import { badBytes, faultOf, TransportFault } from './fault.ts'
import { frameKinds } from './frames.ts'
import { checkWelcome, helloFrame, readRefusal, readWelcome, type Wanted, type Welcome } from './handshake.ts'
import type { Lane } from './lanes.ts'
import { certificateNames, type Wiring } from './wiring.ts'

export interface DialOptions {
  readonly address: Address
  readonly lane: Lane
  readonly wanted: Wanted
  /** Welcomed: from here on the connection is the caller's, who makes it `become` its lane. */
  readonly onReady: (connection: Connection, welcome: Welcome) => void
  /** It came to nothing, or it ended after `onReady`. */
  readonly onEnd: (cause: EndCause, fault: TransportFault) => void
}

/** What it returns gives the attempt up, and does nothing once it is ready or over. */
export function dial(wiring: Wiring, options: DialOptions): () => void {
  const { clock, limits, security } = wiring
  const { address, lane, wanted, onReady, onEnd } = options
  let connection: Connection | undefined
  let isOver = false
  let isGivenUp = false
  const end = (cause: EndCause, fault: TransportFault) => {
    cancelDeadline()
    isOver = true
    if (!isGivenUp) onEnd(cause, fault)
  }
  const cancelDeadline = clock.after(limits.dialMs, () => {
    const fault = new TransportFault('UNREACHABLE', `${addressText(address)} did not answer in time.`)
    connection?.bye('own', fault)
  })
  try {
    const { lookup } = wiring
    const socket = security.connect({ ...address, ...(lookup === undefined ? {} : { lookup }) }, () =>
      connection?.begin(
        helloFrame({ ...wiring.versions, identity: wiring.identity(), lane, recipient: wanted.id ?? 0 })
      )
    )
    connection = new Connection(socket, {
      clock,
      payloadBytesMax: limits.helloBytesMax,
      onFrame: (kind, payload) => {
        const welcome = takeAnswer(wiring, options, socket, kind, payload)
        cancelDeadline()
        isOver = true
        if (connection !== undefined) onReady(connection, welcome)
      },
      onEnd: end
    })
  } catch (error) {
    // Not from within the call: whoever dials has not got its return value yet.
    queueMicrotask(() => end('own', faultOf(error, 'UNREACHABLE')))
  }
  return () => {
    if (isOver) return
    isGivenUp = true
    cancelDeadline()
    // With a word: whoever has just welcomed this node is not to think that it is gone.
    connection?.bye('own', new TransportFault('CLOSED', 'The attempt was given up.'))
  }
}

/** The first frame of who was dialled. Throws where it is no welcome of the one who was wanted. */
function takeAnswer(
  wiring: Wiring,
  { address, lane, wanted }: DialOptions,
  socket: Connection['socket'],
  kind: number,
  payload: Buffer
): Welcome {
  const reader = new ByteReader(payload)
  if (kind === frameKinds.refusal) throw new TransportFault('REFUSED', readRefusal(reader).sentence)
  if (kind !== frameKinds.welcome) throw badBytes(`a frame of kind ${kind} comes before the welcome`)
  const welcome = readWelcome(reader)
  checkWelcome(welcome, wiring.identity(), lane, wanted)
  const { name } = welcome.identity
  const names = certificateNames(wiring.directory(), name, [addressText(address)])
  const fault = wiring.security.certificateFault(socket, names)
  if (fault !== undefined) throw new TransportFault('IDENTITY', `Node "${name}" is not believed: ${fault}.`)
  return welcome
}
