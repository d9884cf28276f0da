// Incoming: a snapshot of another member takes the place of log and tables.
//
//   tables moved in → one edit: all tables out, these in, flushed to where they reach → log begun anew
//
// A crash before the edit leaves what was there before, and files that no state names; after it, recovery finds a log that ends
// before what was flushed or has another entry there, and begins it anew as well. View, visible sequence and log change in
// one turn, so nobody reads at a sequence of one state in the tables of the other: snapshots and iterators that are open go on
// over the view of before.

import native from '#native'
import { assert } from './assert.ts'
import { join, tableName } from './disk/files.ts'
import type { EntryLog } from './log/entry-log.ts'
import type { Parts } from './parts.ts'
import { KeptView } from './read/kept-view.ts'
import type { FlushedState, TableFile } from './tree/version.ts'

export interface IncomingTable {
  readonly level: number
  /** As its sender names it; here it gets a number of its own. */
  readonly table: TableFile
  /** Where it is: on disk, and verified. */
  readonly path: string
}

/** A whole version of another member. */
export interface IncomingSnapshot {
  /** With the membership. */
  readonly flushed: FlushedState
  readonly tables: readonly IncomingTable[]
}

/** To be run while nothing is applied. */
export async function installSnapshot(parts: Parts, log: EntryLog, incoming: IncomingSnapshot): Promise<void> {
  const { flushed } = incoming
  assert(
    flushed.index > parts.position().index,
    `a snapshot up to entry ${flushed.index} is older than what is applied`
  )
  // No memtable may stand above the tables to come, nor may one be flushed among them.
  await parts.flush()
  await parts.scheduler.exclusively(() => switchTo(parts, log, incoming))
  await parts.log.dropAll(flushed.index)
  await parts.spaces.load()
}

async function switchTo(parts: Parts, log: EntryLog, { flushed, tables }: IncomingSnapshot): Promise<void> {
  const { tree, installer, applier } = parts
  const moved: { level: number; table: TableFile }[] = []
  for (const { level, table, path } of tables) moved.push({ level, table: await moveIn(parts, table, path) })
  const restart = await parts.log.prepareRestart(flushed)
  const remove = tree.version.levels.flatMap((files, level) => files.map(({ number }) => ({ level, number })))
  const added = moved.map(({ table }) => table)
  await installer.install({ add: moved, remove, flushed }, added, [], {
    before: () => keepForReaders(parts),
    after: () => {
      restart()
      log.noteRestart(flushed.index)
      applier?.moveTo(flushed)
    }
  })
}

/** Who reads at a sequence of before goes on over the view of before. */
function keepForReaders(parts: Parts): void {
  const { engine, environment, tree, pins, sweeper } = parts
  const live = pins.live()
  if (live.length === 0) return
  const own = native.createEngine(environment.executor, environment.fs, 0)
  const { index, term, timeMs } = parts.position()
  const sequence = native.visibleSequence(engine)
  const at = { index, term, timeMs, sequence, hardTerm: term, hardVote: 0, hardCommit: 0, syncedIndex: 0 }
  native.openWal(own, at, new Uint8Array(0))
  tree.showTo(own)
  const view = new KeptView(own, () => void sweeper.sweep())
  for (const pin of live) pin.keep(view)
  view.endIfFree()
}

async function moveIn({ directory, nextNumber, recovered }: Parts, table: TableFile, path: string): Promise<TableFile> {
  const number = nextNumber()
  await recovered.disk.rename(path, join(directory, tableName(number)))
  return { ...table, number }
}
