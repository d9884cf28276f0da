// One connection to a server, for the command line: RESP, pipelined. Requests made in one turn of the event loop leave in one
// write; their promises settle in order as the replies come. Who makes many asks `room()` before each, so that a bounded
// number of bytes is under way. (Programs use varve/client, which reconnects and pools; a command that loses its server ends.)
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Push, ReplyError, ReplyParser, type ReplyValue } from '../protocol/resp-replies.ts'
import { encodeRequest, type RequestPart } from '../protocol/resp-requests.ts'

export interface Target {
  readonly host: string
  readonly port: number
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** Undefined: no TLS. */
  readonly tls?: ConnectionOptions | undefined
}

export interface WireOptions {
  /** How long connecting may take, and how long the server may leave requests unanswered. */
  readonly timeoutMs?: number
  /** Unanswered bytes over which `room()` waits. */
  readonly windowBytes?: number
}

/** Codes of the errors made here; those of the system keep their own. */
export type WireErrorCode = 'ERR_REPLY' | 'ERR_AUTH' | 'ERR_CLOSED' | 'ERR_TIMEOUT' | 'ERR_PROTOCOL'

interface Waiting {
  readonly bytes: number
  readonly resolve: (reply: ReplyValue) => void
  readonly reject: (error: Error) => void
}

export class Wire {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #windowBytes: number
  readonly #parser = new ReplyParser()
  #waiting: Waiting[] = []
  #answered = 0
  #outgoing: Buffer[] = []
  #unansweredBytes = 0
  #roomWaiters: (() => void)[] = []
  #ended: Error | undefined

  private constructor(socket: Socket, { timeoutMs = 30_000, windowBytes = 2 ** 20 }: WireOptions) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    this.#windowBytes = windowBytes
    socket.setNoDelay(true)
    socket.setTimeout(0)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('timeout', () => {
      if (!this.#isIdle) socket.destroy(wireError('ERR_TIMEOUT', `the server did not answer within ${timeoutMs} ms`))
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(wireError('ERR_CLOSED', 'the server closed the connection')))
  }

  /** Rejects with the system's error (ECONNREFUSED and so on), or with ERR_AUTH. */
  static async connect(target: Target, options: WireOptions = {}): Promise<Wire> {
    const wire = new Wire(await dial(target, options.timeoutMs ?? 30_000), options)
    const { user, password } = target
    if (user === undefined && password === undefined) return wire
    try {
      await wire.call('AUTH', user ?? 'default', password ?? '')
    } catch (error) {
      await wire.close()
      throw isReplyError(error) ? wireError('ERR_AUTH', error.message) : error
    }
    return wire
  }

  /** Asks, and resolves with the reply; rejects with ERR_REPLY when it is an error. */
  call(...parts: readonly RequestPart[]): Promise<ReplyValue> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const bytes = encodeRequest(parts)
    this.#unansweredBytes += bytes.length
    if (this.#isIdle) this.#socket.setTimeout(this.#timeoutMs)
    // After the microtasks: a loop that makes requests one after the other fills the window before any leaves.
    if (this.#outgoing.push(bytes) === 1) process.nextTick(() => this.#flush())
    return new Promise((resolve, reject) => this.#waiting.push({ bytes: bytes.length, resolve, reject }))
  }

  /** Resolves once fewer bytes than the window are unanswered. It never rejects: the requests themselves do. */
  async room(): Promise<void> {
    while (this.#unansweredBytes >= this.#windowBytes && this.#ended === undefined) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve))
    }
  }

  /** Ends the connection once what was sent is answered. Idempotent. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    this.#flush()
    this.#socket.setTimeout(this.#timeoutMs, () => this.#socket.destroy())
    this.#socket.end()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #isIdle(): boolean {
    return this.#answered === this.#waiting.length
  }

  #flush(): void {
    if (this.#outgoing.length === 0 || this.#ended !== undefined) return
    this.#socket.write(Buffer.concat(this.#outgoing))
    this.#outgoing = []
  }

  #receive(chunk: Buffer): void {
    try {
      for (const reply of this.#parser.push(chunk)) if (!(reply instanceof Push)) this.#answer(reply)
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? wireError('ERR_PROTOCOL', error.message) : undefined)
    }
  }

  #answer(reply: ReplyValue): void {
    const waiting = this.#waiting[this.#answered]
    if (waiting === undefined) {
      // Turned away before a request: the connection is one too many.
      const said = reply instanceof ReplyError ? replyError(reply) : undefined
      this.#socket.destroy(said ?? wireError('ERR_PROTOCOL', 'the server said something nobody asked for'))
      return
    }
    this.#answered++
    this.#unansweredBytes -= waiting.bytes
    if (this.#isIdle) {
      this.#waiting = []
      this.#answered = 0
      this.#socket.setTimeout(0)
    } else if (this.#answered >= 10_000) {
      this.#waiting = this.#waiting.slice(this.#answered)
      this.#answered = 0
    }
    if (reply instanceof ReplyError) waiting.reject(replyError(reply))
    else waiting.resolve(reply)
    if (this.#unansweredBytes < this.#windowBytes) this.#makeRoom()
  }

  #makeRoom(): void {
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const wake of waiters) wake()
  }

  #fail(error: Error): void {
    this.#ended ??= error
    const unanswered = this.#waiting.slice(this.#answered)
    this.#waiting = []
    this.#answered = 0
    for (const { reject } of unanswered) reject(this.#ended)
    this.#makeRoom()
  }
}

/** A socket that is connected, and encrypted where that is asked for. */
export async function dial({ host, port, tls }: Target, timeoutMs: number): Promise<Socket> {
  const socket =
    tls === undefined ? connect({ host, port }) : (await import('node:tls')).connect({ host, port, ...tls })
  return await new Promise((resolve, reject) => {
    const onTimeout = () => socket.destroy(wireError('ERR_TIMEOUT', `no connection within ${timeoutMs} ms`))
    socket.setTimeout(timeoutMs, onTimeout)
    socket.once('error', reject)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.off('error', reject)
      socket.off('timeout', onTimeout)
      resolve(socket)
    })
  })
}

/** The first word of an error is kept: NOAUTH, NOPERM, WRONGTYPE. */
export interface ReplyFault extends Error {
  readonly code: 'ERR_REPLY'
  readonly word: string
}

const replyError = ({ code, message }: ReplyError): ReplyFault =>
  Object.assign(wireError('ERR_REPLY', message), { code: 'ERR_REPLY', word: code } as const)

export const isReplyError = (error: unknown): error is ReplyFault =>
  error instanceof Error && 'code' in error && error.code === 'ERR_REPLY'

const wireError = (code: WireErrorCode, message: string): Error => Object.assign(new Error(message), { code })
