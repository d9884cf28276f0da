// What a session needs of a connection: of net.Socket, as much as is used. A socket of Node's and of TLS has it, and so has
// a connection of the reactor.

export interface Connection {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly destroyed: boolean
  /** Bytes that the system has not taken. */
  readonly writableLength: number
  /** It holds as much as it should: 'drain' follows. */
  readonly writableNeedDrain: boolean
  /** False: it holds as much as it should. `done`: the bytes are not needed any more. */
  write(bytes: Uint8Array, done?: () => void): boolean
  /** What is written from here on leaves with `uncork`. */
  cork(): void
  uncork(): void
  /** No more is written; `done` once all of it is sent. */
  end(done?: () => void): unknown
  /** Ends it at once; 'close' follows. */
  destroy(): unknown
  pause(): unknown
  resume(): unknown
  isPaused(): boolean
  setNoDelay(on: boolean): unknown
  /** 'timeout' after so long without anything sent; 0: never. */
  setTimeout(ms: number): unknown
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'end' | 'drain' | 'timeout' | 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  once(event: 'close', listener: () => void): unknown
}

/** Where connections come from. */
export interface Listener {
  readonly address: Address | undefined
  /** Connections beyond are dropped without a word. */
  limit(connectionsMax: number): void
  /** Accepts no more; resolves when all connections are closed. */
  close(): Promise<void>
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface ListenOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Listens to its events at once: what nobody listens to is lost. */
  readonly onConnection: (connection: Connection) => void
  readonly onFault: (error: unknown) => void
}

/** Ends our side; once all of it is sent, the client has a while to end its own. */
export function endAndLinger(connection: Connection, lingerMs: number): void {
  connection.end(() => {
    const timer = setTimeout(() => connection.destroy(), lingerMs)
    connection.once('close', () => clearTimeout(timer))
  })
}
