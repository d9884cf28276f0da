// One connection: bytes → requests → replies, in order. Owns its socket.
//
//   data ─▶ waiting chunks ─▶ codec ─▶ plans ─▶ groups ─▶ store ─▶ replies ─▶ one write a chunk
//
// The first byte says which protocol it is: "*" begins RESP, anything else the line protocol.
//
// One chunk is served at a time. While it is, the socket is paused as soon as another chunk waits, and the replies of a chunk
// go out in slices of about `replyBytesMax`, each only after the client took the one before. So what a client that never
// reads can make the server hold is: the chunk, one slice and one lookup. The length of a lookup follows the values met so
// far, so that a lookup of long values stays short too.
import type { Socket } from 'node:net'
import type { Caller, ServerView, Transaction, Watched } from './commands/caller.ts'
import { lineCommands } from './commands/line.ts'
import type { Limits } from './limits.ts'
import { type Group, Requests, runGroup } from './pipeline.ts'
import { planLine, planResp } from './planner.ts'
import type { Reply } from './protocol/reply.ts'
import { errorReply } from './protocol/reply.ts'
import type { Codec, Decoded } from './protocol/request.ts'
import { RespCodec } from './protocol/resp.ts'
import { LineCodec } from './protocol/text.ts'
import type { Store } from './store.ts'

export interface SessionContext {
  readonly id: number
  readonly store: Store
  readonly limits: Limits
  readonly server: ServerView
  /** A fault of the server itself; the connection it hit is closed. */
  readonly onFault: (error: unknown) => void
}

const star = 0x2a
/** A lookup may grow this much over the one before it. */
const growthMax = 8

export class Session implements Caller {
  /** Resolves when the socket is closed and nothing of this session runs any more. */
  readonly closed: Promise<void>
  readonly id: number
  readonly server: ServerView
  readonly store: Store
  readonly address: string
  readonly connectedMs: number
  readonly watched = new Map<string, Watched>()
  name = ''
  libraryName = ''
  libraryVersion = ''
  transaction: Transaction | undefined
  readonly #socket: Socket
  readonly #context: SessionContext
  readonly #waiting: Buffer[] = []
  #codec: Codec | undefined
  #readsMax: number
  #isServing = false
  /** The client said that it sends no more. */
  #isInputEnded = false
  /** A command asked for the end. */
  #isClosing = false
  /** No more requests are taken: QUIT, the end of the input, or the server stops. */
  #isEnding = false
  #wake: (() => void) | undefined
  #resolveClosed: () => void = () => {}

  constructor(socket: Socket, context: SessionContext) {
    this.#socket = socket
    this.#context = context
    this.id = context.id
    this.server = context.server
    this.store = context.store
    this.address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
    this.connectedMs = context.server.nowMs()
    this.#readsMax = context.limits.firstLookupMax
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('end', () => this.#endInput())
    socket.on('drain', () => this.#wake?.())
    // A connection reset by its client is an end like any other; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#wake?.()
      this.#settle()
    })
  }

  get language(): 'line' | 'resp' {
    return this.#codec?.name ?? 'line'
  }

  get version(): 2 | 3 {
    return this.#codec instanceof RespCodec ? this.#codec.version : 2
  }

  set version(version: 2 | 3) {
    if (this.#codec instanceof RespCodec) this.#codec.version = version
  }

  /** Closes once what was asked before is answered. */
  close(): void {
    this.#isClosing = true
  }

  push(reply: Reply): void {
    if (this.#codec !== undefined && !this.#socket.destroyed) this.#socket.write(this.#codec.encode([reply]))
  }

  /** Answers what has been received, then closes. Idempotent. */
  stop(): Promise<void> {
    this.#isInputEnded = true
    if (!this.#isServing) this.#end()
    return this.closed
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #receive(chunk: Buffer): void {
    if (this.#isEnding) return
    this.#waiting.push(chunk)
    if (this.#isServing) this.#socket.pause()
    else void this.#serveWaiting()
  }

  #endInput(): void {
    this.#isInputEnded = true
    if (!this.#isServing) this.#end()
  }

  async #serveWaiting(): Promise<void> {
    this.#isServing = true
    try {
      for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
        await this.#serve(chunk)
      }
      if (this.#socket.isPaused()) this.#socket.resume()
    } catch (error) {
      this.#context.onFault(error)
      this.#socket.destroy()
    } finally {
      this.#isServing = false
      if (this.#isInputEnded) this.#end()
      this.#settle()
    }
  }

  /** Runs the requests of a chunk; writes once, or once a slice when their replies are long. */
  async #serve(chunk: Buffer): Promise<void> {
    const { limits } = this.#context
    this.#codec ??= this.#codecFor(chunk)
    const requests = new Requests(this.#codec.push(chunk), this.#plan)
    let replies: Reply[] = []
    let bytes = 0
    while (!requests.isAtEnd && !this.#isEnding && !this.#socket.destroyed) {
      const group = requests.take({ readsMax: this.#readsMax, writesMax: limits.batchMax })
      const answers = await runGroup(group, this)
      if (group.kind !== 'lookup') this.#cutAtUnknown(answers)
      const answerBytes = sizeOf(answers)
      if (replies.length === 0) replies = answers
      else for (const answer of answers) replies.push(answer)
      bytes += answerBytes
      if (group.kind === 'lookup') this.#adapt(group, answerBytes)
      if (this.#isClosing) break
      if (bytes >= limits.replyBytesMax || replies.length >= limits.batchMax) {
        await this.#write(replies)
        replies = []
        bytes = 0
      }
    }
    await this.#write(replies)
    if (this.#isClosing) this.#end()
  }

  /** RESP: nothing is said of a write whose outcome nobody knows, nor of what came after it; the connection closes. */
  #cutAtUnknown(answers: Reply[]): void {
    const unknown = this.language === 'resp' ? answers.findIndex(({ kind }) => kind === 'unknown-outcome') : -1
    if (unknown === -1) return
    answers.length = unknown
    this.#isClosing = true
  }

  #codecFor(chunk: Buffer): Codec {
    const { limits } = this.#context
    return chunk[0] === star ? new RespCodec(limits) : new LineCodec(limits, (name) => lineCommands.get(name))
  }

  readonly #plan = (request: Decoded) => (this.language === 'resp' ? planResp(request, this) : planLine(request))

  /** Sizes the next lookup by what this one brought. */
  #adapt({ plans: { length: count } }: Group, bytes: number): void {
    const { limits } = this.#context
    const fitting = Math.floor((limits.replyBytesMax * count) / Math.max(bytes, 1))
    // A short lookup says little of the client's other values: it may shrink the next one, and not make it grow.
    const grown = count < this.#readsMax ? this.#readsMax : this.#readsMax * growthMax
    this.#readsMax = Math.max(1, Math.min(fitting, grown, limits.lookupMax))
  }

  /** Hands replies to the socket; resolves when it has room for more, or is closed. */
  async #write(replies: readonly Reply[]): Promise<void> {
    const socket = this.#socket
    const codec = this.#codec
    if (replies.length === 0 || socket.destroyed || codec === undefined) return
    if (socket.write(codec.encode(replies))) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (socket.destroyed) resolve()
    })
    this.#wake = undefined
  }

  #end(): void {
    const socket = this.#socket
    if (this.#isEnding || socket.destroyed) return
    this.#isEnding = true
    this.#waiting.length = 0
    if (this.#codec?.name === 'line' && this.#codec.isUnfinished) {
      socket.write(this.#codec.encode([errorReply('the last line has no line break, it was not executed')]))
    }
    // What the client still sends is read and dropped: closing over unread bytes would reset the connection, and the reset
    // may overtake the last reply.
    socket.resume()
    endAndLinger(socket, this.#context.limits.lingerMs)
  }

  #settle(): void {
    if (this.#socket.destroyed && !this.#isServing) this.#resolveClosed()
  }
}

/** Ends our side; once all of it is sent, the client has a while to end its own. */
export function endAndLinger(socket: Socket, lingerMs: number): void {
  socket.end(() => {
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  })
}

/** About how many bytes these replies are. */
function sizeOf(replies: readonly Reply[]): number {
  let bytes = 0
  for (const reply of replies) {
    if (reply.kind === 'value') bytes += reply.value.length + 16
    else if (reply.kind === 'array') bytes += sizeOf(reply.items) + 16
    else if (reply.kind === 'entries') for (const [key, value] of reply.entries) bytes += key.length + value.length + 32
    else bytes += 32
  }
  return bytes
}
