// Restore: a backup becomes a database again, in an empty or missing directory.
//
// Every byte of the backup is read and compared with its checksums before anything is written. Then it is copied, and
// compared again: what goes bad in between is found, too.

import { VarveError } from '../errors.ts'
import { type Environment, realEnvironment } from '../options.ts'
import { bytesOf } from '../tree/version.ts'
import { catalogueOf, checkTable } from './backups.ts'
import { type Catalogue, versionOf } from './catalogue.ts'
import { withDisk } from './environment.ts'
import { type CopyOptions, checkOptions, checkPath, Meter, Stop } from './stop.ts'
import { Target } from './target.ts'
import { Vault } from './vault.ts'

export interface RestoreOptions extends CopyOptions {
  /** Which backup, by its number. Default: the newest. */
  readonly backup?: number
}

export interface Restored {
  readonly id: number
  readonly tables: number
  readonly bytes: number
  readonly sequence: number
}

/**
 * Makes a database of a backup, in a directory that is empty or missing. What is damaged in the backup is found before
 * anything is written.
 *
 * @throws VarveError: VARVE_NOT_FOUND, VARVE_CORRUPTION, VARVE_INVALID_ARGUMENT, VARVE_LOCKED, VARVE_DISK_FULL, VARVE_ABORTED
 * @example
 * import { open, restore } from 'varve'
 * await restore('./backups', './restored')
 * const db = await open('./restored')
 */
export async function restore(dest: string, directory: string, options: RestoreOptions = {}): Promise<Restored> {
  return restoreIn(dest, directory, options, realEnvironment)
}

/** restore, on a file system and executor of the caller's. */
export async function restoreIn(
  dest: string,
  directory: string,
  options: RestoreOptions,
  environmentOf: () => Environment
): Promise<Restored> {
  checkPath('restore', dest)
  checkPath('restore', directory)
  checkOptions('restore', options, ['backup'])
  const stop = new Stop('The restore', options.signal)
  stop.check()
  return withDisk(async (disk, environment) => {
    const vault = await Vault.read(disk, dest)
    try {
      const catalogue = catalogueOf(dest, await vault.list(), options.backup)
      const bytes = bytesOf(catalogue.tables.map(({ table }) => table))
      const meter = new Meter(bytes * 2, options)
      for (const one of catalogue.tables) {
        stop.check()
        await checkTable(disk, vault, one, stop)
        meter.add(one.table.fileBytes)
      }
      const target = await Target.make(disk, directory, 'restore')
      try {
        await copyAll(vault, target, catalogue, meter, stop)
        await target.finish(versionOf(catalogue), environment.random(16))
      } catch (error) {
        await target.discard()
        throw error
      }
      return { id: catalogue.id, tables: catalogue.tables.length, bytes, sequence: catalogue.flushed.sequence }
    } catch (error) {
      throw stop.reason(error)
    } finally {
      vault.close()
    }
  }, environmentOf)
}

async function copyAll(vault: Vault, target: Target, catalogue: Catalogue, meter: Meter, stop: Stop): Promise<void> {
  for (const { table, checksum } of catalogue.tables) {
    stop.check()
    const from = vault.tablePath(table.id)
    const { crc } = await target.copy(from, table, stop)
    if (crc !== checksum) {
      throw new VarveError('VARVE_CORRUPTION', `A table changed while it was restored (${from} at 0).`, {
        file: from,
        offset: 0
      })
    }
    meter.add(table.fileBytes)
  }
  stop.check()
}
