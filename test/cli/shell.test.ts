// shell: words, replies as text, completion, history; and bench, which drives a server too.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Latencies } from '../../server/cli/bench-latency.ts'
import { replyLines } from '../../server/cli/shell-format.ts'
import { historyPath, keepHistory, readHistory } from '../../server/cli/shell-history.ts'
import { Shell } from '../../server/cli/shell-session.ts'
import { wordsOf } from '../../server/cli/shell-words.ts'
import { run as varve } from './support/in-process.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

let server: LocalServer
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  server = await startServer()
  env = { XDG_CONFIG_HOME: join(server.directory, 'config') }
})

afterAll(() => server[Symbol.asyncDispose]())

const shell = (input: string, ...args: string[]) =>
  varve(['shell', '--port', String(server.port), ...args], { env, input })

describe('a shell', () => {
  test('runs the lines of stdin', async () => {
    const lines = ['SET hello "big\\tworld"', '', 'get hello', 'GET nobody', 'INCR n', 'MGET hello n nobody', 'MGET']
    const { code, stdout } = await shell(`${lines.join('\n')}\n`)
    expect(code).toBe(1)
    expect(stdout.split('\n')).toEqual([
      'OK',
      '"big\\tworld"',
      '(nil)',
      '(integer) 1',
      '1) "big\\tworld"',
      '2) "1"',
      '3) (nil)',
      "(error) ERR wrong number of arguments for 'mget' command",
      ''
    ])
  })

  test('as JSON', async () => {
    const { code, stdout } = await shell('SET b "\\xff"\nMGET b nobody\nGET\n', '--json')
    expect([code, stdout]).toEqual([
      1,
      `"OK"\n[{"base64":"/w=="},null]\n{"error":"ERR wrong number of arguments for 'get' command"}\n`
    ])
  })

  test('ends at exit, and says what it cannot do', async () => {
    const { code, stdout, stderr } = await shell('SUBSCRIBE news\nSET "open\nEXIT\nSET after 1\n')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      `SUBSCRIBE needs a client of its own: redis-cli -p ${server.port}.\nthe quote " is not closed.\n`
    )
  })

  test('helps', async () => {
    const { stdout, stderr } = await shell('help\nhelp set\nhelp gte\n')
    expect(stdout).toMatch(/^string {8}.*\bGET\b.*\bMGET\b/m)
    expect(stdout).toMatch(/^SET key value \[NX/m)
    expect(stderr).toBe('There is no command GTE. Did you mean GET?\n')
  })

  test('keeps transactions together: it is one connection', async () => {
    const { stdout } = await shell('MULTI\nSET t 1\nEXEC\n')
    expect(stdout).toBe('OK\nQUEUED\n1) OK\n')
  })

  test('completes commands and keys', async () => {
    await server.store.write(
      ['user:1', 'user:2', 'with space', 'other'].map((key) => ({
        type: 'put',
        key: Buffer.from(key),
        value: Buffer.from('')
      }))
    )
    const session = new Shell({ host: '127.0.0.1', port: server.port }, false)
    try {
      expect(await session.complete('mge')).toEqual([['mget'], 'mge'])
      expect(await session.complete('MG')).toEqual([['MGET'], 'MG'])
      expect(await session.complete('get user:')).toEqual([['user:1', 'user:2'], 'user:'])
      expect(await session.complete('get with')).toEqual([[], 'with'])
      expect(await session.complete('get ')).toEqual([[], ''])
    } finally {
      await session.close()
    }
  })
})

test('words of a line', () => {
  const words = (line: string) => {
    const parsed = wordsOf(line)
    return parsed.ok ? parsed.words.map((word) => word.toString('latin1')) : parsed.fault
  }
  expect(words(` set  a 'b "c" \\n' "d \\"e\\" \\x41\\n" x"y"z '' `)).toEqual([
    'set',
    'a',
    'b "c" \\n',
    'd "e" A\n',
    'xyz',
    ''
  ])
  expect(words("'it\\'s'")).toEqual(["it's"])
  expect(words('"\\xff\\x00"')).toEqual(['\xff\0'])
  expect(words('"open')).toBe('the quote " is not closed')
  expect(words("a 'open")).toBe("the quote ' is not closed")
  expect(words('')).toEqual([])
})

test('replies that stand in replies', () => {
  const map = new Map([[Buffer.from('k'), [1, null]]])
  expect(replyLines([[Buffer.from('a"b'), [2]], map, []])).toEqual([
    '1) 1) "a\\"b"',
    '   2) 1) (integer) 2',
    '2) "k" => 1) (integer) 1',
    '          2) (nil)',
    '3) (empty)'
  ])
})

describe('the history', () => {
  test('is for its owner, is bounded, and holds no passwords', () => {
    const path = join(server.directory, 'state', 'varve', 'history')
    const lines = ['GET c', 'AUTH root secret', ' hello 3 auth root secret', 'SET b 1', 'ACL SETUSER ada >secret']
    keepHistory(path, [...lines, ...Array.from({ length: 2_000 }, (_, i) => `GET ${i}`)])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const kept = readHistory(path)
    expect(kept).toHaveLength(1_000)
    expect(kept.slice(0, 3)).toEqual(['GET c', 'SET b 1', 'GET 0'])
    expect(readFileSync(path, 'utf8')).not.toContain('secret')
  })

  test('a file that others could read is closed to them', () => {
    const path = join(server.directory, 'open-history')
    writeFileSync(path, '', { mode: 0o644 })
    keepHistory(path, ['GET a'])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('is where it is told, or nowhere', () => {
    expect(historyPath({ VARVE_HISTORY_FILE: '' })).toBeUndefined()
    expect(historyPath({ VARVE_HISTORY_FILE: '/x' })).toBe('/x')
    expect(historyPath({ XDG_STATE_HOME: '/state' })).toBe('/state/varve/history')
    expect(readHistory('/nowhere/at/all')).toEqual([])
  })
})

describe('bench', () => {
  const bench = (...args: string[]) => varve(['bench', '--port', String(server.port), '-r', '50', ...args], { env })

  test('a table with percentiles; what it wrote is gone', async () => {
    const { code, stdout } = await bench('-c', '4', '-P', '5', '-n', '203')
    expect(code).toBe(0)
    const [head, ...lines] = stdout.trimEnd().split('\n')
    expect(head?.split(/\s{2,}/)).toEqual(['test', 'ops/s', 'mean ms', 'p50', 'p95', 'p99', 'p999', 'max ms'])
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['set', 'get', 'incr', 'mget', 'range'])
    for (const line of lines) expect(line).toMatch(/^\w+( +[\d.]+){7}$/)
    expect((await varve(['scan', '--prefix', 'varve-bench:', '--port', String(server.port)], { env })).stdout).toBe('')
  })

  test('as JSON, of the tests that are named; --keep leaves the keys', async () => {
    const { stdout } = await bench('-n', '20', '-c', '2', '-t', 'incr,get', '-d', '7', '--keep', '--json')
    const results = stdout.trimEnd().split('\n')
    expect(results.map((line) => JSON.parse(line))).toMatchObject([
      { test: 'incr', clients: 2, pipeline: 1, requests: 20, valueBytes: 7 },
      { test: 'get', p50Ms: expect.any(Number), p999Ms: expect.any(Number), opsPerSecond: expect.any(Number) }
    ])
    const [value] = await server.store.getMany([Buffer.from('varve-bench:counter')])
    expect(String(value)).toBe('20')
  })

  test('what cannot be measured', async () => {
    expect((await bench('-t', 'set,fly')).stderr).toContain('There are set, get, incr, mget, range.')
    expect((await bench('-n', '0')).code).toBe(2)
    expect((await varve(['bench', '--port', '1'], { env })).code).toBe(3)
  })
})

test('latencies: percentiles are within 1.5 % of what was counted', () => {
  const latencies = new Latencies()
  for (let i = 1; i <= 10_000; i++) latencies.add(i / 100)
  for (const share of [0.01, 0.5, 0.95, 0.999]) {
    const exact = share * 100
    const found = latencies.percentileMs(share)
    expect(found).toBeGreaterThanOrEqual(exact * 0.999)
    expect(found).toBeLessThanOrEqual(exact * 1.016)
  }
  expect([latencies.maxMs, latencies.count, latencies.percentileMs(1)]).toEqual([100, 10_000, 100])
  expect(latencies.meanMs).toBeCloseTo(50.005)
  expect(new Latencies().percentileMs(0.5)).toBe(0)
})
