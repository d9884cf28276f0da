// Noise for a cluster: connections that fill it, with long values among them, and one that lists all keys, over and over. Each
// sends the next when the last was answered.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A RESP connection that counts: bulk strings and lines are told by their number, not kept. */
export class Counting {
  readonly #socket: Socket
  #rest = ''
  #owed = 0
  #told: (() => void) | undefined
  /** Of a bulk string, with its line break. */
  #skip = 0
  readonly errors: string[] = []
  /** Elements of the last array. */
  elements = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#owed > 0) this.errors.push('the connection was closed')
      this.#owed = 0
      this.#told?.()
    })
  }

  static async open(port: number): Promise<Counting> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Counting(socket)
  }

  /** Resolves once as many replies have come as there are requests. */
  async send(requests: readonly (readonly (string | Buffer)[])[]): Promise<void> {
    if (this.#socket.destroyed) return
    this.#owed += requests.length
    this.#socket.write(Buffer.concat(requests.map(encoded)))
    await new Promise<void>((resolve) => {
      this.#told = resolve
    })
  }

  close(): void {
    this.#owed = 0
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at)
        this.#skip -= skipped
        at += skipped
        if (this.#skip === 0) this.#owed--
        continue
      }
      const end = chunk.indexOf(10, at)
      this.#rest += chunk.latin1Slice(at, end === -1 ? chunk.length : end + 1)
      if (end === -1) break
      at = end + 1
      this.#line(this.#rest.slice(0, -2))
      this.#rest = ''
    }
    if (this.#owed === 0) this.#told?.()
  }

  #line(line: string): void {
    const number = Number(line.slice(1))
    if (line[0] === '*') {
      this.elements = number
      this.#owed += number - 1
    } else if (line[0] === '$' && number >= 0) this.#skip = number + 2
    else {
      if (line[0] === '-') this.errors.push(line)
      this.#owed--
    }
  }
}

function encoded(request: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${request.length}\r\n`)]
  for (const part of request) parts.push(Buffer.from(`$${Buffer.byteLength(part)}\r\n`), Buffer.from(part), lineBreak)
  return Buffer.concat(parts)
}

const lineBreak = Buffer.from('\r\n')
