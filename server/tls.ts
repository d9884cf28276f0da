// TLS before a session: certificates from files, read again when they change, and the handshake.
//
// 1. The first byte decides: what does not begin a handshake (0x16) is closed before anything of it is read.
// 2. Files that change are taken together a moment later; if they do not fit, the ones before stay in force, and it is said.
// 3. Connections keep the certificate they began with.
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import type { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer
} from 'node:tls'

export interface TlsOptions {
  /** Paths of PEM files. `ca` signs the certificates of clients. */
  readonly cert: string
  readonly key: string
  readonly ca?: string | undefined
  /** Clients need a certificate. */
  readonly clientAuth?: boolean
  /** The files changed: they are in force, or why they are not. */
  readonly onReload?: (fault: string | undefined) => void
}

export interface DoorOptions {
  readonly handshakeMs: number
  readonly onSecure: (socket: TLSSocket) => void
}

const handshakeByte = 0x16
/** Files are written one after the other. */
const settleMs = 200

export class TlsDoor {
  readonly #options: TlsOptions
  readonly #handshakeMs: number
  readonly #tls: TlsServer
  readonly #watchers: FSWatcher[] = []
  /** In their handshake, by the client's address: its socket below and the one of TLS have it in common. */
  readonly #waiting = new Map<string, Socket>()
  #settling: NodeJS.Timeout | undefined

  /** Throws a sentence where the files cannot be used. */
  constructor(options: TlsOptions, { handshakeMs, onSecure }: DoorOptions) {
    this.#options = options
    this.#handshakeMs = handshakeMs
    if (options.clientAuth === true && options.ca === undefined) {
      throw new Error('tls.client_auth needs tls.ca: the file of those who sign the certificates of clients.')
    }
    this.#tls = createServer({
      ...readFiles(options),
      requestCert: options.clientAuth === true,
      rejectUnauthorized: options.clientAuth === true,
      handshakeTimeout: handshakeMs,
      allowHalfOpen: true
    })
    this.#tls.on('secureConnection', (socket) => {
      this.#waiting.delete(peerOf(socket))
      onSecure(socket)
    })
    // Somebody who cannot shake hands is not worth a word. After a timeout the socket is still there.
    this.#tls.on('tlsClientError', (_, socket) => socket.destroy())
    this.#watch()
  }

  /** Connections that are in their handshake. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Takes a connection; it comes back by `onSecure`, or is closed. */
  accept(socket: Socket): void {
    const peer = peerOf(socket)
    this.#waiting.set(peer, socket)
    const timer = setTimeout(() => socket.destroy(), this.#handshakeMs)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#waiting.delete(peer)
    })
    socket.on('error', () => socket.destroy())
    const look = () => {
      const start: Buffer | null = socket.read()
      if (start === null) return
      socket.off('readable', look)
      if (start[0] !== handshakeByte) {
        socket.destroy()
        return
      }
      socket.unshift(start)
      clearTimeout(timer)
      this.#tls.emit('connection', socket)
    }
    socket.on('readable', look)
    socket.once('end', () => socket.destroy())
  }

  /** Stops watching, and closes who has not come in yet. */
  close(): void {
    clearTimeout(this.#settling)
    for (const watcher of this.#watchers) watcher.close()
    for (const socket of this.#waiting.values()) socket.destroy()
  }

  /** Directories, for files are replaced by renaming, and so are the links that lead to them. */
  #watch(): void {
    const { cert, key, ca } = this.#options
    const paths = [cert, key, ...(ca === undefined ? [] : [ca])]
    for (const directory of new Set(paths.map((path) => dirname(path)))) {
      const names = new Set(paths.filter((path) => dirname(path) === directory).map((path) => basename(path)))
      const watcher = watch(directory, { persistent: false }, (_, name) => {
        // Kubernetes swaps the link "..data" and touches nothing else.
        if (name === null || names.has(name) || name.startsWith('..')) this.#reloadSoon()
      })
      watcher.on('error', (error) => this.#options.onReload?.(`${directory} cannot be watched: ${error.message}.`))
      this.#watchers.push(watcher)
    }
  }

  #reloadSoon(): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#reload(), settleMs).unref()
  }

  #reload(): void {
    let fault: string | undefined
    try {
      this.#tls.setSecureContext(readFiles(this.#options))
    } catch (error) {
      fault = `The certificates before stay in force: ${error instanceof Error ? error.message : error}`
    }
    this.#options.onReload?.(fault)
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`

/** The files, known to fit each other. */
function readFiles({ cert, key, ca }: TlsOptions): SecureContextOptions {
  const options: SecureContextOptions = {
    cert: readPem('tls.cert', cert),
    key: readPem('tls.key', key),
    ...(ca === undefined ? {} : { ca: readPem('tls.ca', ca) }),
    minVersion: 'TLSv1.2'
  }
  try {
    createSecureContext(options)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${cert} and ${key} are no certificate and its private key, both as PEM (${reason}).`)
  }
  return options
}

function readPem(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`${name} cannot be read: ${error instanceof Error ? error.message : error}.`)
  }
}
