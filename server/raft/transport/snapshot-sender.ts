// A snapshot leaves: over a connection of its own, a message that says what it is, then its bytes in chunks, then their number
// and checksum; and the receiver says how it ended.
//
//   snapshot     the message, as message-codec.ts has it
//   chunk        bytes, at most `chunkBytesMax`; each is a frame, so each has a checksum
//   snapshotEnd  bytes varint · crc uint32, of all chunks together
//   snapshotResult (from the receiver)  flag taken · sentence text
//
// The sender reads its source as fast as the receiver takes it and no faster.
import native from '#native'
import type { InstallSnapshot } from '../core/types.ts'
import { parseAddress } from './address.ts'
import { ByteReader } from './bytes.ts'
import type { Connection } from './connection.ts'
import { dial } from './dial.ts'
import { badBytes, faultOf, TransportFault } from './fault.ts'
import { encodeFrame, frameKinds } from './frames.ts'
import type { MemberInfo } from './identity.ts'
import { kindNumbers } from './message-codec.ts'
import type { Wiring } from './wiring.ts'

export type SnapshotSource = AsyncIterable<Uint8Array>

/** A way to a peer for one purpose, and how it ended. */
interface Opened {
  readonly connection: Connection
  /** Rejects when the connection ends. */
  readonly ended: Promise<never>
}

export interface SendingSnapshot {
  /** Resolves once the peer has taken all of it; else rejects with a TransportFault, or with what the source throws. */
  readonly done: Promise<void>
  beat(nowMs: number, isLate: boolean): void
  stop(fault: TransportFault): void
}

/** Chunks of the source are handed on without being copied: they must not change. */
export function sendSnapshot(
  wiring: Wiring,
  peer: MemberInfo,
  message: InstallSnapshot,
  source: SnapshotSource
): SendingSnapshot {
  let stop: (fault: TransportFault) => void = () => {}
  const stopped = new Promise<never>((_, reject) => {
    stop = reject
  })
  let connection: Connection | undefined
  const send = async () => {
    const opened = await open(wiring, peer)
    connection = opened.connection
    await sendOver(wiring, opened, message, source)
  }
  const done = Promise.race([send(), stopped]).finally(() => {
    connection?.end('own', new TransportFault('CLOSED', 'The snapshot has been sent.'))
  })
  // Whoever does not wait for it hears of it by the transport's notices.
  done.catch(() => {})
  return {
    done,
    stop,
    beat: (nowMs, isLate) => {
      if (isLate) connection?.forgive(nowMs)
      connection?.beat(nowMs, wiring.limits.silentMs)
    }
  }
}

/** The addresses of the peer in turn, once each. */
async function open(wiring: Wiring, peer: MemberInfo): Promise<Opened> {
  let fault = new TransportFault('UNREACHABLE', `Node "${peer.name}" has no address.`)
  for (const text of peer.addresses.peer) {
    const address = parseAddress(text)
    if (address === undefined) continue
    try {
      return await new Promise<Opened>((resolve, reject) => {
        let end: (fault: TransportFault) => void = reject
        const ended = new Promise<never>((_, rejectEnded) => {
          end = rejectEnded
        })
        ended.catch(() => {})
        dial(wiring, {
          address,
          lane: 'snapshot',
          wanted: { id: peer.id, name: peer.name },
          onReady: (connection) => resolve({ connection, ended }),
          onEnd: (_, error) => {
            end(error)
            reject(error)
          }
        })
      })
    } catch (error) {
      fault = faultOf(error, 'UNREACHABLE')
    }
  }
  throw fault
}

async function sendOver(
  wiring: Wiring,
  { connection, ended }: Opened,
  message: InstallSnapshot,
  source: SnapshotSource
): Promise<void> {
  const result = resultOver(wiring, connection)
  // Looked at between chunks: racing each of them against these promises would leave something behind in them each time.
  let isOver = false
  const over = () => {
    isOver = true
  }
  Promise.race([result, ended]).then(over, over)
  connection.write(encodeFrame(kindNumbers.snapshot, (writer) => wiring.codec.encode(message, writer)).parts)
  let bytes = 0
  let crc = 0
  let bytesOfTurn = 0
  for await (const chunk of source) {
    bytes += chunk.length
    bytesOfTurn += chunk.length
    crc = native.crc32c(chunk, crc) >>> 0
    for (const piece of pieces(chunk, wiring.limits.chunkBytesMax)) {
      if (isOver) break
      connection.write(encodeFrame(frameKinds.chunk, (writer) => writer.raw(piece)).parts)
      await connection.drained()
    }
    if (isOver) break
    // As long as the system takes everything at once, none of these awaits would let the loop turn.
    if (bytesOfTurn < wiring.limits.chunkBytesMax) continue
    bytesOfTurn = 0
    await new Promise(setImmediate)
  }
  if (!isOver) {
    connection.write(
      encodeFrame(frameKinds.snapshotEnd, (writer) => {
        writer.varint(bytes)
        writer.uint32(crc)
      }).parts
    )
  }
  await Promise.race([result, ended])
}

function resultOver({ limits }: Wiring, connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.become(limits.helloBytesMax, (kind, payload) => {
      if (kind !== frameKinds.snapshotResult) throw badBytes(`a frame of kind ${kind} answers a snapshot`)
      const reader = new ByteReader(payload)
      const isTaken = reader.flag()
      const sentence = reader.text(limits.helloBytesMax)
      if (isTaken) resolve()
      else reject(new TransportFault('REFUSED', `The snapshot was not taken: ${sentence}`))
    })
  })
}

function* pieces(bytes: Uint8Array, lengthMax: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += lengthMax) yield bytes.subarray(at, at + lengthMax)
}
