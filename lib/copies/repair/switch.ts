// Switch: from a damaged state to the repaired one, such that a crash at any step loses nothing.
//
//   originals linked into lost/<n> → manifest → (CURRENT away → log away) → IDENTITY → CURRENT → originals away
//
// Where the log is replaced, CURRENT goes first: an old state without its log would open, with less than there was; tables
// without CURRENT do not. A repair that is begun again finds the new manifest then, whole.

import { currentName, join, manifestName, parseName, tableName } from '../../disk/files.ts'
import type { Disk } from '../../disk/fs.ts'
import { writeIdentity } from '../../disk/identity.ts'
import { encodeState, putInForce } from '../../tree/manifest.ts'
import type { Version } from '../../tree/version.ts'
import { linkFile } from '../tables.ts'
import type { Workshop } from './tables.ts'

export interface Switch {
  readonly version: Version
  /** What is in the directory. */
  readonly names: readonly string[]
  /** Numbers of tables that are not in the new version. */
  readonly replaced: readonly number[]
  readonly replacesLog: boolean
  readonly replacesIdentity: boolean
  /** Called before the first change of what there is. */
  readonly onBegin: () => void
}

/** Gives the directory that keeps the originals. */
export async function switchTo(workshop: Workshop, to: Switch): Promise<string> {
  const { disk, directory, nextNumber, random, made } = workshop
  const isReplaced = (name: string): boolean => {
    const { kind, number } = parseName(name)
    if (kind === 'table') return to.replaced.includes(number)
    if (kind === 'wal') return to.replacesLog
    return kind === 'manifest' || kind === 'current' || (kind === 'identity' && to.replacesIdentity)
  }
  const originals = to.names.filter(isReplaced)
  const kept = await keepOriginals(disk, directory, originals)
  let isBegun = false
  try {
    const name = manifestName(nextNumber())
    made.push(name)
    await disk.writeFile(join(directory, name), encodeState(to.version, nextNumber()))
    await disk.syncDirectory(directory)
    to.onBegin()
    isBegun = true
    const remove = async (names: readonly string[]): Promise<void> => {
      for (const one of names) await disk.unlink(join(directory, one))
      if (names.length > 0) await disk.syncDirectory(directory)
    }
    if (to.replacesLog) {
      await remove(originals.filter((one) => one === currentName))
      await remove(originals.filter((one) => parseName(one).kind === 'wal'))
    }
    if (to.replacesIdentity) await writeIdentity(disk, directory, random(16))
    await putInForce(disk, directory, name)
    const live = new Set(to.version.levels.flat().map(({ number }) => tableName(number)))
    const scaffolding = made.filter((one) => parseName(one).kind === 'table' && !live.has(one))
    for (const one of scaffolding) await disk.unlink(join(directory, one)).catch(() => undefined)
    await remove(originals.filter((one) => ['table', 'manifest'].includes(parseName(one).kind)))
    return kept
  } catch (error) {
    if (!isBegun) await forget(disk, kept)
    throw error
  }
}

// lost/<n>, with another name for each original.
async function keepOriginals(disk: Disk, directory: string, originals: readonly string[]): Promise<string> {
  const lost = join(directory, 'lost')
  await disk.makeDirectory(lost)
  await disk.syncDirectory(directory)
  const number = 1 + Math.max(0, ...(await disk.list(lost)).map((name) => Number(name)).filter(Number.isSafeInteger))
  const kept = join(lost, String(number))
  await disk.makeDirectory(kept)
  try {
    for (const name of originals) {
      const isLinked = await linkFile(disk, join(directory, name), join(kept, name))
      if (!isLinked) await disk.copyFile(join(directory, name), join(kept, name))
    }
    await disk.syncDirectory(kept)
    await disk.syncDirectory(lost)
    return kept
  } catch (error) {
    await forget(disk, kept)
    throw error
  }
}

async function forget(disk: Disk, kept: string): Promise<void> {
  for (const name of await disk.list(kept).catch(() => [])) await disk.unlink(join(kept, name)).catch(() => undefined)
  await disk.removeDirectory(kept).catch(() => undefined)
}
