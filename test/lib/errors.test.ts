// Every error that the public API can give, by its code, with its place.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import native from '#native'
import { toVarveError } from '../../lib/errors.ts'
import { errorCodes, open, VarveError } from '../../lib/index.ts'
import { closedDatabase, failureOf, lineOf, openMemory, scratch } from './support/databases.ts'

const named = (path: string, pattern: RegExp): string =>
  join(path, readdirSync(path).find((name) => pattern.test(name)) ?? 'none')

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  const where = at < 0 ? bytes.length + at : at
  bytes[where] = (bytes[where] ?? 0) ^ 0x40
  writeFileSync(file, bytes)
}

describe('opening', () => {
  test('LOCKED, in one process', async () => {
    const path = scratch()
    await using db = await open(path)
    const error = await failureOf(() => open(path))
    expect(error).toMatchObject({ name: 'VarveError', code: 'VARVE_LOCKED', file: path })
    expect(error.message).toContain(`process ${process.pid}`)
    expect((await failureOf(() => open(path, { readOnly: true }))).code).toBe('VARVE_LOCKED')
    await db.put('a', 'still mine')
  })

  test('NOT_FOUND', async () => {
    const path = scratch()
    const inside = join(path, 'none')
    for (const options of [{ createIfMissing: false }, { readOnly: true }]) {
      expect(await failureOf(() => open(inside, options))).toMatchObject({ code: 'VARVE_NOT_FOUND', file: inside })
      expect((await failureOf(() => open(path, options))).code).toBe('VARVE_NOT_FOUND')
    }
    await (await open(path)).close()
  })

  test('EXISTS', async () => {
    const path = scratch()
    await (await open(path, { errorIfExists: true })).close()
    expect((await failureOf(() => open(path, { errorIfExists: true }))).code).toBe('VARVE_EXISTS')
    await (await open(path)).close()
  })

  test('IO_ERROR where a file is in the way', async () => {
    const path = join(scratch(), 'file')
    writeFileSync(path, 'x')
    expect((await failureOf(() => open(path))).code).toBe('VARVE_IO_ERROR')
  })
})

describe('CORRUPTION', () => {
  test('CURRENT flipped, cut or naming nothing', async () => {
    const path = await closedDatabase()
    const file = join(path, 'CURRENT')
    const whole = readFileSync(file)
    for (let at = 0; at < whole.length; at++) {
      flip(file, at)
      expect(await failureOf(() => open(path))).toMatchObject({ code: 'VARVE_CORRUPTION', file, offset: 0 })
      writeFileSync(file, whole)
    }
    for (const text of ['', whole.subarray(0, -1), lineOf('MANIFEST-900000'), lineOf('other')]) {
      writeFileSync(file, text)
      expect((await failureOf(() => open(path))).code).toBe('VARVE_CORRUPTION')
    }
    rmSync(file)
    expect((await failureOf(() => open(path))).code).toBe('VARVE_CORRUPTION')
    writeFileSync(file, whole)
    await (await open(path)).close()
  })

  test('MANIFEST flipped or empty', async () => {
    const path = await closedDatabase()
    const file = named(path, /^MANIFEST/)
    const whole = readFileSync(file)
    for (const at of [0, 5, 8, 9, 40]) {
      flip(file, at)
      expect(await failureOf(() => open(path))).toMatchObject({ code: 'VARVE_CORRUPTION', file, offset: 0 })
      writeFileSync(file, whole)
    }
    writeFileSync(file, '')
    expect((await failureOf(() => open(path))).message).toContain('empty')
    writeFileSync(file, Buffer.concat([whole, Buffer.from('torn')]))
    await using db = await open(path)
    expect(await db.get('last')).toBe('v')
  })

  test('a table that is missing, or flipped at its end', async () => {
    const path = await closedDatabase()
    const file = named(path, /\.sst$/)
    const whole = readFileSync(file)
    flip(file, -4)
    expect((await failureOf(() => open(path))).code).toBe('VARVE_CORRUPTION')
    rmSync(file)
    expect(await failureOf(() => open(path))).toMatchObject({ code: 'VARVE_CORRUPTION', file })
    writeFileSync(file, whole)
    await (await open(path)).close()
  })

  test('a table flipped in a block shows at the read, with its place', async () => {
    const path = await closedDatabase()
    const file = named(path, /\.sst$/)
    flip(file, 100)
    await using db = await open(path)
    for (const read of [
      () => db.get('k0'),
      () => db.getSync('k0'),
      () => db.iterator().all(),
      () => [...db.keys()],
      () => db.getMany(['k0']),
      () => db.has('k0')
    ]) {
      const error = await failureOf(read)
      expect(error).toMatchObject({ code: 'VARVE_CORRUPTION', file })
      expect(error.message).toContain(file)
    }
    expect(await db.get('last')).toBe('v')
    await db.put('more', 'v')
    expect((await failureOf(() => db.compact())).code).toBe('VARVE_CORRUPTION')
  })

  test('UNSUPPORTED, a later format', async () => {
    const path = await closedDatabase()
    const file = named(path, /^MANIFEST/)
    writeFileSync(file, lineOf('{"format":2,"news":true}'))
    expect(await failureOf(() => open(path))).toMatchObject({ code: 'VARVE_UNSUPPORTED', file })
  })
})

describe('arguments', () => {
  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['a missing option', { cacheBytes: 1 }, "There is no option 'cacheBytes'"],
    ['an option in another case', { readonly: true }, "did you mean 'readOnly'"],
    ['half an option', { memtable: 1 }, "did you mean 'memtableBytes'"],
    ['null', null, 'must be an object'],
    ['a text', 'text', 'must be an object'],
    ['durability', { durability: 'never' }, "'interval', 'sync', 'os'"],
    ['keyEncoding', { keyEncoding: 'json' }, 'keyEncoding must be one of'],
    ['valueEncoding', { valueEncoding: 1 }, 'valueEncoding must be one of'],
    ['memtableBytes', { memtableBytes: 1 }, 'memtableBytes must be a whole number from 16384'],
    ['tableBytes', { tableBytes: 1.5 }, 'tableBytes must be'],
    ['syncIntervalMs', { syncIntervalMs: '1' }, 'syncIntervalMs must be'],
    ['readOnly', { readOnly: 1 }, 'readOnly must be true or false, not 1'],
    ['limits', { limits: 1 }, 'limits must be an object'],
    ['an unknown limit', { limits: { diskReserve: 1 } }, "did you mean 'diskReserveBytes'"],
    ['diskReserveBytes', { limits: { diskReserveBytes: -1 } }, 'limits.diskReserveBytes must be a whole number from 0'],
    ['snapshotAgeMaxMs', { limits: { snapshotAgeMaxMs: '1' } }, 'limits.snapshotAgeMaxMs must be'],
    [
      'checkedEntriesMax',
      { limits: { checkedEntriesMax: 0 } },
      'limits.checkedEntriesMax must be a whole number from 1'
    ]
  ]
  test.each(wrong)('%s', async (_, options, sentence) => {
    const error = await failureOf(() => open(scratch(), options as never))
    expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
    expect(error.message).toContain(sentence)
  })

  test('paths', async () => {
    for (const path of ['', 7]) expect((await failureOf(() => open(path as string))).message).toContain('path')
    expect((await failureOf(() => open('a\0b'))).code).toBe('VARVE_INVALID_ARGUMENT')
  })

  test('keys and values', async () => {
    await using db = await open(scratch())
    await using bytes = await open(scratch(), { keyEncoding: 'view', valueEncoding: 'view' })
    const calls: readonly (readonly [() => unknown, string])[] = [
      [() => db.put(1 as never, 'v'), "keyEncoding 'utf8'), not a number"],
      [() => db.put('k', null as never), "valueEncoding 'utf8'), not null"],
      [() => db.put('k', [] as never), 'not an array'],
      [() => db.del(undefined as never), 'not undefined'],
      [() => db.get({} as never), 'not a Object'],
      [() => db.getSync(new Map() as never), 'not a Map'],
      [() => db.getMany('k' as never), 'array of keys'],
      [() => db.hasMany('k' as never), 'array of keys'],
      [() => db.has(1 as never), 'not a number'],
      [() => db.getMany([1] as never), 'not a number'],
      [() => db.batch({} as never), 'array of operations'],
      [() => db.iterator({ gt: 1 as never }), 'not a number'],
      [() => db.iterator().seek(1 as never), 'not a number'],
      [() => db.put('\ud800', 'v'), 'lone surrogate'],
      [() => db.put('k', '\ud800'), 'lone surrogate'],
      [() => db.del(`${'long'.repeat(50)}\udc00`), 'lone surrogate'],
      [() => db.iterator({ prefix: '\ud800' }), 'lone surrogate'],
      [() => bytes.put('k' as never, Buffer.of(1)), "keyEncoding 'view'"],
      [() => bytes.put(Buffer.of(1), 'v' as never), "valueEncoding 'view'"]
    ]
    for (const [call, sentence] of calls) {
      const error = await failureOf(call)
      expect(error.code).toBe('VARVE_INVALID_ARGUMENT')
      expect(error.message).toContain(sentence)
    }
    await db.put('k', 'fine')
    expect(await db.iterator().all()).toEqual([['k', 'fine']])
  })

  test('TOO_LARGE', async () => {
    await using db = await open(scratch())
    await using bytes = await open(scratch(), { keyEncoding: 'buffer' })
    const error = await failureOf(() => db.put('k'.repeat(65_536), 'v'))
    expect(error.code).toBe('VARVE_TOO_LARGE')
    expect(error.message).toContain('65535')
    expect((await failureOf(() => db.del('é'.repeat(40_000)))).code).toBe('VARVE_TOO_LARGE')
    expect((await failureOf(() => bytes.put(Buffer.alloc(65_536), 'v'))).code).toBe('VARVE_TOO_LARGE')
    await db.put('k'.repeat(65_535), 'v')
    await db.flush()
    expect(await db.get('k'.repeat(65_535))).toBe('v')
    expect((await db.keys().all())[0]?.length).toBe(65_535)
    expect([...db.keys()][0]?.length).toBe(65_535)
  })
})

describe('disks that fail', () => {
  test('DISK_FULL, and going on once there is room', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs, { memtableBytes: 128 << 10 })
    await db.put('first', 'v')
    native.memoryCapacity(fs, 1)
    const error = await failureOf(async () => {
      for (let i = 0; i < 4; i++) await db.put(`k${i}`, 'x'.repeat(1_000_000))
    })
    expect(error.code).toBe('VARVE_DISK_FULL')
    expect(await db.get('first')).toBe('v')
    native.memoryCapacity(fs, 0)
    // The next segment of the log may still have to be made.
    for (let tries = 0; (await db.get('after')) === undefined && tries < 1000; tries++) {
      await db.put('after', 'v').catch((again) => expect(again.code).toBe('VARVE_DISK_FULL'))
      await new Promise(setImmediate)
    }
    await db.close()
    await using again = await openMemory(fs)
    expect(await again.getMany(['first', 'after'])).toEqual(['v', 'v'])
  })

  test('close ends on a full disk, with writers held back, and the log keeps what they wrote', async () => {
    const fs = native.memoryFileSystem()
    const events: string[] = []
    let stall = (): void => {}
    const stalled = new Promise<void>((resolve) => {
      stall = resolve
    })
    const db = await openMemory(fs, {
      memtableBytes: 64 << 10,
      events: { stall: () => stall(), 'background-error': () => events.push('error') }
    })
    native.memoryFaults(fs, { atCall: 1, forever: true, operations: 1, errno: 28 })
    const written: Promise<void>[] = []
    for (let i = 0; i < 60; i++) {
      written.push(db.put(`k${i}`, 'x'.repeat(10_000)))
      db.getSync('none')
    }
    await stalled
    expect(db.stats().writes.isStalled).toBe(true)
    await db.close()
    await Promise.all(written)
    expect(events.length).toBeGreaterThan(0)
    native.memoryFaults(fs, null)
    await using again = await openMemory(fs)
    expect((await again.keys().all()).length).toBe(60)
  })

  test('POISONED after a sync that failed; opening again goes on', async () => {
    const fs = native.memoryFileSystem()
    const poisoned: unknown[] = []
    const said: string[] = []
    const logger = { info() {}, warn() {}, error: (message: string) => said.push(message) }
    const db = await openMemory(fs, { logger, events: { poisoned: (event) => poisoned.push(event) } })
    await db.put('kept', 'v', { sync: true })
    native.memoryFaults(fs, { atCall: 1, forever: true, operations: 8 })
    expect((await failureOf(() => db.put('lost', 'v', { sync: true }))).code).toBe('VARVE_POISONED')
    native.memoryFaults(fs, null)
    for (const call of [() => db.put('a', 'b'), () => db.del('a'), () => db.batch([])])
      expect((await failureOf(call)).code).toBe('VARVE_POISONED')
    expect(await db.get('kept')).toBe('v')
    expect(poisoned.length).toBe(1)
    expect(said[0]).toContain('Open the database again')
    await db.close()
    await using again = await openMemory(fs)
    await again.put('b', 'v')
    expect(await again.get('kept')).toBe('v')
  })

  test('POISONED holds no writer back: what was written before is acknowledged', async () => {
    const fs = native.memoryFileSystem()
    let stall = (): void => {}
    const stalled = new Promise<void>((resolve) => {
      stall = resolve
    })
    const db = await openMemory(fs, { memtableBytes: 64 << 10, durability: 'os', events: { stall: () => stall() } })
    native.memoryFaults(fs, { atCall: 1, forever: true, operations: 1 })
    const written: Promise<void>[] = []
    for (let i = 0; i < 60; i++) {
      written.push(db.put(`k${i}`, 'x'.repeat(10_000)))
      db.getSync('none')
    }
    await stalled
    native.memoryFaults(fs, { atCall: 1, forever: true })
    expect((await failureOf(() => db.put('lost', 'v', { sync: true }))).code).toBe('VARVE_POISONED')
    await Promise.all(written)
    native.memoryFaults(fs, null)
    await db.close()
    await using again = await openMemory(fs)
    expect((await again.keys({ prefix: 'k' }).all()).length).toBe(60)
  })

  test('POISONED after an append or a manifest line that failed', async () => {
    for (const operations of [4, 4 | 8]) {
      const fs = native.memoryFileSystem()
      const db = await openMemory(fs)
      await db.put('kept', 'v', { sync: true })
      native.memoryFaults(fs, { atCall: 1, forever: true, operations })
      expect((await failureOf(() => db.put('lost', 'v', { sync: true }))).code).toBe('VARVE_POISONED')
      native.memoryFaults(fs, null)
      expect((await failureOf(() => db.batch([{ type: 'del', key: 'a' }]))).code).toBe('VARVE_POISONED')
      await db.close()
    }
  })

  test('close rejects when it is the first to say that the log was not synced', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs, { syncIntervalMs: 60_000 })
    await db.put('unsynced', 'v')
    native.memoryFaults(fs, { atCall: 1, forever: true, operations: 8 })
    const written = db.put('synced', 'v', { sync: true })
    const closed = db.close()
    expect((await failureOf(() => written)).code).toBe('VARVE_POISONED')
    expect((await failureOf(() => closed)).code).toMatch('VARVE_')
  })

  test('IO_ERROR at opening', async () => {
    const fs = native.memoryFileSystem()
    await (await openMemory(fs)).close()
    native.memoryFaults(fs, { atCall: 1, forever: true, operations: 2 })
    expect((await failureOf(() => openMemory(fs))).code).toBe('VARVE_IO_ERROR')
    native.memoryFaults(fs, null)
    await (await openMemory(fs)).close()
  })

  test('opening fails cleanly at any call, and works after it', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs)
    await db.put('a', '1')
    await db.flush()
    await db.put('b', '2')
    await db.close()
    for (let atCall = 1; atCall < 40; atCall++) {
      native.memoryFaults(fs, { atCall })
      try {
        const opened = await openMemory(fs)
        await opened.close().catch(() => undefined)
      } catch (error) {
        expect(error).toBeInstanceOf(VarveError)
      }
      native.memoryFaults(fs, null)
      await using again = await openMemory(fs)
      expect(await again.getMany(['a', 'b'])).toEqual(['1', '2'])
    }
  })

  test('a flush that fails is told and tried again', async () => {
    const fs = native.memoryFileSystem()
    const events: string[] = []
    const told = (): void => {
      events.push('error')
      native.memoryFaults(fs, null)
    }
    const db = await openMemory(fs, { events: { 'background-error': told } })
    await db.put('a', '1')
    native.memoryFaults(fs, { atCall: 1, forever: true, operations: 1 })
    await db.flush()
    expect(events).toEqual(['error'])
    expect(await db.get('a')).toBe('1')
    await db.close()
  })
})

test('errors of other kinds stay what they are', () => {
  const error = new Error('other')
  expect(toVarveError(error)).toBe(error)
  expect(toVarveError('text').message).toBe('text')
  const made = toVarveError(
    Object.assign(new Error('read'), { code: 'CORRUPTION', file: 'f', offset: 3 })
  ) as VarveError
  expect(made).toMatchObject({ code: 'VARVE_CORRUPTION', file: 'f', offset: 3 })
  expect(made.message).toBe('read (f at 3)')
  for (const code of Object.keys(errorCodes)) expect(code).toMatch(/^VARVE_[A-Z_]+$/)
})
