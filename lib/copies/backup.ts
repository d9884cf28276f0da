// Backup: a copy of the database in a vault (vault.ts), of which tables that are there already are not copied again.
//
// The memtable is flushed first, so that tables are all there is to copy. Every copied table is read back and checked
// from its first byte to its last before the catalogue, which makes it a backup, is written.

import { readIdentity } from '../disk/identity.ts'
import { invalid, VarveError } from '../errors.ts'
import { bytesOf, flushedAlone, type TableFile, type Version } from '../tree/version.ts'
import { type CataloguedTable, idText } from './catalogue.ts'
import { type CopySource, withPinned } from './source.ts'
import { type CopyOptions, checkOptions, checkPath, Meter, Stop } from './stop.ts'
import { copyTable } from './tables.ts'
import { Vault } from './vault.ts'

export interface BackupOptions extends CopyOptions {
  /** false: tables are copied anew even where an earlier backup has them; it heals what was damaged there. Default true. */
  readonly incremental?: boolean
}

export interface Backup {
  /** Its number, for `restore`. */
  readonly id: number
  readonly tables: number
  readonly bytes: number
  readonly tablesCopied: number
  readonly bytesCopied: number
  /** Everything up to this sequence is in it. */
  readonly sequence: number
}

/** Tables that backups name, by identity, with the checksum of their files. */
type Known = ReadonlyMap<string, CataloguedTable>

export async function backup(source: CopySource, dest: string, options: BackupOptions = {}): Promise<Backup> {
  checkPath('backup', dest)
  checkOptions('backup', options, ['incremental'])
  if (options.incremental !== undefined && typeof options.incremental !== 'boolean') {
    throw invalid('incremental must be true or false.')
  }
  const stop = new Stop('The backup', source.closing, options.signal)
  stop.check()
  try {
    const vault = await Vault.write(source.disk, dest, true)
    try {
      return await withPinned(source, stop, ({ version }) => new BackupRun(source, vault, options, stop).run(version))
    } finally {
      vault.close()
    }
  } catch (error) {
    throw stop.reason(error)
  }
}

class BackupRun {
  readonly #source: CopySource
  readonly #vault: Vault
  readonly #options: BackupOptions
  readonly #stop: Stop
  /** Files made in this run that no backup names yet. */
  readonly #made: string[] = []
  #tablesCopied = 0
  #bytesCopied = 0

  constructor(source: CopySource, vault: Vault, options: BackupOptions, stop: Stop) {
    this.#source = source
    this.#vault = vault
    this.#options = options
    this.#stop = stop
  }

  async run(version: Version): Promise<Backup> {
    await this.#vault.collect()
    const listed = await this.#vault.list()
    const known: Known = new Map(
      listed.flatMap(({ catalogue }) => catalogue?.tables ?? []).map((one) => [idText(one.table.id), one])
    )
    const id = 1 + Math.max(0, ...listed.map((one) => one.id))
    const { clock, disk, directory } = this.#source
    try {
      const tables = await this.#copyTables(version, known)
      await this.#vault.syncTables()
      const database = await readIdentity(disk, directory)
      this.#stop.check()
      await this.#vault.add({ id, createdMs: clock(), database, flushed: flushedAlone(version.flushed), tables })
      const bytes = bytesOf(version.levels.flat())
      const { sequence } = version.flushed
      const copied = { tablesCopied: this.#tablesCopied, bytesCopied: this.#bytesCopied }
      return { id, tables: tables.length, bytes, ...copied, sequence }
    } catch (error) {
      await this.#discard(id)
      throw error
    }
  }

  async #copyTables(version: Version, known: Known): Promise<CataloguedTable[]> {
    const meter = new Meter(bytesOf(version.levels.flat()), this.#options)
    const catalogued: CataloguedTable[] = []
    for (const [level, tables] of version.levels.entries()) {
      for (const table of tables) {
        this.#stop.check()
        const checksum = await this.#checksumOf(table, known)
        catalogued.push({ level, table, checksum })
        meter.add(table.fileBytes)
      }
    }
    return catalogued
  }

  // Of the table's file in the vault, where it is when this resolves.
  async #checksumOf(table: TableFile, known: Known): Promise<number> {
    const { disk } = this.#source
    const path = this.#vault.tablePath(table.id)
    const there = known.get(idText(table.id))
    if (there !== undefined && this.#options.incremental !== false) {
      const stat = await disk.statIfThere(path)
      if (stat?.size === table.fileBytes && there.table.fileBytes === table.fileBytes) return there.checksum
    }
    const temporary = `${path}.tmp`
    if ((await disk.statIfThere(temporary)) !== undefined) await disk.unlink(temporary)
    this.#made.push(temporary)
    const checksum = await copyTable(this.#source, table, temporary, this.#stop)
    if (there !== undefined && there.checksum !== checksum) {
      throw new VarveError('VARVE_CORRUPTION', `A table is not the one that was backed up before (${path} at 0).`, {
        file: path,
        offset: 0
      })
    }
    if (there === undefined) this.#made.push(path)
    await disk.rename(temporary, path)
    this.#tablesCopied++
    this.#bytesCopied += table.fileBytes
    return checksum
  }

  // What cannot be removed now is removed by the next backup.
  async #discard(id: number): Promise<void> {
    const listed = await this.#vault.list().catch(() => undefined)
    // Its catalogue may be there all the same: only its durability failed. Then it needs its tables.
    if (listed === undefined || listed.some((one) => one.id === id)) return
    for (const path of this.#made) await this.#source.disk.unlink(path).catch(() => undefined)
  }
}
