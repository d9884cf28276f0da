// Databases in worker_threads: one directory has one owner, workers do not disturb each other, and one that is ended in
// the middle of its writes leaves a database that opens with everything it was told about.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'

const rounds = campaign('workers ended', { short: 6, long: 300, instrumented: 2 })
const program = new URL('support/database-worker.mjs', import.meta.url)
const scratch = mkdtempSync(join(tmpdir(), 'varve-workers-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface Message {
  readonly open?: true
  readonly closed?: true
  readonly acknowledged?: number
  readonly count?: number
  readonly code?: string
  readonly message?: string
  readonly isVarveError?: boolean
}

class DatabaseWorker {
  readonly #worker: Worker
  readonly #messages: Message[] = []
  readonly #exited: Promise<number>
  #wake: () => void = () => {}
  #failure: unknown

  constructor(workerData: { directory: string; writes?: number; options?: object }) {
    this.#worker = new Worker(program, { workerData })
    this.#worker.on('message', (message: Message) => {
      this.#messages.push(message)
      this.#wake()
    })
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        resolve(code)
        this.#wake()
      })
      this.#worker.on('error', (error) => {
        this.#failure = error
      })
    })
    void this.#exited.then(() => {
      this.hasExited = true
    })
  }

  hasExited = false

  /** The first message, past or to come, that is asked for. */
  async heard(wanted: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.#messages.find(wanted)
      if (found !== undefined) return found
      if (this.hasExited) throw new Error(`a worker ended: ${String(this.#failure)} ${JSON.stringify(this.#messages)}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** What it acknowledged last. */
  get acknowledged(): number {
    return Math.max(0, ...this.#messages.map(({ acknowledged }) => acknowledged ?? 0))
  }

  stop(): void {
    this.#worker.postMessage('stop')
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
    await this.#exited
  }

  get exited(): Promise<number> {
    return this.#exited
  }
}

test('the second worker in a directory is told who has it, and gets it afterwards', async () => {
  const directory = join(scratch, 'one')
  const first = new DatabaseWorker({ directory })
  await first.heard(({ open: isOpen }) => isOpen === true)
  const second = new DatabaseWorker({ directory })
  const refusal = await second.heard(({ code }) => code !== undefined)
  expect(refusal).toMatchObject({ isVarveError: true, code: 'VARVE_LOCKED' })
  expect(refusal.message).toContain(`process ${process.pid}`)
  expect(refusal.message).toContain(directory)
  expect(await second.exited).toBe(0)
  await expect(open(directory)).rejects.toMatchObject({ code: 'VARVE_LOCKED' })
  await first.heard(({ acknowledged }) => (acknowledged ?? 0) > 100)
  first.stop()
  const { count, acknowledged } = await first.heard(({ closed }) => closed === true)
  expect(await first.exited).toBe(0)
  const third = new DatabaseWorker({ directory, writes: 0 })
  expect(await third.heard(({ closed }) => closed === true)).toMatchObject({ count })
  expect(count).toBe(acknowledged)
})

test('workers with databases of their own work side by side, and beside this thread', async () => {
  const workers = Array.from(
    { length: 4 },
    (_, i) =>
      new DatabaseWorker({ directory: join(scratch, `own${i}`), writes: 1500, options: { memtableBytes: 64 << 10 } })
  )
  await using db = await open(join(scratch, 'main'), { memtableBytes: 64 << 10 })
  for (let i = 0; i < 2000; i++) await db.put(`main${i}`, String(i))
  for (const worker of workers) {
    expect(await worker.heard(({ closed }) => closed === true)).toMatchObject({ acknowledged: 1500, count: 1500 })
    expect(await worker.exited).toBe(0)
  }
  expect((await db.keys().all()).length).toBe(2000)
})

test('a worker that is ended in the middle of its writes leaves a database that opens', async () => {
  const random = randomOf(seedOf('workers ended'))
  const { below } = drawsOf(random)
  const directory = join(scratch, 'ended')
  const counts = { rounds, acknowledged: 0, written: 0 }
  await using bystander = await open(join(scratch, 'bystander'))
  for (let round = 0; round < rounds; round++) {
    const worker = new DatabaseWorker({ directory, options: { memtableBytes: 64 << 10, syncIntervalMs: 1 } })
    const enough = below(4) === 0 ? 0 : below(3000)
    await worker.heard(({ open: isOpen, acknowledged }) => (acknowledged ?? (isOpen ? 0 : -1)) >= enough)
    const pending = bystander.put(`round ${round}`, 'v', { sync: true })
    await worker.terminate()
    await pending
    const db = await open(directory)
    const keys = new Set(await db.keys().all())
    for (let i = 0; i < worker.acknowledged; i += 10) {
      for (const key of [`a${i}`, `b${i}`, ...Array.from({ length: 8 }, (_, j) => `k${i + j}`)])
        if (!keys.has(key))
          throw new Error(`${key} of round ${round} is not there, ${worker.acknowledged} acknowledged`)
    }
    for (const key of keys) if (key.startsWith('a')) expect(keys.has(`b${key.slice(1)}`)).toBe(true)
    counts.acknowledged += worker.acknowledged
    counts.written += keys.size
    await db.batch([...keys].map((key) => ({ type: 'del', key })))
    await db.close()
  }
  expect((await bystander.keys().all()).length).toBe(rounds)
  report('workers ended', counts)
})
