// Metrics of the engine: db.stats() under the names and units of Prometheus.
import type { HealthState, Stats } from '../../lib/index.ts'
import type { Exposition, Sample } from './exposition.ts'

const states: readonly HealthState[] = ['ok', 'slowed', 'stopped', 'poisoned']

export function exposeEngine(to: Exposition, stats: Stats): void {
  const health = states.map((state) => ({ labels: { state }, value: stats.health === state ? 1 : 0 }))
  to.gauge('varve_health', 'Whether writes are taken: 1 for the state that is.', health)
  exposeLog(to, stats)
  exposeWrites(to, stats)
  exposeBackground(to, stats)
  exposeReads(to, stats)
  exposeShape(to, stats)
}

function exposeLog(to: Exposition, { log, disk }: Stats): void {
  to.gauge('varve_log_last_index', 'Index of the last record of the log.', log.lastIndex)
  to.gauge('varve_log_synced_index', 'Index up to which the log is known to be on disk.', log.syncedIndex)
  to.gauge('varve_log_last_sequence', 'Sequence of the last operation.', log.lastSequence)
  to.counter('varve_log_appended_bytes_total', 'Bytes appended to the log.', log.bytesAppended)
  to.counter('varve_log_syncs_total', 'Syncs of the log.', log.syncs)
  if (disk.freeBytes !== undefined) to.gauge('varve_disk_free_bytes', 'Free space of the disk.', disk.freeBytes)
  to.gauge('varve_disk_reserve_bytes', 'What puts leave free of the disk.', disk.reserveBytes)
  to.counter('varve_disk_stops_total', 'How often writing was stopped for want of space.', disk.stops)
}

function exposeWrites(to: Exposition, { writes, transactions }: Stats): void {
  to.counter('varve_operations_written_total', 'Puts, deletes and range deletes.', writes.operations)
  to.counter('varve_records_written_total', 'Records of the log: groups of batches.', writes.records)
  to.counter('varve_payload_written_bytes_total', 'Keys and values that were written.', writes.payloadBytes)
  to.counter('varve_disk_written_bytes_total', 'Bytes of log, flushes and compactions.', writes.bytesWritten)
  to.counter('varve_stalls_total', 'How often writers had to wait.', writes.stalls)
  to.gauge('varve_stalled', 'Whether writers have to wait now.', writes.isStalled ? 1 : 0)
  const outcomes = [
    { labels: { outcome: 'committed' }, value: transactions.committed },
    { labels: { outcome: 'conflict' }, value: transactions.conflicts }
  ]
  to.counter('varve_transactions_total', 'Transactions by how an attempt ended.', outcomes)
}

function exposeBackground(to: Exposition, { background, upkeep }: Stats): void {
  to.counter('varve_flushes_total', 'Memtables that became tables.', background.flushes)
  to.counter('varve_flush_written_bytes_total', 'Bytes of tables that flushes wrote.', background.flushBytes)
  to.counter('varve_compactions_total', 'Merges of tables.', background.compactions)
  to.counter('varve_table_moves_total', 'Tables that went a level down as they are.', background.moves)
  to.counter('varve_compaction_read_bytes_total', 'Bytes that compactions read.', background.compactionBytesRead)
  to.counter('varve_compaction_written_bytes_total', 'Bytes that compactions wrote.', background.compactionBytesWritten)
  to.counter('varve_reclaims_total', 'Compactions for garbage alone.', upkeep.reclaims)
}

function exposeReads(to: Exposition, { reads, memory }: Stats): void {
  const lookups = [
    { labels: { result: 'hit' }, value: reads.cacheHits },
    { labels: { result: 'miss' }, value: reads.cacheMisses }
  ]
  to.counter('varve_cache_lookups_total', 'Lookups in the block cache.', lookups)
  to.counter('varve_cache_evictions_total', 'Blocks that the cache let go.', reads.cacheEvictions)
  to.gauge('varve_cache_bytes', 'Bytes in the block cache.', memory.cacheBytes)
  to.gauge('varve_cache_capacity_bytes', 'Bytes that the block cache may hold.', reads.cacheCapacityBytes)
  to.counter('varve_filter_checks_total', 'Questions to filters of tables.', reads.filterChecks)
  to.counter('varve_filter_negatives_total', 'Tables that a filter ruled out.', reads.filterNegatives)
  to.counter('varve_filter_false_positives_total', 'Tables read for nothing.', reads.filterFalsePositives)
  const blocks = [
    { labels: { source: 'page_cache' }, value: reads.blocksFromPageCache },
    { labels: { source: 'disk' }, value: reads.blocksFromDisk }
  ]
  to.counter('varve_blocks_read_total', 'Blocks read from tables.', blocks)
  to.counter('varve_blocks_read_bytes_total', 'Bytes of blocks read from tables.', reads.blockBytesRead)
}

function exposeShape(to: Exposition, { levels, memory, snapshots, iterators, spaces }: Stats): void {
  const ofLevels = (value: (level: Stats['levels'][number]) => number): Sample[] =>
    levels.map((level, number) => ({ labels: { level: number }, value: value(level) }))
  to.gauge(
    'varve_level_tables',
    'Tables of a level.',
    ofLevels(({ tables }) => tables)
  )
  to.gauge(
    'varve_level_bytes',
    'Bytes of a level.',
    ofLevels(({ bytes }) => bytes)
  )
  to.gauge('varve_memtable_bytes', 'Bytes of the memtable that is written to.', memory.memtableBytes)
  to.gauge('varve_frozen_memtables', 'Memtables that wait for their flush.', memory.frozen)
  to.gauge('varve_pinned_bytes', 'Bytes of indexes and filters in memory.', memory.pinnedBytes)
  to.gauge('varve_spaces', 'Named spaces.', spaces)
  const open = [
    { labels: { kind: 'snapshot' }, value: snapshots.count },
    { labels: { kind: 'iterator' }, value: iterators.count }
  ]
  to.gauge('varve_pins', 'Open snapshots and iterators.', open)
  const ages = [
    { labels: { kind: 'snapshot' }, value: snapshots.oldestAgeMs / 1000 },
    { labels: { kind: 'iterator' }, value: iterators.oldestAgeMs / 1000 }
  ]
  to.gauge('varve_pin_oldest_age_seconds', 'Age of the oldest open snapshot and iterator.', ages)
}
