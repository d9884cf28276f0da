// The numbers of the transport: the one place for them.

export interface TransportLimits {
  /** From dialling to the welcome, TLS and the look-up of the name included. */
  readonly dialMs: number
  /** From being dialled to the hello, and what else is waited for once. */
  readonly handshakeMs: number
  /** Both sides of a connection say something at least this often. */
  readonly beatMs: number
  /** A connection over which nothing came for so long is given up. */
  readonly silentMs: number
  /** Between two attempts to reach a peer; it doubles from the one to the other. */
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  /** One frame of each lane, without what frames cost. */
  readonly helloBytesMax: number
  readonly controlBytesMax: number
  readonly logBytesMax: number
  /** What is handed in and not taken by the system yet; beyond, messages are dropped. */
  readonly controlQueueBytesMax: number
  readonly logQueueBytesMax: number
  /** A piece of a snapshot. */
  readonly chunkBytesMax: number
  /** Pieces of a snapshot that were received and not taken: its sender waits then. */
  readonly chunkQueueBytesMax: number
  /** Connections that have not finished their handshake. */
  readonly handshakesMax: number
}

export const defaultTransportLimits: TransportLimits = {
  dialMs: 1_000,
  handshakeMs: 2_000,
  beatMs: 250,
  silentMs: 1_500,
  backoffMsMin: 25,
  backoffMsMax: 500,
  helloBytesMax: 16 * 2 ** 10,
  controlBytesMax: 2 ** 20,
  // A batch of the database has at most 1 GiB.
  logBytesMax: 2 ** 30 + 2 ** 20,
  controlQueueBytesMax: 2 ** 20,
  logQueueBytesMax: 64 * 2 ** 20,
  chunkBytesMax: 256 * 2 ** 10,
  chunkQueueBytesMax: 2 ** 20,
  handshakesMax: 128
}
