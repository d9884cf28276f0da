// Reads and puts of keys and values where they stand in bytes that somebody else laid down: a chunk of requests.
// asan: yes
import { expect, test } from 'vitest'
import native from '#native'
import { Database } from './support/database.ts'
import { frameOf } from './support/frames.ts'
import { done, failure } from './support/jobs.ts'

const executor = native.threadExecutor(2, 1)
const nameOf = (i: number): string => `key ${String(i).padStart(4, '0')}`

async function memory(): Promise<Database> {
  const fs = native.memoryFileSystem()
  await done(native.makeDirectory(executor, fs, '/db'))
  const database = new Database(executor, fs, '/db')
  database.openWal()
  await database.addSegment(1)
  return database
}

const source = Buffer.from('apple pear é')
const places = Uint32Array.from([0, 5, 6, 4, 11, 2, 11, 0])
const framed = (database: Database, target: Buffer, from = 0, count = 4) => {
  const ends = new Uint32Array(4)
  const missing = Buffer.from('$-1\r\n')
  const next = native.getFramed(database.engine, 0, -1, 5, 2, source, places, from, count, target, missing, ends)
  return {
    next,
    text: target.toString('utf8', 0, ends[next - from - 1] ?? 0),
    ends: [...ends.subarray(0, next - from)]
  }
}

test('keys are answered as they are sent', async () => {
  const database = await memory()
  database.write({ put: 'apple', value: 'red' }, { put: 'é', value: '' }, { put: '', value: 'nothing' })
  database.write({ put: 'pear', value: 'late', expiresAt: 5 })
  const all = '$3\r\nred\r\n$-1\r\n$0\r\n\r\n$7\r\nnothing\r\n'
  expect(framed(database, Buffer.alloc(100))).toEqual({ next: 4, text: all, ends: [9, 14, 20, all.length] })
  expect(framed(database, Buffer.alloc(100), 2, 3)).toEqual({ next: 3, text: '$0\r\n\r\n', ends: [6] })
  for (let room = 0; room < all.length; room++) {
    const { next, text } = framed(database, Buffer.alloc(room))
    expect(next).toBeLessThan(4)
    expect(all.startsWith(text)).toBe(true)
    expect(text + framed(database, Buffer.alloc(100), next).text).toBe(all)
  }
})

test('more keys than are looked up at once', async () => {
  const database = await memory()
  const names = Array.from({ length: 700 }, (_, i) => nameOf(i))
  for (const name of names) database.write({ put: name, value: name })
  const keys = Buffer.from(names.join(''))
  const where = Uint32Array.from(names.flatMap((name, i) => [i * name.length, name.length]))
  const target = Buffer.alloc(20_000)
  const ends = new Uint32Array(700)
  expect(native.getFramed(database.engine, 0, -1, 1, 2, keys, where, 0, 700, target, Buffer.of(), ends)).toBe(700)
  expect(target.toString('latin1', 0, ends[699])).toBe(names.map((name) => `$8\r\n${name}\r\n`).join(''))
})

test('puts are laid down as a frame has them', () => {
  const { bytes, payloadBytes } = frameOf([
    { put: 'apple', value: 'pear' },
    { put: 'é', value: '' }
  ])
  const { frameStartBytes } = native.about()
  const frame = Buffer.alloc(200)
  const start = frameStartBytes + 8
  const twoPuts = Uint32Array.from([0, 5, 6, 4, 11, 2, 0, 0])
  const end = native.layPuts(frame, start, 0, source, twoPuts, 0, 2)
  expect(end).toBe(frameStartBytes + payloadBytes)
  expect(frame.subarray(start, end)).toEqual(bytes.subarray(start, end))
})

test('what is not there is not read, and what has no room is not written', async () => {
  const { engine } = await memory()
  const ends = new Uint32Array(2)
  const read = (where: number[], count: number, target = Buffer.alloc(10)) =>
    native.getFramed(engine, 0, -1, 1, 2, source, Uint32Array.from(where), 0, count, target, Buffer.of(), ends)
  for (const where of [
    [13, 1],
    [14, 0],
    [0, 14],
    [2 ** 32 - 1, 2],
    [5, 2 ** 32 - 1]
  ]) {
    expect(failure(() => read(where, 1)).code).toBe('INVALID_ARGUMENT')
  }
  expect(failure(() => read([0, 1], 2)).code).toBe('INVALID_ARGUMENT')
  expect(failure(() => read([0, 1, 0, 1, 0, 1], 3)).code).toBe('INVALID_ARGUMENT')
  const put = Uint32Array.from([0, 5, 6, 4])
  for (const [frame, at] of [
    [20, 0],
    [100, 90],
    [100, 101]
  ] as const) {
    expect(failure(() => native.layPuts(Buffer.alloc(frame), at, 0, source, put, 0, 1)).code).toBe('INVALID_ARGUMENT')
  }
})
