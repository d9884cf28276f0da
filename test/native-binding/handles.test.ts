// Handles: small integers that are found out when they are wrong.
// asan: yes

import { expect, test } from 'vitest'
import native from '#native'
import { failure } from './support/jobs.ts'

const executor = native.steppedExecutor(0)
const fs = native.memoryFileSystem()
const engine = native.createEngine(executor, fs, 1 << 20)

test('a handle is a positive 31-bit integer', () => {
  for (const handle of [executor, fs, engine]) {
    expect(handle).toBeGreaterThan(0)
    expect(handle).toBeLessThan(2 ** 31)
    expect(Number.isInteger(handle)).toBe(true)
  }
})

test('a handle of another kind, a released one and none at all throw', () => {
  const memtable = native.createMemtable(engine, 1000)
  for (const wrong of [fs, executor, 0, -1, 1.5, 2 ** 31, 2 ** 40, Number.NaN]) {
    const error = failure(() => native.memtableStats(wrong as native.Memtable))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'memtable must be a live Memtable handle' })
  }
  expect(native.memtableStats(memtable).entries).toBe(0)
  native.release(memtable)
  expect(failure(() => native.memtableStats(memtable)).code).toBe('INVALID_ARGUMENT')
  expect(failure(() => native.release(memtable)).code).toBe('INVALID_ARGUMENT')
})

test('a stale handle is not one of a later object, for a long time', () => {
  const stale = native.createMemtable(engine, 64)
  native.release(stale)
  for (let i = 0; i < 20_000; i++) {
    const memtable = native.createMemtable(engine, 64)
    expect(memtable).not.toBe(stale)
    native.release(memtable)
  }
  expect(failure(() => native.memtableStats(stale)).code).toBe('INVALID_ARGUMENT')
})

test('there are at most 65 536 handles, and released ones make room', () => {
  const handles: native.FileSystem[] = []
  const error = failure(() => {
    for (;;) handles.push(native.posixFileSystem())
  })
  expect(error.code).toBe('TOO_LARGE')
  expect(handles.length).toBeGreaterThan(60_000)
  for (const handle of handles) native.release(handle)
  native.release(native.posixFileSystem())
})

test('what an engine uses lives on when its own handle is given back', () => {
  const ownExecutor = native.steppedExecutor(0)
  const ownFs = native.memoryFileSystem()
  const owner = native.createEngine(ownExecutor, ownFs, 1 << 20)
  native.release(ownExecutor)
  native.release(ownFs)
  const memtable = native.createMemtable(owner, 1000)
  native.setView(owner, memtable, [], [])
  native.release(memtable)
  expect(native.getText(owner, 0, 'key', -1, 0, 2)).toBe(-1)
  native.release(owner)
})
