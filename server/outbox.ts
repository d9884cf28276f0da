// What a connection is to be sent: answers in their order, and between them what is pushed. Answers wait here until their
// piece is served; a push to a connection that is not being served leaves at the end of the turn, with all others of it.
import type { Connection } from './net/connection.ts'
import type { Reply } from './protocol/reply.ts'
import type { Codec } from './protocol/request.ts'
import type { Store } from './store.ts'
import { type Held, turn } from './turn.ts'

/** Longer pieces are given back as soon as they are sent: the garbage collector would be late. */
const longBytes = 64 * 2 ** 10
/** Shorter ones are held here until the turn is over: a socket that is corked does more. */
const shortBytes = 4 * 2 ** 10
/** More than this is sent in pieces of about this. */
const pieceBytes = 128 * 2 ** 10

export interface OutboxOwner {
  readonly store: Store

  readonly codec: Codec | undefined
  /** It will flush by itself. */
  readonly isServing: boolean
  /** Asked before bytes go to the socket: may they? */
  maySend(bytes: number): boolean
  /** What was planned here is with the socket; `isFull`: it holds as much as it should. */
  flushed(isFull: boolean): void
}

export class Outbox implements Held {
  readonly #socket: Connection
  readonly #owner: OutboxOwner
  #replies: Reply[] = []
  /** Of replies that are being sent: what the client was not sent yet. */
  #pieces: Iterator<Buffer, void> | undefined
  /** Values among the replies that are nobody else's. */
  #owned: Uint8Array[] = []
  #bytes = 0
  /** Pushed since the client had last taken everything. */
  #pushedBytes = 0
  #isFlushPlanned = false
  /** The turn will release it. */
  #isHeld = false
  #held: Buffer | undefined
  #isCorked = false

  constructor(socket: Connection, owner: OutboxOwner) {
    this.#socket = socket
    this.#owner = owner
  }

  get count(): number {
    return this.#replies.length
  }

  /** About how many bytes of replies wait here. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes that the client has not got yet. */
  get unsentBytes(): number {
    return this.#bytes + (this.#held?.length ?? 0) + this.#socket.writableLength
  }

  /** `isOwned`: values among the answers are nobody else's. */
  add(answers: Reply[], bytes: number, isOwned: boolean): void {
    if (isOwned && bytes > longBytes) for (const answer of answers) this.#own(answer)
    if (this.#replies.length === 0) this.#replies = answers
    else for (const answer of answers) this.#replies.push(answer)
    this.#bytes += bytes
  }

  /** Answers how many bytes of messages the client has not taken. */
  push(reply: Reply, bytes: number): number {
    if (this.#socket.writableLength === 0 && this.#replies.length === 0) this.#pushedBytes = 0
    this.#pushedBytes += bytes
    this.#replies.push(reply)
    this.#bytes += bytes
    if (!this.#owner.isServing && !this.#isFlushPlanned) {
      this.#isFlushPlanned = true
      process.nextTick(() => {
        this.#isFlushPlanned = false
        if (!this.#owner.isServing) this.#owner.flushed(!this.flush())
      })
    }
    return this.#pushedBytes
  }

  #own(reply: Reply): void {
    if (reply.kind === 'value' && reply.value.length > longBytes) this.#owned.push(reply.value)
    else if (reply.kind === 'array') for (const item of reply.items) this.#own(item)
  }

  /** There is more to send than the socket takes at once. */
  get isInPieces(): boolean {
    return this.#pieces !== undefined
  }

  /** Hands everything to the socket; false: it holds as much as it should, and there may be more. */
  flush(): boolean {
    const replies = this.#replies
    const { codec } = this.#owner
    if (this.#pieces !== undefined && !this.#sendPieces()) return false
    if (replies.length === 0 || this.#socket.destroyed || codec === undefined) return true
    this.#replies = []
    if (this.#bytes > pieceBytes) {
      const owned = new Set(this.#owned)
      this.#owned = []
      this.#pieces = codec.pieces(replies, pieceBytes, (part) => {
        if (part.kind === 'value' && owned.delete(part.value)) this.#owner.store.discard?.(part.value)
      })
      return this.#sendPieces()
    }
    this.#bytes = 0
    const bytes = codec.encode(replies)
    this.#discardOwned()
    return this.#send(bytes)
  }

  /** Whether all of them are with the socket, which takes more. */
  #sendPieces(): boolean {
    while (this.#pieces !== undefined && !this.#socket.destroyed) {
      const { value: bytes } = this.#pieces.next()
      if (bytes === undefined) break
      this.#bytes = Math.max(0, this.#bytes - bytes.length)
      if (!this.#send(bytes)) return false
    }
    this.#pieces = undefined
    this.#bytes = 0
    return true
  }

  /** All that is left, whatever the socket holds. */
  finish(): void {
    for (let flushed = this.flush(); !flushed && this.#pieces !== undefined; ) flushed = this.flush()
    this.release()
  }

  #discardOwned(): void {
    for (const value of this.#owned) this.#owner.store.discard?.(value)
    this.#owned = []
  }

  #send(bytes: Buffer): boolean {
    if (!this.#owner.maySend(bytes.length)) return true
    if (this.#owner.isServing) return this.#hold(bytes)
    this.#writeHeld()
    return this.#write(bytes)
  }

  #hold(bytes: Buffer): boolean {
    if (!this.#isHeld) {
      this.#isHeld = true
      turn.hold(this)
      if (bytes.length <= shortBytes && this.#socket.writableLength === 0) {
        this.#held = bytes
        return true
      }
    }
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
    }
    this.#writeHeld()
    return this.#write(bytes)
  }

  /** Sends now what was to leave at the end of the turn. */
  release(): void {
    this.#isHeld = false
    this.#writeHeld()
    if (this.#isCorked) {
      this.#isCorked = false
      this.#socket.uncork()
    }
  }

  #writeHeld(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined && !this.#socket.destroyed) this.#socket.write(held)
  }

  #write(bytes: Buffer): boolean {
    if (bytes.length <= longBytes) return this.#socket.write(bytes)
    return this.#socket.write(bytes, () => this.#owner.store.discard?.(bytes))
  }
}
