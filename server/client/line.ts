// A client of the line protocol, for the command line: one connection, pipelined. Requests made in one turn of the event
// loop leave in one write; their promises settle in order as the replies come back. Who makes many requests asks `room()`
// before each, so that a bounded number of bytes is under way.
//
//   await using client = await LineClient.connect({ host: '127.0.0.1', port: 9000 })
//   await client.put('hello', 'world')
//   await client.get('hello')           // a Buffer, or undefined
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { LineSplitter } from '../protocol/lines.ts'
import { Fifo } from './fifo.ts'

export interface LineClientOptions {
  readonly host: string
  readonly port: number
  /** How long connecting may take, and how long the server may leave requests unanswered. */
  readonly timeoutMs?: number
  /** Unanswered bytes over which `room()` waits. */
  readonly windowBytes?: number
}

/** Codes of the errors this client makes itself; those of the system keep their own. */
export type ClientErrorCode = 'ERR_REPLY' | 'ERR_CLOSED' | 'ERR_TIMEOUT' | 'ERR_LINE'

interface Waiting {
  readonly bytes: number
  /** The reply is a block of lines that an empty line ends. */
  readonly isBlock: boolean
  readonly resolve: (lines: readonly Buffer[]) => void
  readonly reject: (error: Error) => void
}

/** The longest reply line that is read. */
const replyBytesMax = 2 ** 28
const missingLine = Buffer.from('-NOT_FOUND')
const errorStart = Buffer.from('-ERR ')

export class LineClient {
  readonly #socket: Socket
  readonly #windowBytes: number
  readonly #timeoutMs: number
  readonly #splitter = new LineSplitter(replyBytesMax)
  readonly #waiting = new Fifo<Waiting>()
  #outgoing: Buffer[] = []
  #unansweredBytes = 0
  #block: Buffer[] = []
  #roomWaiters: (() => void)[] = []
  #ended: Error | undefined
  #isClosing = false

  private constructor(socket: Socket, options: LineClientOptions) {
    this.#socket = socket
    this.#windowBytes = options.windowBytes ?? 2 ** 20
    this.#timeoutMs = options.timeoutMs ?? 30_000
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#splitter.push(chunk, (line) => this.#receive(line)))
    socket.on('timeout', () => this.#onTimeout())
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(clientError('ERR_CLOSED', 'the server closed the connection')))
  }

  /** Rejects with the system's error, whose `code` says what it was (ECONNREFUSED and so on). */
  static connect(options: LineClientOptions): Promise<LineClient> {
    const { host, port, timeoutMs = 30_000 } = options
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port })
      const onTimeout = () => socket.destroy(clientError('ERR_TIMEOUT', `no connection within ${timeoutMs} ms`))
      socket.setTimeout(timeoutMs, onTimeout)
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.off('timeout', onTimeout)
        resolve(new LineClient(socket, options))
      })
    })
  }

  /** The first thing wrong with a key for this protocol, as a sentence's end; `undefined` if it can be carried. */
  static keyFault(key: string): string | undefined {
    if (key === '') return 'is empty'
    if (/[ \r\n]/.test(key)) return 'has a space or a line break, which the line protocol cannot carry in a key'
    return undefined
  }

  static valueFault(value: string): string | undefined {
    return /[\r\n]/.test(value) ? 'has a line break, which the line protocol cannot carry' : undefined
  }

  async put(key: string, value: string): Promise<void> {
    check('the key', LineClient.keyFault(key))
    check('the value', LineClient.valueFault(value))
    await this.#line(`PUT ${key} ${value}\n`)
  }

  async get(key: string): Promise<Buffer | undefined> {
    check('the key', LineClient.keyFault(key))
    const line = await this.#line(`GET ${key}\n`)
    return line.equals(missingLine) ? undefined : line
  }

  async del(key: string): Promise<void> {
    check('the key', LineClient.keyFault(key))
    await this.#line(`DELETE ${key}\n`)
  }

  async ping(): Promise<void> {
    await this.#line('PING\n')
  }

  /** The lines of STATUS as they are, by name. */
  async status(): Promise<ReadonlyMap<string, string>> {
    const lines = await this.#send('STATUS\n', true)
    return new Map(
      lines.map((line) => {
        const text = line.toString()
        const colon = text.indexOf(': ')
        return colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 2)]
      })
    )
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
    this.#isClosing = true
    this.#socket.setTimeout(this.#timeoutMs)
    this.#socket.end()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #line(request: string): Promise<Buffer> {
    const [line] = await this.#send(request, false)
    return line ?? Buffer.alloc(0)
  }

  #send(request: string, isBlock: boolean): Promise<readonly Buffer[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const bytes = Buffer.from(request)
    this.#unansweredBytes += bytes.length
    // After the microtasks: a loop that makes requests one after the other fills the window before any leaves.
    if (this.#outgoing.push(bytes) === 1) process.nextTick(() => this.#flush())
    if (this.#waiting.isEmpty) this.#socket.setTimeout(this.#timeoutMs)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes: bytes.length, isBlock, resolve, reject })
    })
  }

  #flush(): void {
    if (this.#outgoing.length === 0 || this.#ended !== undefined) return
    this.#socket.write(Buffer.concat(this.#outgoing))
    this.#outgoing = []
  }

  #receive(line: Buffer | undefined): void {
    const waiting = this.#waiting.first
    if (waiting === undefined || line === undefined) {
      // The connection is turned away before a request, or the reply fits no memory.
      const said = line === undefined ? 'the reply is too long' : errorOf(line)?.message
      this.#socket.destroy(clientError('ERR_REPLY', said ?? 'the server said something nobody asked for'))
      return
    }
    const error = errorOf(line)
    if (waiting.isBlock && error === undefined && line.length > 0) {
      this.#block.push(line)
      return
    }
    this.#waiting.shift()
    this.#answered(waiting.bytes)
    if (error !== undefined) waiting.reject(error)
    else waiting.resolve(waiting.isBlock ? this.#block : [line])
    this.#block = []
  }

  #answered(bytes: number): void {
    this.#unansweredBytes -= bytes
    if (this.#waiting.isEmpty && !this.#isClosing) this.#socket.setTimeout(0)
    if (this.#unansweredBytes < this.#windowBytes) this.#makeRoom()
  }

  #makeRoom(): void {
    const waiters = this.#roomWaiters
    if (waiters.length === 0) return
    this.#roomWaiters = []
    for (const wake of waiters) wake()
  }

  #onTimeout(): void {
    if (this.#waiting.isEmpty && !this.#isClosing) return
    this.#socket.destroy(clientError('ERR_TIMEOUT', `the server did not answer within ${this.#timeoutMs} ms`))
  }

  #fail(error: Error): void {
    this.#ended ??= error
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      waiting.reject(this.#ended)
    }
    this.#makeRoom()
  }
}

function errorOf(line: Buffer): Error | undefined {
  if (!line.subarray(0, errorStart.length).equals(errorStart)) return undefined
  return clientError('ERR_REPLY', line.toString('utf8', errorStart.length))
}

function check(what: string, fault: string | undefined): void {
  if (fault !== undefined) throw clientError('ERR_LINE', `${what} ${fault}`)
}

function clientError(code: ClientErrorCode, message: string): Error {
  return Object.assign(new Error(message), { code })
}
