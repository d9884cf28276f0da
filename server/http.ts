// The HTTP port for those who run the server: health and metrics. It answers GET and HEAD of three paths and reads no
// bodies. It is a port of its own, so that probes and scrapes go on when the data port is full.
//
//   /livez     200 while the process turns its loop at all
//   /readyz    200 while requests are taken, else 503 with the reasons; ?verbose: every check, as JSON
//   /metrics   the text that Prometheus reads
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'

export interface AdminOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** What is checked → why it is not well, or undefined. */
  readonly checks: () => Readonly<Record<string, string | undefined>>
  readonly metrics: () => Promise<string>
  readonly onFault: (error: unknown) => void
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const plain = 'text/plain; charset=utf-8'
const json = 'application/json'
const exposition = 'text/plain; version=0.0.4; charset=utf-8'

/** Probes and scrapes are few; what does more than that waits. */
const connectionsMax = 100
const timeoutMs = 5_000
const headerBytesMax = 8 * 2 ** 10

export class AdminServer {
  readonly #http: Server
  readonly #options: AdminOptions

  private constructor(options: AdminOptions) {
    this.#options = options
    this.#http = createServer(
      { maxHeaderSize: headerBytesMax, requestTimeout: timeoutMs, headersTimeout: timeoutMs },
      (request, response) => void this.#serve(request, response)
    )
    this.#http.maxConnections = connectionsMax
    this.#http.keepAliveTimeout = timeoutMs
  }

  /** Resolves once it answers; rejects with the system's error if the address cannot be had. */
  static async listen(options: AdminOptions): Promise<AdminServer> {
    const server = new AdminServer(options)
    const http = server.#http
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen({ host: options.host, port: options.port }, () => {
        http.off('error', reject)
        http.on('error', options.onFault)
        resolve()
      })
    })
    return server
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#http.address()
    if (address === null || typeof address === 'string') throw new Error('the HTTP port is closed')
    return { host: address.address, port: address.port }
  }

  /** Closes every connection, busy or not. Idempotent. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()))
    this.#http.closeAllConnections()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer
    try {
      answer = await this.#answer(request)
    } catch (error) {
      this.#options.onFault(error)
      answer = { status: 500, type: plain, body: 'a fault of the server; its log says more\n' }
    }
    const { status, type, body } = answer
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD', connection: 'close' } : {})
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: plain, body: 'GET or HEAD\n' }
    const [path, query = ''] = url.split('?', 2)
    const isVerbose = new URLSearchParams(query).has('verbose')
    switch (path) {
      case '/livez':
        return isVerbose ? verbose({ loop: undefined }) : { status: 200, type: plain, body: 'ok\n' }
      case '/readyz':
        return isVerbose ? verbose(this.#options.checks()) : brief(this.#options.checks())
      case '/metrics':
        return { status: 200, type: exposition, body: await this.#options.metrics() }
      default:
        return { status: 404, type: plain, body: 'there are /livez, /readyz and /metrics\n' }
    }
  }
}

type Checks = ReturnType<AdminOptions['checks']>

const reasonsOf = (checks: Checks): string[] =>
  Object.entries(checks).flatMap(([name, reason]) => (reason === undefined ? [] : [`${name}: ${reason}`]))

function brief(checks: Checks): Answer {
  const reasons = reasonsOf(checks)
  if (reasons.length === 0) return { status: 200, type: plain, body: 'ok\n' }
  return { status: 503, type: plain, body: `${reasons.join('\n')}\n` }
}

function verbose(checks: Checks): Answer {
  const ok = reasonsOf(checks).length === 0
  const told = Object.entries(checks).map(([name, reason]) => [
    name,
    reason === undefined ? { ok: true } : { ok: false, reason }
  ])
  return { status: ok ? 200 : 503, type: json, body: `${JSON.stringify({ ok, checks: Object.fromEntries(told) })}\n` }
}
