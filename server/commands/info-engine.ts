// INFO's section of the engine: what the store below tells of itself, where it is in this process.
import type { ServerView } from './caller.ts'
import type { Fields } from './info-text.ts'

export function engine(view: ServerView): Fields {
  const { role, term, commitIndex } = view.status()
  const node: Fields = [
    ['varve_version', view.version],
    ['node_id', view.nodeId],
    ['node_role', role.toLowerCase()],
    ['term', term],
    ['commit_index', commitIndex]
  ]
  const stats = view.engineStats()
  if (stats === undefined) return node
  const { health, disk, log, writes, background, levels, memory, snapshots, iterators } = stats
  const sum = (count: (level: { readonly tables: number; readonly bytes: number }) => number) =>
    levels.reduce((total, level) => total + count(level), 0)
  return [
    ...node,
    ['health', health],
    ['disk_free_bytes', disk.freeBytes ?? ''],
    ['log_last_sequence', log.lastSequence],
    ['log_synced_index', log.syncedIndex],
    ['log_bytes_appended', log.bytesAppended],
    ['log_syncs', log.syncs],
    ['write_operations', writes.operations],
    ['write_records', writes.records],
    ['write_stalls', writes.stalls],
    ['write_is_stalled', writes.isStalled ? 1 : 0],
    ['write_amplification', writes.amplification.toFixed(2)],
    ['flushes', background.flushes],
    ['compactions', background.compactions],
    ['tables', sum(({ tables }) => tables)],
    ['table_bytes', sum(({ bytes }) => bytes)],
    ...levels.map(({ tables, bytes }, level) => [`level${level}`, `tables=${tables},bytes=${bytes}`] as const),
    ['memtable_bytes', memory.memtableBytes],
    ['frozen_memtables', memory.frozen],
    ['pinned_bytes', memory.pinnedBytes],
    ['cache_bytes', memory.cacheBytes],
    ['snapshots_open', snapshots.count],
    ['iterators_open', iterators.count]
  ]
}
