// Pool: the connections of a client and the calls that wait for one.
//
//   submit ─▶ (waiting, when no connection has room) ─▶ a connection ─▶ reply
//
// 1. Calls are sent in the order they were made. All that write go by one connection, the line; while a write is unanswered,
//    reads go by it too. So a read sees every write that was called before it, awaited or not.
// 2. A call is sent once; only a read whose connection broke is sent again, at most `triesMax` times, and a call whose answer
//    says that nothing was done, for another leads or nobody does.
// 3. What waits and what is sent is bounded in bytes. What waits longer than its call may is rejected.
// 4. When another leads, the connections to the one before are given up once what was sent by them is answered, and nothing is
//    sent until then: so calls keep their order.
import { ReplyError, type ReplyValue } from '../protocol/resp-replies.ts'
import { Call, type CallOptions } from './call.ts'
import { Connection } from './connection.ts'
import { backoffMs } from './environment.ts'
import { ClientError, errorOfReply } from './errors.ts'
import { Fifo } from './fifo.ts'
import { type Settings, time } from './options.ts'
import { Places } from './places.ts'

const triesMax = 4
/** A call that is told so often to go elsewhere is told so itself. */
const movesMax = 16

/** A place for one connection, which is made anew when it is lost. */
interface Slot {
  connection: Connection | undefined
  tries: number
  stopWaiting: (() => void) | undefined
}

export class Pool {
  readonly #settings: Settings
  readonly #slots: readonly Slot[]
  readonly #places: Places
  readonly #waiting = new Fifo<Call>()
  /** Connections that are given up, with calls that are not answered yet. */
  readonly #retiring = new Set<Connection>()
  /** Sent and not done; to be sent again in their order. */
  #again: Call[] = []
  #lastOrder = 0
  #waitingBytes = 0
  #unsettled = 0
  #line: Connection | undefined
  /** Why there is no connection, as far as is known. */
  #lastError: ClientError | undefined
  #closing: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  private constructor(settings: Settings) {
    this.#settings = settings
    this.#places = new Places(settings.targets)
    this.#slots = Array.from({ length: settings.poolSize }, () => ({
      connection: undefined,
      tries: 0,
      stopWaiting: undefined
    }))
  }

  /** Resolves with the first connection; rejects when it cannot be had. The others come when they come. */
  static async open(settings: Settings): Promise<Pool> {
    const pool = new Pool(settings)
    const [first, ...others] = pool.#slots
    if (first !== undefined) await pool.#connectFirst(first)
    for (const slot of others) void pool.#keepConnecting(slot)
    return pool
  }

  /** To one of the places. */
  async #connectFirst(slot: Slot): Promise<void> {
    for (let left = this.#places.count - 1; ; left--) {
      try {
        await this.#connect(slot)
        return
      } catch (error) {
        if (left <= 0) throw error
      }
    }
  }

  get openConnections(): number {
    return this.#slots.filter(({ connection }) => connection !== undefined).length
  }

  submit(bytes: Buffer, isRead: boolean, options: CallOptions = {}): Promise<ReplyValue> {
    const refusal = this.#refusal(bytes, options)
    if (refusal !== undefined) return Promise.reject(refusal)
    const call = new Call(bytes, isRead)
    call.order = ++this.#lastOrder
    this.#bound(call, options)
    const connection = this.#waiting.isEmpty ? this.#choose(call) : undefined
    if (connection !== undefined) connection.send(call)
    else {
      this.#waiting.push(call)
      this.#wait(call)
    }
    return call.promise
  }

  /** Lets what was called be answered, then closes the connections. What waits while there is none is rejected. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #refusal(bytes: Buffer, { signal, timeoutMs }: CallOptions): ClientError | undefined {
    if (this.#closing !== undefined) return new ClientError('CLOSED', 'The client is closed.')
    if (signal?.aborted === true) return aborted(signal)
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > this.#settings.queueBytesMax) {
      const { queueBytesMax } = this.#settings
      return new ClientError(
        'BUSY',
        `Over ${queueBytesMax} bytes wait to be sent: await some calls before you make more.`
      )
    }
    if (timeoutMs !== undefined) time('timeoutMs', timeoutMs)
    return undefined
  }

  /** Its end when it takes too long, or when its signal says so. */
  #bound(call: Call, { timeoutMs = this.#settings.timeoutMs, signal }: CallOptions): void {
    const { environment } = this.#settings
    this.#unsettled++
    const stop = environment.after(timeoutMs, () => call.reject(this.#late(call, timeoutMs)))
    const onAbort = () =>
      call.reject(call.state === 'sent' && !call.isRead ? unknown('its signal was aborted') : aborted(signal))
    signal?.addEventListener('abort', onAbort, { once: true })
    call.release = () => {
      stop()
      signal?.removeEventListener('abort', onAbort)
      this.#onSettled(call)
    }
  }

  /** Its bytes wait from now on. */
  #wait(call: Call): void {
    call.waitingBytes = call.bytes.length
    this.#waitingBytes += call.waitingBytes
  }

  #waitNoMore(call: Call): void {
    this.#waitingBytes -= call.waitingBytes
    call.waitingBytes = 0
  }

  #onSettled(call: Call): void {
    this.#unsettled--
    this.#waitNoMore(call)
    while (this.#waiting.first?.state === 'settled') this.#waiting.shift()
    this.#checkIdle()
  }

  #late({ state, isRead }: Call, timeoutMs: number): ClientError {
    if (state === 'sent') {
      if (!isRead) return unknown(`the server did not answer within ${timeoutMs} ms`)
      return new ClientError('TIMEOUT', `The server did not answer within ${timeoutMs} ms.`)
    }
    const error = this.openConnections === 0 ? this.#lastError : undefined
    if (error !== undefined)
      return new ClientError('UNREACHABLE', `${error.message} Nothing was sent.`, { cause: error })
    return new ClientError('TIMEOUT', `It waited ${timeoutMs} ms to be sent. Nothing was sent.`)
  }

  /** A connection with room that this call may go by now. */
  #choose({ isRead }: Call): Connection | undefined {
    if (this.#retiring.size > 0) return undefined
    if (this.#line?.isOpen !== true)
      this.#line = this.#slots.find(({ connection }) => connection !== undefined)?.connection
    const line = this.#line
    if (line === undefined) return undefined
    if (!isRead || line.unansweredWrites > 0) return this.#hasRoom(line) ? line : undefined
    let best: Connection | undefined
    for (const { connection } of this.#slots) {
      if (connection === undefined || !this.#hasRoom(connection)) continue
      // What leaves in this turn anyway takes it along.
      if (connection.isWriting) return connection
      if (best === undefined || connection.unanswered < best.unanswered) best = connection
    }
    return best
  }

  #hasRoom = ({ unansweredBytes }: Connection): boolean => unansweredBytes < this.#settings.windowBytes

  #sendWaiting(): void {
    for (let call = this.#waiting.first; call !== undefined; call = this.#waiting.first) {
      if (call.state === 'waiting') {
        const connection = this.#choose(call)
        if (connection === undefined) return
        connection.send(call)
        this.#waitNoMore(call)
      }
      this.#waiting.shift()
    }
  }

  #onReply(slot: Slot, connection: Connection): void {
    if (this.#retiring.has(connection)) {
      if (connection.unanswered === 0) void connection.close()
      return
    }
    slot.tries = 0
    if (!this.#waiting.isEmpty) this.#sendWaiting()
  }

  /** Where another leads, or nobody, the call is made again there, or later: nothing of it was done. */
  #onAnswer(connection: Connection, call: Call, reply: ReplyValue): boolean {
    if (!(reply instanceof ReplyError)) return this.#retiring.has(connection) && this.#comesTooEarly(call)
    const error = errorOfReply(reply)
    const isElsewhere = error.code === 'NOT_LEADER' || error.code === 'NO_LEADER'
    if (!this.#places.areSeveral || !isElsewhere) return false
    if (!this.#retiring.has(connection)) this.#move(leaderIn(reply))
    if (call.state !== 'sent' || ++call.moves > movesMax) return false
    call.refusal = error
    this.#makeAgain(call)
    return true
  }

  /**
   * An answer to what was called after a write that is to be made again. A read is made again after it; but where a write was
   * done, the one before it comes too late.
   */
  #comesTooEarly(call: Call): boolean {
    const before = this.#again.filter(
      ({ isRead, order, state }) => !isRead && order < call.order && state === 'waiting'
    )
    if (before.length === 0 || call.state !== 'sent') return false
    if (call.isRead) this.#makeAgain(call)
    else for (const write of before) if (write.refusal !== undefined) write.reject(write.refusal)
    return call.isRead
  }

  #makeAgain(call: Call): void {
    call.state = 'waiting'
    this.#wait(call)
    this.#again.push(call)
  }

  /** All connections go elsewhere: to who leads, or else to the next of the places, after a while. */
  #move(leader: string | undefined): void {
    if (leader === undefined) this.#places.failed(this.#places.current)
    else this.#places.learn(leader)
    this.#line = undefined
    for (const slot of this.#slots) {
      const { connection } = slot
      if (connection === undefined) continue
      slot.connection = undefined
      slot.tries = leader === undefined ? 1 : 0
      this.#retiring.add(connection)
      if (connection.unanswered === 0) void connection.close()
      if (this.#closing === undefined) void this.#keepConnecting(slot)
    }
  }

  #onEnd(slot: Slot, connection: Connection, unanswered: readonly Call[], error: ClientError): void {
    const isRetired = this.#retiring.delete(connection)
    if (!isRetired) {
      slot.connection = undefined
      this.#lastError = error
      this.#places.failed(connection.target)
    }
    for (const call of unanswered) {
      if (call.state !== 'sent') continue
      if (!call.isRead) call.reject(unknown(error.message, error))
      else if (call.tries >= triesMax + call.moves) call.reject(lostTooOften(error))
      else this.#makeAgain(call)
    }
    if (this.#retiring.size === 0 && this.#again.length > 0) {
      this.#waiting.putBack(this.#again.sort((a, b) => a.order - b.order))
      this.#again = []
    }
    if (this.#closing === undefined) {
      if (!isRetired) void this.#keepConnecting(slot)
      this.#sendWaiting()
      return
    }
    if (this.openConnections + this.#retiring.size === 0) this.#rejectWaiting(closedBefore())
  }

  async #connect(slot: Slot): Promise<void> {
    const target = this.#places.current
    const opening = Connection.open(this.#settings, target, {
      onReply: () => this.#onReply(slot, connection),
      onAnswer: (call, reply) => this.#onAnswer(connection, call, reply),
      onEnd: (unanswered, error) => this.#onEnd(slot, connection, unanswered, error)
    })
    opening.catch(() => this.#places.failed(target))
    const connection: Connection = await opening
    if (this.#closing !== undefined) {
      await connection.close()
      return
    }
    if (target !== this.#places.current) {
      // Meanwhile another was said to lead.
      this.#retiring.add(connection)
      void connection.close()
      await this.#connect(slot)
      return
    }
    slot.connection = connection
    this.#sendWaiting()
  }

  /** Tries until there is a connection or the client closes; at once only where the one before was of use. */
  async #keepConnecting(slot: Slot): Promise<void> {
    while (this.#closing === undefined) {
      if (slot.tries > 0) await this.#pause(slot)
      slot.tries++
      try {
        if (this.#closing === undefined) await this.#connect(slot)
        return
      } catch (error) {
        this.#noteFailure(error as ClientError)
      }
    }
  }

  #noteFailure(error: ClientError): void {
    this.#lastError = error
    // Waiting does not change a password.
    if (error.code === 'DENIED' && this.openConnections === 0) this.#rejectWaiting(error)
  }

  #pause(slot: Slot): Promise<void> {
    const { environment, reconnect } = this.#settings
    const ms = backoffMs(slot.tries - 1, reconnect, environment.random())
    return new Promise((resolve) => {
      const stop = environment.after(ms, () => {
        slot.stopWaiting = undefined
        resolve()
      })
      slot.stopWaiting = () => {
        stop()
        resolve()
      }
    })
  }

  #rejectWaiting(error: ClientError): void {
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) call.reject(error)
  }

  async #close(): Promise<void> {
    for (const { stopWaiting } of this.#slots) stopWaiting?.()
    if (this.openConnections === 0) this.#rejectWaiting(closedBefore())
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      this.#checkIdle()
    })
    await Promise.all([
      ...this.#slots.map(({ connection }) => connection?.close()),
      ...[...this.#retiring].map((one) => one.close())
    ])
  }

  #checkIdle(): void {
    if (this.#unsettled === 0) this.#onIdle?.()
  }
}

const closedBefore = (): ClientError => new ClientError('CLOSED', 'The client was closed before this was sent.')

function unknown(why: string, cause?: unknown): ClientError {
  const said = why.endsWith('.') ? why.slice(0, -1) : why
  return new ClientError('OUTCOME_UNKNOWN', `It was sent and may have been executed, or not: ${said}.`, { cause })
}

/** REDIRECT host:port, MOVED slot host:port. */
function leaderIn({ code, message }: ReplyError): string | undefined {
  return code === 'REDIRECT' || code === 'MOVED' ? message.split(' ').at(-1) : undefined
}

const aborted = (signal: AbortSignal | undefined): ClientError =>
  new ClientError('ABORTED', 'The call was aborted by its signal.', { cause: signal?.reason })

const lostTooOften = (cause: ClientError): ClientError =>
  new ClientError('UNREACHABLE', `The connection was lost ${triesMax} times before an answer came.`, { cause })
