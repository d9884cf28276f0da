// The inspect functions and verify, on a sound and on a damaged database.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { inspectLevels, inspectManifest, inspectTable, inspectWal, verify } from '../../lib/inspect.ts'
import { closedDatabase, failureOf, scratch } from './support/databases.ts'

async function lines(inspect: (write: (line: string) => void) => Promise<void>): Promise<string> {
  const all: string[] = []
  await inspect((line) => all.push(line))
  return all.join('\n')
}

test('wal, manifest, levels and tables as text', async () => {
  const path = await closedDatabase()
  const table = readdirSync(path).find((name) => name.endsWith('.sst')) ?? ''
  expect(await lines((write) => inspectWal(path, write))).toMatch(/^\d{6}\.wal\n {2}\S/)
  expect(await lines((write) => inspectManifest(path, write))).toMatch(/^MANIFEST-\d{6}\n {2}\{"format":1,/)
  const levels = await lines((write) => inspectLevels(path, write))
  expect(levels).toContain('level 0: 1 tables')
  expect(levels).toContain(`${table}  `)
  expect(levels).toContain('"k0".."k99"')
  const all = await lines((write) => inspectTable(path, write))
  expect(all).toContain('entries: 300')
  expect(await lines((write) => inspectTable(path, write, { file: table }))).toBe(all)
  const none = await failureOf(() => inspectTable(path, () => {}, { file: '999999.sst' }))
  expect(none.code).toBe('VARVE_NOT_FOUND')
  expect((await failureOf(() => inspectLevels(scratch(), () => {}))).code).toBe('VARVE_NOT_FOUND')
})

test('verify finds a sound database sound', async () => {
  const path = await closedDatabase()
  const progress: [number, number][] = []
  const { ok, files } = await verify(path, { onProgress: (done, total) => progress.push([done, total]) })
  expect(ok).toBe(true)
  expect(files.map(({ name }) => name.replace(/\d+/, 'N'))).toEqual(['MANIFEST-N', 'IDENTITY', 'N.sst', 'wal'])
  const [done, total] = progress.at(-1) ?? []
  expect(done).toBe(total)
})

test('verify reports a flipped byte anywhere in a table', async () => {
  const path = await closedDatabase()
  const name = readdirSync(path).find((one) => one.endsWith('.sst')) ?? ''
  const whole = readFileSync(join(path, name))
  for (let at = 0; at < whole.length; at += 1499) {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(join(path, name), bytes)
    const { ok, files } = await verify(path)
    expect(ok, `byte ${at}`).toBe(false)
    expect(files.filter((file) => !file.ok).map((file) => file.name)).toEqual([name])
    expect(files.find((file) => !file.ok)?.error).toContain(name)
  }
})

test('verify reports a damaged log', async () => {
  const path = await closedDatabase()
  const name = readdirSync(path).filter((one) => one.endsWith('.wal'))[0] ?? ''
  const bytes = readFileSync(join(path, name))
  const at = bytes.indexOf('last')
  expect(at).toBeGreaterThan(0)
  bytes[at] = 0
  writeFileSync(join(path, name), bytes)
  const { ok, files } = await verify(path)
  expect(ok).toBe(false)
  expect(files.at(-1)).toMatchObject({ name: 'wal', ok: false })
  expect((await failureOf(() => open(path))).code).toBe('VARVE_CORRUPTION')
})
