// Pool: the connections of a client and the calls that wait for one.
//
//   submit ─▶ (waiting, when no connection has room) ─▶ a connection ─▶ reply
//
// 1. Calls are sent in the order they were made. All that write go by one connection, the line; while a write is unanswered,
//    reads go by it too. So a read sees every write that was called before it, awaited or not.
// 2. A call is sent once; only a read whose connection broke is sent again, at most `triesMax` times.
// 3. What waits and what is sent is bounded in bytes. What waits longer than its call may is rejected.
import type { ReplyValue } from '../protocol/resp-replies.ts'
import { Call, type CallOptions } from './call.ts'
import { Connection } from './connection.ts'
import { backoffMs } from './environment.ts'
import { ClientError } from './errors.ts'
import { Fifo } from './fifo.ts'
import { type Settings, time } from './options.ts'

const triesMax = 4

/** A place for one connection, which is made anew when it is lost. */
interface Slot {
  connection: Connection | undefined
  tries: number
  stopWaiting: (() => void) | undefined
}

export class Pool {
  readonly #settings: Settings
  readonly #slots: readonly Slot[]
  readonly #waiting = new Fifo<Call>()
  #waitingBytes = 0
  #unsettled = 0
  #line: Connection | undefined
  /** Why there is no connection, as far as is known. */
  #lastError: ClientError | undefined
  #closing: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  private constructor(settings: Settings) {
    this.#settings = settings
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
    if (first !== undefined) await pool.#connect(first)
    for (const slot of others) void pool.#keepConnecting(slot)
    return pool
  }

  get openConnections(): number {
    return this.#slots.filter(({ connection }) => connection !== undefined).length
  }

  submit(bytes: Buffer, isRead: boolean, options: CallOptions = {}): Promise<ReplyValue> {
    const refusal = this.#refusal(bytes, options)
    if (refusal !== undefined) return Promise.reject(refusal)
    const call = new Call(bytes, isRead)
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

  #onReply(slot: Slot): void {
    slot.tries = 0
    if (!this.#waiting.isEmpty) this.#sendWaiting()
  }

  #onEnd(slot: Slot, unanswered: readonly Call[], error: ClientError): void {
    slot.connection = undefined
    this.#lastError = error
    const again: Call[] = []
    for (const call of unanswered) {
      if (call.state !== 'sent') continue
      if (!call.isRead) call.reject(unknown(error.message, error))
      else if (call.tries >= triesMax) call.reject(lostTooOften(error))
      else {
        call.state = 'waiting'
        this.#wait(call)
        again.push(call)
      }
    }
    if (again.length > 0) this.#waiting.putBack(again)
    if (this.#closing === undefined) {
      void this.#keepConnecting(slot)
      this.#sendWaiting()
      return
    }
    if (this.openConnections === 0) this.#rejectWaiting(closedBefore())
  }

  async #connect(slot: Slot): Promise<void> {
    const connection = await Connection.open(this.#settings, {
      onReply: () => this.#onReply(slot),
      onEnd: (unanswered, error) => this.#onEnd(slot, unanswered, error)
    })
    if (this.#closing !== undefined) {
      await connection.close()
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
    await Promise.all(this.#slots.map(({ connection }) => connection?.close()))
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

const aborted = (signal: AbortSignal | undefined): ClientError =>
  new ClientError('ABORTED', 'The call was aborted by its signal.', { cause: signal?.reason })

const lostTooOften = (cause: ClientError): ClientError =>
  new ClientError('UNREACHABLE', `The connection was lost ${triesMax} times before an answer came.`, { cause })
