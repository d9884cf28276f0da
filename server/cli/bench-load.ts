// The load of `varve bench`: connections that each keep a number of requests under way. A connection writes its requests at
// once, waits for all their replies, and goes on: what redis-benchmark does, so that the numbers can be compared.
import type { Socket } from 'node:net'
import { ReplyError, ReplyParser } from '../protocol/resp-replies.ts'
import { encodeRequest, type RequestPart } from '../protocol/resp-requests.ts'
import { Latencies } from './bench-latency.ts'
import { dial, type Target, Wire } from './wire.ts'

export interface Load {
  readonly clients: number
  /** Requests that a connection has under way. */
  readonly pipeline: number
  readonly requests: number
  /** The parts of the next request. */
  readonly next: () => readonly RequestPart[]
}

export interface Outcome {
  readonly requests: number
  readonly seconds: number
  readonly latencies: Latencies
}

export async function runLoad(target: Target, load: Load, onProgress: (done: number) => void): Promise<Outcome> {
  const latencies = new Latencies()
  const state = { left: load.requests, done: 0 }
  const clients = await Promise.all(Array.from({ length: load.clients }, () => openLoggedIn(target)))
  const start = performance.now()
  try {
    await Promise.all(
      clients.map((socket) =>
        keepBusy(socket, load, state, (ms, count) => {
          latencies.add(ms, count)
          onProgress(state.done)
        })
      )
    )
  } finally {
    for (const socket of clients) socket.destroy()
  }
  return { requests: state.done, seconds: (performance.now() - start) / 1000, latencies }
}

/** A bare socket: promises would be most of what is measured. */
async function openLoggedIn(target: Target): Promise<Socket> {
  const socket = await dial(target, 10_000)
  socket.setNoDelay(true)
  socket.setTimeout(0)
  const { user, password } = target
  if (user === undefined) return socket
  const parser = new ReplyParser()
  socket.write(encodeRequest(['AUTH', user, password ?? '']))
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error('the server closed the connection')))
    const receive = (chunk: Buffer): void => {
      const [reply] = parser.push(chunk)
      if (reply === undefined) return
      socket.off('data', receive)
      if (reply instanceof ReplyError) reject(Object.assign(new Error(reply.message), { code: 'ERR_AUTH' }))
      else resolve()
    }
    socket.on('data', receive)
  })
  return socket
}

function keepBusy(
  socket: Socket,
  { pipeline, next }: Load,
  state: { left: number; done: number },
  onBatch: (ms: number, count: number) => void
): Promise<void> {
  const parser = new ReplyParser()
  let waiting = 0
  let batch = 0
  let sentMs = 0
  return new Promise((resolve, reject) => {
    const send = (): void => {
      batch = Math.min(pipeline, state.left)
      if (batch === 0) {
        resolve()
        return
      }
      state.left -= batch
      waiting = batch
      sentMs = performance.now()
      if (batch === 1) socket.write(encodeRequest(next()))
      else socket.write(Buffer.concat(Array.from({ length: batch }, () => encodeRequest(next()))))
    }
    const receive = (chunk: Buffer): void => {
      for (const reply of parser.push(chunk)) {
        if (reply instanceof ReplyError) throw Object.assign(new Error(reply.message), { code: 'ERR_REPLY' })
        waiting--
      }
      if (waiting > 0) return
      state.done += batch
      onBatch(performance.now() - sentMs, batch)
      send()
    }
    socket.on('data', (chunk: Buffer) => {
      try {
        receive(chunk)
      } catch (error) {
        reject(error)
      }
    })
    socket.once('error', reject)
    socket.once('close', () =>
      reject(Object.assign(new Error('the server closed the connection'), { code: 'ERR_CLOSED' }))
    )
    send()
  })
}

/** Runs work with one connection of its own, for what comes before and after a load. */
export async function withWire<T>(target: Target, work: (wire: Wire) => Promise<T>): Promise<T> {
  await using wire = await Wire.connect(target)
  return await work(wire)
}
