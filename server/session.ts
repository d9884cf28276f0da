// One connection: bytes → requests → replies, in order. Owns its socket.
//
//   data ─▶ waiting chunks ─▶ codec ─▶ plans ─▶ groups ─▶ store ─▶ replies ─▶ one write a chunk
//
// The first byte says which protocol it is: "*" begins RESP, anything else the line protocol.
//
// One chunk is served at a time. While it is, the socket is paused as soon as another chunk waits, and the replies of a chunk
// go out in slices of about `replyBytesMax`, each only after the client took the one before. So what a client that never
// reads can make the server hold is: the chunk, one slice and one lookup (answering.ts). What is pushed (published messages)
// goes between the replies, in the order of what happened; a client that does not take it is closed.
import { Account } from './account.ts'
import { Answering } from './answering.ts'
import { type Access, noAccess } from './auth/access.ts'
import { GrantedStore } from './auth/granted-store.ts'
import { type Identity, loginFault } from './auth/users.ts'
import type { Caller, Noted, ServerView, Transaction, Watched } from './commands/caller.ts'
import type { Arguments } from './commands/command.ts'
import { lineCommands } from './commands/line.ts'
import { Inbox } from './inbox.ts'
import { earlyLimits, earlyReplyBytesMax, type Limits } from './limits.ts'
import { lookahead } from './lookahead.ts'
import type { Holder, Memory } from './memory.ts'
import { type Connection, endAndLinger } from './net/connection.ts'
import { Outbox, type OutboxOwner } from './outbox.ts'
import { Patience } from './patience.ts'
import { Requests } from './pipeline.ts'
import { planLine, planResp, planRun } from './planner.ts'
import { errorReply, type Reply, sizeOf } from './protocol/reply.ts'
import type { Codec, Decoded, Single } from './protocol/request.ts'
import { RespCodec } from './protocol/resp.ts'
import type { Run } from './protocol/resp-runs.ts'
import { LineCodec } from './protocol/text.ts'
import type { Store } from './store.ts'
import { type Served, turn } from './turn.ts'

export interface SessionContext {
  readonly id: number
  readonly store: Store
  /** For who said READONLY; undefined: the same. */
  readonly localStore?: Store | undefined
  readonly limits: Limits
  readonly server: ServerView
  readonly memory: Memory
  /** A fault of the server itself; the connection it hit is closed. */
  readonly onFault: (error: unknown) => void
}

const star = 0x2a
/** Longer chunks are worth a call of the store of their own. */
const preparedBytesMax = 512

export class Session implements Caller, Holder, OutboxOwner, Served {
  /** Resolves when the socket is closed and nothing of this session runs any more. */
  readonly closed: Promise<void>
  readonly id: number
  readonly server: ServerView
  readonly address: string
  readonly localAddress: string
  readonly connectedMs: number
  inputBytes = 0
  outputBytes = 0
  readonly watched = new Map<string, Watched>()
  readonly channels = new Map<string, Buffer>()
  readonly patterns = new Map<string, Buffer>()
  name = ''
  isKept = false
  isClusterClient = false
  readsLocally = false
  knowsRedirect = false
  libraryName = ''
  libraryVersion = ''
  transaction: Transaction | undefined
  readonly #socket: Connection
  readonly #context: SessionContext
  readonly #account: Account
  readonly #outbox: Outbox
  readonly #patience: Patience
  readonly #inbox = new Inbox()
  /** Decoded and not all run yet. */
  #requests: Requests | undefined
  #codec: Codec | undefined
  #identity: Identity
  /** The store as a user with grants sees it; the same for local reads. */
  #granted: GrantedStore | undefined
  #grantedLocal: GrantedStore | undefined
  readonly #answering: Answering
  /** Of replies before a login. */
  #earlyReplyBytes = 0
  #isServing = false
  /** The client said that it sends no more. */
  #isInputEnded = false
  /** A command asked for the end. */
  #isClosing = false
  /** No more requests are taken: QUIT, the end of the input, or the server stops. */
  #isEnding = false
  /** This member leads no longer: whoever asked is to find the one that does. */
  #isLeaving = false
  #wake: (() => void) | undefined
  #isActive = false
  #activeMs: number
  #requestsSeen = 0
  #resolveClosed: () => void = () => {}

  constructor(socket: Connection, context: SessionContext) {
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
    this.#outbox = new Outbox(socket, this)
    this.#patience = new Patience(context.limits, this.connectedMs)
    this.#answering = new Answering(this, { account: this.#account, limits: context.limits, memory: context.memory })
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('end', () => this.#endInput())
    socket.on('drain', () => this.#drain())
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

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  get store(): Store {
    const { store, localStore } = this.#context
    const isLocal = this.readsLocally && localStore !== undefined
    if (this.access.isUnrestricted) return isLocal ? localStore : store
    if (isLocal) {
      this.#grantedLocal ??= new GrantedStore(localStore, () => this.access)
      return this.#grantedLocal
    }
    this.#granted ??= new GrantedStore(store, () => this.access)
    return this.#granted
  }

  get isBlocked(): boolean {
    return this.#wake !== undefined || this.#socket.writableNeedDrain
  }

  get expectsLong(): boolean {
    return this.#answering.expectsLong
  }

  get isServing(): boolean {
    return this.#isServing
  }

  get codec(): Codec | undefined {
    return this.#codec
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
    if (this.#isActive) this.#activeMs = nowMs
    this.#isActive = false
    const isOver = this.#patience.isOver(
      {
        isAuthenticated: this.isAuthenticated,
        isBusy: this.#isServing || this.channels.size + this.patterns.size > 0,
        isUnfinished: this.#codec?.isUnfinished ?? false,
        heldBytes: this.inputBytes,
        requests: this.#requestsSeen,
        activeMs: this.#activeMs
      },
      nowMs
    )
    if (isOver) this.destroy()
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
    this.#outbox.flush()
    this.#codec.version = version
  }

  get activeMs(): number {
    return this.#isActive ? this.server.nowMs() : this.#activeMs
  }

  get lastCommand(): string {
    return this.#account.lastCommand
  }

  get heldBytes(): number {
    return this.#codec?.heldBytes ?? 0
  }

  get unsentBytes(): number {
    return this.#outbox.unsentBytes
  }

  noted(command: Noted | undefined, args: Arguments): void {
    this.#account.note(command, args)
  }

  /** Closes once what was asked before is answered. */
  close(): void {
    this.#isClosing = true
  }

  push(reply: Reply): void {
    if (this.#socket.destroyed || this.#isEnding) return
    const { limits, memory } = this.#context
    const bytes = sizeOf([reply])
    if (this.#outbox.push(reply, bytes) > limits.pushedBytesMax) {
      this.server.statistics.counts.subscribersCut++
      this.destroy()
    } else memory.output(this, bytes)
  }

  /** Answers what has been received, then closes. Idempotent. */
  stop(): Promise<void> {
    this.#isInputEnded = true
    if (!this.#isServing) this.#end()
    return this.closed
  }

  /** Closes once what is known by now is answered; what is not known yet never is: whoever asked asks elsewhere. */
  leave(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    setImmediate(() => this.#end())
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
    this.#isActive = true
    this.server.statistics.counts.bytesReceived += chunk.length
    this.#inbox.push(chunk)
    if (this.#isServing) this.#socket.pause()
    else {
      this.#isServing = true
      turn.serve(this)
    }
  }

  /** Before its turn: a short chunk is decoded, and the reads it begins with are told. */
  prepare(): void {
    // Its turn did not come the last time: what was decoded then comes first.
    if (this.#requests !== undefined) return
    if (!this.isAuthenticated || this.#isEnding || !(this.#codec instanceof RespCodec) || this.expectsLong) return
    try {
      const chunk = this.#inbox.nextShort(preparedBytesMax)
      if (chunk === undefined) return
      const [first] = this.#decode(chunk)
      if (
        first?.kind !== 'run' ||
        first.name !== 'GET' ||
        this.store.getFramed === undefined ||
        planRun(first, this) === undefined
      )
        return
      this.#answering.foresee(lookahead.add(first, this.store, this.version))
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Its turn has come. */
  serve(): void {
    try {
      const wait = this.#serveNow()
      if (wait === undefined) this.#served()
      else void this.#serveLater(wait)
    } catch (error) {
      this.#fail(error)
      this.#served()
    }
  }

  #endInput(): void {
    this.#isInputEnded = true
    if (!this.#isServing) this.#end()
  }

  async #serveLater(first: Promise<Reply[] | undefined>): Promise<void> {
    try {
      for (let wait: typeof first | undefined = first; wait !== undefined; wait = this.#serveNow()) {
        const answers = await wait
        if (answers !== undefined) this.#take(answers)
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#served()
    }
  }

  /** Serves what has come, up to what has to be waited for: answers, or room in the socket. */
  #serveNow(): Promise<Reply[] | undefined> | undefined {
    for (;;) {
      const wait = this.#answerNow()
      if (wait !== undefined) return wait
      if (this.#isClosing) this.#end()
      const piece = this.#isEnding ? undefined : this.#nextPiece()
      if (piece === undefined) return undefined
      this.#decode(piece)
    }
  }

  /** Before a login line by line: what follows AUTH is read by other limits. */
  #nextPiece(): Buffer | undefined {
    return this.#inbox.next(this.#context.limits.pieceBytesMax, !this.isAuthenticated)
  }

  #fail(error: unknown): void {
    this.#context.onFault(error)
    this.#socket.destroy()
  }

  /** Nothing waits any more. */
  #served(): void {
    this.#isServing = false
    this.#requests = undefined
    if (this.#socket.isPaused()) this.#socket.resume()
    if (this.#isInputEnded) this.#end()
    this.#settle()
  }

  #decode(piece: Buffer): Decoded[] {
    const { limits, memory } = this.#context
    this.#codec ??= this.#codecFor(piece)
    this.#codec.limits = this.isAuthenticated ? limits : earlyLimits
    const decoded = this.#codec.push(piece)
    for (const item of decoded) this.#requestsSeen += item.kind === 'run' ? item.count - item.from : 1
    const held = this.#codec.heldBytes + this.#inbox.bytes
    if (held !== this.inputBytes) memory.input(this, held)
    this.#requests = new Requests(decoded, this.#plan, this.#planRun)
    return decoded
  }

  /** Answers what is decoded; writes once, or once a slice when replies are long. What has to be waited for, or undefined. */
  #answerNow(): Promise<Reply[] | undefined> | undefined {
    const { limits } = this.#context
    const requests = this.#requests
    if (this.#outbox.isInPieces) {
      const full = this.#write()
      if (full !== undefined) return full
    }
    // Something may have been pushed while it waited.
    if (requests === undefined) return this.#outbox.count > 0 ? this.#write() : undefined
    this.#account.begin()
    while (!requests.isAtEnd && !this.#isEnding && !this.#isClosing && !this.#socket.destroyed) {
      if (this.#outbox.bytes >= limits.replyBytesMax || this.#outbox.count >= limits.batchMax) {
        const full = this.#write()
        if (full !== undefined) return full
        this.#account.begin()
      }
      const next = this.#answering.next(requests)
      if (next instanceof Promise) return next
      this.#take(next)
    }
    this.#requests = undefined
    return this.#write()
  }

  #take(answers: Reply[]): void {
    if (this.#isEnding) return
    this.#cutAtUnsaid(answers)
    this.#context.memory.output(this, this.#answering.bytes)
    this.#outbox.add(answers, this.#answering.bytes, this.#answering.isLookup)
  }

  /**
   * RESP: nothing is said of a write whose outcome nobody knows, nor to who should ask elsewhere, nor of what came after that;
   * the connection closes.
   */
  #cutAtUnsaid(answers: Reply[]): void {
    const unsaid = this.language === 'resp' ? answers.findIndex((reply) => this.#isUnsaid(reply)) : -1
    if (unsaid === -1) return
    answers.length = unsaid
    this.#isClosing = true
  }

  #isUnsaid(reply: Reply): boolean {
    if (reply.kind === 'unknown-outcome' || reply.kind === 'unanswered') return true
    return this.#isLeaving && reply.kind === 'error' && (reply.code === 'NOT_LEADER' || reply.code === 'NO_LEADER')
  }

  #codecFor(chunk: Buffer): Codec {
    const { limits } = this.#context
    return chunk[0] === star
      ? new RespCodec(limits, { findsRuns: true })
      : new LineCodec(limits, (name) => lineCommands.get(name))
  }

  readonly #planRun = (run: Run) => planRun(run, this)

  readonly #plan = (request: Single) => (this.language === 'resp' ? planResp(request, this) : planLine(request, this))

  /** Hands replies to the socket. Where that is full, a promise: it has room for more, or is closed. */
  #write(): Promise<undefined> | undefined {
    if (!this.#outbox.flush() && !this.#socket.destroyed) return this.#drained()
    this.#context.memory.output(this, -this.outputBytes)
    return undefined
  }

  /** Who asks on and on without saying who they are is not worth a longer conversation. */
  maySend(bytes: number): boolean {
    this.server.statistics.counts.bytesSent += bytes
    if (this.isAuthenticated) return true
    this.#earlyReplyBytes += bytes
    if (this.#earlyReplyBytes <= earlyReplyBytesMax) return true
    this.#socket.destroy()
    return false
  }

  async #drained(): Promise<undefined> {
    const socket = this.#socket
    const { limits } = this.#context
    // Of the system's clock: only it sees how much of a long write is gone.
    socket.setTimeout(limits.stalledMs)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (socket.destroyed) resolve()
    })
    this.#wake = undefined
    socket.setTimeout(0)
    this.#context.memory.output(this, this.#outbox.bytes - this.outputBytes)
  }

  /** Messages were sent while nothing was asked. */
  flushed(isFull: boolean): void {
    if (isFull) this.#socket.setTimeout(this.#context.limits.stalledMs)
    else this.#context.memory.output(this, -this.outputBytes)
  }

  #drain(): void {
    if (this.#wake !== undefined) {
      this.#wake()
      return
    }
    this.#socket.setTimeout(0)
    if (!this.#isServing) this.flushed(!this.#outbox.flush())
  }

  #end(): void {
    const socket = this.#socket
    if (this.#isEnding || socket.destroyed) return
    this.#outbox.finish()
    this.#isEnding = true
    this.#inbox.clear()
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
