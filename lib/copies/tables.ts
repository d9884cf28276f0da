// Copies of tables: by link where file system and device allow it, else byte by byte; every copied byte is read back.

import { constants } from 'node:os'
import native from '#native'
import { join, tableName } from '../disk/files.ts'
import type { Disk } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { toVarveError, VarveError } from '../errors.ts'
import type { TableFile } from '../tree/version.ts'
import type { CopySource } from './source.ts'
import type { Stop } from './stop.ts'

const { EXDEV, EPERM, EMLINK, ENOSYS, EOPNOTSUPP, ENOTSUP } = constants.errno
const linkRefusals = new Set<unknown>([EXDEV, EPERM, EMLINK, ENOSYS, EOPNOTSUPP, ENOTSUP])

/** Links a file; false where its file system, or that it is on another, does not allow it. */
export async function linkFile(disk: Disk, from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to)
    return true
  } catch (error) {
    const cause = error instanceof VarveError ? error.cause : error
    if (linkRefusals.has((cause as { readonly errno?: unknown } | undefined)?.errno)) return false
    throw error
  }
}

/** Copies a table of the database and checks every byte of the copy; gives the checksum of the whole file. */
export async function copyTable(source: CopySource, table: TableFile, to: string, stop: Stop): Promise<number> {
  const { disk, engine } = source
  const from = join(source.directory, tableName(table.number))
  const { bytes, crc } = await disk.copyFile(from, to, stop.signal)
  if (bytes !== table.fileBytes) {
    throw new VarveError(
      'VARVE_CORRUPTION',
      `A table has ${bytes} bytes instead of ${table.fileBytes} (${from} at ${Math.min(bytes, table.fileBytes)}).`,
      { file: from, offset: Math.min(bytes, table.fileBytes) }
    )
  }
  try {
    await verifyTableFile(engine, to, table, stop)
  } catch (error) {
    // What was damaged before it was copied is told of the table that was copied.
    await verifyTableFile(engine, from, table, stop)
    throw error
  }
  return crc
}

/** Reads and checks every byte of a table file. */
export async function verifyTableFile(
  engine: native.Engine,
  path: string,
  { number, id }: TableFile,
  { signal }: { readonly signal?: AbortSignal }
): Promise<void> {
  const { table } = await outcome(native.openTable(engine, path, number, id), signal)
  try {
    await outcome(native.verifyTable(table), signal)
  } catch (error) {
    throw toVarveError(error)
  } finally {
    native.release(table)
  }
}
