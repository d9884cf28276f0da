// A directory as a whole: made with those above it, and locked while somebody uses it.

import type native from '#native'
import { VarveError } from '../errors.ts'
import { join, lockName, parentOf } from './files.ts'
import type { Disk } from './fs.ts'

/** Makes the directory and what is missing above it, each name durable. Gives those that it made, outermost first. */
export async function makeDirectories(disk: Disk, directory: string): Promise<string[]> {
  const parent = parentOf(directory)
  const made =
    parent !== directory && (await disk.statIfThere(parent)) === undefined ? await makeDirectories(disk, parent) : []
  await disk.makeDirectory(directory)
  await disk.syncDirectory(parent)
  return [...made, directory]
}

/** Takes the lock of a directory that is there; VARVE_LOCKED names who has it. Shared: with others that only read. */
export async function lockDirectory(disk: Disk, directory: string, exclusive: boolean): Promise<native.Lock> {
  const owner = `process ${process.pid}`
  try {
    return await disk.lock(join(directory, lockName), exclusive, owner)
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== 'VARVE_LOCKED') throw error
    const holder = String((error.cause as Error | undefined)?.message ?? 'another process')
    throw new VarveError('VARVE_LOCKED', `${directory} is open already, by ${holder}. Close it there first.`, {
      cause: error,
      file: directory
    })
  }
}
