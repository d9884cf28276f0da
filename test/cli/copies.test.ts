// varve checkpoint, backup, backups, restore, verify and repair, from the outside.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { temporaryDirectory, varve } from '../support/varve.ts'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory.path, name)
const data = at('data')

beforeAll(async () => {
  await using db = await open(data)
  for (let i = 0; i < 1_000; i++) await db.put(`key${String(i).padStart(3, '0')}`, `value ${i}`)
})
afterAll(() => directory[Symbol.dispose]())

async function entries(name: string): Promise<number> {
  await using db = await open(at(name), { createIfMissing: false })
  expect(await db.get('key042')).toBe('value 42')
  return (await db.keys().all()).length
}

const json = async (...args: string[]): Promise<unknown> => {
  const { code, stdout, stderr } = await varve([...args, '--json'])
  expect([code, stderr.replace(/^\w+ {2}\d+ %.*\n/gm, '')]).toEqual([0, ''])
  return JSON.parse(stdout)
}

describe('copies', () => {
  test('checkpoint', async () => {
    const { code, stdout } = await varve(['checkpoint', data, at('checkpoint')])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/checkpoint: 1 table, \d+ bytes, up to sequence 1000\n$/)])
    expect(await entries('checkpoint')).toBe(1000)
    const again = await varve(['checkpoint', data, at('checkpoint')])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('checkpoint needs a directory that is empty or missing')
  })

  test('backup, backups, restore, verify', async () => {
    const dest = at('backups')
    const first = await varve(['backup', data, dest])
    expect(first.stdout).toMatch(/^backup 1 in .*: 1 of 1 table copied, \d+ bytes\n$/)
    expect(await json('backup', data, dest)).toMatchObject({ id: 2, tables: 1, tablesCopied: 0, bytesCopied: 0 })
    expect(await json('backup', data, dest, '--full', '--keep', '2')).toMatchObject({
      id: 3,
      tablesCopied: 1,
      removed: [1]
    })
    expect((await varve(['backups', dest])).stdout).toMatch(
      /^2 {2}\S+Z {2}1 table {2}\d+ bytes {2}sequence 1000\n3 {2}.*\n$/
    )
    expect(await json('backups', dest)).toMatchObject([{ id: 2 }, { id: 3 }])
    expect((await varve(['verify', dest])).stdout).toMatch(
      /^ok {7}backups\/000002.catalogue[\s\S]*all 3 files are well\n$/
    )
    expect(await json('restore', dest, at('restored'), '--backup', '2')).toMatchObject({ id: 2, sequence: 1000 })
    expect(await entries('restored')).toBe(1000)
  })

  test('a damaged backup', async () => {
    const dest = at('damaged-backups')
    await varve(['backup', data, dest])
    const [table = ''] = readdirSync(join(dest, 'tables'))
    const bytes = readFileSync(join(dest, 'tables', table))
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
    writeFileSync(join(dest, 'tables', table), bytes)
    const [restored, verified] = await Promise.all([varve(['restore', dest, at('none')]), varve(['verify', dest])])
    expect([restored.code, restored.stdout]).toEqual([4, ''])
    expect(restored.stderr).toContain(`A table of the backup is not what was written (${join(dest, 'tables', table)}`)
    expect(readdirSync(directory.path)).not.toContain('none')
    expect([verified.code, verified.stdout]).toEqual([1, expect.stringContaining(`DAMAGED  tables/${table}`)])
  })

  test('what is not there, or open', async () => {
    const dest = at('nothing')
    mkdirSync(dest)
    for (const args of [
      ['backup', at('nowhere'), dest],
      ['checkpoint', at('nowhere'), dest],
      ['restore', dest, at('none')],
      ['backups', dest],
      ['repair', at('nowhere')]
    ]) {
      const { code, stdout, stderr } = await varve(args)
      expect([args, code, stdout]).toEqual([args, 3, ''])
      expect(stderr).toMatch(/^There (is no database|are no backups) in /)
    }
    await using _ = await open(data)
    for (const args of [
      ['backup', data, dest],
      ['repair', data],
      ['verify', data]
    ]) {
      const { code, stderr } = await varve(args)
      expect([args, code]).toEqual([args, 3])
      expect(stderr).toContain(`is open already, by process ${process.pid}`)
    }
  })
})

describe('repair', () => {
  test('nothing to do', async () => {
    expect(await varve(['repair', data])).toEqual({
      code: 0,
      stdout: 'nothing is damaged\n',
      stderr: expect.any(String)
    })
  })

  test('says what was lost, and where the originals are', async () => {
    const path = at('repaired')
    // Not a checkpoint: its tables are those of the original.
    const dest = at('to-be-repaired')
    await varve(['backup', data, dest])
    await varve(['restore', dest, path])
    const [table = ''] = readdirSync(path).filter((name) => name.endsWith('.sst'))
    const bytes = readFileSync(join(path, table))
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
    writeFileSync(join(path, table), bytes)
    const plan = await varve(['repair', path, '--dry-run'])
    expect(plan.code).toBe(4)
    expect(plan.stdout).toMatch(
      /^damaged {2}\S+\.sst: bad checksum of a block .*, \d+ of its entries lost\n {2}lost {3}keys from "key000" to "key\d+" may be missing or older\nsome of it is lost\n$/
    )
    const result = await varve(['repair', path, '--json'])
    expect(result.code).toBe(4)
    const { files, isLossy, keptIn } = JSON.parse(result.stdout)
    expect([files.length, files[0].name, isLossy]).toEqual([1, table, true])
    expect(files[0].lost[0].first).toEqual({ space: 1, key: 'key000', base64: 'a2V5MDAw' })
    expect(readFileSync(join(keptIn, table)).equals(bytes)).toBe(true)
    await using db = await open(path)
    expect((await db.keys().all()).length).toBe(1000 - files[0].entriesLost)
  })
})
