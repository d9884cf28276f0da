// TLS and mutual TLS: the handshake, who is let in, what does not begin as one, and certificates that change.
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Server } from '../../server/server.ts'
import type { TlsOptions } from '../../server/tls.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { type Certificates, makeCertificates, type Pair } from './support/certificates.ts'
import { MemoryStore } from './support/memory-store.ts'
import { atEnd, clientOf, respOf, served, temporaryDirectory } from './support/served.ts'

let certificates: Certificates

async function secure(server: Server, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const ca = readFileSync(certificates.ca.cert)
  const socket = connect({ host: '127.0.0.1', port: server.address.port, ca, ...options })
  atEnd(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

async function allOf(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

describe.runIf(
  skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl')
)('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-tls-'))
  beforeAll(() => {
    certificates = makeCertificates(directory)
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const tlsOf = (options: Partial<TlsOptions> = {}): TlsOptions => ({ ...certificates.first, ...options })

  test('both protocols, as without it', async () => {
    const server = await served({ tls: tlsOf() })
    const resp = await secure(server)
    resp.write(Buffer.concat([respOf('SET', 'a', 'v'.repeat(300_000)), respOf('STRLEN', 'a'), respOf('QUIT')]))
    expect(await allOf(resp)).toBe('+OK\r\n:300000\r\n+OK\r\n')
    const line = await secure(server)
    line.write('PUT b 1\nGET b\nQUIT\n')
    expect(await allOf(line)).toBe('+OK\n1\n+OK\n')
  })

  test.each(['PING\r\n', 'P', '*1\r\n$4\r\nPING\r\n', 'GET / HTTP/1.1\r\n\r\n'])(
    'what is no handshake is closed without a word: %j',
    async (bytes) => {
      const server = await served({ tls: tlsOf() })
      const client = await clientOf(server)
      client.send(bytes)
      expect(await client.rest()).toBe('')
      expect(server.activeConnections).toBe(0)
    }
  )

  test('a handshake that does not come, or stops, ends', async () => {
    const server = await served({ tls: tlsOf(), limits: { handshakeMs: 50 } })
    const silent = await clientOf(server)
    const slow = await clientOf(server)
    slow.send(Buffer.of(0x16, 3, 1))
    expect(await silent.rest()).toBe('')
    expect(await slow.rest()).toBe('')
  })

  test('handshakes count as connections', async () => {
    const server = await served({ tls: tlsOf(), limits: { connectionsMax: 1 } })
    const first = await clientOf(server)
    const second = await clientOf(server)
    expect(await second.rest()).toBe('')
    first.end()
    await first.rest()
  })

  test('mutual: a client shows a certificate that is signed', async () => {
    const store = new MemoryStore()
    const server = await served({ store, tls: tlsOf({ ca: certificates.ca.cert, clientAuth: true }) })
    const pemOf = ({ cert, key }: Pair) => ({ cert: readFileSync(cert), key: readFileSync(key) })
    const known = await secure(server, pemOf(certificates.client))
    known.write('PING\nQUIT\n')
    expect(await allOf(known)).toBe('+PONG\n+OK\n')
    for (const options of [{}, pemOf(certificates.stranger)]) {
      const refused = await secure(server, options)
      refused.write('PUT a 1\n')
      expect(await allOf(refused).catch(() => '')).toBe('')
    }
    expect(store.batches).toEqual([])
  })

  test('certificates that change are taken, those that do not fit are not', async () => {
    const path = temporaryDirectory()
    const files = { cert: join(path, 'cert.pem'), key: join(path, 'key.pem') }
    copyFileSync(certificates.first.cert, files.cert)
    copyFileSync(certificates.first.key, files.key)
    const reloads: (string | undefined)[] = []
    let wake = () => {}
    const onReload = (fault: string | undefined) => {
      reloads.push(fault)
      wake()
    }
    const reloaded = async (count: number) => {
      while (reloads.length < count) await new Promise<void>((resolve) => (wake = resolve))
    }
    const server = await served({ tls: { ...files, onReload } })
    const nameNow = async () => (await secure(server)).getPeerCertificate().subject.CN
    expect(await nameNow()).toBe('first')
    const before = await secure(server)
    writeFileSync(files.cert, 'no certificate')
    await reloaded(1)
    expect(reloads[0]).toMatch(/The certificates before stay in force: .*cert\.pem and .*key\.pem are no certificate/)
    expect(await nameNow()).toBe('first')
    copyFileSync(certificates.second.key, files.key)
    copyFileSync(certificates.second.cert, files.cert)
    while (reloads.at(-1) !== undefined) await reloaded(reloads.length + 1)
    expect(await nameNow()).toBe('second')
    before.write('PING\nQUIT\n')
    expect(await allOf(before)).toBe('+PONG\n+OK\n')
  })

  test.each([
    [{ cert: '/nowhere/cert.pem' }, /^tls\.cert cannot be read: ENOENT/],
    [{ clientAuth: true }, /^tls\.client_auth needs tls\.ca/]
  ])('files that cannot be used: %j', async (options, sentence) => {
    await expect(served({ tls: tlsOf(options) })).rejects.toThrow(sentence)
  })

  test('a key of another certificate', async () => {
    await expect(served({ tls: tlsOf({ key: certificates.second.key }) })).rejects.toThrow(/are no certificate and its/)
  })
})
