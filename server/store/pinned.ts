// PinnedDatabase: a snapshot of a database, read in pages.
import type { Database } from '../../lib/index.ts'
import type { PageLimits, Pinned, Range } from '../store.ts'

export class PinnedDatabase implements Pinned {
  readonly #database: Database<Buffer, Buffer>
  readonly #snapshot: ReturnType<Database<Buffer, Buffer>['snapshot']>

  constructor(database: Database<Buffer, Buffer>) {
    this.#database = database
    this.#snapshot = database.snapshot()
  }

  async page(
    { gte, lt, reverse = false, values = true }: Range & { readonly reverse?: boolean; readonly values?: boolean },
    { entriesMax, bytesMax }: PageLimits
  ): Promise<readonly (readonly [Buffer, Buffer])[]> {
    const page: [Buffer, Buffer][] = []
    let bytes = 0
    const bounds = { ...(gte === undefined ? {} : { gte }), ...(lt === undefined ? {} : { lt }) }
    const options = { ...bounds, reverse, values, snapshot: this.#snapshot, limit: entriesMax }
    const iterator = this.#database.iterator(options)
    try {
      while (page.length < entriesMax && bytes < bytesMax) {
        // Few at once where there are values: they may be long.
        const entries = await iterator.nextv(Math.min(values ? 16 : 256, entriesMax - page.length))
        if (entries.length === 0) break
        for (const [key, value = none] of entries as [Buffer, Buffer | undefined][]) {
          page.push([key, value])
          bytes += key.length + value.length
          if (bytes >= bytesMax) break
        }
      }
    } finally {
      await iterator.close()
    }
    return page
  }

  async close(): Promise<void> {
    await this.#snapshot.close()
  }
}

const none = Buffer.alloc(0)
