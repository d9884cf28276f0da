// One connection: bytes → requests → replies, in order. Owns its socket.
//
//   data ─▶ waiting chunks ─▶ codec ─▶ plans ─▶ groups ─▶ store ─▶ replies ─▶ one write a chunk
//
// The first byte says which protocol it is: "*" begins RESP, anything else the line protocol.
//
// One chunk is served at a time. While it is, the socket is paused as soon as another chunk waits, and the replies of a chunk
// go out in slices of about `replyBytesMax`, each only after the client took the one before. So what a client that never
// reads can make the server hold is: the chunk, one slice and one lookup. The length of a lookup follows the values met so
// far, so that a lookup of long values stays short too. What is pushed (published messages) goes between the replies, in the
// order of what happened; a client that does not take it is closed.
import type { Socket } from 'node:net'
import { Account } from './account.ts'
import { type Access, noAccess } from './auth/access.ts'
import { GrantedStore } from './auth/granted-store.ts'
import { type Identity, loginFault } from './auth/users.ts'
import type { Caller, Noted, ServerView, Transaction, Watched } from './commands/caller.ts'
import type { Arguments } from './commands/command.ts'
import { lineCommands } from './commands/line.ts'
import { earlyLimits, earlyReplyBytesMax, type Limits } from './limits.ts'
import type { Holder, Memory } from './memory.ts'
import { Patience } from './patience.ts'
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
  readonly memory: Memory
  /** A fault of the server itself; the connection it hit is closed. */
  readonly onFault: (error: unknown) => void
}

const star = 0x2a
const lineFeed = 0x0a
/** A lookup may grow this much over the one before it. */
const growthMax = 8

export class Session implements Caller, Holder {
  /** Resolves when the socket is closed and nothing of this session runs any more. */
  readonly closed: Promise<void>
  readonly id: number
  readonly server: ServerView
  readonly address: string
  readonly localAddress: string
  readonly connectedMs: number
  readonly watched = new Map<string, Watched>()
  readonly channels = new Map<string, Buffer>()
  readonly patterns = new Map<string, Buffer>()
  inputBytes = 0
  outputBytes = 0
  name = ''
  isKept = false
  libraryName = ''
  libraryVersion = ''
  transaction: Transaction | undefined
  readonly #socket: Socket
  readonly #context: SessionContext
  readonly #account: Account
  readonly #patience: Patience
  readonly #waiting: Buffer[] = []
  #waitingBytes = 0
  #identity: Identity
  /** The store as a user with grants sees it. */
  #granted: GrantedStore | undefined
  /** Answers and pushes that are not written yet, and about how many bytes they are. */
  #replies: Reply[] = []
  #replyBytes = 0
  /** Room that the running lookup may take. */
  #reservedBytes = 0
  /** Of replies before a login. */
  #earlyReplyBytes = 0
  #requests = 0
  /** Pushed since the client had last taken everything. */
  #pushedBytes = 0
  #isFlushPlanned = false
  #activeMs: number
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
    this.#identity = context.server.users.guest
    this.address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`
    this.localAddress = `${socket.localAddress ?? ''}:${socket.localPort ?? 0}`
    this.connectedMs = context.server.nowMs()
    this.#activeMs = this.connectedMs
    this.#account = new Account(this)
    this.#patience = new Patience(context.limits, this.connectedMs)
    this.#readsMax = context.limits.firstLookupMax
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('end', () => this.#endInput())
    socket.on('drain', () => this.#drained())
    socket.on('timeout', () => socket.destroy())
    // A connection reset by its client is an end like any other; 'close' follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      this.server.broker.leave(this)
      this.#wake?.()
      this.#settle()
    })
  }

  get user(): string {
    return this.#identity.name
  }

  get access(): Access {
    return this.#identity.access
  }

  get isAuthenticated(): boolean {
    return this.#identity.access !== noAccess
  }

  get store(): Store {
    if (this.access.isUnrestricted) return this.#context.store
    this.#granted ??= new GrantedStore(this.#context.store, () => this.access)
    return this.#granted
  }

  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain
  }

  get language(): 'line' | 'resp' {
    return this.#codec?.name ?? 'line'
  }

  get version(): 2 | 3 {
    return this.#codec instanceof RespCodec ? this.#codec.version : 2
  }

  /** What was answered before is still said in the version of before. */
  set version(version: 2 | 3) {
    if (!(this.#codec instanceof RespCodec) || this.#codec.version === version) return
    this.#flush()
    this.#codec.version = version
  }

  get activeMs(): number {
    return this.#activeMs
  }

  get lastCommand(): string {
    return this.#account.lastCommand
  }

  get heldBytes(): number {
    return this.#codec?.heldBytes ?? 0
  }

  get unsentBytes(): number {
    return this.#socket.writableLength + this.#replyBytes
  }

  noted(command: Noted | undefined, args: Arguments): void {
    this.#account.note(command, args)
  }

  async authenticate(user: string, password: Buffer): Promise<Reply | undefined> {
    const login = await this.server.users.login(user, password, this.#socket.remoteAddress ?? '')
    if (!('identity' in login)) return loginFault(login)
    this.#identity = login.identity
    return undefined
  }

  forgetUser(): void {
    this.#identity = this.server.users.guest
  }

  /** Closes if the client does not keep to the times; called about once a second. */
  sweep(nowMs: number): void {
    const { isAuthenticated, heldBytes } = this
    const isBusy = this.#isServing || this.channels.size + this.patterns.size > 0
    const isUnfinished = this.#codec?.isUnfinished ?? false
    const progress = {
      isAuthenticated,
      isBusy,
      isUnfinished,
      heldBytes,
      requests: this.#requests,
      activeMs: this.#activeMs
    }
    if (this.#patience.isOver(progress, nowMs)) this.destroy()
  }

  /** Closes once what was asked before is answered. */
  close(): void {
    this.#isClosing = true
  }

  push(reply: Reply): void {
    const socket = this.#socket
    if (socket.destroyed || this.#isEnding) return
    if (socket.writableLength === 0 && this.#replies.length === 0) this.#pushedBytes = 0
    const bytes = sizeOf([reply])
    this.#pushedBytes += bytes
    if (this.#pushedBytes > this.#context.limits.pushedBytesMax) {
      this.server.statistics.counts.subscribersCut++
      socket.destroy()
      return
    }
    this.#replies.push(reply)
    this.#replyBytes += bytes
    this.#context.memory.output(this, bytes)
    if (this.#isServing || this.#isFlushPlanned) return
    // All that is published in this turn leaves in one write.
    this.#isFlushPlanned = true
    process.nextTick(() => {
      this.#isFlushPlanned = false
      if (!this.#isServing) this.#flush()
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
    this.#activeMs = this.server.nowMs()
    this.server.statistics.counts.bytesReceived += chunk.length
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
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
        this.#waitingBytes -= chunk.length
        for (const piece of this.#piecesOf(chunk)) {
          if (!this.#isEnding) await this.#serve(piece)
        }
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

  /** Before a login line by line: what follows AUTH is read by other limits. */
  *#piecesOf(chunk: Buffer): Generator<Buffer> {
    const { pieceBytesMax } = this.#context.limits
    for (let at = 0; at < chunk.length; ) {
      const lineEnd = this.isAuthenticated ? -1 : chunk.indexOf(lineFeed, at)
      const end = Math.min(lineEnd === -1 ? chunk.length : lineEnd + 1, at + pieceBytesMax)
      yield chunk.subarray(at, end)
      at = end
    }
  }

  #decode(piece: Buffer): Requests {
    const { limits, memory } = this.#context
    this.#codec ??= this.#codecFor(piece)
    this.#codec.limits = this.isAuthenticated ? limits : earlyLimits
    const decoded = this.#codec.push(piece)
    this.#requests += decoded.length
    const held = this.#codec.heldBytes + this.#waitingBytes
    if (held !== this.inputBytes) memory.input(this, held)
    return new Requests(decoded, this.#plan)
  }

  /** Runs the requests of a piece; writes once, or once a slice when their replies are long. */
  async #serve(piece: Buffer): Promise<void> {
    const { limits, memory } = this.#context
    const requests = this.#decode(piece)
    this.#account.begin()
    while (!requests.isAtEnd && !this.#isEnding && !this.#socket.destroyed) {
      const readsMax = Math.min(this.#readsMax, memory.lookupMax)
      const group = requests.take({ readsMax, writesMax: limits.batchMax })
      const keys = keysIn(group)
      if (keys > 0) {
        const room = memory.reserve(this, keys)
        this.#reservedBytes = typeof room === 'number' ? room : await room
      }
      const answers = await runGroup(group, this)
      this.#account.settle(answers)
      if (group.kind !== 'lookup') this.#cutAtUnknown(answers)
      const answerBytes = sizeOf(answers)
      memory.settle(this, { reserved: this.#reservedBytes, keys, bytes: answerBytes })
      this.#reservedBytes = 0
      if (this.#replies.length === 0) this.#replies = answers
      else for (const answer of answers) this.#replies.push(answer)
      this.#replyBytes += answerBytes
      if (group.kind === 'lookup') this.#adapt(group, answerBytes)
      if (this.#isClosing) break
      if (this.#replyBytes >= limits.replyBytesMax || this.#replies.length >= limits.batchMax) {
        await this.#write()
        this.#account.begin()
      }
    }
    await this.#write()
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

  readonly #plan = (request: Decoded) => {
    if (this.language === 'resp') return planResp(request, this)
    if (request.kind === 'request') this.noted(lineCommands.get(request.name), request.args)
    else this.noted(undefined, [])
    return planLine(request, this)
  }

  /** Sizes the next lookup by what this one brought. */
  #adapt({ plans: { length: count } }: Group, bytes: number): void {
    const { limits } = this.#context
    const fitting = Math.floor((limits.replyBytesMax * count) / Math.max(bytes, 1))
    // A short lookup says little of the client's other values: it may shrink the next one, and not make it grow.
    const grown = count < this.#readsMax ? this.#readsMax : this.#readsMax * growthMax
    this.#readsMax = Math.max(1, Math.min(fitting, grown, limits.lookupMax))
  }

  /** Hands replies to the socket; resolves when it has room for more, or is closed. */
  async #write(): Promise<void> {
    const socket = this.#socket
    if (this.#flush() || socket.destroyed) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (socket.destroyed) resolve()
    })
    this.#wake = undefined
  }

  #drained(): void {
    this.#socket.setTimeout(0)
    this.#release()
    this.#wake?.()
  }

  /** What was written is the system's. */
  #release(): void {
    this.#context.memory.output(this, this.#replyBytes + this.#reservedBytes - this.outputBytes)
  }

  /** Hands replies to the socket; false: it holds as much as it should. */
  #flush(): boolean {
    const replies = this.#replies
    if (replies.length === 0 || this.#socket.destroyed || this.#codec === undefined) return true
    this.#replies = []
    this.#replyBytes = 0
    const bytes = this.#codec.encode(replies)
    this.server.statistics.counts.bytesSent += bytes.length
    if (!this.isAuthenticated && !this.#mayReplyEarly(bytes.length)) return true
    if (this.#socket.write(bytes)) {
      this.#release()
      return true
    }
    // Of the system's clock: only it sees how much of a long write is gone.
    this.#socket.setTimeout(this.#context.limits.stalledMs)
    this.#context.memory.blocked()
    return false
  }

  /** Who asks on and on without saying who they are is not worth a longer conversation. */
  #mayReplyEarly(bytes: number): boolean {
    this.#earlyReplyBytes += bytes
    if (this.#earlyReplyBytes <= earlyReplyBytesMax) return true
    this.#socket.destroy()
    return false
  }

  #end(): void {
    const socket = this.#socket
    if (this.#isEnding || socket.destroyed) return
    this.#flush()
    this.#isEnding = true
    this.#waiting.length = 0
    this.server.broker.leave(this)
    if (this.#codec?.name === 'line' && this.#codec.isUnfinished) {
      socket.write(this.#codec.encode([errorReply('the last line has no line break, it was not executed')]))
    }
    // What the client still sends is read and dropped: closing over unread bytes would reset the connection, and the reset
    // may overtake the last reply.
    socket.resume()
    endAndLinger(socket, this.#context.limits.lingerMs)
  }

  #settle(): void {
    if (!this.#socket.destroyed || this.#isServing) return
    this.#context.memory.forget(this)
    this.#resolveClosed()
  }
}

/** Keys whose values a group brings. */
function keysIn({ kind, plans }: Group): number {
  if (kind !== 'lookup' && kind !== 'entries') return 0
  let count = 0
  for (const plan of plans) if (plan.kind === 'lookup' || plan.kind === 'entries') count += plan.keys.length
  return count
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
    else if (reply.kind === 'entries') for (const [key, value] of reply.entries) bytes += key.length + value.length + 32
    else if (reply.kind === 'array' || reply.kind === 'push') bytes += sizeOf(reply.items) + 16
    else bytes += 32
  }
  return bytes
}
