// What one client may ask of the server: the one place for these numbers.

export interface Limits {
  /** A line without its end: command, key and value together. */
  readonly lineBytesMax: number
  /** One argument of RESP. */
  readonly bulkBytesMax: number
  /** Arguments of one request of RESP, its name among them. */
  readonly argumentsMax: number
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
}

export const defaultLimits: Limits = {
  lineBytesMax: 2 ** 20,
  bulkBytesMax: 512 * 2 ** 20,
  argumentsMax: 2 ** 20,
  connectionsMax: 1_000,
  replyBytesMax: 64 * 2 ** 10,
  batchMax: 1_000,
  lookupMax: 128,
  firstLookupMax: 16,
  subscriptionsMax: 10_000,
  pushedBytesMax: 8 * 2 ** 20,
  lingerMs: 1_000
}
