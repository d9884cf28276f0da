// Logging in, TLS, and users: what commands do at a server that asks who they are.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run as varve } from './support/in-process.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

let server: LocalServer
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  server = await startServer({ password: 'hunter2' })
  env = { XDG_CONFIG_HOME: join(server.directory, 'config') }
})

afterAll(() => server[Symbol.asyncDispose]())

const as = (user: string, password: string, args: readonly string[], input?: string) =>
  varve([...args, '--port', String(server.port), ...(user === '' ? [] : ['--user', user])], {
    env: { ...env, ...(password === '' ? {} : { VARVE_PASSWORD: password }) },
    ...(input === undefined ? {} : { input })
  })

describe('logging in', () => {
  test('with a password of the environment or of a file', async () => {
    expect((await as('root', 'hunter2', ['set', 'a', '1'])).stdout).toBe('OK\n')
    const file = join(server.directory, 'password')
    writeFileSync(file, 'hunter2\n')
    const { stdout } = await varve(['get', 'a', '--port', String(server.port), '--user', 'root'], {
      env: { ...env, VARVE_PASSWORD_FILE: file }
    })
    expect(stdout).toBe('1\n')
  })

  test('who does not is told how', async () => {
    const { code, stderr } = await as('', '', ['get', 'a'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/answered: .* Log in with --user\.\n$/)
    const silent = await as('root', '', ['get', 'a'])
    expect([silent.code, silent.stderr]).toEqual([
      2,
      'Give the password of root by VARVE_PASSWORD or VARVE_PASSWORD_FILE.\n'
    ])
  })

  test('ping needs none: it says whether the server is there', async () => {
    expect((await as('', '', ['ping'])).stdout).toMatch(/^PONG \(.* ms, asks for a login\)\n$/)
    expect(JSON.parse((await as('', '', ['ping', '--json'])).stdout)).toMatchObject({ ok: true, asksForLogin: true })
  })

  test('a wrong password ends with 3, and is not repeated', async () => {
    const { code, stderr } = await as('root', 'letmein', ['get', 'a'])
    expect(code).toBe(3)
    expect(stderr).toContain('refuses the login')
    expect(stderr).not.toContain('letmein')
  })
})

describe('users', () => {
  const root = (args: readonly string[], input?: string) => as('root', 'hunter2', args, input)

  test('are made with a password of stdin, listed and removed', async () => {
    const made = await root(['user', 'add', 'ada', '--role', 'write', '--prefix', 'app:', '--prefix', 'all:'], 'pw\n')
    expect(made).toEqual({ code: 0, stdout: 'ada may write from now on\n', stderr: '' })
    expect((await as('ada', 'pw', ['set', 'app:1', 'x'])).code).toBe(0)
    const refused = await as('ada', 'pw', ['set', 'other', 'x'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('answered: ')])
    const listed = await root(['user', 'list', '--json'])
    expect(listed.stdout).not.toContain('pw')
    const users = JSON.parse(listed.stdout) as { name: string; rules: string[] }[]
    expect(users.find(({ name }) => name === 'ada')?.rules).toEqual(expect.arrayContaining(['on', '~app:*', '~all:*']))
    expect((await root(['user', 'list'])).stdout).toMatch(/^ada on .*~app:\*/m)
    expect((await root(['user', 'del', 'ada'])).stdout).toBe('ada is removed\n')
    const again = await root(['user', 'del', 'ada'])
    expect([again.code, again.stderr]).toEqual([1, 'There is no user ada.\n'])
    expect((await as('ada', 'pw', ['ping'])).code).toBe(3)
  })

  test('need a password and a plain prefix', async () => {
    expect((await root(['user', 'add', 'bob'], '\n')).stderr).toBe('A password is not empty.\n')
    expect((await root(['user', 'add', 'bob', '--prefix', 'a*'], 'pw\n')).code).toBe(2)
    expect((await root(['user', 'add', 'bob', '--role', 'king'], 'pw\n')).code).toBe(2)
  })
})

test('TLS: --ca names who signed, and without it the certificate is not trusted', async () => {
  const cert = join(server.directory, 'cert.pem')
  const key = join(server.directory, 'key.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const options = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const made = spawnSync('openssl', ['req', ...options, ...subject, '-keyout', key, '-out', cert])
  expect(made.status).toBe(0)
  await using secure = await startServer({ tls: { cert, key, ca: undefined, clientAuth: false } })
  const ask = (...flags: string[]) => varve(['ping', '--port', String(secure.port), ...flags], { env })
  expect((await ask('--tls', '--ca', cert)).stdout).toMatch(/^PONG/)
  const untrusted = await ask('--tls')
  expect([untrusted.code, untrusted.stderr]).toEqual([3, expect.stringContaining('name who signed it with --ca')])
  expect((await ask()).code).toBe(3)
})
