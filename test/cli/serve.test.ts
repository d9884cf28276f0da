// varve serve: its banner, its configuration, how it stops and why it does not start.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { program, ServerProcess, temporaryDirectory, tracked, varve } from '../support/varve.ts'

const directory = temporaryDirectory()
const dataDir = (name: string) => join(directory.path, name)

afterAll(() => directory[Symbol.dispose]())

/** Sends a session and returns everything that comes back, as `nc` does. */
async function talk(port: number, session: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  let reply = ''
  socket.on('data', (chunk: Buffer) => {
    reply += chunk
  })
  socket.end(session)
  await once(socket, 'close')
  return reply
}

test('it goes on when nobody reads any more what it says', async () => {
  const child = tracked(
    spawn(process.execPath, [program, 'serve', '--port', '0', '--data-dir', dataDir('unread'), '--log-level', 'debug'])
  )
  let port = 0
  while (port === 0) {
    const [text] = await once(child.stdout, 'data')
    port = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(String(text))?.[1] ?? 0)
  }
  child.stdout.destroy()
  child.stderr.destroy()
  expect(await talk(port, 'PUT hello world\nGET hello\nQUIT\n')).toBe('+OK\nworld\n+OK\n')
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  // It logs that it stops, and says so.
  expect(await exited).toEqual([0, null])
})

test('the banner says where it listens, where the data is, and how to talk to it', async () => {
  await using server = await ServerProcess.start(['--port', '0', '--data-dir', dataDir('banner'), '--http-port', '0'])
  const { port } = server
  const [, http = ''] = /^ {2}http {3}(\S+)\/readyz/m.exec(server.output) ?? []
  const [first, ...others] = server.output.split('\n').filter((line) => !line.startsWith('{'))
  expect(first).toMatch(new RegExp(`^varve \\d+\\.\\d+\\.\\d+ listening on 127\\.0\\.0\\.1:${port}$`))
  expect(others).toEqual([
    `  data   ${dataDir('banner')}`,
    `  http   ${http}/readyz and ${http}/metrics`,
    `  try    printf 'PUT hello world\\nGET hello\\nQUIT\\n' | nc 127.0.0.1 ${port}`,
    `  or     redis-cli -p ${port} set hello world`,
    `  or     npx varve set hello world --port ${port}`,
    '  stop   Ctrl-C',
    ''
  ])
  expect(await talk(port, 'PUT hello world\nGET hello\nQUIT\n')).toBe('+OK\nworld\n+OK\n')
  expect(await fetch(`${http}/readyz`).then((response) => response.text())).toBe('ok\n')
  const metrics = await fetch(`${http}/metrics`).then((response) => response.text())
  expect(metrics).toMatch(/^varve_command_duration_seconds_count\{command="put"\} 1$/m)
  expect(metrics).toMatch(/^varve_operations_written_total 1$/m)
  expect(await server.end('SIGTERM')).toEqual([0, null])
})

test('the session of the README, over the program', async () => {
  await using server = await ServerProcess.start(['--port', '0', '--data-dir', dataDir('session')])
  const session = 'PUT hello world\nGET hello\nDELETE hello\nGET hello\nPING\nQUIT\n'
  expect(await talk(server.port, session)).toBe('+OK\nworld\n+OK\n-NOT_FOUND\n+PONG\n+OK\n')
})

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with 0, and what was acknowledged is there', async (signal) => {
    const args = ['--port', '0', '--data-dir', dataDir(`stop-${signal}`)]
    const server = await ServerProcess.start(args)
    expect(await talk(server.port, 'PUT a 1\nPUT b 2\nDELETE a\nQUIT\n')).toBe('+OK\n+OK\n+OK\n+OK\n')
    expect(await server.end(signal)).toEqual([0, null])
    expect(server.output).toContain('varve has stopped\n')
    await using again = await ServerProcess.start(args)
    expect(await talk(again.port, 'GET a\nGET b\nQUIT\n')).toBe('-NOT_FOUND\n2\n+OK\n')
  })

  test('clients that read nothing do not hold it up for 5 s', async () => {
    await using server = await ServerProcess.start(['--port', '0', '--data-dir', dataDir('deaf')])
    const value = 'v'.repeat(900_000)
    expect(await talk(server.port, `PUT long ${value}\nQUIT\n`)).toBe('+OK\n+OK\n')
    const deaf = Array.from({ length: 3 }, () => connect({ host: '127.0.0.1', port: server.port }))
    for (const socket of deaf) {
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.pause()
      socket.write('GET long\n'.repeat(50))
    }
    // By then the others are being answered.
    expect(await talk(server.port, 'PING\nQUIT\n')).toBe('+PONG\n+OK\n')
    const beganMs = performance.now()
    expect(await server.end('SIGTERM')).toEqual([0, null])
    expect(performance.now() - beganMs).toBeLessThan(5_000)
    for (const socket of deaf) socket.destroy()
  })

  test('a connection that does nothing does not hold it up', async () => {
    await using server = await ServerProcess.start(['--port', '0', '--data-dir', dataDir('idle')])
    const idle = connect({ host: '127.0.0.1', port: server.port })
    await once(idle, 'connect')
    const ended = once(idle.resume(), 'close')
    expect(await server.end('SIGTERM')).toEqual([0, null])
    await ended
  })
})

describe('configuration', () => {
  test('a file, with flags over it', async () => {
    const file = join(directory.path, 'node7.yaml')
    writeFileSync(
      file,
      `node:\n  id: 7\nserver:\n  port: 1\nstorage:\n  data_dir: ${dataDir('file')}\n  cache_size: 1000\n`
    )
    await using server = await ServerProcess.start(['-f', file, '--port', '0'])
    expect(server.output).toContain(`  data   ${dataDir('file')}\n`)
    expect(server.output).toContain(':7: storage.cache_size: 1000 entries are taken as 4 KiB each, 4096000 bytes."}\n')
    expect(await talk(server.port, 'STATUS\nQUIT\n')).toBe(
      'Node ID: 7\nRole: LEADER\nTerm: 1\nCommit Index: 0\nActive Connections: 1\n\n+OK\n'
    )
  })

  test('faults end it with 2, all of them told', async () => {
    const file = join(directory.path, 'bad.yaml')
    writeFileSync(file, 'server:\n  prot: 1\nnode:\n  id: x\n')
    const { code, stdout, stderr } = await varve(['serve', '-f', file])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      `${file}:2: there is no key server.prot; did you mean port?\n` +
        `${file}:4: node.id must be a whole number from 1 to 2147483648, not "x".\n`
    )
  })

  test('a file that is not there, and a role that it cannot play', async () => {
    const missing = await varve(['serve', '-f', join(directory.path, 'no.yaml')])
    expect(missing.code).toBe(2)
    expect(missing.stderr).toMatch(/^The configuration cannot be read: ENOENT/)
    const file = join(directory.path, 'follower.yaml')
    writeFileSync(file, 'node:\n  role: follower\n')
    const follower = await varve(['serve', '-f', file])
    expect(follower.code).toBe(2)
    expect(follower.stderr).toContain('this server runs alone: use "leader"')
  })
})

describe('not starting', () => {
  test('a port that is taken', async () => {
    await using server = await ServerProcess.start(['--port', '0', '--data-dir', dataDir('taken')])
    const { code, stderr } = await varve(['serve', '--port', `${server.port}`, '--data-dir', dataDir('taken-2')])
    expect(code).toBe(3)
    expect(stderr).toBe(
      `Port ${server.port} of 127.0.0.1 is taken. Is varve running already? Choose another with --port.\n`
    )
  })

  test('an address of another machine', async () => {
    const { code, stderr } = await varve([
      'serve',
      '--host',
      '192.0.2.1',
      '--insecure',
      '--port',
      '0',
      '--data-dir',
      dataDir('far')
    ])
    expect([code, stderr]).toEqual([3, '192.0.2.1 is no address of this machine. Choose another with --host.\n'])
  })

  test('a data directory that is in use', async () => {
    await using server = await ServerProcess.start(['--port', '0', '--data-dir', dataDir('locked')])
    const { code, stderr } = await varve(['serve', '--port', '0', '--data-dir', dataDir('locked')])
    expect(server.port).toBeGreaterThan(0)
    expect(code).toBe(3)
    expect(stderr).not.toContain('    at ')
  })

  test('a data directory that is a file', async () => {
    const file = join(directory.path, 'a-file')
    writeFileSync(file, 'x')
    const { code, stderr } = await varve(['serve', '--port', '0', '--data-dir', file])
    expect(code).toBe(3)
    expect(stderr).not.toContain('    at ')
  })
})
