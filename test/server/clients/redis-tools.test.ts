// redis-cli and redis-benchmark of Debian's redis-tools, unmodified.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Server } from '../../../server/server.ts'
import { campaign } from '../../support/campaign.ts'
import { hasCommand, skipUnless } from '../../support/skip.ts'
import { databaseStore, respOf, served } from '../support/served.ts'

const start = async (): Promise<Server> => served({ store: await databaseStore() })

interface Output {
  readonly code: number | null
  readonly text: string
}

/** Runs a tool against a server; what it prints, and how it ends. */
async function run(tool: string, server: Server, args: readonly string[], input?: Readable): Promise<Output> {
  const child = spawn(tool, ['-p', String(server.address.port), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (input === undefined) child.stdin.end()
  else input.pipe(child.stdin)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text: Buffer.concat(chunks).toString() }
}

const cli = (server: Server, args: readonly string[], input?: Readable) => run('redis-cli', server, args, input)

describe.runIf(skipUnless('redis-tools', hasCommand('redis-cli'), 'needs the Debian package redis-tools'))(
  'redis-cli',
  () => {
    test.each([
      ['RESP2', []],
      ['RESP3', ['-3']]
    ])('sets and gets by %s', async (_, flags) => {
      const server = await start()
      expect(await cli(server, [...flags, 'set', 'a', 'b c'])).toEqual({ code: 0, text: 'OK\n' })
      expect(await cli(server, [...flags, 'get', 'a'])).toEqual({ code: 0, text: 'b c\n' })
      expect(await cli(server, [...flags, '--no-raw', 'get', 'x'])).toEqual({ code: 0, text: '(nil)\n' })
      expect(await cli(server, [...flags, '--no-raw', 'mget', 'a', 'x'])).toEqual({
        code: 0,
        text: '1) "b c"\n2) (nil)\n'
      })
      expect((await cli(server, [...flags, '-e', 'nope'])).code).toBe(1)
    })

    test('a session of its own, with help', async () => {
      const server = await start()
      const lines = 'SELECT 0\nSET n 1\nINCR n\nMULTI\nINCR n\nGET n\nEXEC\nCLIENT HELP\nCOMMAND DOCS get\n'
      const { text } = await cli(server, [], Readable.from([lines]))
      expect(text).toMatch(/^OK\nOK\n2\nOK\nQUEUED\nQUEUED\n3\n3\n/)
      expect(text).toContain('CLIENT <subcommand>')
      expect(text).toContain('The value of a key.')
    })

    test('--scan, --bigkeys', async () => {
      const server = await start()
      const requests = Array.from({ length: 300 }, (_, i) => respOf('SET', `k${i}`, 'x'.repeat(i + 1)))
      await cli(server, ['--pipe'], Readable.from(requests))
      const { text } = await cli(server, ['--scan', '--pattern', 'k1*'])
      const wanted = Array.from({ length: 300 }, (_, i) => `k${i}`).filter((key) => key.startsWith('k1'))
      expect(text.trim().split('\n').sort()).toEqual(wanted.sort())
      const big = await cli(server, ['--bigkeys'])
      expect(big.code).toBe(0)
      expect(big.text).toContain('Biggest string found \'"k299"\' has 300 bytes')
      expect(big.text).toContain('300 strings with 45150 bytes')
    })

    test('--pipe with 100 000 commands', async () => {
      const { count } = campaign('redis-cli --pipe', {
        short: { count: 100_000 },
        long: { count: 1_000_000 },
        instrumented: { count: 10_000 }
      })
      const server = await start()
      function* requests(): Generator<Buffer> {
        for (let i = 0; i < count; i += 100) {
          yield Buffer.concat(Array.from({ length: 100 }, (_, j) => respOf('SET', `k${i + j}`, `v${i + j}`)))
        }
      }
      const { code, text } = await cli(server, ['--pipe'], Readable.from(requests()))
      expect(text).toContain(`errors: 0, replies: ${count}`)
      expect(code).toBe(0)
      expect((await cli(server, ['dbsize'])).text).toBe(`${count}\n`)
      expect((await cli(server, ['get', `k${count - 1}`])).text).toBe(`v${count - 1}\n`)
    })

    test('--stat', async () => {
      const server = await start()
      const child = spawn('redis-cli', ['-p', String(server.address.port), '-i', '0.01', '--stat'])
      const rows: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        rows.push(line)
        if (rows.length >= 6) break
      }
      child.kill()
      await once(child, 'close')
      expect(rows[0]).toContain('data')
      expect(rows[1]).toMatch(/keys\s+mem\s+clients\s+blocked\s+requests\s+connections/)
      expect(rows[3]).toMatch(/^\d+\s+[\d.]+[KMG]\s+1\s+0\s+\d+ \(\+\d+\)\s+\d+/)
    })
  }
)

describe.runIf(skipUnless('redis-tools', hasCommand('redis-cli'), 'needs the Debian package redis-tools'))(
  'redis-benchmark',
  () => {
    test('ping_inline, ping_mbulk, set, get, incr, mset', async () => {
      const server = await start()
      const tests = 'ping_inline,ping_mbulk,set,get,incr,mset'
      const { code, text } = await run('redis-benchmark', server, [
        '-t',
        tests,
        '-n',
        '2000',
        '-c',
        '20',
        '-P',
        '4',
        '--csv'
      ])
      expect(code).toBe(0)
      expect(text).not.toMatch(/error/i)
      const names = text.split('\n').map((line) => /^"([^"]+)","[\d.]+"/.exec(line)?.[1])
      expect(names.filter(Boolean)).toEqual(['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET (10 keys)'])
    })
  }
)
