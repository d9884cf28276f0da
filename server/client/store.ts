// ClientStore: another server as a Store: what a gateway, a test or a tool stands on without knowing where the data is.
//
// 1. Writes and decisions are written in groups, in the order of their calls, each group by one APPLY.
// 2. A lost connection rejects what was sent with OUTCOME_UNKNOWN, and nothing is sent a second time but reads.
// 3. `pin` pins nothing: its pages are of the moment they are read.
import type {
  Decision,
  Entry,
  Key,
  Operation,
  PageLimits,
  Pinned,
  Range,
  Store,
  StoreStatus,
  WriteOptions
} from '../store.ts'
import type { Client } from './client.ts'
import type { Send } from './decide.ts'
import { type Page, pageOf } from './pages.ts'
import { Writes } from './writes.ts'

type BufferClient = Client<Buffer, Buffer>

const timeoutMs = 30_000

export class ClientStore implements Store {
  readonly #client: BufferClient
  readonly #writes: Writes
  #status: StoreStatus
  #isAsking = false

  private constructor(client: BufferClient, status: StoreStatus) {
    this.#client = client
    this.#status = status
    this.#writes = new Writes({ send: client.send, nowMs: () => performance.now(), timeoutMs })
  }

  /** Over a client of Buffers, which is the store's from now on. */
  static async over(client: BufferClient): Promise<ClientStore> {
    return new ClientStore(client, statusOf(await client.status()))
  }

  getMany(keys: readonly Key[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#client.getMany(keys)
  }

  getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    return this.#client.getEntries(keys)
  }

  write(operations: readonly Operation[], { sync = false }: WriteOptions = {}): Promise<void> {
    return this.#writes.write(operations, sync)
  }

  decide<Result>(decision: Decision<Result>, { sync = false }: WriteOptions = {}): Promise<Result> {
    return this.#writes.decide(decision, sync)
  }

  pin(): Pinned {
    return new Unpinned(this.#client.send)
  }

  /** What the server said last; it is asked anew. */
  status(): StoreStatus {
    if (!this.#isAsking) {
      this.#isAsking = true
      void this.#client
        .status()
        .then(
          (status) => {
            this.#status = statusOf(status)
          },
          () => {}
        )
        .finally(() => {
          this.#isAsking = false
        })
    }
    return this.#status
  }

  async close(): Promise<void> {
    await this.#writes.idle()
    await this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

class Unpinned implements Pinned {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  async page(
    { reverse = false, values = true, ...range }: Range & { readonly reverse?: boolean; readonly values?: boolean },
    { entriesMax, bytesMax }: PageLimits
  ): Promise<readonly (readonly [Buffer, Buffer])[]> {
    const found: (readonly [Buffer, Buffer])[] = []
    let bytes = 0
    let rest: Range | undefined = range.lt?.length === 0 ? undefined : range
    // The server's pages are shorter than what may be asked for.
    while (rest !== undefined && found.length < entriesMax && bytes < bytesMax) {
      const limits = { count: entriesMax - found.length, bytes: bytesMax - bytes }
      const page: Page = await pageOf(this.#send, rest, { reverse, values, ...limits })
      for (const entry of page.entries) {
        found.push(entry)
        bytes += entry[0].length + entry[1].length
      }
      rest = page.rest
    }
    return found
  }

  async close(): Promise<void> {}
}

const statusOf = ({ role, term, commitIndex }: StoreStatus): StoreStatus => ({ role, term, commitIndex })
