// Copies of a database: equal to it as it was at their sequence, independent of it, and checked byte by byte.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Database } from '../../lib/database.ts'
import { backups, open, pruneBackups, restore, verify, verifyBackup } from '../../lib/index.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { skipUnless } from '../support/skip.ts'
import type { Entries } from './support/copies-world.ts'
import { failureOf, scratch } from './support/databases.ts'

const { below } = drawsOf(randomOf(seedOf('backups')))
const small = { memtableBytes: 16 << 10, tableBytes: 32 << 10 }

/** Writes in the background; the model of any sequence can be made from its log. */
class WriterLoop {
  readonly #log: (readonly [string, string | undefined])[] = []
  #isEnding = false
  #running: Promise<void> | undefined

  begin(db: Database): void {
    this.#running = this.#run(db)
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await this.#running
  }

  async #run(db: Database): Promise<void> {
    for (let i = 0; !this.#isEnding; i++) {
      const key = `key${below(3000)}`
      const other = `other${below(3000)}`
      const value = `${i} ${'v'.repeat(below(100))}`
      this.#log.push([key, value], [other, undefined])
      await db.batch([
        { type: 'put', key, value },
        { type: 'del', key: other }
      ])
      if (i % 50 === 0) await new Promise(setImmediate)
    }
  }

  /** What there is at a sequence. */
  at(sequence: number): Entries {
    const model = new Map<string, string>()
    for (const [key, value] of this.#log.slice(0, sequence)) {
      if (value === undefined) model.delete(key)
      else model.set(key, value)
    }
    return [...model].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  get operations(): number {
    return this.#log.length
  }
}

async function contents(path: string): Promise<Entries> {
  await using db = await open(path, { createIfMissing: false })
  return await db.iterator().all()
}

test('copies made while a writer runs are what there was at their sequence', async () => {
  const path = scratch()
  const writer = new WriterLoop()
  await using db = await open(join(path, 'db'), small)
  writer.begin(db)
  const made: { name: string; sequence: number }[] = []
  for (let round = 0; round < 3; round++) {
    const before = writer.operations
    const checkpoint = await db.checkpoint(join(path, `checkpoint${round}`))
    expect(checkpoint.sequence).toBeGreaterThanOrEqual(before)
    made.push({ name: `checkpoint${round}`, sequence: checkpoint.sequence })
    const backup = await db.backup(join(path, 'backups'))
    expect(backup.id).toBe(round + 1)
    await restore(join(path, 'backups'), join(path, `restored${round}`))
    made.push({ name: `restored${round}`, sequence: backup.sequence })
    await db.compact()
  }
  await writer.end()
  for (const { name, sequence } of made) {
    expect(await contents(join(path, name)), name).toEqual(writer.at(sequence))
    expect(await verify(join(path, name))).toMatchObject({ ok: true })
  }
  // All backups are still what they were, after the tables they share were compacted away in the database.
  expect(await verifyBackup(join(path, 'backups'))).toMatchObject({ ok: true })
  const [, second] = await backups(join(path, 'backups'))
  await restore(join(path, 'backups'), join(path, 'again'), { backup: 2 })
  expect(await contents(join(path, 'again'))).toEqual(writer.at(second?.sequence ?? 0))
})

test('a checkpoint is a database of its own', async () => {
  const path = scratch()
  await using db = await open(join(path, 'db'), small)
  for (let i = 0; i < 500; i++) await db.put(`k${i}`, 'v'.repeat(100))
  // Nothing is due any more: a compaction would take the original's tables away while they are looked at.
  await db.compact()
  const { tables, bytes } = await db.checkpoint(join(path, 'copy'))
  const linked = readdirSync(join(path, 'copy')).filter((name) => name.endsWith('.sst'))
  expect(linked).toHaveLength(tables)
  const sizes = linked.map((name) => statSync(join(path, 'copy', name)))
  expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBe(bytes)
  for (const { nlink } of sizes) expect(nlink).toBe(2)
  const identity = (name: string) => readFileSync(join(path, name, 'IDENTITY'), 'utf8')
  expect(identity('copy')).not.toBe(identity('db'))
  await using copy = await open(join(path, 'copy'))
  await copy.put('k1', 'in the copy')
  await copy.del('k2')
  await copy.compact()
  await db.put('k1', 'in the original')
  await db.compact()
  expect([await db.get('k1'), await db.get('k2')]).toEqual(['in the original', 'v'.repeat(100)])
  expect([await copy.get('k1'), await copy.get('k2')]).toEqual(['in the copy', undefined])
  // A checkpoint of the checkpoint, of which the first may go.
  await copy.checkpoint(join(path, 'second'))
  expect(await contents(join(path, 'second'))).toEqual(await copy.iterator().all())
})

const memoryDisk = '/dev/shm'
const hasTwoDevices = existsSync(memoryDisk) && statSync(memoryDisk).dev !== statSync(tmpdir()).dev

describe.runIf(
  skipUnless('two-devices', hasTwoDevices, 'needs /dev/shm on another device than the temporary directory')
)('on another device', () => {
  test('a checkpoint is a copy', async () => {
    const path = scratch()
    const other = mkdtempSync(join(memoryDisk, 'varve-lib-'))
    try {
      await using db = await open(join(path, 'db'), small)
      for (let i = 0; i < 500; i++) await db.put(`k${i}`, 'v'.repeat(100))
      await db.checkpoint(join(other, 'copy'))
      const tables = readdirSync(join(other, 'copy')).filter((name) => name.endsWith('.sst'))
      expect(tables.length).toBeGreaterThan(0)
      for (const name of tables) expect(statSync(join(other, 'copy', name)).nlink).toBe(1)
      expect(await contents(join(other, 'copy'))).toEqual(await db.iterator().all())
    } finally {
      rmSync(other, { recursive: true })
    }
  })
})

test('an incremental backup copies only new tables, and pruning frees those that no other needs', async () => {
  const path = scratch()
  const dest = join(path, 'deep', 'backups')
  // Too few tables for a compaction to begin by itself.
  await using db = await open(join(path, 'db'))
  for (let i = 0; i < 300; i++) await db.put(`k${i}`, 'v'.repeat(100))
  await db.flush()
  await db.put('k7', 'in a table of its own')
  const first = await db.backup(dest)
  expect(first).toMatchObject({ id: 1, tablesCopied: first.tables, bytesCopied: first.bytes })
  expect(await db.backup(dest)).toEqual({ ...first, id: 2, tablesCopied: 0, bytesCopied: 0 })
  await db.put('new', 'entry')
  const third = await db.backup(dest)
  expect(third).toMatchObject({ tables: first.tables + 1, tablesCopied: 1, bytesCopied: third.bytes - first.bytes })
  expect(await db.backup(dest, { incremental: false })).toMatchObject({ id: 4, tablesCopied: third.tables })
  await db.compact()
  const last = await db.backup(dest)
  const files = (): number => readdirSync(join(dest, 'tables')).length
  expect(files()).toBe(third.tables + last.tables)
  expect(await pruneBackups(dest, { remove: [4, 2] })).toEqual({ removed: [4, 2], tables: 0, bytes: 0 })
  expect(await pruneBackups(dest, { keep: 1 })).toEqual({ removed: [1, 3], tables: third.tables, bytes: third.bytes })
  expect(files()).toBe(last.tables)
  expect((await backups(dest)).map(({ id }) => id)).toEqual([5])
  await restore(dest, join(path, 'restored'))
  expect(await contents(join(path, 'restored'))).toEqual(await db.iterator().all())
  // Numbers of backups are never used again, as long as one is there.
  expect((await db.backup(dest)).id).toBe(6)
})

test('what an interrupted backup left is not used, and removed by the next', async () => {
  const path = scratch()
  const dest = join(path, 'backups')
  await using db = await open(join(path, 'db'))
  await db.put('a', '1')
  await db.backup(dest)
  const [table] = readdirSync(join(dest, 'tables'))
  writeFileSync(join(dest, 'tables', `${'0'.repeat(32)}.sst`), 'half a table')
  writeFileSync(join(dest, 'tables', `${table}.tmp`), 'half a table')
  writeFileSync(join(dest, 'backups', '000002.catalogue.tmp'), 'half a catalogue')
  expect(await db.backup(dest)).toMatchObject({ id: 2, tablesCopied: 0 })
  expect(readdirSync(join(dest, 'tables'))).toEqual([table])
  expect(readdirSync(join(dest, 'backups'))).toEqual(['000001.catalogue', '000002.catalogue'])
})

test('a damaged catalogue keeps tables from being removed, until its backup is', async () => {
  const path = scratch()
  const dest = join(path, 'backups')
  await using db = await open(join(path, 'db'))
  await db.put('a', '1')
  await db.backup(dest)
  await db.put('b', '2')
  await db.compact()
  await db.backup(dest)
  writeFileSync(join(dest, 'backups', '000001.catalogue'), 'damaged')
  expect((await backups(dest)).map(({ error }) => error !== undefined)).toEqual([true, false])
  expect(await pruneBackups(dest, { keep: 1 })).toEqual({ removed: [], tables: 0, bytes: 0 })
  expect(await db.backup(dest)).toMatchObject({ id: 3, tablesCopied: 0 })
  expect((await verifyBackup(dest)).files.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
    'backups/000001.catalogue'
  ])
  expect((await failureOf(() => restore(dest, join(path, 'r'), { backup: 1 }))).code).toBe('VARVE_CORRUPTION')
  expect(await pruneBackups(dest, { remove: [1] })).toMatchObject({ removed: [1], tables: 1 })
  expect(await verifyBackup(dest)).toMatchObject({ ok: true })
})

describe('what is refused', () => {
  test('a target that is not empty, or open; paths and options that are none', async () => {
    const path = scratch()
    await using db = await open(join(path, 'db'))
    await db.put('a', '1')
    await db.backup(join(path, 'backups'))
    mkdirSync(join(path, 'full'))
    writeFileSync(join(path, 'full', 'file'), 'in the way')
    const codeOf = async (call: () => unknown) => (await failureOf(call)).code
    for (const call of [
      () => db.checkpoint(join(path, 'full')),
      () => restore(join(path, 'backups'), join(path, 'full')),
      () => db.backup(join(path, 'db')),
      () => db.checkpoint(''),
      () => db.backup('a\0b'),
      () => restore(join(path, 'backups'), 3 as unknown as string),
      () => db.backup(join(path, 'backups'), { incremental: 1 as unknown as boolean }),
      () => db.checkpoint(join(path, 'new'), { signl: 1 } as object),
      () => db.checkpoint(join(path, 'new'), { signal: {} as AbortSignal }),
      () => pruneBackups(join(path, 'backups'), {}),
      () => pruneBackups(join(path, 'backups'), { keep: -1 }),
      () => pruneBackups(join(path, 'backups'), { remove: ['1'] as unknown as number[] })
    ]) {
      expect(await codeOf(call), call.toString()).toBe('VARVE_INVALID_ARGUMENT')
    }
    expect(await codeOf(() => db.checkpoint(join(path, 'db')))).toBe('VARVE_LOCKED')
    expect(await codeOf(() => restore(join(path, 'none'), join(path, 'new')))).toBe('VARVE_NOT_FOUND')
    expect(await codeOf(() => restore(join(path, 'backups'), join(path, 'new'), { backup: 7 }))).toBe('VARVE_NOT_FOUND')
    expect(await codeOf(() => backups(join(path, 'full')))).toBe('VARVE_NOT_FOUND')
    expect(await codeOf(() => verifyBackup(join(path, 'backups'), { backup: 7 }))).toBe('VARVE_NOT_FOUND')
    expect(await codeOf(() => verify(join(path, 'db')))).toBe('VARVE_LOCKED')
    expect(readdirSync(path).sort()).toEqual(['backups', 'db', 'full'])
    expect(readdirSync(join(path, 'full'))).toEqual(['file'])
  })

  test('a database that only reads', async () => {
    const path = scratch()
    await (await open(join(path, 'db'))).close()
    await using db = await open(join(path, 'db'), { readOnly: true })
    expect((await failureOf(() => db.checkpoint(join(path, 'copy')))).code).toBe('VARVE_READ_ONLY')
    expect((await failureOf(() => db.backup(join(path, 'copy')))).code).toBe('VARVE_READ_ONLY')
  })
})

describe('ended before their time', () => {
  test('by a signal: nothing is left', async () => {
    const path = scratch()
    await using db = await open(join(path, 'db'), small)
    for (let i = 0; i < 2000; i++) await db.put(`k${i}`, `${i}`.padEnd(100))
    await db.backup(join(path, 'backups'))
    for (let i = 0; i < 500; i++) await db.put(`l${i}`, `${i}`.padEnd(100))
    const names = readdirSync(join(path, 'backups', 'tables'))
    const gone = async (call: (options: object) => Promise<unknown>) => {
      for (const atOnce of [true, false]) {
        const controller = new AbortController()
        if (atOnce) controller.abort('enough')
        const onProgress = () => controller.abort('enough')
        const error = await failureOf(() => call({ signal: controller.signal, onProgress }))
        expect([error.code, error.cause]).toEqual(['VARVE_ABORTED', 'enough'])
      }
    }
    await gone((options) => db.checkpoint(join(path, 'a', 'copy'), options))
    await gone((options) => db.backup(join(path, 'backups'), options))
    await gone((options) => restore(join(path, 'backups'), join(path, 'b', 'copy'), options))
    await gone((options) => verifyBackup(join(path, 'backups'), options))
    expect(readdirSync(path).sort()).toEqual(['backups', 'db'])
    expect(readdirSync(join(path, 'backups', 'tables'))).toEqual(names)
    expect(await db.backup(join(path, 'backups'))).toMatchObject({ id: 2 })
  })

  test('by closing', async () => {
    const path = scratch()
    const db = await open(join(path, 'db'), small)
    for (let i = 0; i < 2000; i++) await db.put(`k${i}`, `${i}`.padEnd(100))
    const copies = [db.checkpoint(join(path, 'copy')), db.backup(join(path, 'backups'))]
    const codes = copies.map((copy) =>
      copy.then(
        () => undefined,
        (error: { code: string }) => error.code
      )
    )
    await db.close()
    expect(await Promise.all(codes)).toEqual(['VARVE_ABORTED', 'VARVE_ABORTED'])
    expect(readdirSync(path).sort()).toEqual(['backups', 'db'])
    expect((await failureOf(() => db.backup(join(path, 'backups')))).code).toBe('VARVE_CLOSED')
  })

  test('progress goes up to the total', async () => {
    const path = scratch()
    await using db = await open(join(path, 'db'), small)
    for (let i = 0; i < 2000; i++) await db.put(`k${i}`, `${i}`.padEnd(100))
    const seen: [number, number][] = []
    const onProgress = (done: number, total: number) => seen.push([done, total])
    const whole = (factor: number, bytes: number) => {
      expect(seen.at(-1)).toEqual([factor * bytes, factor * bytes])
      expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b))
      seen.length = 0
    }
    whole(1, (await db.checkpoint(join(path, 'copy'), { onProgress })).bytes)
    whole(1, (await db.backup(join(path, 'backups'), { onProgress })).bytes)
    whole(2, (await restore(join(path, 'backups'), join(path, 'restored'), { onProgress })).bytes)
  })
})
