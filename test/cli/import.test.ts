// varve import: what it reads, what it refuses with which line, and how it tells how far it is.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EntryFormat, FileEntry } from '../../server/cli/entries.ts'
import { readEntries } from '../../server/cli/entries.ts'
import { Progress, progressLine } from '../../server/cli/progress.ts'
import { LineClient } from '../../server/client/line.ts'
import { program, ServerProcess, temporaryDirectory, varve } from '../support/varve.ts'

const directory = temporaryDirectory()
let server: ServerProcess

beforeAll(async () => {
  server = await ServerProcess.start(['--port', '0', '--data-dir', join(directory.path, 'data')])
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  directory[Symbol.dispose]()
})

function fileOf(name: string, content: string): string {
  const path = join(directory.path, name)
  writeFileSync(path, content)
  return path
}

const load = (file: string, ...flags: string[]) => varve(['import', file, '--port', String(server.port), ...flags])

async function valuesOf(...keys: string[]): Promise<(string | undefined)[]> {
  await using client = await LineClient.connect({ host: '127.0.0.1', port: server.port })
  return Promise.all(keys.map((key) => client.get(key).then((value) => value?.toString())))
}

describe('entries', () => {
  async function read(format: EntryFormat, chunks: readonly string[]): Promise<FileEntry[] | string> {
    const entries: FileEntry[] = []
    try {
      const input = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
      for await (const entry of readEntries(format, input, 'file')) entries.push(entry)
    } catch (error) {
      return (error as Error).message
    }
    return entries
  }

  test('JSON lines, with every kind of value, line end and cut', async () => {
    const text =
      '\ufeff{"key":"a","value":"1"}\r\n\n{"value":{"n":[1,null]},"key":"b","more":0}\n{"key":"c","value":"\u2028"}'
    const entries = [
      { line: 1, key: 'a', value: '1' },
      { line: 3, key: 'b', value: '{"n":[1,null]}' },
      { line: 4, key: 'c', value: '\u2028' }
    ]
    expect(await read('jsonl', [text])).toEqual(entries)
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const input = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)])
      const cutEntries: FileEntry[] = []
      for await (const entry of readEntries('jsonl', input, 'file')) cutEntries.push(entry)
      expect(cutEntries).toEqual(entries)
    }
    expect(await read('jsonl', [])).toEqual([])
  })

  test.each([
    ['{"key":"a","value":"1"}\n{', /^file:2: not JSON: .*\.$/],
    ['[1]\n', /^file:1: not an object \{"key": …, "value": …\}\.$/],
    ['null\n', /^file:1: not an object/],
    ['{"value":"1"}\n', /^file:1: the object needs a text "key"\.$/],
    ['{"key":1,"value":"1"}\n', /^file:1: the object needs a text "key"\.$/],
    ['\n\n{"key":"a"}\n', /^file:3: the object needs a "value"\.$/]
  ])('not JSON lines: %j', async (text, said) => {
    expect(await read('jsonl', [text])).toMatch(said)
  })

  test('CSV, with quotes, columns in any order and more of them', async () => {
    const text = '\ufeffid,Value, key\r\n1,"a ""b"", c",k1\r\n\r\n2,,k2\r\n'
    expect(await read('csv', [text.slice(0, 12), text.slice(12)])).toEqual([
      { line: 2, key: 'k1', value: 'a "b", c' },
      { line: 4, key: 'k2', value: '' }
    ])
  })

  test.each([
    ['', 'file:1: the header "key,value" is missing.'],
    ['a,b\n1,2\n', 'file:1: the header must name key and value, not a, b.'],
    ['key,value\n1,2\n3\n', /^file:3: .*\.$/],
    ['key,value\n1,"2\n', /^file:\d+: .*\.$/]
  ])('not CSV: %j', async (text, said) => {
    expect(await read('csv', [text])).toEqual(typeof said === 'string' ? said : expect.stringMatching(said))
  })
})

describe('the command', () => {
  test('JSON lines', async () => {
    const lines = Array.from({ length: 5_000 }, (_, i) => JSON.stringify({ key: `j${i}`, value: `value ${i}` }))
    const { code, stdout, stderr } = await load(fileOf('a.jsonl', lines.join('\n')))
    expect(stdout).toMatch(/^5000 entries in [\d.]+ s, \d+ a second\n$/)
    expect(stderr).toMatch(/^(import {2}\d+ % {2}\d+ entries {2}\d+\/s.*\n)+$/)
    expect(stderr).toContain('import  100 %')
    expect(code).toBe(0)
    expect(await valuesOf('j0', 'j4999', 'j5000')).toEqual(['value 0', 'value 4999', undefined])
  })

  test('CSV, with a summary for programs', async () => {
    const { code, stdout } = await load(fileOf('b.csv', 'key,value\nc1,"one, two"\nc2,\n'), '--json')
    expect(JSON.parse(stdout)).toEqual({
      file: 'b.csv',
      entries: 2,
      seconds: expect.any(Number),
      entriesPerSecond: expect.any(Number)
    })
    expect(code).toBe(0)
    expect(await valuesOf('c1', 'c2')).toEqual(['one, two', ''])
  })

  test('stdin', async () => {
    const args = ['import', '-', '--format', 'jsonl', '--port', String(server.port)]
    const { code } = await varve(args, { input: '{"key":"s1","value":"from stdin"}\n' })
    expect(code).toBe(0)
    expect(await valuesOf('s1')).toEqual(['from stdin'])
  })

  test.each([
    ['{"key":"x1","value":"1"}\nnope\n', /^bad\.jsonl:2: not JSON: .*\. 1 entries are stored\.$/m],
    [
      `{"key":"x1","value":"1"}\n{"key":"${'k'.repeat(70_000)}","value":"2"}\n{"key":"x3"}\n`,
      /^bad\.jsonl:2: the server answered: .*\. \d entries are stored\.$/m
    ]
  ])('a bad line is named (%#)', async (content, said) => {
    const { code, stdout, stderr } = await load(fileOf('bad.jsonl', content))
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(said)
  })

  test('what cannot be told or found', async () => {
    const [kind, stdin, missing] = await Promise.all([
      load(fileOf('a.txt', '')),
      load('-'),
      load(join(directory.path, 'no.jsonl'))
    ])
    expect([kind.code, kind.stderr]).toEqual([
      2,
      `${join(directory.path, 'a.txt')} ends in neither .jsonl nor .csv: say which it is with --format.\n`
    ])
    expect([stdin.code, stdin.stderr]).toEqual([2, 'Say what comes from stdin: --format jsonl or --format csv.\n'])
    expect([missing.code, missing.stderr]).toEqual([2, `There is no such file: ${join(directory.path, 'no.jsonl')}.\n`])
  })

  test('a server that is gone in the middle', async () => {
    const own = await ServerProcess.start(['--port', '0', '--data-dir', join(directory.path, 'gone')])
    const args = [program, 'import', '-', '--format', 'jsonl', '--port', String(own.port)]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
    })
    child.stdin.write('{"key":"a","value":"1"}\n')
    const client = await LineClient.connect({ host: '127.0.0.1', port: own.port })
    while ((await client.get('a')) === undefined);
    await own.end('SIGKILL')
    await expect(client.ping()).rejects.toThrow()
    child.stdin.end('{"key":"b","value":"2"}\n')
    expect((await once(child, 'close'))[0]).toBe(3)
    expect(said).toMatch(new RegExp(`^Lost the server at 127\\.0\\.0\\.1:${own.port}: .*\\.\n$`))
  })
})

describe('progress', () => {
  test('a line with bar, rate and time to go', () => {
    expect(progressLine('import', { done: 50, total: 200, count: 1_000 }, 2_000, true)).toBe(
      'import  [########----------------------]  25 %  1000 entries  500/s  ETA 6 s'
    )
    expect(progressLine('import', { done: 200, total: 200, count: 9 }, 3_000, false)).toBe(
      'import  100 %  9 entries  3/s'
    )
    expect(progressLine('import', { done: 7, total: undefined, count: 9 }, 3_000, true)).toBe('import  9 entries  3/s')
    expect(progressLine('verify', { done: 0, total: 0 }, 0, true)).toBe('verify')
    expect(progressLine('backup', { done: 5e6, total: 2e7, isBytes: true }, 2_000, false)).toBe(
      'backup  25 %  2.5 MB/s  ETA 6 s'
    )
  })

  const streamOf = (isTTY: boolean) => {
    const written: string[] = []
    const stream = { isTTY, write: (text: string) => written.push(text) }
    return { written, stream: stream as unknown as NodeJS.WriteStream }
  }

  test('off a terminal, a plain line at every tenth', () => {
    const { written, stream } = streamOf(false)
    const progress = new Progress('verify', stream)
    for (let done = 0; done <= 1_000; done++) progress.update({ done, total: 1_000 })
    progress.end()
    expect(written).toHaveLength(10)
    expect(written.every((line) => /^verify {2}\d+0 %( {2}ETA \d+ s)?\n$/.test(line))).toBe(true)
  })

  test('on a terminal, one line redrawn and ended', () => {
    const { written, stream } = streamOf(true)
    const progress = new Progress('verify', stream)
    for (let done = 0; done <= 1_000; done++) progress.update({ done, total: 1_000 })
    progress.end()
    progress.end()
    expect(written.slice(-2)).toEqual([`\rverify  [${'#'.repeat(30)}]  100 %\x1b[K`, '\n'])
  })
})
