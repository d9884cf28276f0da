// Compactor: carries out one Compaction: a native merge job (or none for a move), then its edit.

import native from '#native'
import { join, tableName } from '../../disk/files.ts'
import { outcome } from '../../disk/jobs.ts'
import { limits, tableOptions } from '../../options.ts'
import type { Tree } from '../tree.ts'
import { bytesOf, type TableFile, tableFileOf, type VersionEdit } from '../version.ts'
import type { Compaction } from './picker.ts'

export interface CompactorContext {
  readonly engine: native.Engine
  readonly directory: string
  readonly tree: Tree
  readonly tableBytes: number
  readonly nextNumber: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly snapshots: () => number[]
  readonly expiredMs: () => number
}

export interface CompactionOutcome {
  readonly edit: VersionEdit
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Files to remove if the edit is not installed. */
  readonly tables: readonly TableFile[]
}

const removals = (compaction: Compaction): VersionEdit['remove'] =>
  compaction.inputs.flatMap(({ level, tables }) => tables.map(({ number }) => ({ level, number })))

export function moveEdit(compaction: Compaction): VersionEdit {
  const moved = compaction.inputs.flatMap(({ tables }) => tables)
  return { add: moved.map((table) => ({ level: compaction.outputLevel, table })), remove: removals(compaction) }
}

/** Level 0 one run a table, deeper levels one run each. */
function runsOf(compaction: Compaction, tree: Tree): native.Table[][] {
  return compaction.inputs.flatMap(({ level, tables }) => {
    const handles = tables.map((table) => tree.table(table.number).handle)
    return level === 0 ? handles.map((handle) => [handle]) : [handles]
  })
}

function factsOf(compaction: Compaction, context: CompactorContext): native.MergeFacts {
  const inputs = new Set(compaction.inputs.flatMap(({ tables }) => tables.map(({ number }) => number)))
  const deeper = context.tree.version.levels
    .slice(compaction.outputLevel)
    .map((tables) => tables.filter(({ number }) => !inputs.has(number)))
    .filter((tables) => tables.length > 0)
    .map((tables) => tables.flatMap(({ keyFirst, keyLast }) => [keyFirst, keyLast]))
  return { snapshots: context.snapshots(), expiredMs: context.expiredMs(), bottommost: deeper.length === 0, deeper }
}

/** Starts the merge. The caller marks the inputs busy, and keeps `job` to cancel it. */
export function startMerge(
  compaction: Compaction,
  context: CompactorContext
): { job: number; done: Promise<CompactionOutcome> } {
  const bytes = compaction.inputs.reduce((sum, { tables }) => sum + bytesOf(tables), 0)
  const outputBytesMax = compaction.outputBytesMax ?? context.tableBytes
  const most =
    Math.ceil(bytes / outputBytesMax) * 2 + 8 + compaction.inputs.reduce((sum, { tables }) => sum + tables.length, 0)
  const files = Array.from({ length: most }, () => ({ number: context.nextNumber(), id: context.random(16) }))
  const below = context.tree.version.levels[compaction.outputLevel + 1] ?? []
  const job = native.compactJob(context.engine, {
    runs: runsOf(compaction, context.tree),
    outputs: files.map(({ number, id }) => ({ path: join(context.directory, tableName(number)), id })),
    outputBytesMax,
    cutAfter: below.map((table) => table.keyLast),
    table: tableOptions,
    facts: factsOf(compaction, context)
  })
  const done = outcome(job).then((result): CompactionOutcome => {
    const tables = result.outputs.map(({ file, properties }) => {
      const { number, id } = files[file] ?? { number: 0, id: new Uint8Array(16) }
      return tableFileOf(number, id, properties)
    })
    const add = tables.map((table) => ({ level: compaction.outputLevel, table }))
    return { edit: { add, remove: removals(compaction) }, bytesRead: bytes, bytesWritten: bytesOf(tables), tables }
  })
  return { job, done }
}

export const levelCount = limits.levels
