// Stats: what db.stats() tells.

import type native from '#native'

export interface Stats {
  readonly log: {
    readonly lastIndex: number
    readonly lastSequence: number
    readonly syncedIndex: number
    readonly term: number
    readonly bytesAppended: number
    readonly syncs: number
  }
  readonly writes: {
    readonly operations: number
    readonly records: number
    readonly payloadBytes: number
    readonly stalls: number
    readonly isStalled: boolean
    readonly bytesWritten: number
    readonly amplification: number
  }
  readonly background: {
    readonly flushes: number
    readonly compactions: number
    readonly moves: number
    readonly flushBytes: number
    readonly compactionBytesRead: number
    readonly compactionBytesWritten: number
    /** Compactions that slowed down for writers who waited for a sync. */
    readonly yields: number
  }
  readonly levels: readonly { readonly tables: number; readonly bytes: number }[]
  readonly memory: {
    readonly memtableBytes: number
    readonly frozen: number
    readonly pinnedBytes: number
    readonly cacheBytes: number
  }
  readonly reads: native.EngineStats
  readonly snapshots: number
  readonly iterators: number
}
