// Call: one request on its way: waiting, sent, settled. Whoever has it may settle it; the first one does.
import type { ReplyValue } from '../protocol/resp-replies.ts'
import type { ClientError } from './errors.ts'

export interface CallOptions {
  /** How long it may take, in milliseconds, waiting for a connection and all. */
  readonly timeoutMs?: number
  /** Ends the call when it is aborted. What was sent already may be executed all the same. */
  readonly signal?: AbortSignal
}

export class Call {
  readonly bytes: Buffer
  /** It changes nothing, so it may be sent again when its answer is lost. */
  readonly isRead: boolean
  readonly promise: Promise<ReplyValue>
  /** How often it was sent. */
  tries = 0
  /** How often it was told to go elsewhere, and that nothing was done. */
  moves = 0
  /** What it was told so by. */
  refusal: ClientError | undefined
  /** Its place among all calls of the client. */
  order = 0
  /** Of its bytes, those that wait to be sent. */
  waitingBytes = 0
  state: 'waiting' | 'sent' | 'settled' = 'waiting'
  /** What must not go on once it is settled: its timer, its listener. */
  release: (() => void) | undefined
  #resolve: (value: ReplyValue) => void = () => {}
  #reject: (error: ClientError) => void = () => {}

  constructor(bytes: Buffer, isRead: boolean) {
    this.bytes = bytes
    this.isRead = isRead
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  resolve(value: ReplyValue): void {
    if (this.#settle()) this.#resolve(value)
  }

  reject(error: ClientError): void {
    if (this.#settle()) this.#reject(error)
  }

  #settle(): boolean {
    if (this.state === 'settled') return false
    this.state = 'settled'
    this.release?.()
    return true
  }
}
