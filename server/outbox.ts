// What a connection is to be sent: answers in their order, and between them what is pushed. Answers wait here until their
// piece is served; a push to a connection that is not being served leaves at the end of the turn, with all others of it.
import type { Socket } from 'node:net'
import type { Reply } from './protocol/reply.ts'
import type { Codec } from './protocol/request.ts'
import type { Store } from './store.ts'
import { turn } from './turn.ts'

/** Longer pieces are given back as soon as they are sent: the garbage collector would be late. */
const longBytes = 64 * 2 ** 10

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

export class Outbox {
  readonly #socket: Socket
  readonly #owner: OutboxOwner
  #replies: Reply[] = []
  /** Values among the replies that are nobody else's. */
  #owned: Uint8Array[] = []
  #bytes = 0
  /** Pushed since the client had last taken everything. */
  #pushedBytes = 0
  #isFlushPlanned = false

  constructor(socket: Socket, owner: OutboxOwner) {
    this.#socket = socket
    this.#owner = owner
  }

  get count(): number {
    return this.#replies.length
  }

  /** About how many bytes wait here. */
  get bytes(): number {
    return this.#bytes
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

  /** Hands everything to the socket; false: it holds as much as it should. */
  flush(): boolean {
    const replies = this.#replies
    const { codec } = this.#owner
    if (replies.length === 0 || this.#socket.destroyed || codec === undefined) return true
    this.#replies = []
    this.#bytes = 0
    const bytes = codec.encode(replies)
    for (const value of this.#owned) this.#owner.store.discard?.(value)
    this.#owned = []
    if (!this.#owner.maySend(bytes.length)) return true
    if (this.#owner.isServing) turn.hold(this.#socket)
    if (bytes.length <= longBytes) return this.#socket.write(bytes)
    return this.#socket.write(bytes, () => this.#owner.store.discard?.(bytes))
  }
}

/** About how many bytes these replies are. */
export function sizeOf(replies: readonly Reply[]): number {
  let bytes = 0
  for (const reply of replies) {
    if (reply.kind === 'encoded') bytes += reply.bytes.length
    else if (reply.kind === 'value') bytes += reply.value.length + 16
    else if (reply.kind === 'array' || reply.kind === 'push') bytes += sizeOf(reply.items) + 16
    else if (reply.kind === 'entries') for (const [key, value] of reply.entries) bytes += key.length + value.length + 32
    else if (reply.kind === 'many') bytes += sizeOf(reply.replies)
    else bytes += 32
  }
  return bytes
}
