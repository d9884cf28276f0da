// TLS before a session: certificates from files, read again when they change, and the handshake.
//
// 1. The first byte decides: what does not begin a handshake (0x16) is closed before anything of it is read.
// 2. Files that change are taken together a moment later; if they do not fit, the ones before stay in force, and it is said.
// 3. Connections keep the certificate they began with.
import type { Socket } from 'node:net'
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { CertificateFiles, type CertificatePaths } from './certificates.ts'

export interface TlsOptions extends CertificatePaths {
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

export class TlsDoor {
  readonly #handshakeMs: number
  readonly #tls: TlsServer
  readonly #files: CertificateFiles
  /** In their handshake, by the client's address: its socket below and the one of TLS have it in common. */
  readonly #waiting = new Map<string, Socket>()

  /** Throws a sentence where the files cannot be used. */
  constructor(options: TlsOptions, { handshakeMs, onSecure }: DoorOptions) {
    this.#handshakeMs = handshakeMs
    if (options.clientAuth === true && options.ca === undefined) {
      throw new Error('tls.client_auth needs tls.ca: the file of those who sign the certificates of clients.')
    }
    this.#files = new CertificateFiles(options, 'tls', {
      onChange: (context) => this.#tls.setSecureContext(context),
      onReload: options.onReload
    })
    this.#tls = createServer({
      ...this.#files.options,
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
    this.#files.close()
    for (const socket of this.#waiting.values()) socket.destroy()
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`
