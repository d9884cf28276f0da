// What one client may ask of the server: the one place for these numbers.
import type { RequestLimits } from './protocol/request.ts'

export interface Limits extends RequestLimits {
  /** A line without its end: command, key and value together. */
  readonly lineBytesMax: number
  /** One argument of RESP. */
  readonly bulkBytesMax: number
  /** Arguments of one request of RESP, its name among them. */
  readonly argumentsMax: number
  /** All arguments of one request of RESP together. */
  readonly requestBytesMax: number
  readonly connectionsMax: number
  /** Replies are handed to the socket once this much is ready; the next commands wait until a slow client has read them. */
  readonly replyBytesMax: number
  /** Operations in one batch. */
  readonly batchMax: number
  /** Keys in one lookup: with the longest value, what one lookup may hold. */
  readonly lookupMax: number
  /** Keys in a connection's first lookup, before it is known how long its values are. */
  readonly firstLookupMax: number
  /** Channels and patterns that one connection may be subscribed to. */
  readonly subscriptionsMax: number
  /** Messages that a subscriber has not taken: one with more is closed. */
  readonly pushedBytesMax: number
  /** Once the last reply is sent: how long a client may take to close its side. */
  readonly lingerMs: number
  /** Bytes of a chunk that are made requests of at once: what is decoded and not run yet takes several times its length. */
  readonly pieceBytesMax: number
  /** From the connection to the login, TLS included, where logins are asked for. */
  readonly handshakeMs: number
  /** An unfinished request is given up after so long, and a millisecond more for each byte of it that came. */
  readonly requestMs: number
  /** A client that takes nothing of its replies for so long is closed. */
  readonly stalledMs: number
  /** A connection without a request for so long is closed; 0: never. */
  readonly idleMs: number
  /** Unfinished requests of all connections together, the longest left out; over it, the longest loses its connection. */
  readonly inputBytesTotalMax: number
  /** Replies of all connections that are not sent yet; over it, those who read nothing lose their connections (memory.ts). */
  readonly outputBytesTotalMax: number
}

export const defaultLimits: Limits = {
  lineBytesMax: 2 ** 20,
  bulkBytesMax: 512 * 2 ** 20,
  argumentsMax: 2 ** 20,
  requestBytesMax: 2 ** 30,
  connectionsMax: 1_000,
  replyBytesMax: 64 * 2 ** 10,
  batchMax: 1_000,
  lookupMax: 128,
  firstLookupMax: 16,
  lingerMs: 1_000,
  pieceBytesMax: 16 * 2 ** 10,
  handshakeMs: 10_000,
  requestMs: 30_000,
  stalledMs: 30_000,
  idleMs: 0,
  inputBytesTotalMax: 128 * 2 ** 20,
  outputBytesTotalMax: 32 * 2 ** 20,
  subscriptionsMax: 10_000,
  pushedBytesMax: 8 * 2 ** 20
}

/** Before a login, what comes in; in sum as one request at most. */
export const earlyLimits: RequestLimits = {
  lineBytesMax: 16 * 2 ** 10,
  bulkBytesMax: 16 * 2 ** 10,
  argumentsMax: 10,
  requestBytesMax: 160 * 2 ** 10
}

/** Before a login, what goes out, in all; then the connection closes. */
export const earlyReplyBytesMax = 2 ** 10
