// Long replies as bytes, piece by piece: a piece is made when the client has taken the one before. So neither the event loop nor
// the memory is taken by all of it at once.
import { type Reply, sizeOf } from './reply.ts'

/** Encodes about so many bytes of the parts at a time. */
export function* piecesOf(
  parts: Iterable<Reply>,
  bytesMax: number,
  encode: (parts: readonly Reply[]) => Buffer
): Generator<Buffer, void> {
  let some: Reply[] = []
  let bytes = 0
  for (const part of parts) {
    some.push(part)
    bytes += sizeOf([part])
    if (bytes < bytesMax) continue
    yield encode(some)
    some = []
    bytes = 0
  }
  if (some.length > 0) yield encode(some)
}

/** The heads of arrays and entries, and what follows them one by one, as RESP has them in both versions. */
export function* respPartsOf(replies: readonly Reply[]): Generator<Reply, void> {
  for (const reply of replies) {
    if (reply.kind === 'array') {
      yield headOf(reply.items.length)
      yield* reply.items
    } else if (reply.kind === 'entries') {
      yield headOf(2 * reply.entries.length)
      for (const [key, value] of reply.entries) {
        yield { kind: 'value', value: key }
        yield { kind: 'value', value }
      }
    } else if (reply.kind === 'many') yield* respPartsOf(reply.replies)
    else yield reply
  }
}

const headOf = (items: number): Reply => ({ kind: 'encoded', bytes: Buffer.from(`*${items}\r\n`), count: 0 })
