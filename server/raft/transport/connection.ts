// One connection: frames in and out, and how it ends. It knows nothing of lanes and members.
//
// Invariants:
// - `onEnd` is called once, and nothing after it. Its cause says who ended it: 'remote' is the other process's end, by FIN or
//   RST, without a word; that is how the death of a process looks from here.
// - Bad bytes end the connection. An error that a handler throws of itself is not caught here.
import type { Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import { ByteReader } from './bytes.ts'
import { badBytes, faultOf, TransportFault } from './fault.ts'
import { encodeFrame, type Frame, FrameReader, frameKinds } from './frames.ts'
import { magic } from './handshake.ts'

export type EndCause =
  /** This side. */
  | 'own'
  /** The other process is gone, or closed without a word. */
  | 'remote'
  /** The other side said that it closes. */
  | 'bye'
  /** Bad bytes. */
  | 'bytes'
  /** Nothing came for too long. */
  | 'silent'
  /** The network. */
  | 'network'

export interface ConnectionOptions {
  readonly clock: Clock
  /** Of the first frames. */
  readonly payloadBytesMax: number
  readonly onFrame: (kind: number, payload: Buffer) => void
  readonly onEnd: (cause: EndCause, fault: TransportFault) => void
}

const byeBytesMax = 1024
const joinedBytesMax = 2 ** 14
const fullChunkBytes = 2 ** 16
const fullChunksMax = 3
const remoteCodes = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])
const pingFrame = encodeFrame(frameKinds.ping, () => {})

export class Connection {
  readonly socket: Socket
  readonly #clock: Clock
  readonly #reader: FrameReader
  readonly #onEnd: ConnectionOptions['onEnd']
  #onFrame: ConnectionOptions['onFrame']
  #magicLeft = magic.length
  #heardMs: number
  #hasBegun = false
  #isEnded = false
  #isPaused = false
  /** Chunks as long as chunks get, one right after the other. */
  #fullChunks = 0

  constructor(socket: Socket, { clock, payloadBytesMax, onFrame, onEnd }: ConnectionOptions) {
    this.socket = socket
    this.#clock = clock
    this.#reader = new FrameReader(payloadBytesMax)
    this.#onFrame = onFrame
    this.#onEnd = onEnd
    this.#heardMs = clock.nowMs()
    socket.on('data', (chunk: Buffer) => this.#data(chunk))
    socket.on('end', () => this.end('remote', new TransportFault('LOST', 'The other side closed the connection.')))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.end(remoteCodes.has(error.code ?? '') ? 'remote' : 'network', faultOf(error))
    })
    // This side destroys a socket only in `end`.
    socket.on('close', () => this.end('remote', new TransportFault('LOST', 'The connection was closed.')))
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Bytes that were handed in and not taken by the system. */
  get waitingBytes(): number {
    return this.socket.writableLength
  }

  /** From here on other frames are expected: those of a lane. */
  become(payloadBytesMax: number, onFrame: ConnectionOptions['onFrame']): void {
    this.#reader.payloadBytesMax = payloadBytesMax
    this.#onFrame = onFrame
  }

  /** The magic comes before the first frame. */
  begin(frame: Frame): void {
    this.#hasBegun = true
    this.write([magic, ...frame.parts])
  }

  /** One write, whatever the number of parts. */
  write(parts: readonly Uint8Array[]): void {
    if (this.#isEnded) return
    const { socket } = this
    let bytes = 0
    for (const part of parts) bytes += part.length
    if (bytes <= joinedBytesMax) {
      // To copy a few bytes costs less than to hand over a list of them.
      socket.write(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, bytes))
      return
    }
    socket.cork()
    for (const part of parts) socket.write(part)
    socket.uncork()
  }

  /** Resolves once the system has taken all but a little; also when the connection has ended. */
  drained(): Promise<void> {
    const { socket } = this
    if (this.#isEnded || !socket.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }

  /** Reads no more until `resume`, so that the other side has to wait. */
  pause(): void {
    this.#isPaused = true
    this.socket.pause()
  }

  /** Reads again, if it was paused. */
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#heardMs = this.#clock.nowMs()
    this.socket.resume()
  }

  /** Says that it is there, and ends it if the other side has said nothing for too long. */
  beat(nowMs: number, silentMs: number): void {
    if (!this.#isPaused && nowMs - this.#heardMs > silentMs) {
      const silence = Math.round(nowMs - this.#heardMs)
      this.bye('silent', new TransportFault('SILENT', `Nothing came for ${silence} ms.`))
      return
    }
    // Whoever has much to take hears of it from that.
    if (this.waitingBytes === 0) this.write(pingFrame.parts)
  }

  /** This process stood still: what came meanwhile has not been looked at. */
  forgive(nowMs: number): void {
    this.#heardMs = nowMs
  }

  /** Says why, and ends it: the other side is not to take it for the death of this process. */
  bye(cause: 'own' | 'silent' | 'bytes', fault: TransportFault): void {
    const reason = fault.message.slice(0, byeBytesMax / 4)
    const frame = encodeFrame(frameKinds.bye, (writer) => writer.text(reason))
    if (this.#hasBegun) this.write(frame.parts)
    else this.begin(frame)
    this.socket.end()
    this.end(cause, fault, false)
  }

  /** Ends it once what was said last has left. What comes meanwhile is thrown away. */
  farewell(): void {
    this.socket.end()
    this.end('own', new TransportFault('CLOSED', 'The connection was closed.'), false)
  }

  /** Ends it now. */
  end(cause: EndCause, fault: TransportFault, destroys = true): void {
    if (destroys) this.socket.destroy()
    if (this.#isEnded) return
    this.#isEnded = true
    this.#reader.stop()
    if (!destroys) this.#closeSoon()
    this.#onEnd(cause, fault)
  }

  /** What was said last gets there if the other side takes it; it is not waited for longer than for a silent one. */
  #closeSoon(): void {
    const { socket } = this
    socket.resume()
    const cancel = this.#clock.after(1_000, () => socket.destroy())
    socket.once('close', cancel)
  }

  #data(chunk: Buffer): void {
    if (this.#isEnded) return
    this.#heardMs = this.#clock.nowMs()
    this.#giveWay(chunk.length)
    try {
      const rest = this.#magicLeft > 0 ? this.#takeMagic(chunk) : chunk
      this.#reader.push(rest, (kind, payload) => this.#frame(kind, payload))
    } catch (error) {
      if (!(error instanceof TransportFault)) throw error
      this.bye(error.code === 'BYTES' ? 'bytes' : 'own', error)
    }
  }

  /** Node would read 2 MiB of one socket before it looks at the next: others have their turn after some of it. */
  #giveWay(length: number): void {
    this.#fullChunks = length < fullChunkBytes ? 0 : this.#fullChunks + 1
    if (this.#fullChunks < fullChunksMax) return
    this.#fullChunks = 0
    this.socket.pause()
    setImmediate(() => {
      if (!this.#isPaused) this.socket.resume()
    })
  }

  #takeMagic(chunk: Buffer): Buffer {
    const at = magic.length - this.#magicLeft
    const taken = Math.min(this.#magicLeft, chunk.length)
    if (!magic.subarray(at, at + taken).equals(chunk.subarray(0, taken))) {
      throw badBytes('what is spoken here is not the protocol between members')
    }
    this.#magicLeft -= taken
    return chunk.subarray(taken)
  }

  #frame(kind: number, payload: Buffer): void {
    if (kind === frameKinds.ping) return
    if (kind !== frameKinds.bye) {
      this.#onFrame(kind, payload)
      return
    }
    const reason = new ByteReader(payload).text(byeBytesMax)
    this.end('bye', new TransportFault('LOST', `The other side closed the connection: ${reason}`))
  }
}
