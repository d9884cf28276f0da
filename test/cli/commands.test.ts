// The commands that talk to a server, end to end: output, JSON, exit codes, and errors that say what to do.
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run as varve } from './support/in-process.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

let env: Readonly<Record<string, string>> = {}
let server: LocalServer
let at: readonly string[]

beforeAll(async () => {
  server = await startServer()
  env = { XDG_CONFIG_HOME: join(server.directory, 'config') }
  at = ['--port', String(server.port)]
})

afterAll(() => server[Symbol.asyncDispose]())

const run = (...args: string[]) => varve([...args, ...at], { env })

describe('set, get, del', () => {
  test('as a person uses them', async () => {
    expect(await run('set', 'hello', 'big  world')).toEqual({ code: 0, stdout: 'OK\n', stderr: '' })
    expect(await run('get', 'hello')).toEqual({ code: 0, stdout: 'big  world\n', stderr: '' })
    expect(await run('del', 'hello')).toEqual({ code: 0, stdout: 'OK\n', stderr: '' })
    expect(await run('get', 'hello')).toEqual({ code: 1, stdout: '', stderr: 'There is no key hello.\n' })
  })

  test('as a program uses them', async () => {
    const json = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(...args, '--json')
      return [code, JSON.parse(stdout), stderr]
    }
    expect(await json('set', 'ключ', 'значение')).toEqual([0, { ok: true, key: 'ключ' }, ''])
    expect(await json('get', 'ключ')).toEqual([0, { key: 'ключ', found: true, value: 'значение' }, ''])
    expect(await json('del', 'ключ')).toEqual([0, { ok: true, key: 'ключ' }, ''])
    expect(await json('get', 'ключ')).toEqual([1, { key: 'ключ', found: false }, ''])
  })

  test('an empty value, and one that begins with a dash', async () => {
    expect((await run('set', 'empty', '')).code).toBe(0)
    expect((await run('get', 'empty')).stdout).toBe('\n')
    expect((await varve(['set', ...at, 'dash', '--', '--yes'], { env })).code).toBe(0)
    expect((await run('get', 'dash')).stdout).toBe('--yes\n')
  })

  test('words, lines, and no letters at all', async () => {
    expect((await run('set', 'two words', 'two\nlines')).code).toBe(0)
    expect((await run('get', 'two words')).stdout).toBe('two\nlines\n')
    expect((await run('set', '', 'x')).code).toBe(0)
    expect((await run('get', '', '--json')).stdout).toBe('{"key":"","found":true,"value":"x"}\n')
  })

  test('what the server refuses', async () => {
    const { code, stderr } = await run('get', 'k'.repeat(70_000))
    expect([code, stderr]).toEqual([
      1,
      `The server at 127.0.0.1:${server.port} answered: the key is longer than 65535 bytes\n`
    ])
  })
})

test('ping', async () => {
  const [plain, json] = await Promise.all([run('ping'), run('ping', '--json')])
  expect(plain.stdout).toMatch(/^PONG \([\d.]+ ms\)\n$/)
  expect(JSON.parse(json.stdout)).toEqual({ ok: true, ms: expect.any(Number) })
})

test('status', async () => {
  await run('set', 'status', '1')
  const plain = await run('status')
  expect(plain.stdout).toMatch(
    /^Node ID: 1\nRole: LEADER\nTerm: 1\nCommit Index: [1-9]\d*\nActive Connections: [1-9]\d*\n$/
  )
  const json = JSON.parse((await run('status', '--json')).stdout)
  expect(json).toEqual({
    nodeId: 1,
    role: 'LEADER',
    term: 1,
    commitIndex: expect.any(Number),
    activeConnections: expect.any(Number)
  })
})

describe('without a server', () => {
  test('the error says how to start one', async () => {
    // A port that was free a moment ago, and is nobody's since.
    const probe = createServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as { port: number }
    await new Promise((resolve) => probe.close(resolve))
    for (const args of [['get', 'a'], ['set', 'a', 'b'], ['del', 'a'], ['ping'], ['status']]) {
      const { code, stdout, stderr } = await varve([...args, '--port', String(port)], { env })
      expect([code, stdout]).toEqual([3, ''])
      expect(stderr).toBe(
        `Nothing listens at 127.0.0.1:${port}. Is the server running? Start it with: npx varve serve\n`
      )
    }
  })

  test('a server that hangs up is told', async () => {
    const rude = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
    const { port } = rude.address() as { port: number }
    const { code, stderr } = await varve(['get', 'a', '--port', String(port)], { env })
    await new Promise((resolve) => rude.close(resolve))
    expect(code).toBe(3)
    expect(stderr).toMatch(new RegExp(`^Lost the server at 127\\.0\\.0\\.1:${port}: `))
  })
})

describe('config', () => {
  let own = { XDG_CONFIG_HOME: '' }
  let path = ''
  beforeAll(() => {
    own = { XDG_CONFIG_HOME: join(server.directory, 'other-config') }
    path = join(own.XDG_CONFIG_HOME, 'varve', 'config.json')
  })

  test('what is set is used, and flags win', async () => {
    const set = await varve(['config', 'set', 'port', String(server.port)], { env: own })
    expect(set).toEqual({ code: 0, stdout: `port is ${server.port} from now on (kept in ${path})\n`, stderr: '' })
    expect((await varve(['config', 'set', 'host', 'localhost', '--json'], { env: own })).stdout).toBe(
      `${JSON.stringify({ ok: true, name: 'host', path })}\n`
    )
    expect((await varve(['ping'], { env: own })).code).toBe(0)
    expect((await varve(['ping', '--host', 'no-such-host.invalid'], { env: own })).code).toBe(3)
    const show = await varve(['config', 'show'], { env: own })
    expect(show.stdout).toBe(`host: localhost\nport: ${server.port}\nfile: ${path}\n`)
  })

  test('what is not a setting is refused with the one that was meant', async () => {
    const [name, port, host] = await Promise.all([
      varve(['config', 'set', 'hots', 'a'], { env: own }),
      varve(['config', 'set', 'port', '99999'], { env: own }),
      varve(['config', 'set', 'host', 'a b'], { env: own })
    ])
    expect([name.code, name.stderr]).toEqual([2, 'There is no setting "hots". Did you mean host?\n'])
    expect([port.code, port.stderr]).toEqual([2, 'A port is a whole number from 0 to 65535.\n'])
    expect([host.code, host.stderr]).toEqual([2, '"a b" is not a host name or an address.\n'])
  })
})

describe('help and misuse', () => {
  const commands = ['serve', 'set', 'get', 'del', 'ping', 'status', 'config', 'config set', 'config show', 'import']
  const others = ['inspect', 'inspect wal', 'inspect manifest', 'inspect table', 'inspect levels', 'verify', 'simulate']
  const copies = ['checkpoint', 'backup', 'backups', 'restore', 'repair']

  test.each([...commands, ...others, ...copies])('varve %s --help has examples', async (command) => {
    const { code, stdout } = await varve([...command.split(' '), '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples:\n {2}\\$ .*varve ${command.split(' ')[0]}`))
  })

  test('the program tells its exit codes and version', async () => {
    const [help, version] = await Promise.all([varve(['--help']), varve(['--version'])])
    expect(help.stdout).toContain('Exit codes:\n  0  done')
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test.each([
    [[], 'Usage: varve'],
    [['sett', 'a', 'b'], 'Did you mean set?'],
    [['get'], "missing required argument 'key'"],
    [['get', 'a', 'b'], 'too many arguments'],
    [['ping', '--prot', '1'], 'Did you mean --port?'],
    [['ping', '--port', 'x'], 'A port is a whole number from 0 to 65535.'],
    [['set', 'a', '--yes'], '(varve set --help shows how it is called)']
  ])('varve %j ends with 2', async (args, said) => {
    const { code, stdout, stderr } = await varve(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(said)
  })
})
