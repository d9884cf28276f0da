// One provocation for each code there is, by calls that users make. The type of the table keeps it complete.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import native from '#native'
import { loadMsgpack } from '../../lib/bytes/msgpack.ts'
import { type ErrorCode, errorCodes, open, VarveError } from '../../lib/index.ts'
import { becomeMember } from '../../lib/member.ts'
import { root } from '../support/varve.ts'
import { lineOf, openMemory, scratch } from './support/databases.ts'

/** A closed database; the path of the first file whose name matches. */
async function closedDatabase(pattern: RegExp): Promise<{ path: string; file: string }> {
  const path = scratch()
  const db = await open(path)
  await db.put('a', '1')
  await db.flush()
  await db.close()
  return { path, file: join(path, readdirSync(path).find((name) => pattern.test(name)) as string) }
}

/** A database on a disk where such calls fail from now on. */
async function failing(operations: number): Promise<Awaited<ReturnType<typeof openMemory>>> {
  const fs = native.memoryFileSystem()
  const db = await openMemory(fs)
  native.memoryFaults(fs, { atCall: 1, forever: true, operations })
  return db
}

/** The package as it is installed, without an addon; what importing it says. */
function withoutAddon(broken?: string, load = `import('varve')`): { code: string; message: string; directory: string } {
  const directory = join(scratch(), 'varve')
  mkdirSync(join(directory, 'native'), { recursive: true })
  for (const name of ['package.json', 'native/index.cjs']) cpSync(join(root, name), join(directory, name))
  cpSync(join(root, 'dist', 'lib'), join(directory, 'dist', 'lib'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
  if (broken !== undefined) {
    mkdirSync(join(directory, 'build', 'Release'), { recursive: true })
    writeFileSync(join(directory, 'build', 'Release', 'varve.node'), broken)
  }
  const program = `new Promise((resolve) => resolve(${load})).then(
    () => console.log('{}'),
    ({ code, message }) => console.log(JSON.stringify({ code, message })))`
  const { LD_PRELOAD: _, VARVE_NATIVE_BINDING: __, ...env } = process.env
  const child = spawnSync(process.execPath, ['-e', program], { cwd: directory, encoding: 'utf8', env })
  // Whoever catches the error goes on.
  const { stdout, stderr, status } = child
  expect({ stderr: stderr.replace(/^.*ExperimentalWarning.*\n.*\n/gm, ''), status }).toEqual({ stderr: '', status: 0 })
  return { ...JSON.parse(stdout), directory }
}

const provocations: Readonly<Record<ErrorCode, () => Promise<unknown>>> = {
  VARVE_INVALID_ARGUMENT: () => open(scratch(), { memtableBytes: -1 }),
  VARVE_NOT_FOUND: () => open(join(scratch(), 'none'), { createIfMissing: false }),
  async VARVE_EXISTS() {
    const { path } = await closedDatabase(/^CURRENT$/)
    return open(path, { errorIfExists: true })
  },
  async VARVE_LOCKED() {
    const path = scratch()
    await using _ = await open(path)
    return await open(path)
  },
  async VARVE_MEMBER() {
    const path = scratch()
    await becomeMember(path, { clusterId: 'lakes', memberId: 1, membership: {} })
    return open(path)
  },
  async VARVE_CORRUPTION() {
    const { path, file } = await closedDatabase(/\.sst$/)
    writeFileSync(file, readFileSync(file).subarray(0, -20))
    return open(path)
  },
  async VARVE_UNSUPPORTED() {
    const { path, file } = await closedDatabase(/^MANIFEST/)
    writeFileSync(file, lineOf('{"format":99}'))
    return open(path)
  },
  async VARVE_IO_ERROR() {
    const path = join(scratch(), 'file')
    writeFileSync(path, 'in the way')
    return open(path)
  },
  async VARVE_DISK_FULL() {
    const fs = native.memoryFileSystem()
    await using db = await openMemory(fs, { memtableBytes: 128 << 10 })
    native.memoryCapacity(fs, 1)
    for (let i = 0; i < 4; i++) await db.put(`k${i}`, 'x'.repeat(1_000_000))
    return undefined
  },
  async VARVE_POISONED() {
    await using db = await failing(8)
    return await db.put('a', '1', { sync: true })
  },
  async VARVE_READ_ONLY() {
    const { path } = await closedDatabase(/^CURRENT$/)
    await using db = await open(path, { readOnly: true })
    return await db.put('a', '1')
  },
  async VARVE_CLOSED() {
    const db = await open(scratch())
    await db.close()
    return db.get('a')
  },
  async VARVE_TOO_LARGE() {
    await using db = await open(scratch())
    return await db.put('k'.repeat(65_536), 'v')
  },
  async VARVE_CONFLICT() {
    await using db = await open(scratch())
    return await db.transaction(
      async (tx) => {
        await tx.get('a')
        await db.put('a', '1')
        tx.put('b', '2')
      },
      { retries: 0 }
    )
  },
  async VARVE_TRANSACTION_TOO_LARGE() {
    await using db = await open(scratch())
    await db.batch(Array.from({ length: 10_001 }, (_, i) => ({ type: 'put', key: `k${i}`, value: '' }) as const))
    return await db.transaction((tx) => tx.keys().all())
  },
  async VARVE_ENCODING_MISMATCH() {
    await using db = await open(scratch())
    await db.put('a', 'not json')
    return await db.get('a', { valueEncoding: 'json' })
  },
  async VARVE_MISSING_PACKAGE() {
    return loadMsgpack(() => {
      throw new Error("Cannot find module 'msgpackr'")
    })
  },
  async VARVE_ABORTED() {
    await using db = await open(scratch())
    await db.put('a', '1')
    return await db.iterator({ signal: AbortSignal.abort('enough') }).next()
  },
  async VARVE_NATIVE_UNAVAILABLE() {
    const { code, message } = withoutAddon()
    throw new VarveError(code as ErrorCode, message)
  }
}

test.each(Object.keys(errorCodes) as ErrorCode[])('%s', async (code) => {
  const error = await provocations[code]().then(
    () => undefined,
    (reason: unknown) => reason
  )
  expect(error).toBeInstanceOf(VarveError)
  expect(error).toMatchObject({ name: 'VarveError', code })
  expect((error as VarveError).message).toMatch(/^[A-Za-z/].*[.)]$/s)
})

describe('a package without its addon', () => {
  test('says what it tried and what to do', () => {
    const { code, message, directory } = withoutAddon()
    expect(code).toBe('VARVE_NATIVE_UNAVAILABLE')
    expect(message).toContain('varve could not load its native addon')
    expect(message).toContain(`Tried:\n  - the prebuild ${process.platform}-${process.arch}`)
    expect(message).toContain(`npx node-gyp rebuild --directory="${join(directory, 'native')}"`)
    expect(message).toContain('node_modules is not portable')
  })

  test('says so to require as well', () => {
    expect(withoutAddon(undefined, `require('varve')`).code).toBe('VARVE_NATIVE_UNAVAILABLE')
  })

  test('or with one that does not load, names it', () => {
    const { code, message, directory } = withoutAddon('not a shared object')
    expect(code).toBe('VARVE_NATIVE_UNAVAILABLE')
    expect(message).toContain(`  - a local build in ${join(directory, 'build')}: `)
    expect(message).toContain('  - the prebuild')
  })
})
