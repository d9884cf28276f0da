// The reactor under JavaScript's event loop: called back, released at any moment, ended with its thread.
// asan: yes
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import native from '#native'

const [accepted, data, end, , gone] = [1, 2, 3, 4, 5]

interface Told {
  readonly connection: number
  readonly what: number
  readonly text: string
}

/** Also by a reset. */
const closed = (client: Socket): Promise<void> =>
  new Promise((resolve) => client.resume().once('close', () => resolve()))

/** A reactor that keeps what it is told. */
class Listening {
  readonly reactor: native.Reactor
  readonly port: number
  readonly told: Told[] = []
  readonly #buffer = Buffer.alloc(64 * 2 ** 10)
  readonly #events = new Int32Array(3 + 3 * 64)
  #wake = () => {}

  constructor() {
    this.reactor = native.openReactor(() => this.#take())
    this.port = Number(native.listen(this.reactor, '127.0.0.1', 0, 16).split(' ')[1])
  }

  #take(): void {
    native.takeEvents(this.reactor, this.#buffer, 0, this.#events)
    const [count = 0] = this.#events
    let at = 0
    for (let i = 0; i < count; i++) {
      const [connection = -1, what = -1, detail = 0] = this.#events.subarray(3 + 3 * i)
      const length = what === data ? detail : 0
      this.told.push({ connection, what, text: this.#buffer.toString('latin1', at, at + length) })
      at += length
    }
    this.#wake()
  }

  /** The next that was told, of this kind. */
  async next(wanted: number): Promise<Told> {
    for (;;) {
      const at = this.told.findIndex(({ what }) => what === wanted)
      if (at !== -1) return this.told.splice(at, 1)[0] as Told
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async dial(): Promise<{ client: Socket; connection: number }> {
    const client = connect(this.port, '127.0.0.1')
    await once(client, 'connect')
    client.on('error', () => {})
    return { client, connection: (await this.next(accepted)).connection }
  }
}

test('is called when something happens, and sends what it is given', async () => {
  const listening = new Listening()
  const one = await listening.dial()
  const two = await listening.dial()
  one.client.write('first')
  expect(await listening.next(data)).toMatchObject({ connection: one.connection, text: 'first' })
  const parts = new Uint32Array([one.connection, 3, two.connection, 6, 77, 9])
  expect(native.writeParts(listening.reactor, Buffer.from('oneTWO???'), parts, 3)).toBe(0)
  expect([...parts]).toEqual([one.connection, 0, two.connection, 0, 77, 0])
  expect(String((await once(one.client, 'data'))[0])).toBe('one')
  expect(String((await once(two.client, 'data'))[0])).toBe('TWO')
  two.client.end()
  expect(await listening.next(end)).toMatchObject({ connection: two.connection })
  one.client.resetAndDestroy()
  expect(await listening.next(gone)).toMatchObject({ connection: one.connection })
  expect(native.writeConnection(listening.reactor, one.connection, Buffer.from('x'))).toBe(0)
  native.release(listening.reactor)
  expect(() => native.stopListening(listening.reactor)).toThrow('must be a live Reactor handle')
})

test('its release closes everything, also within its own call', async () => {
  const reactor: native.Reactor = native.openReactor(() => native.release(reactor))
  const port = Number(native.listen(reactor, '127.0.0.1', 0, 16).split(' ')[1])
  const client = connect(port, '127.0.0.1')
  client.on('error', () => {})
  await closed(client)
  const again = connect(port, '127.0.0.1')
  const [error] = await once(again, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED' })
})

test('parts that are not in order, or not within the bytes, are refused', () => {
  const reactor = native.openReactor(() => {})
  const bytes = Buffer.alloc(10)
  expect(() => native.writeParts(reactor, bytes, new Uint32Array([0, 5, 0, 4]), 2)).toThrow('in order')
  expect(() => native.writeParts(reactor, bytes, new Uint32Array([0, 11]), 1)).toThrow('within')
  expect(() => native.takeEvents(reactor, bytes, 11, new Int32Array(9))).toThrow('within the buffer')
  expect(() => native.takeEvents(reactor, bytes, 0, new Int32Array(5))).toThrow('room for one')
  native.release(reactor)
})

const program = `
  const { parentPort, workerData } = require('node:worker_threads')
  const native = require(workerData)
  const buffer = Buffer.alloc(65536)
  const events = new Int32Array(99)
  let told = 0
  const reactor = native.openReactor(() => {
    native.takeEvents(reactor, buffer, 0, events)
    native.writeConnection(reactor, 0, Buffer.alloc(16 << 20))
    parentPort.postMessage(++told)
  })
  parentPort.postMessage(Number(native.listen(reactor, '127.0.0.1', 0, 16).split(' ')[1]))
`

describe('a worker with an open reactor', () => {
  test.each([0, 1, 3])('ends with %d connections', async (count) => {
    const workerData = new URL('../../native/index.cjs', import.meta.url).pathname
    const worker = new Worker(program, { eval: true, workerData })
    const [port] = await once(worker, 'message')
    const clients: Socket[] = []
    for (let i = 0; i < count; i++) {
      const client = connect(port, '127.0.0.1')
      client.on('error', () => {})
      clients.push(client)
      await once(worker, 'message')
    }
    const all = Promise.all(clients.map(closed))
    expect(await worker.terminate()).toBe(1)
    await all
  })
})
