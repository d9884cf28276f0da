// PinnedMember: a view of a member's applied entries that is no older than its making. A snapshot is taken at once; where the
// leader says that more was committed by then, it is taken again once that is applied here.
import type { Database } from '../../lib/index.ts'
import { PinnedDatabase } from '../store/pinned.ts'
import type { PageLimits, Pinned, Range } from '../store.ts'
import type { LogIndex } from './core/types.ts'

export class PinnedMember implements Pinned {
  readonly #view: Promise<PinnedDatabase>

  /** `read` resolves with the index that was read, once it is applied. */
  constructor(database: Database<Buffer, Buffer>, applied: LogIndex, read: Promise<LogIndex>) {
    // Told to whoever asks for a page.
    read.catch(() => undefined)
    this.#view = viewOf(database, new PinnedDatabase(database), applied, read)
    this.#view.catch(() => undefined)
  }

  async page(
    range: Range & { readonly reverse?: boolean; readonly values?: boolean },
    limits: PageLimits
  ): Promise<readonly (readonly [Buffer, Buffer])[]> {
    return (await this.#view).page(range, limits)
  }

  async close(): Promise<void> {
    await this.#view.then(
      (view) => view.close(),
      () => undefined
    )
  }
}

async function viewOf(
  database: Database<Buffer, Buffer>,
  first: PinnedDatabase,
  applied: LogIndex,
  read: Promise<LogIndex>
): Promise<PinnedDatabase> {
  try {
    if ((await read) <= applied) return first
  } catch (error) {
    await first.close()
    throw error
  }
  await first.close()
  return new PinnedDatabase(database)
}
