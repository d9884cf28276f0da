// Access: what a transaction needs of a space: its encodings, entries, and scans over bytes, at the transaction's snapshot.

import type { Encoding } from '../bytes/codec.ts'
import type { StoredEntry } from '../read/entry.ts'
import type { Bounds, EntryIterator } from '../read/iterator.ts'
import type { Snapshot } from '../read/snapshot.ts'
import type { KnownSpace } from './spaces.ts'

export interface Access {
  readonly space: KnownSpace
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  entry(key: string | Uint8Array): Promise<StoredEntry | undefined>
  /** Keys and values as Buffers. */
  scan(bounds: Bounds, isReverse: boolean): EntryIterator
}

/** A space, to a transaction. */
export interface Accessible {
  access(snapshot: Snapshot): Access
}
