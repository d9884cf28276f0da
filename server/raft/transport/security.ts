// Mutual TLS between members, and the refusal to do without it where others could listen.
//
// 1. Both sides show a certificate that `ca` signed. It has to be the member's who is claimed: its name, or the host of one of
//    its addresses as this node knows them.
// 2. Without TLS nothing is listened on and nothing dialled off loopback, unless `insecure` is given.
// 3. Files that change are taken for new connections; those that do not fit leave the ones before in force.
import { createServer, connect as plainConnect, type Server, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  checkServerIdentity,
  createSecureContext,
  createServer as createTlsServer,
  type PeerCertificate,
  type SecureContext,
  TLSSocket,
  connect as tlsConnect
} from 'node:tls'
import { CertificateFiles, type CertificatePaths } from '../../certificates.ts'
import { isLoopback } from '../../loopback.ts'
import { TransportFault } from './fault.ts'

export interface TransportTls extends CertificatePaths {
  readonly ca: string
  /** The files changed: they are in force, or why they are not. */
  readonly onReload?: ((fault: string | undefined) => void) | undefined
}

export interface SecurityOptions {
  readonly tls?: TransportTls | undefined
  readonly insecure?: boolean | undefined
  readonly handshakeMs: number
}

export class Security {
  readonly #isInsecure: boolean
  readonly #handshakeMs: number
  readonly #files: CertificateFiles | undefined
  readonly #servers = new Set<{ setSecureContext(options: object): void }>()
  #context: SecureContext | undefined

  /** Throws a sentence where the files cannot be used. */
  constructor({ tls, insecure, handshakeMs }: SecurityOptions) {
    this.#isInsecure = insecure ?? false
    this.#handshakeMs = handshakeMs
    if (tls === undefined) return
    this.#files = new CertificateFiles(tls, 'replication.tls', {
      onChange: (options) => {
        this.#context = createSecureContext(options)
        for (const server of this.#servers) server.setSecureContext(options)
      },
      onReload: tls.onReload
    })
    this.#context = createSecureContext(this.#files.options)
  }

  /** Throws where somebody else could listen to what is said with this host. */
  check(host: string): void {
    if (this.#files !== undefined || this.#isInsecure || isLoopback(host)) return
    throw new TransportFault(
      'INSECURE',
      `${host} can be reached by other machines, and connections between members would not be encrypted. Give each member ` +
        'a certificate (replication.tls), or say insecure if the network keeps strangers out.'
    )
  }

  /** A server that calls back for each connection whose certificate, if there is TLS, is signed. */
  createServer(onSocket: (socket: Socket) => void): Server {
    if (this.#files === undefined) return createServer({ noDelay: true }, onSocket)
    const server = createTlsServer(
      {
        ...this.#files.options,
        requestCert: true,
        rejectUnauthorized: true,
        handshakeTimeout: this.#handshakeMs,
        noDelay: true
      },
      onSocket
    )
    // Who cannot shake hands is not worth a word. After a timeout the socket is still there.
    server.on('tlsClientError', (_, socket) => socket.destroy())
    this.#servers.add(server)
    return server
  }

  /** Dials. `onConnect` is called once bytes may be written. */
  connect(options: TcpNetConnectOpts, onConnect: () => void): Socket {
    this.check(options.host ?? '')
    if (this.#context === undefined) return plainConnect({ ...options, noDelay: true }, onConnect)
    const socket = tlsConnect(
      {
        ...options,
        secureContext: this.#context,
        rejectUnauthorized: true,
        // Whose it has to be is known after the handshake: certificateFault.
        checkServerIdentity: () => undefined
      },
      onConnect
    )
    socket.setNoDelay(true)
    return socket
  }

  /** Why the certificate of the other side is not that of somebody with one of these names; undefined where it is. */
  certificateFault(socket: Socket, names: readonly string[]): string | undefined {
    if (this.#files === undefined) return undefined
    if (!(socket instanceof TLSSocket) || !socket.authorized) return 'the certificate is not signed'
    const certificate = socket.getPeerCertificate()
    if (names.some((name) => certificateIsFor(name, certificate))) return undefined
    const alternatives = certificate.subjectaltname ?? 'no other names'
    return `the certificate is for ${certificate.subject?.CN} (${alternatives}), and not for ${names.join(', ')}`
  }

  close(): void {
    this.#files?.close()
  }
}

function certificateIsFor(name: string, certificate: PeerCertificate): boolean {
  return certificate.subject?.CN === name || checkServerIdentity(name, certificate) === undefined
}
