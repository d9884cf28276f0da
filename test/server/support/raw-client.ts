// A socket with its bytes bare: sends what it is told, keeps what comes.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Address } from '../../../server/net/connection.ts'

export class RawClient {
  readonly socket: Socket
  #received: Buffer[] = []
  #length = 0
  #isEnded = false
  #wake = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk)
      this.#length += chunk.length
      this.#wake()
    })
    const ended = () => {
      this.#isEnded = true
      this.#wake()
    }
    socket.on('end', ended)
    socket.on('close', ended)
    socket.on('error', ended)
  }

  /** With `allowHalfOpen`, our side stays open when the server ends its own. */
  static async connect({ port }: Address): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    socket.setNoDelay(true)
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }

  /** Sends and resolves once the system has taken it. */
  sent(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()))
  }

  /** The next `length` bytes, or fewer if the server ends before. */
  async bytes(length: number): Promise<Buffer> {
    while (this.#length < length && !this.#isEnded) await this.#more()
    const all = Buffer.concat(this.#received)
    this.#received = [all.subarray(length)]
    this.#length = Math.max(all.length - length, 0)
    return all.subarray(0, length)
  }

  /** Sends, and returns as many bytes as `reply` is long: to be compared with it. */
  async ask(request: string, reply: string): Promise<string> {
    this.send(request)
    return (await this.bytes(Buffer.byteLength(reply))).toString()
  }

  /** Everything up to the server's end of the connection. */
  async rest(): Promise<string> {
    while (!this.#isEnded) await this.#more()
    return (await this.bytes(this.#length)).toString()
  }

  end(): void {
    this.socket.end()
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
