// Vault: a directory that keeps backups, many of them, each table once.
//
//   LOCK                        held while a backup is made or removed, shared while one is read
//   tables/<identity>.sst       a table, named by its 128-bit identity
//   backups/000003.catalogue    one backup (catalogue.ts)
//
// Invariants
//  1. A table that a catalogue names was on disk, its name durable, before the catalogue was; it is never changed.
//  2. What no catalogue names was left by something that did not end: it is never used, and the next call that writes
//     removes it. While a catalogue is damaged nothing is removed: nobody knows what it names.

import native from '#native'
import { lockDirectory, makeDirectories } from '../disk/directory.ts'
import { join, parseName, temporaryName } from '../disk/files.ts'
import type { Disk } from '../disk/fs.ts'
import { invalid, VarveError } from '../errors.ts'
import { type Catalogue, decodeCatalogue, encodeCatalogue, idText } from './catalogue.ts'

const catalogueName = (id: number): string => `${String(id).padStart(6, '0')}.catalogue`
const cataloguePattern = /^(\d{6,15})\.catalogue$/

/** A catalogue, or why it cannot be read. */
export type Listed = { readonly id: number; readonly path: string } & (
  | { readonly catalogue: Catalogue; readonly error?: undefined }
  | { readonly catalogue?: undefined; readonly error: VarveError }
)

export class Vault {
  readonly path: string
  readonly #disk: Disk
  readonly #lock: native.Lock

  private constructor(disk: Disk, path: string, lock: native.Lock) {
    this.#disk = disk
    this.path = path
    this.#lock = lock
  }

  /** To read what is there. */
  static async read(disk: Disk, path: string): Promise<Vault> {
    if ((await disk.statIfThere(join(path, 'backups'))) === undefined) {
      throw new VarveError('VARVE_NOT_FOUND', `There are no backups in ${path}.`, { file: path })
    }
    return new Vault(disk, path, await lockDirectory(disk, path, false))
  }

  /** To add to it or remove from it; `creates`: it is made if it is missing. */
  static async write(disk: Disk, path: string, creates: boolean): Promise<Vault> {
    if (!creates && (await disk.statIfThere(join(path, 'backups'))) === undefined) {
      throw new VarveError('VARVE_NOT_FOUND', `There are no backups in ${path}.`, { file: path })
    }
    if ((await disk.statIfThere(path)) === undefined) await makeDirectories(disk, path)
    else await checkNoDatabase(disk, path)
    const lock = await lockDirectory(disk, path, true)
    try {
      for (const folder of ['tables', 'backups']) await disk.makeDirectory(join(path, folder))
      await disk.syncDirectory(path)
      return new Vault(disk, path, lock)
    } catch (error) {
      native.release(lock)
      throw error
    }
  }

  close(): void {
    native.release(this.#lock)
  }

  tablePath(id: Uint8Array): string {
    return join(join(this.path, 'tables'), `${idText(id)}.sst`)
  }

  /** All backups, the oldest first. */
  async list(): Promise<Listed[]> {
    return listCatalogues(this.#disk, this.path)
  }

  /** The names of tables become durable. */
  syncTables(): Promise<void> {
    return this.#disk.syncDirectory(join(this.path, 'tables'))
  }

  /** The backup is there from now on. */
  async add(catalogue: Catalogue): Promise<void> {
    const folder = join(this.path, 'backups')
    const path = join(folder, catalogueName(catalogue.id))
    await this.#disk.writeFile(temporaryName(path), encodeCatalogue(catalogue))
    await this.#disk.rename(temporaryName(path), path)
    await this.#disk.syncDirectory(folder)
  }

  /** The backup is gone; `collect` frees what only it needed. */
  async remove({ path }: Listed): Promise<void> {
    await this.#disk.unlink(path)
    await this.#disk.syncDirectory(join(this.path, 'backups'))
  }

  /** Removes what no backup needs; gives how many tables and bytes that were. */
  async collect(): Promise<{ tables: number; bytes: number }> {
    const removed = { tables: 0, bytes: 0 }
    const listed = await this.list()
    if (listed.some(({ error }) => error !== undefined)) return removed
    const needed = new Set(listed.flatMap(({ catalogue }) => catalogue?.tables.map(({ table }) => idText(table.id))))
    const folder = join(this.path, 'tables')
    for (const name of await this.#disk.list(folder)) {
      if (needed.has(name.replace(/\.sst$/, ''))) continue
      const { size } = await this.#disk.stat(join(folder, name))
      await this.#disk.unlink(join(folder, name))
      removed.tables += name.endsWith('.sst') ? 1 : 0
      removed.bytes += size
    }
    const backups = join(this.path, 'backups')
    for (const name of await this.#disk.list(backups)) {
      if (name.endsWith('.tmp')) await this.#disk.unlink(join(backups, name))
    }
    return removed
  }
}

/** The backups of a directory, the oldest first; without its lock. */
export async function listCatalogues(disk: Disk, path: string): Promise<Listed[]> {
  const folder = join(path, 'backups')
  if ((await disk.statIfThere(folder)) === undefined) {
    throw new VarveError('VARVE_NOT_FOUND', `There are no backups in ${path}.`, { file: path })
  }
  const listed: Listed[] = []
  for (const name of await disk.list(folder)) {
    const id = Number(cataloguePattern.exec(name)?.[1])
    if (!Number.isNaN(id)) listed.push(await readCatalogue(disk, id, join(folder, name)))
  }
  return listed.sort((a, b) => a.id - b.id)
}

async function readCatalogue(disk: Disk, id: number, path: string): Promise<Listed> {
  try {
    return { id, path, catalogue: decodeCatalogue(path, await disk.readFile(path)) }
  } catch (error) {
    // A disk that does not answer says nothing about what is on it.
    if (!(error instanceof VarveError) || error.code === 'VARVE_IO_ERROR') throw error
    return { id, path, error }
  }
}

async function checkNoDatabase(disk: Disk, path: string): Promise<void> {
  const found = (await disk.list(path)).find((name) => !['foreign', 'lock'].includes(parseName(name).kind))
  if (found === undefined) return
  throw invalid(`${path} holds a database (${found}): keep backups in a directory of their own.`)
}
