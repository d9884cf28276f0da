// One connection: bytes → requests → replies, in order. Owns its socket.
//
//   data ─▶ waiting chunks ─▶ decoder ─▶ groups ─▶ store ─▶ replies ─▶ one write a chunk
//
// One chunk is served at a time. While it is, the socket is paused as soon as another chunk waits, and the replies of a chunk
// go out in slices of about `replyBytesMax`, each only after the client took the one before. So what a client that never
// reads can make the server hold is: the chunk, one slice and one lookup. The length of a lookup follows the values met so
// far, so that a lookup of long values stays short too.
import type { Socket } from 'node:net'
import type { SessionView } from './commands/command.ts'
import { commands } from './commands/table.ts'
import type { Limits } from './limits.ts'
import { groupAt, runGroup } from './pipeline.ts'
import type { Reply } from './protocol/reply.ts'
import { errorReply } from './protocol/reply.ts'
import { encodeReplies, TextDecoder } from './protocol/text.ts'
import type { Store } from './store.ts'

export interface SessionContext {
  readonly store: Store
  readonly limits: Limits
  readonly view: () => SessionView
  /** A fault of the server itself; the connection it hit is closed. */
  readonly onFault: (error: unknown) => void
}

/** A lookup may grow this much over the one before it. */
const growthMax = 8

export class Session {
  /** Resolves when the socket is closed and nothing of this session runs any more. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #context: SessionContext
  readonly #decoder: TextDecoder
  readonly #waiting: Buffer[] = []
  #readsMax: number
  #isServing = false
  /** The client said that it sends no more. */
  #isInputEnded = false
  /** No more requests are taken: QUIT, the end of the input, or the server stops. */
  #isEnding = false
  #wake: (() => void) | undefined
  #resolveClosed: () => void = () => {}

  constructor(socket: Socket, context: SessionContext) {
    this.#socket = socket
    this.#context = context
    this.#readsMax = context.limits.firstLookupMax
    this.#decoder = new TextDecoder(context.limits.lineBytesMax, (name) => commands.get(name))
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
      this.#socket.resume()
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
    const { store, limits, view } = this.#context
    const requests = this.#decoder.push(chunk)
    let replies: Reply[] = []
    let bytes = 0
    for (let at = 0; at < requests.length && !this.#isEnding && !this.#socket.destroyed; ) {
      const { group, count } = groupAt(requests, at, { readsMax: this.#readsMax, writesMax: limits.batchMax })
      const answers = await runGroup(group, store, view)
      at += count
      const answerBytes = sizeOf(answers)
      replies = replies.concat(answers)
      bytes += answerBytes
      if (group.kind === 'read') this.#adapt(count, answerBytes)
      if (group.kind === 'session' && group.command.closes) {
        await this.#write(replies)
        this.#end()
        return
      }
      if (bytes >= limits.replyBytesMax || replies.length >= limits.batchMax) {
        await this.#write(replies)
        replies = []
        bytes = 0
      }
    }
    await this.#write(replies)
  }

  /** Sizes the next lookup by what this one brought. */
  #adapt(count: number, bytes: number): void {
    const { limits } = this.#context
    const fitting = Math.floor((limits.replyBytesMax * count) / Math.max(bytes, 1))
    // A short lookup says little of the client's other values: it may shrink the next one, and not make it grow.
    const grown = count < this.#readsMax ? this.#readsMax : this.#readsMax * growthMax
    this.#readsMax = Math.max(1, Math.min(fitting, grown, limits.lookupMax))
  }

  /** Hands replies to the socket; resolves when it has room for more, or is closed. */
  async #write(replies: readonly Reply[]): Promise<void> {
    const socket = this.#socket
    if (replies.length === 0 || socket.destroyed) return
    if (socket.write(encodeReplies(replies))) return
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
    if (this.#decoder.isUnfinished) {
      socket.write(encodeReplies([errorReply('the last line has no line break, it was not executed')]))
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
  for (const reply of replies) bytes += reply.kind === 'value' ? reply.value.length + 1 : 32
  return bytes
}
