// The disk's functions, on both backends.
// asan: yes
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import native from '#native'
import { done, failure, rejection } from './support/jobs.ts'

const executor = native.threadExecutor(1, 1)
const scratch = mkdtempSync(join(tmpdir(), 'varve-disk-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const backends = [
  { name: 'posix', fs: native.posixFileSystem(), root: scratch },
  { name: 'memory', fs: native.memoryFileSystem(), root: '/data' }
]

describe.each(backends)('$name', ({ fs, root }) => {
  const path = (name: string): string => `${root}/${name}`
  const write = (name: string, text: string) => done(native.writeFile(executor, fs, path(name), Buffer.from(text)))
  const read = async (name: string) => String(await done(native.readFile(executor, fs, path(name), 1000)))

  test('files are written, read, renamed, linked, listed and removed', async () => {
    await done(native.makeDirectory(executor, fs, root))
    await done(native.makeDirectory(executor, fs, path('sub')))
    await write('one', 'hello')
    expect(await read('one')).toBe('hello')
    await done(native.rename(executor, fs, path('one'), path('two')))
    await done(native.link(executor, fs, path('two'), path('three')))
    await done(native.syncDirectory(executor, fs, root))
    expect((await done(native.list(executor, fs, root))).sort()).toEqual(['sub', 'three', 'two'])
    await done(native.unlink(executor, fs, path('two')))
    expect(await read('three')).toBe('hello')
    await done(native.removeDirectory(executor, fs, path('sub')))
    expect(await done(native.list(executor, fs, root))).toEqual(['three'])
  })

  test('stat says what a file is, and freeBytes what there is room for', async () => {
    await write('sized', 'x'.repeat(500))
    const file = await done(native.stat(executor, fs, path('sized')))
    expect(file).toMatchObject({ size: 500, isDirectory: false, device: expect.any(Number), inode: expect.any(Number) })
    expect((await done(native.stat(executor, fs, root))).isDirectory).toBe(true)
    expect(await done(native.freeBytes(executor, fs, root))).toBeGreaterThan(0)
  })

  test('errors name their kind and place', async () => {
    const missing = await rejection(native.readFile(executor, fs, path('missing'), 100))
    expect(missing).toMatchObject({ code: 'NOT_FOUND', file: path('missing') })
    expect(missing.errno).toBe(2)
    await write('long', 'x'.repeat(200))
    expect((await rejection(native.readFile(executor, fs, path('long'), 100))).code).toBe('TOO_LARGE')
    expect(failure(() => native.unlink(executor, fs, 'a\0b')).code).toBe('INVALID_ARGUMENT')
  })

  test('append files grow at their end', async () => {
    const first = await done(native.openAppend(executor, fs, path('log'), 1))
    await Promise.all(['a', 'b', 'c'].map((text) => done(native.append(executor, first, Buffer.from(text)))))
    native.release(first)
    expect((await rejection(native.openAppend(executor, fs, path('log'), 1))).code).toBe('EXISTS')
    const second = await done(native.openAppend(executor, fs, path('log'), 0))
    await done(native.append(executor, second, Buffer.from('d')))
    native.release(second)
    expect(await read('log')).toBe('abcd')
  })

  test('a lock is held by one, who says who it is', async () => {
    const lock = await done(native.lock(executor, fs, path('LOCK'), true, 'process 42'))
    const refused = await rejection(native.lock(executor, fs, path('LOCK'), true, 'process 43'))
    expect(refused.code).toBe('LOCKED')
    expect(refused.message).toContain('process 42')
    native.release(lock)
    native.release(await done(native.lock(executor, fs, path('LOCK'), true, 'process 43')))
  })
})

describe('memory only', () => {
  test('what was not synced is lost in a crash, and kept when the process dies', async () => {
    const fs = native.memoryFileSystem()
    await done(native.makeDirectory(executor, fs, '/d'))
    await done(native.writeFile(executor, fs, '/d/kept', Buffer.from('kept')))
    await done(native.syncDirectory(executor, fs, '/d'))
    await done(native.syncDirectory(executor, fs, '/'))
    await done(native.writeFile(executor, fs, '/d/lost', Buffer.from('lost')))
    native.memoryKill(fs)
    expect((await done(native.list(executor, fs, '/d'))).sort()).toEqual(['kept', 'lost'])
    native.memoryCrash(fs, 0)
    expect(native.memoryDump(fs, '/d/kept').toString()).toBe('kept')
    expect(failure(() => native.memoryDump(fs, '/d/lost')).code).toBe('NOT_FOUND')
  })

  test('calls fail as planned', async () => {
    const fs = native.memoryFileSystem()
    await done(native.makeDirectory(executor, fs, '/d'))
    native.memoryFaults(fs, { atCall: 1, operations: 8, errno: 5 })
    const error = await rejection(native.writeFile(executor, fs, '/d/f', Buffer.from('x')))
    expect(error).toMatchObject({ code: 'IO_ERROR', errno: 5 })
    native.memoryFaults(fs, null)
    native.memoryCapacity(fs, 100)
    expect((await rejection(native.writeFile(executor, fs, '/d/g', Buffer.alloc(1000)))).code).toBe('NO_SPACE')
    expect(native.memoryCalls(fs)).toBeGreaterThan(0)
  })

  test('an append that failed fails all later ones', async () => {
    const fs = native.memoryFileSystem()
    await done(native.makeDirectory(executor, fs, '/d'))
    const file = await done(native.openAppend(executor, fs, '/d/log', 1))
    native.memoryFaults(fs, { atCall: 1, operations: 8 })
    expect((await rejection(native.append(executor, file, Buffer.from('x')))).code).toBe('IO_ERROR')
    expect((await rejection(native.append(executor, file, Buffer.from('y')))).code).toBe('IO_ERROR')
  })

  test('equal disks have equal digests', async () => {
    const make = async (text: string) => {
      const fs = native.memoryFileSystem()
      await done(native.makeDirectory(executor, fs, '/d'))
      await done(native.writeFile(executor, fs, '/d/f', Buffer.from('old')))
      native.memoryOverwrite(fs, '/d/f', Buffer.from(text))
      return native.memoryDigest(fs)
    }
    expect(await make('a')).toBe(await make('a'))
    expect(await make('a')).not.toBe(await make('b'))
    expect(await make('a')).toMatch(/^[0-9a-f]{16}$/)
  })

  test('a real disk has none of this', () => {
    const fs = native.posixFileSystem()
    expect(failure(() => native.memoryDigest(fs)).message).toBe('fs must be a memory file system')
  })
})
