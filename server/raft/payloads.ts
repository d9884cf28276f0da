// Payloads as they travel: what the log keeps of an entry beside its place (EntryBody), and what a membership change says.
//
//   kind u8 (0 batches · 1 no-op · 255 bytes of a membership change) · bytes
//   of 0 and 1: operations uint32 LE · timeMs float64 LE · payload
import type { EntryBody } from '../../lib/member.ts'
import { changePayloadOf, payloadOf } from './entries.ts'
import { badBytes } from './transport/fault.ts'
import type { PayloadCodec } from './transport/message-codec.ts'

const kinds = ['batches', 'noop'] as const
const changeKind = 255
const headBytes = 13

export const entryPayloads: PayloadCodec = {
  bytesOf: ({ ref }) => {
    if (ref instanceof Uint8Array) return Buffer.concat([Buffer.of(changeKind), ref])
    const { kind, operations, timeMs, payload } = ref as EntryBody
    const bytes = Buffer.allocUnsafe(headBytes + payload.length)
    bytes.writeUInt8(kind === 'noop' ? 1 : 0)
    bytes.writeUInt32LE(operations, 1)
    bytes.writeDoubleLE(timeMs, 5)
    bytes.set(payload, headBytes)
    return bytes
  },
  payloadOf: (bytes) => {
    if (bytes[0] === changeKind) return changePayloadOf(bytes.subarray(1))
    const kind = kinds[bytes[0] ?? -1]
    if (kind === undefined || bytes.length < headBytes) throw badBytes('an entry is of no known kind, or cut short')
    const timeMs = bytes.readDoubleLE(5)
    if (!Number.isSafeInteger(timeMs) || timeMs < 0) throw badBytes('an entry has an impossible time')
    return payloadOf({ kind, operations: bytes.readUInt32LE(1), timeMs, payload: bytes.subarray(headBytes) })
  }
}
