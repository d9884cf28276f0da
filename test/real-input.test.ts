// Real input: 138 398 cities through the library and through `varve import`, read back and compared in full, and once more
// after the process that wrote them was killed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { cityEntries } from '../examples/city-entries.mjs'
import { open } from '../lib/index.ts'
import { LineClient } from '../server/client/line.ts'
import { ServerProcess, temporaryDirectory, varve } from './support/varve.ts'

interface Entry {
  readonly key: string
  readonly value: string
}

const directory = temporaryDirectory()
const entries: readonly Entry[] = cityEntries()
const values = new Map(entries.map(({ key, value }) => [key, value]))
const keys = [...values.keys()].sort()

afterAll(() => directory[Symbol.dispose]())

/** Keys whose value in the directory is not the city's; and that there is nothing else. */
async function differencesIn(path: string): Promise<string[]> {
  const db = await open(path)
  const differences: string[] = []
  let i = 0
  for await (const [key, value] of db.iterator()) {
    if (key !== keys[i] || value !== values.get(key)) differences.push(key)
    i++
  }
  if (i !== keys.length) differences.push(`${i} entries`)
  const found = await db.getMany(keys)
  keys.forEach((key, at) => {
    if (found[at] !== values.get(key)) differences.push(key)
  })
  await db.close()
  return differences
}

async function differencesAt(port: number): Promise<string[]> {
  await using client = await LineClient.connect({ host: '127.0.0.1', port })
  const differences: string[] = []
  const pending: Promise<void>[] = []
  for (const [key, value] of values) {
    await client.room()
    pending.push(
      client.get(key).then((found) => {
        if (found?.toString() !== value) differences.push(key)
      })
    )
  }
  await Promise.all(pending)
  return differences
}

test('there are as many as there should be, each under a key of its own', () => {
  expect(entries).toHaveLength(138_398)
  expect(values.size).toBe(entries.length)
})

test('through the library, killed and opened again', async () => {
  const path = join(directory.path, 'library')
  const loader = fileURLToPath(new URL('support/load-cities.mjs', import.meta.url))
  const child = spawn(process.execPath, [loader, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const [said] = await Promise.race([once(child.stdout, 'data'), ended])
  expect(String(said)).toBe('loaded\n')
  child.kill('SIGKILL')
  expect(await ended).toEqual([null, 'SIGKILL'])
  expect(await differencesIn(path)).toEqual([])
  // And once more, after an orderly close.
  expect(await differencesIn(path)).toEqual([])
})

describe('through the server', () => {
  const path = join(directory.path, 'server')
  const args = ['--port', '0', '--data-dir', path]

  test('imported as JSON lines, killed, started again', async () => {
    const file = join(directory.path, 'cities.jsonl')
    await pipeline(function* () {
      for (const entry of entries) yield `${JSON.stringify(entry)}\n`
    }, createWriteStream(file))
    await using server = await ServerProcess.start(args)
    const { code, stdout, stderr } = await varve(['import', file, '--json', '--port', String(server.port)])
    expect([code, JSON.parse(stdout).entries]).toEqual([0, entries.length])
    expect(stderr).toContain(`100 %  ${entries.length} entries`)
    console.log(`import: ${JSON.parse(stdout).entriesPerSecond} entries a second`)
    expect(await differencesAt(server.port)).toEqual([])
    expect(await server.end('SIGKILL')).toEqual([null, 'SIGKILL'])

    await using again = await ServerProcess.start(args)
    expect(await differencesAt(again.port)).toEqual([])
    expect(await again.end('SIGTERM')).toEqual([0, null])
    expect(await differencesIn(path)).toEqual([])
  })

  test('imported as CSV', async () => {
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
    const file = join(directory.path, 'cities.csv')
    await pipeline(function* () {
      yield 'value,key\n'
      for (const { key, value } of entries) yield `${quoted(value)},${key}\n`
    }, createWriteStream(file))
    await using server = await ServerProcess.start(['--port', '0', '--data-dir', join(directory.path, 'csv')])
    const { code, stdout } = await varve(['import', file, '--json', '--port', String(server.port)])
    expect([code, JSON.parse(stdout).entries]).toEqual([0, entries.length])
    expect(await differencesAt(server.port)).toEqual([])
  })
})
