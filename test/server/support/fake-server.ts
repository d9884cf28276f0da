// A server that answers as it is told: each request goes to a function, which gives the bytes of its reply, or nothing.
import { createServer, type Server, type Socket } from 'node:net'
import { RespCodec } from '../../../server/protocol/resp.ts'

export interface Asked {
  readonly words: readonly string[]
  /** Which connection, counted from 0. */
  readonly connection: number
  readonly socket: Socket
}

export type Answering = (asked: Asked) => string | undefined

const limits = { lineBytesMax: 2 ** 20, bulkBytesMax: 2 ** 24, argumentsMax: 1_000, requestBytesMax: 2 ** 26 }

export class FakeServer {
  /** Every request, the handshakes' among them. */
  readonly asked: Asked[] = []
  /** Requests of each chunk that came. */
  readonly chunks: number[] = []
  readonly sockets: Socket[] = []
  answer: Answering
  readonly #server: Server
  #wakers: (() => void)[] = []

  private constructor(answer: Answering) {
    this.answer = answer
    this.#server = createServer((socket) => this.#accept(socket))
  }

  static async listen(answer: Answering = () => '+OK\r\n', port = 0): Promise<FakeServer> {
    const fake = new FakeServer(answer)
    await new Promise<void>((resolve) => fake.#server.listen(port, '127.0.0.1', resolve))
    return fake
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  /** Requests so far that are no handshake, as lines. */
  get lines(): string[] {
    return this.asked.filter(({ words }) => words[0] !== 'HELLO').map(({ words }) => words.join(' '))
  }

  /** Resolves once that is so; it is looked at after everything that happens here. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#wakers.push(resolve))
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  #accept(socket: Socket): void {
    const connection = this.sockets.push(socket) - 1
    const codec = new RespCodec(limits)
    socket.on('error', () => {})
    socket.on('close', () => this.#wake())
    socket.on('data', (chunk: Buffer) => {
      const requests = codec.push(chunk)
      this.chunks.push(requests.length)
      for (const request of requests) {
        if (request.kind !== 'request') throw new Error('the client sends requests')
        const words = [request.name, ...request.args.map(String)]
        const asked = { words, connection, socket }
        this.asked.push(asked)
        const reply = words[0] === 'HELLO' ? helloOf(this.answer(asked)) : this.answer(asked)
        if (reply !== undefined && !socket.destroyed) socket.write(reply)
      }
      this.#wake()
    })
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }
}

// Who does not care about handshakes answers them as everything.
const helloOf = (reply: string | undefined): string | undefined => (reply?.startsWith('-') === true ? reply : '%0\r\n')
