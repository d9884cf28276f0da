// Before there is a cluster: one node says what it knows, the other answers with what it knows, and the connection closes.
// What statements say is bootstrap.ts's business; here they are bytes.
import type { Accepted } from './acceptor.ts'
import type { Address } from './address.ts'
import { dial } from './dial.ts'
import { badBytes, TransportFault } from './fault.ts'
import { encodeFrame, frameKinds } from './frames.ts'
import type { MemberInfo } from './identity.ts'
import type { Wiring } from './wiring.ts'

/** Takes what a node says, and answers. `peer`: who it said it is. */
export type OnStatement = (statement: Buffer, peer: MemberInfo) => Uint8Array

export interface Answer {
  readonly statement: Buffer
  readonly peer: MemberInfo
}

const statementBytesMax = 2 ** 20

/** Says a statement to whoever is there, and resolves with the answer. Rejects with a TransportFault. */
export function exchange(
  wiring: Wiring,
  address: Address,
  name: string | undefined,
  statement: Uint8Array
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let cancelDeadline = () => {}
    const end = (fault: TransportFault) => {
      cancelDeadline()
      reject(fault)
    }
    dial(wiring, {
      address,
      lane: 'bootstrap',
      wanted: { name },
      onEnd: (_, fault) => end(fault),
      onReady: (connection, { identity }) => {
        cancelDeadline = wiring.clock.after(wiring.limits.handshakeMs, () =>
          connection.end('own', new TransportFault('SILENT', `Node "${identity.name}" did not answer in time.`))
        )
        connection.become(statementBytesMax, (kind, payload) => {
          if (kind !== frameKinds.statement) throw badBytes(`a frame of kind ${kind} answers a statement`)
          resolve({ statement: payload, peer: identity })
          connection.farewell()
        })
        connection.write(encodeFrame(frameKinds.statement, (writer) => writer.raw(statement)).parts)
      }
    })
  })
}

/** The other side of it. */
export function answer(wiring: Wiring, { connection, peer }: Accepted, onStatement: OnStatement): void {
  const cancelDeadline = wiring.clock.after(wiring.limits.handshakeMs, () =>
    connection.end('own', new TransportFault('SILENT', 'It said nothing.'))
  )
  connection.become(statementBytesMax, (kind, payload) => {
    cancelDeadline()
    if (kind !== frameKinds.statement) throw badBytes(`a frame of kind ${kind} is no statement`)
    const reply = onStatement(payload, peer)
    connection.write(encodeFrame(frameKinds.statement, (writer) => writer.raw(reply)).parts)
    connection.farewell()
  })
}
