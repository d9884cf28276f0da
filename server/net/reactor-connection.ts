// A connection of the reactor, as a session sees it. Events come from the reactor, in its turn; what is written goes there.
import type { Connection } from './connection.ts'

/** What the reactor does for its connections. */
export interface ReactorPort {
  /** Bytes that wait afterwards. */
  write(connection: number, bytes: Uint8Array): number
  /** Short bytes, copied: they leave with those of others at the end of this turn. */
  writeLater(connection: ReactorConnection, bytes: Uint8Array): void
  /** Sends now what was to leave later. */
  flush(): void
  waiting(connection: number): number
  setReading(connection: number, on: boolean): void
  finish(connection: number): void
  forget(connection: ReactorConnection): void
  addresses(connection: number): string
}

/** Shorter ones are copied and sent together. */
const shortBytes = 4 * 2 ** 10
/** Of what is corked: then whoever writes should wait. */
const corkedBytesMax = 16 * 2 ** 10

const ignore = () => {}

export class ReactorConnection implements Connection {
  readonly number: number
  readonly #port: ReactorPort
  readonly #closeListeners: (() => void)[] = []
  #onData: (chunk: Buffer) => void = ignore
  #onEnd: () => void = ignore
  #onDrain: () => void = ignore
  #onTimeout: () => void = ignore
  #addresses: readonly string[] | undefined
  #isDestroyed = false
  #isPaused = false
  /** Something waits with the reactor. */
  #isWaiting = false
  #laterBytes = 0
  #corked: [bytes: Uint8Array, done: (() => void) | undefined][] | undefined
  #corkedBytes = 0
  /** Somebody waits for 'drain'. */
  #needsDrain = false
  #whenFinished: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #writtenBytes = 0
  /** Of them, when it was looked for the last time: what the system had taken. */
  #sentBefore = 0

  constructor(number: number, port: ReactorPort) {
    this.number = number
    this.#port = port
  }

  get remoteAddress(): string | undefined {
    return this.#address(0)
  }

  get remotePort(): number {
    return Number(this.#address(1))
  }

  get localAddress(): string | undefined {
    return this.#address(2)
  }

  get localPort(): number {
    return Number(this.#address(3))
  }

  get destroyed(): boolean {
    return this.#isDestroyed
  }

  get writableLength(): number {
    const waiting = this.#isWaiting && !this.#isDestroyed ? this.#port.waiting(this.number) : 0
    return waiting + this.#laterBytes + this.#corkedBytes
  }

  get writableNeedDrain(): boolean {
    return this.#needsDrain
  }

  write(bytes: Uint8Array, done?: () => void): boolean {
    if (this.#isDestroyed) return false
    this.#writtenBytes += bytes.length
    if (this.#corked === undefined) {
      this.#write(bytes)
      done?.()
    } else {
      this.#corked.push([bytes, done])
      this.#corkedBytes += bytes.length
    }
    const isFull = this.#isWaiting || this.#corkedBytes > corkedBytesMax
    this.#needsDrain ||= isFull
    return !isFull
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length <= shortBytes && !this.#isWaiting) {
      this.#laterBytes += bytes.length
      this.#port.writeLater(this, bytes)
      return
    }
    if (this.#laterBytes > 0) this.#port.flush()
    if (this.#port.write(this.number, bytes) > 0) this.#isWaiting = true
  }

  cork(): void {
    this.#corked ??= []
  }

  uncork(): void {
    const corked = this.#corked
    this.#corked = undefined
    this.#corkedBytes = 0
    if (corked === undefined || this.#isDestroyed) return
    for (const [bytes, done] of corked) {
      this.#write(bytes)
      done?.()
    }
    if (this.#needsDrain && !this.#isWaiting) process.nextTick(() => this.#drain())
  }

  #drain(): void {
    if (!this.#needsDrain || this.#isWaiting || this.#isDestroyed) return
    this.#needsDrain = false
    this.#onDrain()
  }

  end(done: () => void = ignore): void {
    this.uncork()
    if (this.#isDestroyed) return
    if (this.#laterBytes > 0) this.#port.flush()
    if (this.#isDestroyed) return
    this.#port.finish(this.number)
    if (this.#isWaiting) this.#whenFinished = done
    else process.nextTick(done)
  }

  destroy(): void {
    if (this.#isDestroyed) return
    // What was written before is on its way, as with any socket.
    if (this.#laterBytes > 0) this.#port.flush()
    this.#isDestroyed = true
    this.#corked = undefined
    this.#corkedBytes = 0
    this.#onData = this.#onEnd = this.#onDrain = ignore
    clearTimeout(this.#timer)
    this.#port.forget(this)
    process.nextTick(() => {
      for (const listener of this.#closeListeners) listener()
    })
  }

  pause(): void {
    if (this.#isPaused || this.#isDestroyed) return
    this.#isPaused = true
    this.#port.setReading(this.number, false)
  }

  resume(): void {
    if (!this.#isPaused || this.#isDestroyed) return
    this.#isPaused = false
    this.#port.setReading(this.number, true)
  }

  isPaused(): boolean {
    return this.#isPaused
  }

  /** The reactor's connections never delay. */
  setNoDelay(): void {}

  setTimeout(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (ms === 0 || this.#isDestroyed) return
    this.#sentBefore = this.#writtenBytes - this.writableLength
    this.#timer = setTimeout(() => this.#lookAtTimeout(ms), ms)
  }

  #lookAtTimeout(ms: number): void {
    const sent = this.#writtenBytes - this.writableLength
    const isMoving = sent > this.#sentBefore
    this.#sentBefore = sent
    if (isMoving) this.#timer?.refresh()
    else this.#onTimeout()
    if (!isMoving && !this.#isDestroyed) this.setTimeout(ms)
  }

  on(event: string, listener: (...args: never[]) => void): void {
    const call = listener as () => void
    if (event === 'data') this.#onData = listener as (chunk: Buffer) => void
    else if (event === 'end') this.#onEnd = call
    else if (event === 'drain') this.#onDrain = call
    else if (event === 'timeout') this.#onTimeout = call
    else if (event === 'close') this.#closeListeners.push(call)
  }

  once(_event: 'close', listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  #address(at: number): string | undefined {
    this.#addresses ??= this.#isDestroyed ? [] : this.#port.addresses(this.number).split(' ')
    return this.#addresses[at]
  }

  // ── from the reactor ─────────────────────────────────────────────────────────────────────────────────────────

  received(chunk: Buffer): void {
    this.#onData(chunk)
  }

  ended(): void {
    this.#onEnd()
  }

  /** What was written later is on its way, but for what waits. */
  left(waiting: number): void {
    this.#laterBytes = 0
    if (waiting > 0) this.#isWaiting = true
  }

  /** Nothing waits any more. */
  sent(): void {
    this.#isWaiting = false
    const finished = this.#whenFinished
    this.#whenFinished = undefined
    finished?.()
    this.#drain()
  }
}
