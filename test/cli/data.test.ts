// scan, export and import: whole ranges in and out of a server, whatever their bytes.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run as varve } from './support/in-process.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

let server: LocalServer
let env: Readonly<Record<string, string>>

beforeAll(async () => {
  server = await startServer()
  env = { XDG_CONFIG_HOME: join(server.directory, 'config') }
  const odd = [
    ['b\tc', 'line\nbreak "quoted", \\'],
    ['empty', ''],
    ['ключ', 'значение']
  ] as const
  const plain = Array.from({ length: 2_500 }, (_, i) => [`user:${String(i).padStart(4, '0')}`, `name ${i}`] as const)
  await server.store.write(
    [...odd, ...plain].map(([key, value]) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from(value) }))
  )
  await server.store.write([{ type: 'put', key: Buffer.from([0xff, 0xfe]), value: Buffer.from([0x00, 0x80]) }])
})

afterAll(() => server[Symbol.asyncDispose]())

const run = (...args: string[]) => varve([...args, '--port', String(server.port)], { env })
const linesOf = (text: string) => text.split('\n').slice(0, -1)

describe('scan', () => {
  test('everything, over several pages, in order, both ways', async () => {
    const all = linesOf((await run('scan', '--keys-only')).stdout)
    expect(all).toHaveLength(2_504)
    expect([all[0], all[1], all.at(-2), all.at(-1)]).toEqual(['b\\tc', 'empty', 'ключ', '\\xff\\xfe'])
    const back = linesOf((await run('scan', '--keys-only', '--reverse')).stdout)
    expect(back).toEqual([...all].reverse())
  })

  test('a key and its value on a line', async () => {
    const { stdout } = await run('scan', '--limit', '2')
    expect(stdout).toBe('b\\tc\tline\\nbreak "quoted", \\\\\nempty\t\n')
  })

  test('a prefix, a range, a limit', async () => {
    const keys = async (...args: string[]) => linesOf((await run('scan', '--keys-only', ...args)).stdout)
    expect(await keys('--prefix', 'user:000')).toHaveLength(10)
    expect(await keys('--from', 'user:0001', '--to', 'user:0003')).toEqual(['user:0001', 'user:0002'])
    expect(await keys('--prefix', 'user:', '--limit', '1500')).toHaveLength(1_500)
    expect(await keys('--prefix', 'user:', '--reverse', '--limit', '1')).toEqual(['user:2499'])
    expect(await keys('--prefix', 'nobody')).toEqual([])
    expect(await keys('--limit', '0')).toEqual([])
  })

  test('as JSON, bytes that are no text as base64', async () => {
    const { stdout } = await run('scan', '--reverse', '--limit', '2', '--json')
    expect(linesOf(stdout).map((line) => JSON.parse(line) as unknown)).toEqual([
      { keyBase64: '//4=', valueBase64: 'AIA=' },
      { key: 'ключ', value: 'значение' }
    ])
  })

  test('what cannot be asked for', async () => {
    const both = await run('scan', '--prefix', 'a', '--from', 'b')
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('--prefix')])
    expect((await run('scan', '--limit', 'x')).code).toBe(2)
  })
})

describe('export and import', () => {
  test.each(['jsonl', 'csv'])('%s comes back as it was', async (format) => {
    const file = join(server.directory, `all.${format}`)
    const range = format === 'csv' ? ['--to', 'я'] : []
    const exported = await run('export', file, ...range, '--json')
    expect([exported.code, exported.stderr]).toEqual([0, ''])
    const { entries } = JSON.parse(exported.stdout)
    expect(entries).toBe(format === 'csv' ? 2_503 : 2_504)
    await using other = await startServer()
    const imported = await varve(['import', file, '--port', String(other.port), '--json'], { env })
    expect(JSON.parse(imported.stdout)).toMatchObject({ entries })
    const scanned = async (port: number) =>
      (await varve(['scan', ...range, '--json', '--port', String(port)], { env })).stdout
    expect(await scanned(other.port)).toBe(await scanned(server.port))
  })

  test('expiry is kept in JSON lines, and CSV says that it is not', async () => {
    await using source = await startServer()
    const soon = Date.now() + 3_600_000
    const put = (key: string, expiresAt?: number) =>
      ({ type: 'put', key: Buffer.from(key), value: Buffer.from('v'), ...(expiresAt && { expiresAt }) }) as const
    await source.store.write([put('expires', soon), put('stays'), put('was', soon)])
    const file = join(source.directory, 'some.jsonl')
    const from = ['--port', String(source.port)]
    const { stdout } = await varve(['export', file, ...from, '--json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ entries: 3, expiring: 2 })
    expect(linesOf(readFileSync(file, 'utf8')).map((line) => JSON.parse(line) as unknown)).toEqual([
      { key: 'expires', value: 'v', expiresAt: soon },
      { key: 'stays', value: 'v' },
      { key: 'was', value: 'v', expiresAt: soon }
    ])
    await using other = await startServer()
    writeFileSync(file, readFileSync(file, 'utf8').replace(/("was".*)\d{13}/, '$11000'))
    await varve(['import', file, '--port', String(other.port)], { env })
    const found = await other.store.getEntries(['expires', 'stays', 'was'].map((key) => Buffer.from(key)))
    expect(found.map((entry) => entry && [String(entry.value), entry.expiresAt])).toEqual([
      ['v', soon],
      ['v', undefined],
      undefined
    ])
    const csv = await varve(['export', join(source.directory, 'some.csv'), ...from], { env })
    expect(csv.stderr).toContain('2 of them expire, which CSV does not tell: export as jsonl to keep that.\n')
    writeFileSync(file, '{"key":"a","value":"b","expiresAt":"soon"}\n')
    const refused = await varve(['import', file, '--port', String(other.port)], { env })
    expect(refused.stderr).toContain('some.jsonl:1: "expiresAt" must be whole milliseconds since 1970.')
  })

  test('to stdout, of a range', async () => {
    const { code, stdout, stderr } = await run('export', '-', '--format', 'csv', '--to', 'f')
    expect([code, stdout]).toEqual([0, 'key,value\nb\tc,"line\nbreak ""quoted"", \\"\nempty,\n'])
    expect(stderr).toMatch(/^2 entries in [\d.]+ s, \d+ a second\n$/)
  })

  test('what is no text has no place in CSV; what was there stays', async () => {
    const file = join(server.directory, 'kept.csv')
    writeFileSync(file, 'kept')
    const { code, stderr } = await run('export', file)
    expect([code, stderr]).toEqual([1, 'The entry of \\xff\\xfe is no text: export it as jsonl.\n'])
    expect(readFileSync(file, 'utf8')).toBe('kept')
  })

  test('a place that cannot be written', async () => {
    const file = join(server.directory, 'no', 'such.jsonl')
    const { code, stderr } = await run('export', file)
    expect([code, stderr]).toEqual([1, `${file} cannot be written: there is no such directory.\n`])
    expect((await run('export', 'all.txt')).code).toBe(2)
  })
})
