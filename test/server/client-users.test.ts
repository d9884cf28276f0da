// The client as a user, over TLS, and without the engine's addon.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, type ClientError, type ClientOptions, ClientStore } from '../../server/client/index.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { root, runNode } from '../support/varve.ts'
import { type Certificates, makeCertificates } from './support/certificates.ts'
import { atEnd, databaseStore, served } from './support/served.ts'
import { usersWith } from './support/users.ts'

async function connected<Options extends ClientOptions>(options: Options): Promise<Client> {
  const client = await Client.connect({ host: '127.0.0.1', ...options })
  atEnd(() => client.close())
  return client
}

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: ClientError) => error.code
  )

describe('a user', () => {
  test('logs in on every connection, and may what its grants say', async () => {
    const users = await usersWith('ann', '+@write ~ann:*')
    const { port } = (await served({ store: await databaseStore(), users })).address
    const admin = await connected({ port, password: 'secret', poolSize: 3, name: 'app' })
    await admin.batch(['ann:1', 'ann:2', 'bob:1'].map((key) => ({ type: 'put', key, value: key }) as const))
    expect(String(await admin.call(['CLIENT', 'LIST']))).toContain('name=app')
    const ann = await connected({ port, user: 'ann', password: 'ann' })
    expect(await ann.get('ann:1')).toBe('ann:1')
    await ann.batch([
      { type: 'put', key: 'ann:3', value: '', ttl: 60_000 },
      { type: 'deleteRange', range: { gte: 'ann:1', lt: 'ann:2' } }
    ])
    const seen: string[] = []
    for await (const key of ann.keys({ prefix: 'ann:' })) seen.push(key)
    expect(seen).toEqual(['ann:2', 'ann:3'])
    const refused = [
      ann.get('bob:1'),
      ann.getEntries(['ann:2', 'bob:1']),
      ann.put('bob:1', ''),
      ann.del('bob:1'),
      ann.putIf('ann:2', '', { absent: true }).then(() => ann.delIf('bob:1', { absent: true })),
      ann.batch([
        { type: 'put', key: 'ann:2', value: 'x' },
        { type: 'del', key: 'bob:1' }
      ]),
      ann.deleteRange({ gte: 'ann:2' }),
      ann.count(),
      ann.call(['CONFIG', 'GET', '*'])
    ]
    expect(new Set(await Promise.all(refused.map(codeOf)))).toEqual(new Set(['DENIED']))
    expect([await admin.get('bob:1'), await admin.get('ann:2')]).toEqual(['bob:1', 'ann:2'])
  })

  test('a store of one user: what is not granted rejects itself alone', async () => {
    const users = await usersWith('ann', '+@write ~ann:*')
    const { port } = (await served({ store: await databaseStore(), users })).address
    const client = await Client.connect({
      port,
      user: 'ann',
      password: 'ann',
      keyEncoding: 'buffer',
      valueEncoding: 'buffer'
    })
    const store = await ClientStore.over(client)
    atEnd(() => store.close())
    const put = (key: string) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from('1') }) as const
    const decide = (key: string) =>
      store.decide({ keys: [Buffer.from(key)], decide: (view) => view.put(Buffer.from(key), Buffer.from('2')) })
    const outcomes = await Promise.all(
      [
        store.write([put('ann:1')]),
        store.write([put('bob:1')]),
        decide('ann:2'),
        decide('bob:2'),
        store.write([put('ann:3')])
      ].map(codeOf)
    )
    expect(outcomes).toEqual(['done', 'DENIED', 'done', 'DENIED', 'done'])
    const values = await store.getMany(['ann:1', 'ann:2', 'ann:3'].map((key) => Buffer.from(key)))
    expect(values.map(String)).toEqual(['1', '2', '1'])
  })

  test('no password, another one, or none that is known', async () => {
    const users = await usersWith('ann', '+@read ~*')
    const { port } = (await served({ users })).address
    const tries: ClientOptions[] = [
      {},
      { password: 'wrong' },
      { user: 'ann', password: 'bob' },
      { user: 'eve', password: '' }
    ]
    const codes = await Promise.all(
      tries.map((options) => codeOf(connected({ port, ...options }).then((it) => it.ping())))
    )
    expect(codes).toEqual(['DENIED', 'DENIED', 'DENIED', 'DENIED'])
  })
})

describe.runIf(
  skipUnless('openssl', hasCommand('openssl'), 'openssl makes the certificates; Debian has it as openssl')
)('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-client-tls-'))
  let certificates: Certificates
  beforeAll(() => {
    certificates = makeCertificates(directory)
  })
  afterAll(() => rmSync(directory, { recursive: true }))
  const file = (path: string) => readFileSync(path)

  test('of a server that it knows, and of none that it does not', async () => {
    const { port } = (await served({ store: await databaseStore(), tls: certificates.first })).address
    const client = await connected({ port, tls: { ca: file(certificates.ca.cert) } })
    const long = 'v'.repeat(1_000_000)
    await client.put('a', long)
    expect(await client.get('a')).toBe(long)
    const byName = await connected({ host: 'localhost', port, tls: { ca: file(certificates.ca.cert) } })
    await byName.ping()
    expect(await codeOf(connected({ port, tls: true }))).toBe('UNREACHABLE')
    expect(await codeOf(connected({ port }))).toBe('UNREACHABLE')
    expect(await codeOf(connected({ port, tls: { ca: file(certificates.stranger.cert) } }))).toBe('UNREACHABLE')
  })

  test('and with a certificate of its own', async () => {
    const tls = { ...certificates.first, ca: certificates.ca.cert, clientAuth: true }
    const { port } = (await served({ tls })).address
    const ca = file(certificates.ca.cert)
    const { cert, key } = certificates.client
    const client = await connected({ port, tls: { ca, cert: file(cert), key: file(key) } })
    await client.ping()
    expect(await codeOf(connected({ port, tls: { ca } }).then((it) => it.ping()))).toBe('UNREACHABLE')
  })
})

test('it loads no addon', async () => {
  const program = `
    process.dlopen = () => { throw new Error('an addon') }
    const { Client } = await import(${JSON.stringify(join(root, 'dist/server/client/index.js'))})
    console.log(typeof Client.connect)`
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', program])
  expect([stdout, stderr]).toEqual(['function\n', ''])
})
