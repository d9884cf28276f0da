// What a codec makes of a client's bytes, whatever the protocol: a request, or the reason why they are none.
import type { Reply } from './reply.ts'

export type Decoded =
  | {
      readonly kind: 'request'
      /** In upper case. */
      readonly name: string
      /** As it came, where that differs: latin1, for errors. */
      readonly spelt?: string | undefined
      readonly args: readonly Buffer[]
    }
  /** Several requests of one kind, `GET key` or `SET key value`, where they stand: items `from` up to `count`. */
  | {
      readonly kind: 'run'
      readonly name: 'GET' | 'SET'
      readonly chunk: Buffer
      /** Of each item: offset and length of its key, and for SET of its value. Runs share it: never written to again. */
      readonly places: Uint32Array
      readonly from: number
      readonly count: number
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly code?: 'ERR' | 'TOO_LARGE' }
  /** Bytes after which nothing can be understood: said, and the connection closes. */
  | { readonly kind: 'fatal'; readonly reason: string }
  /** Not spoken to us: the connection closes without a word. */
  | { readonly kind: 'foreign' }

/** All but a run. */
export type Single = Exclude<Decoded, { readonly kind: 'run' }>

/** What may come in one request. */
export interface RequestLimits {
  /** A line without its end. */
  readonly lineBytesMax: number
  readonly bulkBytesMax: number
  readonly argumentsMax: number
  /** All arguments together. */
  readonly requestBytesMax: number
}

/** Requests in, replies out. Each connection has its own; it holds what is unfinished. */
export interface Codec {
  readonly name: 'line' | 'resp'
  /** Lower before a login. */
  limits: RequestLimits
  /** The requests that end in this chunk, in order. */
  push(chunk: Buffer): Decoded[]
  /** Replies as bytes, in order. */
  encode(replies: readonly Reply[]): Buffer
  /**
   * The same bytes in pieces of about so many: each is made when it is asked for. `onEncoded` is told of each part once
   * nothing here needs it any more; the replies are emptied.
   */
  pieces(replies: Reply[], bytes: number, onEncoded?: (part: Reply) => void): Iterator<Buffer, void>
  /** Whether the input stops in the middle of a request. */
  readonly isUnfinished: boolean
  /** About the memory that is held for what is unfinished, in bytes. */
  readonly heldBytes: number
}

/** The same bytes in memory of their own: a chunk's memory is shared with others, and stays as long as a part of it is kept. */
export function ownCopies(parts: readonly Buffer[]): Buffer[] {
  // Not from the pool of short buffers, which would be shared memory again.
  const all = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  return parts.map((part) => {
    const from = end
    end += part.copy(all, from)
    return all.subarray(from, end)
  })
}
