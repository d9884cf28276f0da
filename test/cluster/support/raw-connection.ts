// A connection that asks one thing at a time, and never again: a reply, or none.
import { connect, type Socket } from 'node:net'
import { endOfReply } from '../../server/support/resp-peer.ts'

const noBytes: Buffer = Buffer.alloc(0)

/** What is said to ask so; words are plain ASCII. */
export function requestOf(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

export class RawConnection {
  readonly #socket: Socket
  #held = noBytes
  #isOver = false
  #settle: ((reply: string | undefined) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('close', () => this.close())
    socket.on('end', () => this.close())
    socket.on('timeout', () => {
      if (this.#settle !== undefined) this.close()
    })
  }

  /** Undefined: there is nobody. A reply is waited for no longer than `patienceMs`; 0: as long as it takes. */
  static open(port: number, patienceMs: number): Promise<RawConnection | undefined> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.on('error', () => resolve(undefined))
      socket.on('connect', () => {
        socket.setTimeout(patienceMs)
        resolve(new RawConnection(socket))
      })
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The bytes of the reply. Undefined: the connection has ended, or nothing came for too long; it is over then. */
  ask(request: string): Promise<string | undefined> {
    if (this.#isOver) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#settle = resolve
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#isOver = true
    this.#socket.destroy()
    this.#tell(undefined)
  }

  #receive(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const end = endOfReply(this.#held, 0)
    if (end === -1) return
    const reply = this.#held.latin1Slice(0, end)
    this.#held = this.#held.subarray(end)
    this.#tell(reply)
  }

  #tell(reply: string | undefined): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.(reply)
  }
}
