// What can go wrong for a client, as its users see it: one class, one table of codes. server/README.md repeats the table; a
// test compares the two.
import type { ReplyError } from '../protocol/resp-replies.ts'

export const clientErrorCodes = {
  INVALID_ARGUMENT: 'An argument or option is not what the call takes; nothing was sent.',
  TOO_LARGE: 'A key or value is over its limit; nothing was written.',
  CLOSED: 'The client was closed; nothing was sent.',
  BUSY: 'Too much waits to be sent already; nothing of this was sent.',
  UNREACHABLE: 'There was no connection within the time given, or it was lost again and again; nothing was written.',
  TIMEOUT: 'There was no answer within the time given; nothing was written.',
  ABORTED: 'The signal of the call was aborted; nothing was written.',
  OUTCOME_UNKNOWN: 'The request was sent and no answer came: it may have been executed, or not.',
  DENIED: 'The server does not know the user or the password, or does not let this user do this.',
  REFUSED: 'The server answered with an error.',
  NOT_LEADER: 'The server is not the leader, so it takes no writes; nothing was written.',
  NO_LEADER: 'The cluster has no leader now; nothing was written.',
  PROTOCOL: 'What the server said is not what a varve server says.'
} as const

export type ClientErrorCode = keyof typeof clientErrorCodes

/** Every error that a client's calls reject with. `code` says what happened, and whether anything was written. */
export class ClientError extends Error {
  readonly code: ClientErrorCode
  /** The first word of the server's answer, where it was one: ERR, MISCONF. */
  readonly reply: string | undefined

  constructor(code: ClientErrorCode, message: string, details: { cause?: unknown; reply?: string } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ClientError'
    this.code = code
    this.reply = details.reply
  }
}

export const invalid = (message: string): ClientError => new ClientError('INVALID_ARGUMENT', message)

const codesOfReplies: Readonly<Record<string, ClientErrorCode>> = {
  NOAUTH: 'DENIED',
  WRONGPASS: 'DENIED',
  NOPERM: 'DENIED',
  TOO_LARGE: 'TOO_LARGE',
  READONLY: 'NOT_LEADER',
  MOVED: 'NOT_LEADER',
  REDIRECT: 'NOT_LEADER',
  NOT_LEADER: 'NOT_LEADER',
  NO_LEADER: 'NO_LEADER',
  CLUSTERDOWN: 'NO_LEADER',
  TIMEOUT: 'OUTCOME_UNKNOWN'
}

/** The server's error as a user's. */
export function errorOfReply({ code, message }: ReplyError): ClientError {
  const text = message === '' ? code : message
  return new ClientError(codesOfReplies[code] ?? 'REFUSED', text, { reply: code })
}
