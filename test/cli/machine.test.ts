// doctor and compact: what is done to a machine and a data directory, without a server.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { fileSystemType } from '../../server/cli/doctor-machine.ts'
import type { Finding } from '../../server/cli/finding.ts'
import { temporaryDirectory } from '../support/varve.ts'
import { run as varve } from './support/in-process.ts'

const directory = temporaryDirectory()
const data = join(directory.path, 'data')

beforeAll(async () => {
  const db = await open(data)
  for (let table = 0; table < 3; table++) {
    for (let i = 0; i < 200; i++) void db.put(`key ${i}`, `${table} `.repeat(50))
    await db.flush()
  }
  await db.close()
})

afterAll(() => directory[Symbol.dispose]())

const doctor = async (dir: string) => {
  const { code, stdout } = await varve(['doctor', dir, '--json'])
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] }
  return { code, ok, findings, of: (name: string) => findings.find((finding) => finding.name === name) }
}

describe('doctor', () => {
  test('a machine and a database that are well', async () => {
    const { code, ok, findings, of } = await doctor(data)
    expect([code, ok]).toEqual([0, true])
    const names = ['node', 'addon', 'descriptors', 'clock', 'space', 'file system', 'sync', 'database']
    expect(findings.map(({ name }) => name)).toEqual([...names, 'manifest', 'tables', 'log'])
    expect(of('addon')?.text).toMatch(/\.node, contract \d+, crc32c by /)
    expect(of('sync')?.text).toMatch(/in [\d.]+ ms \(median of 20\)/)
    expect(of('database')?.text).toMatch(/^nobody has it open; .* of tables, sequence 600$/)
    expect(of('tables')?.text).toMatch(/^[1-9] tables?, well/)
    expect(readdirSync(data).filter((name) => name.includes('doctor'))).toEqual([])
  })

  test('for people it is a line each', async () => {
    const { stdout } = await varve(['doctor', data])
    expect(stdout).toMatch(/^ok {4}node {10}v\d+/)
    expect(stdout.split('\n')).toHaveLength(12)
  })

  test('a directory that is not there yet: its disk is looked at', async () => {
    const { code, of } = await doctor(join(directory.path, 'not', 'yet'))
    expect([code, of('space')?.state === undefined, of('database')]).toEqual([0, false, undefined])
  })

  test('a database that is in use', async () => {
    const db = await open(data)
    const { ok, of } = await doctor(data)
    await db.close()
    expect([ok, of('database')?.text]).toEqual([true, expect.stringMatching(/^in use: /)])
  })

  test('a damaged table', async () => {
    const copy = join(directory.path, 'damaged')
    await varve(['checkpoint', data, copy])
    const table = readdirSync(copy).find((name) => name.endsWith('.sst')) ?? ''
    const bytes = readFileSync(join(copy, table))
    bytes.fill(0, bytes.length - 64)
    rmSync(join(copy, table))
    writeFileSync(join(copy, table), bytes)
    const { code, of } = await doctor(copy)
    expect([code, of('tables')?.state, of('what to do')?.state]).toEqual([1, 'bad', 'warning'])
  })

  test('the mount that a path is on', () => {
    const mounts = 'a / ext4 rw 0 0\nb /mnt nfs4 rw 0 0\nc /mnt/disk xfs rw 0 0\nd /mnt/disk btrfs rw 0 0\n'
    const types = ['/', '/home', '/mnt', '/mnt/x', '/mntx', '/mnt/disk/y'].map((path) => fileSystemType(path, mounts))
    expect(types).toEqual(['ext4', 'ext4', 'nfs4', 'nfs4', 'ext4', 'btrfs'])
    expect(fileSystemType('/x', '')).toBeUndefined()
  })
})

describe('compact', () => {
  test('leaves one table of what is visible', async () => {
    const { code, stdout } = await varve(['compact', data, '--json'])
    const { tablesBefore, tables, bytesBefore, bytes } = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(tables).toBe(1)
    expect(tablesBefore).toBeGreaterThanOrEqual(1)
    expect(bytes).toBeLessThanOrEqual(bytesBefore)
    const table = readdirSync(data).filter((name) => name.endsWith('.sst'))
    expect(table.map((name) => statSync(join(data, name)).size)).toEqual([bytes])
    expect((await varve(['compact', data])).stdout).toMatch(/^1 table, \d+ bytes → 1 table, \d+ bytes\n$/)
  })

  test('a directory without a database', async () => {
    const { code, stderr } = await varve(['compact', join(directory.path, 'nothing')])
    expect([code, stderr]).toEqual([3, expect.stringContaining('There is no database')])
  })
})
