// Several environments at once, ended in the middle of jobs.
// asan: yes
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import native from '#native'
import { Database } from './support/database.ts'
import { done } from './support/jobs.ts'

// Keeps every lane busy for ever, and says when it has begun.
const busy = new URL('support/busy-worker.mjs', import.meta.url)

function started(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

test('workers that are terminated in the middle of jobs end, and leave this thread alone', async () => {
  const executor = native.threadExecutor(1, 1)
  const fs = native.memoryFileSystem()
  await done(native.makeDirectory(executor, fs, '/db'))
  const database = new Database(executor, fs, '/db')
  database.openWal()
  await database.addSegment(1)
  for (let round = 0; round < 5; round++) {
    const workers = Array.from({ length: 4 }, () => new Worker(busy))
    await Promise.all(workers.map(started))
    database.write({ put: `key ${round}`, value: 'value' })
    await done(native.syncJob(database.engine))
    const codes = await Promise.all(workers.map((worker) => worker.terminate()))
    expect(codes).toEqual([1, 1, 1, 1])
    expect(database.text(`key ${round}`)).toBe('value')
  }
})

test('a worker ends by itself when nothing keeps it alive', async () => {
  const worker = new Worker(busy, { workerData: { rounds: 3 } })
  const code = await new Promise((resolve, reject) => {
    worker.once('exit', resolve)
    worker.once('error', reject)
  })
  expect(code).toBe(0)
})

test('a handle of another thread is none here', async () => {
  const worker = new Worker(busy)
  const { engine } = (await started(worker)) as { engine: native.Engine }
  expect(() => native.engineStats((engine + 5) as native.Engine)).toThrow('engine must be a live Engine handle')
  await worker.terminate()
})
