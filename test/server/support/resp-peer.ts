// A connection that speaks RESP with its bytes bare: requests out, each reply's bytes in.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'

export type Request = readonly Buffer[]

export const requestOf = (...words: readonly (string | Buffer)[]): Request =>
  words.map((word) => (typeof word === 'string' ? Buffer.from(word, 'latin1') : word))

export function bytesOf(request: Request): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${request.length}\r\n`)]
  for (const word of request) parts.push(Buffer.from(`$${word.length}\r\n`), word, crlf)
  return Buffer.concat(parts)
}

const crlf: Buffer = Buffer.from('\r\n')

export class RespPeer {
  readonly #socket: Socket
  #held: Buffer = Buffer.alloc(0)
  #isEnded = false
  #wake = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isEnded = true
      this.#wake()
    })
  }

  static async connect(to: { readonly path: string } | { readonly port: number }): Promise<RespPeer> {
    const socket = connect(to)
    await once(socket, 'connect')
    return new RespPeer(socket)
  }

  /** Sends all in one piece and resolves with the bytes of each reply, latin1; `count`: where they are not one for each. */
  async ask(requests: readonly Request[], count = requests.length): Promise<string[]> {
    this.#socket.write(Buffer.concat(requests.map(bytesOf)))
    const replies: string[] = []
    let at = 0
    while (replies.length < count) {
      const end = endOfReply(this.#held, at)
      if (end !== -1) {
        replies.push(this.#held.latin1Slice(at, end))
        at = end
        continue
      }
      this.#held = this.#held.subarray(at)
      at = 0
      if (this.#isEnded) throw new Error(`the connection ended after ${replies.length} of ${count} replies`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#held = this.#held.subarray(at)
    return replies
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

/** Where the reply that begins at `at` ends, or -1 while it is not whole. */
export function endOfReply(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd === -1) return -1
  const kind = String.fromCharCode(bytes[at] as number)
  const end = lineEnd + 2
  if (!'$=!*~>%'.includes(kind)) return end
  const count = Number(bytes.latin1Slice(at + 1, lineEnd))
  if (count < 0) return end
  if ('$=!'.includes(kind)) return end + count + 2 <= bytes.length ? end + count + 2 : -1
  let next = end
  for (let left = kind === '%' ? 2 * count : count; left > 0 && next !== -1; left--) next = endOfReply(bytes, next)
  return next
}
