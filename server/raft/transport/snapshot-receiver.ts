// A snapshot comes: its message, and its bytes as an iteration that ends only where all of them came and their checksum is right;
// else it throws a TransportFault. While whoever iterates is behind, the sender waits.
import native from '#native'
import type { InstallSnapshot } from '../core/types.ts'
import type { Accepted } from './acceptor.ts'
import { ByteReader } from './bytes.ts'
import type { Connection } from './connection.ts'
import { badBytes, TransportFault } from './fault.ts'
import { encodeFrame, frameKinds } from './frames.ts'
import { messageKindOf } from './message-codec.ts'
import type { Wiring } from './wiring.ts'

/**
 * Takes a snapshot: it is taken, durable, when this resolves; why not, when it rejects. The message's `ref` is undefined: what
 * the snapshot is has to be known from its bytes.
 */
export type OnSnapshot = (message: InstallSnapshot, chunks: AsyncIterable<Buffer>) => Promise<void>

export class SnapshotReceiver {
  readonly #wiring: Wiring
  readonly #connection: Connection
  readonly #chunks: ChunkQueue

  constructor(wiring: Wiring, { connection, peer }: Accepted, onSnapshot: OnSnapshot) {
    this.#wiring = wiring
    this.#connection = connection
    this.#chunks = new ChunkQueue(connection, wiring.limits.chunkQueueBytesMax)
    const { limits } = wiring
    let hasBegun = false
    connection.become(Math.max(limits.controlBytesMax, limits.chunkBytesMax), (kind, payload) => {
      if (hasBegun) {
        this.#chunks.frame(kind, payload)
        return
      }
      hasBegun = true
      if (messageKindOf(kind) !== 'snapshot') throw badBytes(`a frame of kind ${kind} begins a snapshot`)
      const route = { from: peer.id, to: wiring.identity().id }
      const message = wiring.codec.decode('snapshot', new ByteReader(payload), route)
      if (message.kind === 'snapshot') void this.#run(message, onSnapshot)
    })
  }

  beat(nowMs: number, isLate: boolean): void {
    if (isLate) this.#connection.forgive(nowMs)
    this.#connection.beat(nowMs, this.#wiring.limits.silentMs)
  }

  ended(fault: TransportFault): void {
    this.#chunks.fail(fault)
  }

  close(): void {
    this.#connection.end('own', new TransportFault('CLOSED', 'The node stops.'))
  }

  async #run(message: InstallSnapshot, onSnapshot: OnSnapshot): Promise<void> {
    let sentence = ''
    let isTaken = true
    try {
      await onSnapshot(message, this.#chunks)
    } catch (error) {
      isTaken = false
      sentence = error instanceof Error ? error.message : String(error)
    }
    this.#connection.resume()
    this.#connection.write(
      encodeFrame(frameKinds.snapshotResult, (writer) => {
        writer.flag(isTaken)
        writer.text(sentence.slice(0, this.#wiring.limits.helloBytesMax / 4))
      }).parts
    )
    this.#connection.farewell()
  }
}

/** Between frames that come and an iteration that takes. */
class ChunkQueue implements AsyncIterable<Buffer> {
  readonly #connection: Connection
  readonly #bytesMax: number
  #chunks: Buffer[] = []
  #bytes = 0
  #bytesTotal = 0
  #crc = 0
  #end: 'whole' | TransportFault | undefined
  #wake: () => void = () => {}

  constructor(connection: Connection, bytesMax: number) {
    this.#connection = connection
    this.#bytesMax = bytesMax
  }

  frame(kind: number, payload: Buffer): void {
    if (this.#end !== undefined) throw badBytes('something follows the end of a snapshot')
    if (kind === frameKinds.chunk) {
      this.#chunks.push(payload)
      this.#bytes += payload.length
      this.#bytesTotal += payload.length
      this.#crc = native.crc32c(payload, this.#crc) >>> 0
      if (this.#bytes > this.#bytesMax) this.#connection.pause()
    } else if (kind === frameKinds.snapshotEnd) {
      const reader = new ByteReader(payload)
      const isWhole = reader.varint() === this.#bytesTotal && reader.uint32() === this.#crc
      if (!isWhole) throw badBytes('the chunks of a snapshot are not what was sent')
      reader.end()
      this.#end = 'whole'
    } else {
      throw badBytes(`a frame of kind ${kind} comes between the chunks of a snapshot`)
    }
    this.#wake()
  }

  /** The connection has ended: what was not taken does not count any more, unless all of it came. */
  fail(fault: TransportFault): void {
    this.#end ??= fault
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#bytes -= chunk.length
        if (this.#bytes <= this.#bytesMax / 2) this.#connection.resume()
        yield chunk
      } else if (this.#end === 'whole') {
        return
      } else if (this.#end !== undefined) {
        throw this.#end
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
