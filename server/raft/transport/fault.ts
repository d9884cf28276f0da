// What goes wrong between members, as one class: its code says what kind, its message is a sentence for the log.

export const transportFaultCodes = {
  BYTES: 'What came is not what this protocol says: the connection is closed.',
  REFUSED: 'The other side refuses this node, and says why.',
  IDENTITY: 'The other side is not who was dialled.',
  INSECURE: 'The address can be reached by other machines, and the connection would not be encrypted.',
  UNREACHABLE: 'There is no connection to it.',
  LOST: 'The connection ended before everything was said.',
  SILENT: 'Nothing came from the other side for too long.',
  CLOSED: 'The transport was closed.'
} as const

export type TransportFaultCode = keyof typeof transportFaultCodes

export class TransportFault extends Error {
  readonly code: TransportFaultCode

  constructor(code: TransportFaultCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'TransportFault'
    this.code = code
  }
}

export const badBytes = (what: string): TransportFault => new TransportFault('BYTES', what)

/** Anything thrown, as a fault. */
export function faultOf(error: unknown, code: TransportFaultCode = 'LOST'): TransportFault {
  if (error instanceof TransportFault) return error
  return new TransportFault(code, error instanceof Error ? error.message : String(error), error)
}
