// Long replies as bytes, piece by piece: a piece is made when the client has taken the one before. So neither the event loop nor
// the memory is taken by all of it at once.
import { type Reply, sizeOf } from './reply.ts'

/** Encodes about so many bytes of the parts at a time. */
export function* piecesOf(
  parts: Iterable<Reply>,
  bytesMax: number,
  encode: (parts: readonly Reply[]) => Buffer,
  onEncoded?: (part: Reply) => void
): Generator<Buffer, void> {
  const encoded = (some: readonly Reply[]): Buffer => {
    const piece = encode(some)
    if (onEncoded !== undefined) for (const part of some) onEncoded(part)
    return piece
  }
  let some: Reply[] = []
  let bytes = 0
  for (const part of parts) {
    some.push(part)
    bytes += sizeOf([part])
    if (bytes < bytesMax) continue
    yield encoded(some)
    some = []
    bytes = 0
  }
  if (some.length > 0) yield encoded(some)
}

/** The heads of arrays and entries, and what follows them one by one, as RESP has them in both versions. */
export function* respPartsOf(replies: Reply[]): Generator<Reply, void> {
  for (const reply of emptying(replies)) {
    if (reply.kind === 'array') {
      yield headOf(reply.items.length)
      yield* emptying(reply.items)
    } else if (reply.kind === 'entries') {
      yield headOf(2 * reply.entries.length)
      for (const [key, value] of emptying(reply.entries)) {
        yield { kind: 'value', value: key }
        yield { kind: 'value', value }
      }
    } else if (reply.kind === 'many') yield* respPartsOf([...reply.replies])
    else yield reply
  }
}

/** Each item, which is forgotten here when the next one is asked for: what was sent is not kept. */
export function* emptying<T>(items: readonly T[]): Generator<T, void> {
  const emptied = items as (T | undefined)[]
  for (let i = 0; i < emptied.length; i++) {
    const item = emptied[i] as T
    emptied[i] = undefined
    yield item
  }
}

const headOf = (items: number): Reply => ({ kind: 'encoded', bytes: Buffer.from(`*${items}\r\n`), count: 0 })
