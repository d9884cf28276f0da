// varve inspect and varve verify, on a directory that the library made.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { temporaryDirectory, varve } from '../support/varve.ts'

const directory = temporaryDirectory()
const path = join(directory.path, 'data')
const tables = () => readdirSync(path).filter((name) => name.endsWith('.sst'))

beforeAll(async () => {
  const db = await open(path)
  for (let i = 0; i < 1_000; i++) await db.put(`key${i}`, `value ${i}`)
  await db.flush()
  await db.put('unflushed', '1')
  await db.close()
})

afterAll(() => directory[Symbol.dispose]())

describe('inspect', () => {
  test.each(['wal', 'manifest', 'table', 'levels'])('%s', async (subject) => {
    const { code, stdout, stderr } = await varve(['inspect', subject, path])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.trim()).not.toBe('')
  })

  test('one table by its name', async () => {
    const [table = ''] = tables()
    const { code, stdout } = await varve(['inspect', 'table', path, '--file', table])
    expect(code).toBe(0)
    expect(stdout).toContain(table)
  })

  test('a directory that is none', async () => {
    for (const args of [['inspect', 'wal'], ['inspect', 'levels'], ['verify']]) {
      const { code, stdout, stderr } = await varve([...args, join(directory.path, 'nowhere')])
      expect([args, code, stdout]).toEqual([args, 3, ''])
      expect(stderr).not.toContain('    at ')
    }
  })
})

describe('verify', () => {
  test('says that all is well', async () => {
    const { code, stdout } = await varve(['verify', path])
    expect(stdout).toMatch(/^(ok {7}\S+ \(\d+ bytes\)\n)+all \d+ files are well\n$/)
    for (const table of tables()) expect(stdout).toContain(table)
    expect(code).toBe(0)
  })

  test('names the file that is not', async () => {
    const [table = ''] = tables()
    const file = join(path, table)
    const whole = readFileSync(file)
    const damaged = Buffer.from(whole)
    damaged.writeUInt8(damaged.readUInt8(100) ^ 0xff, 100)
    writeFileSync(file, damaged)
    const [plain, json] = await Promise.all([varve(['verify', path]), varve(['verify', path, '--json'])])
    writeFileSync(file, whole)
    expect(plain.stdout).toMatch(new RegExp(`^DAMAGED {2}${table} \\(\\d+ bytes\\): `, 'm'))
    expect(plain.stdout).toMatch(/^1 file is damaged$/m)
    expect(plain.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false })
    expect(json.code).toBe(1)
  })
})
