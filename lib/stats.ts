// Stats: what db.stats() tells.

import native from '#native'
import type { Parts } from './parts.ts'
import type { PinStats } from './read/pins.ts'
import type { HealthState } from './tree/health.ts'
import type { UpkeepCounts } from './tree/upkeep.ts'

export interface Stats {
  readonly health: HealthState
  readonly disk: {
    /** When it was last looked at; undefined: not yet. */
    readonly freeBytes: number | undefined
    readonly reserveBytes: number
    /** How often writing was stopped for want of space. */
    readonly stops: number
  }
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
  /** What was done while nothing was written. */
  readonly upkeep: UpkeepCounts
  readonly transactions: {
    readonly committed: number
    readonly conflicts: number
    /** Admitted alone after losing too often. */
    readonly alone: number
  }
  readonly levels: readonly { readonly tables: number; readonly bytes: number }[]
  readonly memory: {
    readonly memtableBytes: number
    readonly frozen: number
    readonly pinnedBytes: number
    readonly cacheBytes: number
  }
  readonly reads: native.EngineStats
  /** Named ones. */
  readonly spaces: number
  readonly snapshots: PinStats
  readonly iterators: PinStats
}

export function statsOf(parts: Parts): Stats {
  const { tree, writer, scheduler, log, health } = parts
  const engine = native.engineStats(parts.engine)
  const { counts } = scheduler
  const payload = writer.counts.payloadBytes
  const written = engine.walBytesAppended + counts.flushBytes + counts.compactionBytesWritten
  const { index, sequence, syncedIndex, term } = log.state()
  return {
    health: health.state,
    disk: { freeBytes: health.freeBytes, reserveBytes: health.reserveBytes, stops: health.counts.stops },
    log: {
      lastIndex: index,
      lastSequence: sequence,
      syncedIndex,
      term,
      bytesAppended: engine.walBytesAppended,
      syncs: engine.walSyncs
    },
    writes: {
      ...writer.counts,
      isStalled: writer.isStalled,
      bytesWritten: written,
      amplification: payload === 0 ? 0 : written / payload
    },
    background: { ...counts, yields: scheduler.yields },
    upkeep: { ...parts.upkeep.counts },
    transactions: { ...parts.transactions.counts },
    levels: tree.levelSizes(),
    memory: {
      memtableBytes: tree.memtableBytes(),
      frozen: tree.frozen.length,
      pinnedBytes: tree.pinnedBytes(),
      cacheBytes: engine.cacheBytes
    },
    reads: engine,
    spaces: parts.spaces.byId().size,
    snapshots: parts.pins.stats('snapshot'),
    iterators: parts.pins.stats('iterator')
  }
}
