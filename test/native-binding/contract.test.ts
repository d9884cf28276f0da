// The addon exports what the contract declares, and nothing else.
// asan: yes
import { readFileSync } from 'node:fs'
import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import native from '#native'
import { failure } from './support/jobs.ts'

test('every function of the contract is exported, and no other', () => {
  const contract = readFileSync(new URL('../../native/index.d.cts', import.meta.url), 'utf8')
  const declared = [...contract.matchAll(/^ {2}function (\w+)/gm)].map((match) => match[1])
  expect(Object.keys(native).sort()).toEqual(declared.sort())
  for (const value of Object.values(native)) expect(value).toBeTypeOf('function')
})

test('about() says which checksum runs and how much room frames have', () => {
  const about = native.about()
  expect(['sse4.2', 'armv8', 'software']).toContain(about.crc32c)
  expect(about).toMatchObject({ contract: 1, frameStartBytes: expect.any(Number), frameEndBytes: 8 })
})

test('crc32c gives the check value, and goes on from a start', () => {
  const bytes = Buffer.from('123456789')
  expect(native.crc32c(bytes)).toBe(0xe3069283)
  expect(native.crc32c(bytes.subarray(4), native.crc32c(bytes.subarray(0, 4)))).toBe(0xe3069283)
})

test('discarded memory is gone at once', () => {
  const bytes = new Uint8Array(new ArrayBuffer(100_000)).fill(7)
  native.discard(bytes.buffer)
  expect(bytes.length).toBe(0)
  native.discard(bytes.buffer)
  expect(failure(() => native.discard({} as ArrayBuffer)).code).toBe('INVALID_ARGUMENT')
})

test('a marked buffer cannot be moved away', () => {
  const bytes = new Uint8Array(new ArrayBuffer(100)).fill(7)
  native.markUntransferable(bytes.buffer)
  const { port1 } = new MessageChannel()
  try {
    port1.postMessage(bytes, [bytes.buffer])
  } catch {
    // Newer versions of Node.js refuse, older ones copy.
  }
  port1.close()
  expect(bytes.length).toBe(100)
  expect(failure(() => native.markUntransferable({} as ArrayBuffer)).code).toBe('INVALID_ARGUMENT')
})
