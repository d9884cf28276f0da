// The reactor: plain connections without Node's streams. One call of the addon tells everything that happened in a turn of the
// event loop, another sends everything short that was written in it: what a request costs beyond its two system calls is
// small (native/net/reactor.h).
//
// Chunks of one turn lie one after the other in a slab that connections share. Who keeps a chunk, or a part of it, for longer than
// its request keeps the whole slab: so slabs are no longer than what Node reads at once.
import { lookup } from 'node:dns/promises'
import { getSystemErrorName } from 'node:util'
import native from '#native'
import { turn } from '../turn.ts'
import type { Address, Connection, Listener, ListenOptions } from './connection.ts'
import { copyShort } from './copy-short.ts'
import { ReactorConnection, type ReactorPort } from './reactor-connection.ts'

const slabBytes = 64 * 2 ** 10
/** A slab with less room is used up: a read should have some. */
const roomMin = 16 * 2 ** 10
const eventsMax = 1_536
/** Looks in one turn of the event loop: then others have their turn. */
const looksMax = 16
const backlog = 511
const sendBytes = 64 * 2 ** 10
const partsMax = 1_024
const refusedMs = 1_000

/** Of the addon's events. */
const accepted = 1
const data = 2
const end = 3
const sent = 4
const gone = 5
const refused = 6

type SystemError = Error & { readonly code?: string; readonly errno?: number }

export class Reactor implements Listener, ReactorPort {
  readonly #handle: native.Reactor
  readonly #onConnection: (connection: Connection) => void
  readonly #onFault: (error: unknown) => void
  readonly #connections: (ReactorConnection | undefined)[] = []
  readonly #events = new Int32Array(3 + 3 * eventsMax)
  #slab = Buffer.allocUnsafeSlow(slabBytes)
  #used = 0
  readonly #outgoing = Buffer.allocUnsafeSlow(sendBytes)
  #outgoingBytes = 0
  readonly #parts = new Uint32Array(2 * partsMax)
  readonly #writers: ReactorConnection[] = []
  #isFlushPlanned = false
  readonly #flush = () => this.flush()
  #refusal: NodeJS.Timeout | undefined
  #count = 0
  #countMax = Number.POSITIVE_INFINITY
  #address: Address | undefined
  #isClosing = false
  #isReleased = false
  #resolveClosed = () => {}
  readonly #closed = new Promise<void>((resolve) => {
    this.#resolveClosed = resolve
  })

  private constructor({ onConnection, onFault }: ListenOptions) {
    this.#onConnection = onConnection
    this.#onFault = onFault
    this.#handle = native.openReactor(() => {
      this.#look()
      turn.begin()
    })
  }

  /** Undefined: there is none on this system. Rejects with the system's error if the address cannot be had. */
  static async listen(options: ListenOptions): Promise<Reactor | undefined> {
    const { address: host } = await lookup(options.host)
    let reactor: Reactor
    try {
      reactor = new Reactor(options)
    } catch {
      return undefined
    }
    try {
      reactor.#address = addressOf(native.listen(reactor.#handle, host, options.port, backlog))
    } catch (error) {
      native.release(reactor.#handle)
      throw listenError(error as SystemError, host, options.port)
    }
    return reactor
  }

  get address(): Address | undefined {
    return this.#address
  }

  limit(connectionsMax: number): void {
    this.#countMax = connectionsMax
  }

  close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      this.#address = undefined
      native.stopListening(this.#handle)
      this.#settle()
    }
    return this.#closed
  }

  #settle(): void {
    if (!this.#isClosing || this.#isReleased || this.#count > 0) return
    this.#isReleased = true
    clearTimeout(this.#refusal)
    native.release(this.#handle)
    this.#resolveClosed()
  }

  #look(): void {
    for (let look = 0; look < looksMax && !this.#isReleased; look++) {
      if (slabBytes - this.#used < roomMin) {
        this.#slab = Buffer.allocUnsafeSlow(slabBytes)
        this.#used = 0
      }
      native.takeEvents(this.#handle, this.#slab, this.#used, this.#events)
      if (!this.#tellAll()) return
    }
  }

  /** Whether there may be more. */
  #tellAll(): boolean {
    const events = this.#events
    const [count = 0, bytes = 0, isFull] = events
    const slab = this.#slab
    let at = this.#used
    this.#used += bytes
    for (let i = 0; i < count; i++) {
      const number = events[3 + 3 * i] as number
      const what = events[4 + 3 * i] as number
      const detail = events[5 + 3 * i] as number
      const from = at
      if (what === data) at += detail
      if (this.#isReleased) return false
      try {
        const connection = this.#connections[number]
        if (what === data) connection?.received(slab.subarray(from, at))
        else if (what === accepted) this.#accept(number)
        else if (what === refused) this.#refuse(detail)
        else if (connection !== undefined) tell(connection, what)
      } catch (error) {
        this.#connections[number]?.destroy()
        this.#report(error)
      }
    }
    return isFull !== 0
  }

  /** Whatever it does, what was told of other connections must not get lost. */
  #report(error: unknown): void {
    try {
      this.#onFault(error)
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown
      })
    }
  }

  /** Said once a second; then it is looked whether connections can be accepted again. */
  #refuse(errno: number): void {
    if (this.#refusal !== undefined) return
    this.#report(acceptError(errno))
    this.#refusal = setTimeout(() => {
      this.#refusal = undefined
      this.#look()
    }, refusedMs)
    this.#refusal.unref()
  }

  #accept(number: number): void {
    const connection = new ReactorConnection(number, this)
    this.#connections[number] = connection
    this.#count++
    if (this.#isClosing || this.#count > this.#countMax) connection.destroy()
    else this.#onConnection(connection)
  }

  // ── for connections ──────────────────────────────────────────────────────────────────────────────────────────

  write(connection: number, bytes: Uint8Array): number {
    return native.writeConnection(this.#handle, connection, bytes)
  }

  writeLater(connection: ReactorConnection, bytes: Uint8Array): void {
    if (this.#outgoingBytes + bytes.length > sendBytes || this.#writers.length === partsMax) this.flush()
    const at = this.#outgoingBytes
    copyShort(bytes, 0, bytes.length, this.#outgoing, at)
    this.#outgoingBytes = at + bytes.length
    const writers = this.#writers
    if (writers.at(-1) !== connection) {
      this.#parts[2 * writers.length] = connection.number
      writers.push(connection)
    }
    this.#parts[2 * writers.length - 1] = this.#outgoingBytes
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    process.nextTick(this.#flush)
  }

  flush(): void {
    this.#isFlushPlanned = false
    const writers = this.#writers
    if (writers.length === 0) return
    native.writeParts(this.#handle, this.#outgoing, this.#parts, writers.length)
    this.#outgoingBytes = 0
    for (let i = 0; i < writers.length; i++) writers[i]?.left(this.#parts[2 * i + 1] as number)
    writers.length = 0
  }

  waiting(connection: number): number {
    return native.waitingBytes(this.#handle, connection)
  }

  setReading(connection: number, on: boolean): void {
    native.setReading(this.#handle, connection, on)
  }

  finish(connection: number): void {
    native.finishConnection(this.#handle, connection)
  }

  addresses(connection: number): string {
    return native.addressesOf(this.#handle, connection)
  }

  forget({ number }: ReactorConnection): void {
    native.closeConnection(this.#handle, number)
    this.#connections[number] = undefined
    this.#count--
    this.#settle()
  }
}

function tell(connection: ReactorConnection, what: number): void {
  if (what === sent) connection.sent()
  else if (what === end) connection.ended()
  else if (what === gone) connection.destroy()
}

function addressOf(text: string): Address {
  const [host = '', port] = text.split(' ')
  return { host, port: Number(port) }
}

function acceptError(errno: number): Error {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`accept ${code}: a connection could not be accepted`), { code, errno: -errno })
}

function listenError(error: SystemError, host: string, port: number): Error {
  if (error.errno === undefined) return error
  const code = getSystemErrorName(-error.errno)
  const what = code === 'EADDRINUSE' ? 'address already in use' : error.message
  return Object.assign(new Error(`listen ${code}: ${what} ${host}:${port}`), {
    code,
    errno: -error.errno,
    syscall: 'listen',
    address: host,
    port
  })
}
