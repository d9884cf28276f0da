// Backups: what is in a vault; its backups listed, checked, thinned out.

import type native from '#native'
import type { Disk } from '../disk/fs.ts'
import { invalid, toVarveError, VarveError } from '../errors.ts'
import { type Environment, realEnvironment } from '../options.ts'
import { bytesOf } from '../tree/version.ts'
import { type Catalogue, type CataloguedTable, idText } from './catalogue.ts'
import { withDisk } from './environment.ts'
import { type CopyOptions, checkOptions, checkPath, Meter, Stop } from './stop.ts'
import { type Listed, listCatalogues, Vault } from './vault.ts'

export interface BackupInfo {
  readonly id: number
  readonly createdMs: number
  /** Who the database was: the id of its IDENTITY. */
  readonly database: string
  /** Everything up to this sequence is in it. */
  readonly sequence: number
  readonly tables: number
  readonly bytes: number
  /** Why it cannot be read, if it cannot: the other figures are zero then. */
  readonly error?: string
}

const infoOf = ({ id, catalogue, error }: Listed): BackupInfo => ({
  id,
  createdMs: catalogue?.createdMs ?? 0,
  database: catalogue?.database ?? '',
  sequence: catalogue?.flushed.sequence ?? 0,
  tables: catalogue?.tables.length ?? 0,
  bytes: bytesOf((catalogue?.tables ?? []).map(({ table }) => table)),
  ...(error === undefined ? {} : { error: error.message })
})

/**
 * The backups of a directory, the oldest first.
 *
 * @throws VarveError: VARVE_NOT_FOUND
 * @example
 * import { backups } from 'varve'
 * for (const { id, createdMs, bytes } of await backups('./backups')) console.log(id, new Date(createdMs), bytes)
 */
export async function backups(dest: string): Promise<BackupInfo[]> {
  return backupsIn(dest, realEnvironment)
}

export async function backupsIn(dest: string, environmentOf: () => Environment): Promise<BackupInfo[]> {
  checkPath('backups', dest)
  return withDisk(async (disk) => (await listCatalogues(disk, dest)).map(infoOf), environmentOf)
}

export interface PruneOptions {
  /** How many of the newest backups stay. */
  readonly keep?: number
  /** Or: the backups to remove, by their numbers. */
  readonly remove?: readonly number[]
}

export interface Pruned {
  /** Numbers of the backups that were removed. */
  readonly removed: readonly number[]
  /** Tables that no other backup needed, and their bytes. */
  readonly tables: number
  readonly bytes: number
}

/**
 * Removes old backups, and the tables that only they needed. Backups that cannot be read are removed only by number, and
 * no table as long as there is one: nobody knows what it needs.
 *
 * @throws VarveError: VARVE_NOT_FOUND, VARVE_LOCKED, VARVE_INVALID_ARGUMENT
 * @example
 * import { pruneBackups } from 'varve'
 * const { removed, bytes } = await pruneBackups('./backups', { keep: 7 })
 */
export async function pruneBackups(dest: string, options: PruneOptions): Promise<Pruned> {
  return pruneBackupsIn(dest, options, realEnvironment)
}

export async function pruneBackupsIn(
  dest: string,
  { keep, remove }: PruneOptions,
  environmentOf: () => Environment
): Promise<Pruned> {
  checkPath('pruneBackups', dest)
  if ((keep === undefined) === (remove === undefined)) throw invalid('pruneBackups takes either keep or remove.')
  if (keep !== undefined && !(Number.isSafeInteger(keep) && keep >= 0)) {
    throw invalid(`keep must be a whole number from 0, not ${String(keep)}.`)
  }
  if (remove !== undefined && !(Array.isArray(remove) && remove.every((id) => Number.isSafeInteger(id)))) {
    throw invalid('remove must be an array of the numbers of backups.')
  }
  return withDisk(async (disk) => {
    const vault = await Vault.write(disk, dest, false)
    try {
      const listed = await vault.list()
      const gone = keep === undefined ? chosen(dest, listed, remove ?? []) : oldest(listed, keep)
      for (const one of gone) await vault.remove(one)
      return { removed: gone.map(({ id }) => id), ...(await vault.collect()) }
    } finally {
      vault.close()
    }
  }, environmentOf)
}

function oldest(listed: readonly Listed[], keep: number): Listed[] {
  const readable = listed.filter(({ error }) => error === undefined)
  return readable.slice(0, Math.max(0, readable.length - keep))
}

const chosen = (dest: string, listed: readonly Listed[], ids: readonly number[]): Listed[] =>
  [...new Set(ids)].map((id) => pick(dest, listed, id))

/** The backup of this number; left out: the newest. VARVE_NOT_FOUND where there is none. */
export function pick(dest: string, listed: readonly Listed[], id?: number): Listed {
  const found = id === undefined ? listed.at(-1) : listed.find((one) => one.id === id)
  if (found !== undefined) return found
  const there = listed.length === 0 ? 'none at all' : `those are ${listed.map((one) => one.id).join(', ')}`
  const what = id === undefined ? 'no backup' : `no backup ${id}`
  throw new VarveError('VARVE_NOT_FOUND', `There is ${what} in ${dest}: ${there}.`, { file: dest })
}

/** The same, whole; throws why it cannot be read. */
export function catalogueOf(dest: string, listed: readonly Listed[], id?: number): Catalogue {
  const { catalogue, error } = pick(dest, listed, id)
  if (catalogue === undefined) throw error
  return catalogue
}

/** Reads a table of a backup and compares it with its catalogue. */
export async function checkTable(disk: Disk, vault: Vault, one: CataloguedTable, stop: Stop): Promise<void> {
  const path = vault.tablePath(one.table.id)
  const stat = await disk.statIfThere(path)
  const damaged = (what: string, offset: number): VarveError =>
    new VarveError('VARVE_CORRUPTION', `${what} (${path} at ${offset}).`, { file: path, offset })
  if (stat === undefined) throw damaged('A table of the backup is not there', 0)
  if (stat.size !== one.table.fileBytes) {
    throw damaged(
      `A table of the backup has ${stat.size} bytes instead of ${one.table.fileBytes}`,
      Math.min(stat.size, one.table.fileBytes)
    )
  }
  const { crc } = await disk.checksumFile(path, stop.signal)
  if (crc !== one.checksum) throw damaged('A table of the backup is not what was written', 0)
}

export interface VerifiedBackup {
  readonly ok: boolean
  /** Every file that was looked at. */
  readonly files: readonly {
    readonly name: string
    readonly bytes: number
    readonly ok: boolean
    readonly error?: string
  }[]
}

/** `backup`: which one; left out: all of them. */
export interface VerifyBackupOptions extends CopyOptions {
  readonly backup?: number
}

/**
 * Reads every byte of backups and compares it with what was written. Damage is reported, not thrown.
 *
 * @throws VarveError: VARVE_NOT_FOUND, VARVE_LOCKED, VARVE_ABORTED
 * @example
 * import { verifyBackup } from 'varve'
 * const { ok, files } = await verifyBackup('./backups')
 * if (!ok) console.log(files.filter((file) => !file.ok))
 */
export async function verifyBackup(dest: string, options: VerifyBackupOptions = {}): Promise<VerifiedBackup> {
  return verifyBackupIn(dest, options, realEnvironment)
}

export async function verifyBackupIn(
  dest: string,
  options: VerifyBackupOptions,
  environmentOf: () => Environment
): Promise<VerifiedBackup> {
  checkPath('verifyBackup', dest)
  checkOptions('verifyBackup', options, ['backup'])
  const stop = new Stop('The verification', options.signal)
  stop.check()
  return withDisk(async (disk) => {
    const vault = await Vault.read(disk, dest)
    try {
      const listed = await vault.list()
      const looked = options.backup === undefined ? listed : [pick(dest, listed, options.backup)]
      return await verifyListed(disk, vault, looked, options, stop)
    } catch (error) {
      throw stop.reason(error)
    } finally {
      vault.close()
    }
  }, environmentOf)
}

async function verifyListed(
  disk: Disk,
  vault: Vault,
  listed: readonly Listed[],
  options: CopyOptions,
  stop: Stop
): Promise<VerifiedBackup> {
  const files: VerifiedBackup['files'][number][] = []
  const tables = new Map<string, CataloguedTable>()
  for (const { path, catalogue, error } of listed) {
    const { size }: native.Stat = await disk.stat(path)
    files.push({ name: path.slice(vault.path.length + 1), bytes: size, ok: error === undefined, ...told(error) })
    for (const one of catalogue?.tables ?? []) tables.set(idText(one.table.id), one)
  }
  const meter = new Meter(bytesOf([...tables.values()].map(({ table }) => table)), options)
  for (const one of tables.values()) {
    stop.check()
    let found: unknown
    try {
      await checkTable(disk, vault, one, stop)
    } catch (error) {
      found = error
    }
    const name = `tables/${idText(one.table.id)}.sst`
    files.push({ name, bytes: one.table.fileBytes, ok: found === undefined, ...told(found) })
    meter.add(one.table.fileBytes)
  }
  return { ok: files.every((file) => file.ok), files }
}

const told = (error: unknown): { readonly error?: string } =>
  error === undefined ? {} : { error: toVarveError(error).message }
