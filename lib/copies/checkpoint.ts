// Checkpoint: a second database in another directory, of the tables there are: linked, so that it takes no space and next
// to no time; copied where links are not possible. Writing goes on meanwhile.
//
// It holds everything that was visible at the call, and maybe later writes that were flushed with that.

import { join, tableName } from '../disk/files.ts'
import { bytesOf } from '../tree/version.ts'
import { type CopySource, withPinned } from './source.ts'
import { type CopyOptions, checkOptions, checkPath, Meter, Stop } from './stop.ts'
import { copyTable, linkFile } from './tables.ts'
import { Target } from './target.ts'

export interface Checkpoint {
  readonly tables: number
  readonly bytes: number
  /** Milliseconds until the memtable was a table. */
  readonly flushMs: number
  /** Milliseconds for the rest: links, manifest, syncs. */
  readonly linkMs: number
  /** Everything up to this sequence is in it. */
  readonly sequence: number
}

export async function checkpoint(
  source: CopySource,
  directory: string,
  options: CopyOptions = {}
): Promise<Checkpoint> {
  checkPath('checkpoint', directory)
  checkOptions('checkpoint', options)
  const stop = new Stop('The checkpoint', source.closing, options.signal)
  stop.check()
  try {
    return await withPinned(source, stop, async ({ version }, flushMs) => {
      const start = source.clock()
      const tables = version.levels.flat()
      const bytes = bytesOf(tables)
      const meter = new Meter(bytes, options)
      const target = await Target.make(source.disk, directory, 'checkpoint')
      try {
        for (const table of tables) {
          stop.check()
          const to = target.pathOf(table)
          const isLinked = await linkFile(source.disk, join(source.directory, tableName(table.number)), to)
          if (!isLinked) await copyTable(source, table, to, stop)
          meter.add(table.fileBytes)
        }
        stop.check()
        await target.finish(version, source.random(16))
      } catch (error) {
        await target.discard()
        throw error
      }
      const linkMs = Math.max(0, source.clock() - start)
      return { tables: tables.length, bytes, flushMs, linkMs, sequence: version.flushed.sequence }
    })
  } catch (error) {
    throw stop.reason(error)
  }
}
