// Connection: one socket to a server, its handshake done. Requests of one turn of the event loop leave in one write; replies
// settle their calls in order. It ends once, for whatever reason, and then gives back what was not answered.
import type { Socket } from 'node:net'
import { Push, ReplyError, ReplyParser, type ReplyValue } from '../protocol/resp-replies.ts'
import { encodeRequest, type RequestPart } from '../protocol/resp-requests.ts'
import { Call } from './call.ts'
import { ClientError, errorOfReply } from './errors.ts'
import { Fifo } from './fifo.ts'
import type { Settings, Target } from './options.ts'

export interface ConnectionEvents {
  /** A reply came: there may be room for more. */
  onReply(): void
  /** An answer to a call, before the call gets it: whether somebody else takes care of the call. */
  onAnswer(call: Call, reply: ReplyValue): boolean
  /** It ended; `unanswered` are the calls whose replies did not come, in order. */
  onEnd(unanswered: readonly Call[], error: ClientError): void
}

/** How long the server may take to close its side after we closed ours. */
const lingerMs = 1_000
const keepAliveMs = 30_000

export class Connection {
  readonly #socket: Socket
  readonly #settings: Settings
  readonly #target: Target
  readonly #parser: ReplyParser
  readonly #sent = new Fifo<Call>()
  #events: ConnectionEvents | undefined
  #outgoing: Buffer[] = []
  #end: ClientError | undefined
  #heardMs = 0
  #stopWatching: (() => void) | undefined
  /** Bytes of requests that are not answered. */
  unansweredBytes = 0
  /** Requests among them that are no reads. */
  unansweredWrites = 0

  private constructor(settings: Settings, target: Target) {
    this.#settings = settings
    this.#target = target
    this.#parser = new ReplyParser({ blobBytesMax: settings.valueBytesMax })
    this.#socket = settings.environment.dial(target)
    this.#socket.setNoDelay(true)
    this.#socket.setKeepAlive(true, keepAliveMs)
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#socket.on('error', (error) => this.#finish(unreachable(target, error.message, error)))
    this.#socket.on('close', () => this.#finish(unreachable(target, 'the server closed the connection')))
  }

  /** Rejects with a ClientError: UNREACHABLE, DENIED or PROTOCOL. */
  static async open(settings: Settings, target: Target, events: ConnectionEvents): Promise<Connection> {
    const connection = new Connection(settings, target)
    const { connectTimeoutMs, environment } = settings
    const release = environment.after(connectTimeoutMs, () =>
      connection.destroy(unreachable(target, `not within ${connectTimeoutMs} ms`))
    )
    try {
      await connection.#connected()
      await connection.#shakeHands()
      if (connection.#end !== undefined) throw connection.#end
    } catch (error) {
      const cause = connection.#end ?? error
      connection.destroy(cause instanceof ClientError ? cause : unreachable(target, String(cause), cause))
      throw connection.#end
    } finally {
      release()
    }
    connection.#events = events
    return connection
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  get target(): Target {
    return this.#target
  }

  get unanswered(): number {
    return this.#sent.length
  }

  /** Whether something waits for this turn's write. */
  get isWriting(): boolean {
    return this.#outgoing.length > 0
  }

  /** REQUIRES: isOpen. */
  send(call: Call): void {
    call.state = 'sent'
    call.tries++
    this.unansweredBytes += call.bytes.length
    if (!call.isRead) this.unansweredWrites++
    if (this.#sent.isEmpty) this.#watch()
    this.#sent.push(call)
    // After the microtasks: who makes requests one after the other in a turn makes them all before any leaves.
    if (this.#outgoing.push(call.bytes) === 1) process.nextTick(() => this.#flush())
  }

  /** Ends in order, once all that was sent is answered. Idempotent. */
  async close(): Promise<void> {
    if (this.#end !== undefined && this.#socket.closed) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    this.#flush()
    this.#socket.end()
    const release = this.#settings.environment.after(lingerMs, () => this.#socket.destroy())
    await closed
    release()
  }

  /** Ends at once. */
  destroy(error: ClientError): void {
    this.#finish(error)
    this.#socket.destroy()
  }

  #connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once(this.#target.tls === undefined ? 'connect' : 'secureConnect', () => resolve())
      this.#socket.once('close', () => reject(this.#end))
    })
  }

  async #shakeHands(): Promise<void> {
    const { user, password, name } = this.#settings
    const auth = password === undefined ? [] : ['AUTH', user, password]
    const setName = name === '' ? [] : ['SETNAME', name]
    const hello = await this.#ask(['HELLO', 3, ...auth, ...setName])
    if (!(hello instanceof ReplyError)) {
      // Whoever does not lead says then who does. A server that knows no such word says less.
      if (this.#settings.targets.length > 1) await this.#ask(['CLIENT', 'CAPA', 'redirect'])
      return
    }
    const isOld = hello.code === 'NOPROTO' || (hello.code === 'ERR' && /unknown command/i.test(hello.message))
    if (!isOld) throw errorOfReply(hello)
    if (password !== undefined) {
      const authenticated = await this.#ask(['AUTH', user, password])
      if (authenticated instanceof ReplyError) throw errorOfReply(authenticated)
    }
    // A server that has no names goes on without ours.
    if (name !== '') await this.#ask(['CLIENT', 'SETNAME', name])
  }

  /** A reply, errors among them. */
  #ask(parts: readonly RequestPart[]): Promise<ReplyValue> {
    const call = new Call(encodeRequest(parts), false)
    this.send(call)
    return call.promise
  }

  #flush(): void {
    const outgoing = this.#outgoing
    if (outgoing.length === 0) return
    this.#outgoing = []
    if (this.#end !== undefined) return
    this.#socket.write(outgoing.length === 1 ? (outgoing[0] as Buffer) : Buffer.concat(outgoing))
  }

  #receive(chunk: Buffer): void {
    if (this.#end !== undefined) return
    this.#heardMs = this.#settings.environment.nowMs()
    let replies: readonly ReplyValue[]
    try {
      replies = this.#parser.push(chunk)
    } catch (error) {
      const said = /^-[^\r\n]{1,200}/.exec(chunk.toString('utf8', 0, 256))?.[0]
      const message = said === undefined ? (error as Error).message : `The server said: ${said.slice(1)}`
      this.destroy(new ClientError('PROTOCOL', message, { cause: error }))
      return
    }
    for (const reply of replies) {
      if (reply instanceof Push) continue
      const call = this.#sent.shift()
      if (call === undefined) {
        const said = reply instanceof ReplyError ? errorOfReply(reply) : undefined
        this.destroy(said ?? new ClientError('PROTOCOL', 'The server said something that nobody asked for.'))
        return
      }
      this.#answer(call, reply)
    }
    if (replies.length > 0) this.#events?.onReply()
  }

  #answer(call: Call, reply: ReplyValue): void {
    this.unansweredBytes -= call.bytes.length
    if (!call.isRead) this.unansweredWrites--
    if (this.#sent.isEmpty) this.#unwatch()
    if (this.#events?.onAnswer(call, reply) === true) return
    if (reply instanceof ReplyError && this.#events !== undefined) call.reject(errorOfReply(reply))
    else call.resolve(reply)
  }

  /** Gives the connection up when something is unanswered and nothing is heard. */
  #watch(): void {
    const { environment, silenceMs } = this.#settings
    this.#heardMs = environment.nowMs()
    const look = (ms: number): void => {
      this.#stopWatching = environment.after(ms, () => {
        const leftMs = this.#heardMs + silenceMs - environment.nowMs()
        if (leftMs > 0) look(Math.ceil(leftMs))
        else this.destroy(unreachable(this.#target, `the server said nothing for ${silenceMs} ms`))
      })
    }
    look(silenceMs)
  }

  #unwatch(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }

  #finish(error: ClientError): void {
    if (this.#end !== undefined) return
    this.#end = error
    this.#unwatch()
    const unanswered: Call[] = []
    for (let call = this.#sent.shift(); call !== undefined; call = this.#sent.shift()) unanswered.push(call)
    if (this.#events === undefined) for (const call of unanswered) call.reject(error)
    else this.#events.onEnd(unanswered, error)
  }
}

function unreachable({ host, port }: Target, why: string, cause?: unknown): ClientError {
  return new ClientError('UNREACHABLE', `No connection to ${host}:${port}: ${why}.`, { cause })
}
