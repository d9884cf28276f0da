// Batches in frames, as the control plane hands them over.
import native from '#native'

export type Operation =
  | { put: string; value: string | Uint8Array; expiresAt?: number }
  | { del: string }
  | { delRange: readonly [string, string] }

export interface Frame {
  readonly bytes: Buffer
  readonly payloadBytes: number
  readonly operations: number
}

const { frameStartBytes, frameEndBytes } = native.about()

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

export const storedKey = (key: string, space = 0): Buffer => Buffer.concat([varint(space), Buffer.from(key)])

function fixed64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const sized = (bytes: Uint8Array): Buffer => Buffer.concat([varint(bytes.length), bytes])

function encode(operation: Operation, space: number): Buffer {
  if ('put' in operation) {
    const key = sized(storedKey(operation.put, space))
    const value = sized(Buffer.from(operation.value as string))
    return operation.expiresAt === undefined
      ? Buffer.concat([Buffer.from([1]), key, value])
      : Buffer.concat([Buffer.from([2]), key, fixed64(operation.expiresAt), value])
  }
  if ('del' in operation) return Buffer.concat([Buffer.from([3]), sized(storedKey(operation.del, space))])
  const [start, end] = operation.delRange
  return Buffer.concat([Buffer.from([4]), sized(storedKey(start, space)), sized(storedKey(end, space))])
}

/** One batch in a frame. */
export function frameOf(operations: readonly Operation[], space = 0): Frame {
  const encoded = Buffer.concat(operations.map((operation) => encode(operation, space)))
  const batch = Buffer.alloc(8)
  batch.writeUInt32LE(encoded.length, 0)
  batch.writeUInt32LE(operations.length, 4)
  const bytes = Buffer.concat([Buffer.alloc(frameStartBytes), batch, encoded, Buffer.alloc(frameEndBytes)])
  return { bytes, payloadBytes: 8 + encoded.length, operations: operations.length }
}

export function rawFrame(payload: Uint8Array, operations = 0): Frame {
  const bytes = Buffer.concat([Buffer.alloc(frameStartBytes), payload, Buffer.alloc(frameEndBytes)])
  return { bytes, payloadBytes: payload.length, operations }
}
