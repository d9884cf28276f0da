// TLS between members, both ways, and the refusal to do without it.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TransportTls } from '../../../server/raft/transport/security.ts'
import { type Certificates, makeCertificates, type Pair } from '../../server/support/certificates.ts'
import { hasCommand, skipUnless } from '../../support/skip.ts'
import {
  atEnd,
  connectAll,
  heartbeat,
  identityOf,
  isConnected,
  localhost,
  memberOf,
  type Opened,
  transportOf
} from '../support/transports.ts'

describe('without TLS', () => {
  test('nothing off loopback is listened on, unless somebody said so', async () => {
    const refused = transportOf(1, 'a', { listen: { host: '0.0.0.0', port: 0 } })
    await expect(refused).rejects.toMatchObject({
      code: 'INSECURE',
      message: expect.stringMatching(/0\.0\.0\.0 can be reached by other machines.*say insecure/)
    })
    const { transport } = await transportOf(1, 'a', { listen: { host: '0.0.0.0', port: 0 }, insecure: true })
    expect(transport.address.port).toBeGreaterThan(0)
  })

  test.each(['10.0.0.9', 'node-b.example'])('nothing off loopback is dialled: %s', async (host) => {
    const lookups: string[] = []
    const { transport, seen, member } = await transportOf(1, 'a', { lookup: (name) => void lookups.push(name) })
    transport.become(identityOf(member), [member, memberOf(2, 'b', 9, host)])
    await seen.until(() => seen.notices.length === 2)
    expect(seen.notices.map(({ fault }) => fault.code)).toEqual(['INSECURE', 'INSECURE'])
    expect(lookups).toEqual([])
  })
})

describe.runIf(
  skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl')
)('with TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-peers-'))
  let certificates: Certificates
  beforeAll(() => {
    certificates = makeCertificates(directory)
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const tlsOf = (pair: Pair, changes: Partial<TransportTls> = {}): TransportTls => ({
    ...pair,
    ca: certificates.ca.cert,
    ...changes
  })
  /** Certificates say 127.0.0.1 and localhost; this address is none of theirs, so that names have to do. */
  const elsewhere = { host: '127.0.0.3', port: 0 }
  const secure = (id: number, name: string, pair: Pair, listen = elsewhere): Promise<Opened> =>
    transportOf(id, name, { tls: tlsOf(pair), listen })

  test('members talk, and are known by their names, or by their addresses', async () => {
    for (const listen of [elsewhere, localhost]) {
      const names = listen === elsewhere ? ['first', 'second'] : ['a', 'b']
      const one = await secure(1, names[0] ?? '', certificates.first, listen)
      const two = await secure(2, names[1] ?? '', certificates.second, listen)
      await connectAll([one, two])
      one.transport.send(heartbeat(1, 2, 1))
      await two.seen.until(() => two.seen.messages.length === 1)
      await two.transport.close()
      await one.seen.until(() => one.seen.lost.length === 1)
    }
  })

  test('a signed certificate of somebody else is refused by both sides', async () => {
    const one = await secure(1, 'first', certificates.first)
    // Signed, but for "client".
    const two = await secure(2, 'second', certificates.client)
    const members = [one.member, two.member]
    one.transport.become(identityOf(one.member), members)
    two.transport.become(identityOf(two.member), members)
    await one.seen.until(() => one.seen.notices.some(({ kind }) => kind === 'refusing'))
    await one.seen.until(() => one.seen.notices.some(({ kind }) => kind === 'failed'))
    await two.seen.until(() => two.seen.notices.some(({ kind }) => kind === 'refused'))
    for (const { fault } of [...one.seen.notices, ...two.seen.notices]) {
      expect(fault.message).toMatch(/"second" is not believed: the certificate is for client .* and not for second/)
    }
    two.transport.send(heartbeat(2, 1, 1))
    expect(one.seen.messages).toEqual([])
  })

  test('who shows none, or one that nobody signed, says nothing', async () => {
    const one = await secure(1, 'first', certificates.first)
    const stranger = await secure(2, 'second', certificates.stranger)
    stranger.transport.become(identityOf(stranger.member), [one.member, stranger.member])
    await stranger.seen.until(() => stranger.seen.notices.length > 0)
    const { host, port } = one.transport.address
    const socket = connect({ host, port, rejectUnauthorized: false })
    atEnd(() => void socket.destroy())
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('close', resolve))
    const plain = await transportOf(2, 'second')
    plain.transport.become(identityOf(plain.member), [one.member, plain.member])
    await plain.seen.until(() => plain.seen.notices.length > 0)
    expect(isConnected(plain.transport, 1)).toBe(false)
    expect([one.seen.messages, one.seen.lost]).toEqual([[], []])
  })

  test('files that change are taken for new connections, those that do not fit are not', async () => {
    const files = { cert: join(directory, 'now.pem'), key: join(directory, 'now-key.pem') }
    const put = (pair: Pair) => {
      copyFileSync(pair.key, files.key)
      copyFileSync(pair.cert, files.cert)
    }
    put(certificates.client)
    const reloads: (string | undefined)[] = []
    const one = await transportOf(1, 'first', {
      tls: tlsOf(files, { onReload: (fault) => void reloads.push(fault) }),
      listen: elsewhere
    })
    const two = await secure(2, 'second', certificates.second)
    const members = [one.member, two.member]
    one.transport.become(identityOf(one.member), members)
    two.transport.become(identityOf(two.member), members)
    await two.seen.until(() => two.seen.notices.some(({ kind }) => kind === 'refusing'))
    writeFileSync(files.cert, 'no certificate')
    await one.seen.until(() => reloads.length > 0)
    expect(reloads[0]).toMatch(/The certificates before stay in force/)
    put(certificates.first)
    await one.seen.until(() => isConnected(one.transport, 1) && isConnected(two.transport, 1))
    expect(reloads.at(-1)).toBeUndefined()
  })

  test('files that cannot be used', async () => {
    const tls = tlsOf({ cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' })
    await expect(transportOf(1, 'a', { tls })).rejects.toThrow(/^replication\.tls\.cert cannot be read: ENOENT/)
  })
})
