// State: what CURRENT and the manifests of a damaged database still say.
//
// A manifest that reads from its first line to its last, and whose tables fit what is there, is believed. Where there is
// none, levels are not known: all tables are live that no readable line has removed.

import { currentName, join, parseName, tableName } from '../../disk/files.ts'
import type { Disk } from '../../disk/fs.ts'
import { VarveError } from '../../errors.ts'
import { currentManifest, readableEdits, readManifest } from '../../tree/manifest.ts'
import type { TableFile, Version } from '../../tree/version.ts'
import type { DamagedFile } from './lost.ts'

export interface FoundState {
  /** undefined: levels are not known. */
  readonly version: Version | undefined
  /** Live tables that files or lines tell of; without a line only the number is known. */
  readonly tables: readonly { readonly number: number; readonly file: TableFile | undefined }[]
  /** The highest sequence that some line says was flushed. */
  readonly flushedSequence: number
  readonly nextNumber: number
  readonly damaged: readonly DamagedFile[]
  /** The manifest ends with a line that cannot be read: more may have been on disk than it says. */
  readonly isTorn: boolean
  /**
   * The state as files and lines tell it, where there are tables that the manifest does not name: for a manifest that lost
   * its last lines is a whole one still. undefined: there is no such table.
   */
  readonly guess: FoundState | undefined
}

/** Twice: a disk that fails now and then is not a damaged one. */
export async function twice<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== 'VARVE_IO_ERROR') throw error
    return await call()
  }
}

/** The error, if it tells of damage; anything else is thrown. */
export function damageOf(error: unknown): VarveError {
  if (error instanceof VarveError && ['VARVE_CORRUPTION', 'VARVE_IO_ERROR', 'VARVE_TOO_LARGE'].includes(error.code)) {
    return error
  }
  throw error
}

interface ReadManifest {
  readonly name: string
  readonly bytes: Buffer
  readonly contents: ReturnType<typeof readManifest> | undefined
}

export async function findState(disk: Disk, directory: string, names: readonly string[]): Promise<FoundState> {
  const damaged: DamagedFile[] = []
  const note = (name: string, error: string): void => void damaged.push({ name, error, lost: [] })
  const manifests = await readManifests(disk, directory, names, note)
  const current = await findCurrent(disk, directory, note)
  const named = current === undefined ? newestOf(manifests) : manifests.find(({ name }) => name === current)
  if (named === undefined && current !== undefined) note(current, 'The manifest in force is not there.')
  if (named === undefined && current === undefined) note('MANIFEST', 'There is no manifest.')
  const nextNumber = Math.max(1, ...names.map((name) => parseName(name).number + 1), named?.contents?.nextNumber ?? 1)
  const there = new Set(names)
  const version = named?.contents?.version
  if (named?.contents !== undefined && version !== undefined) {
    const listed = version.levels.flat()
    const isTorn = named.contents.tornBytes > 0
    const unnamed = tablesOf(names).filter((number) => !listed.some((table) => table.number === number))
    const isMissing = listed.some(({ number }) => !there.has(tableName(number)))
    // A last line that cannot be read is a torn one only as long as the line before it tells of all there is.
    if (!isTorn || (unnamed.length === 0 && !isMissing)) {
      const tables = listed.map((file) => ({ number: file.number, file }))
      const cut = { name: named.name, error: 'The manifest lacks its last lines.', lost: [] }
      const guess = { ...guessState(manifests, names), nextNumber, damaged: [...damaged, cut], ...unknown }
      return {
        version,
        tables,
        flushedSequence: version.flushed.sequence,
        nextNumber,
        damaged,
        isTorn,
        guess: unnamed.length === 0 ? undefined : guess
      }
    }
    note(named.name, 'The last line of the manifest cannot be read, and the tables are not those of the line before.')
  }
  return { ...guessState(manifests, names), nextNumber, damaged, ...unknown }
}

const unknown = { version: undefined, isTorn: false, guess: undefined } as const

async function readManifests(
  disk: Disk,
  directory: string,
  names: readonly string[],
  note: (name: string, error: string) => void
): Promise<ReadManifest[]> {
  const read: ReadManifest[] = []
  const numbered = names
    .filter((name) => parseName(name).kind === 'manifest')
    .sort((a, b) => parseName(b).number - parseName(a).number)
  for (const name of numbered) {
    const path = join(directory, name)
    let bytes: Buffer = Buffer.alloc(0)
    try {
      bytes = await twice(() => disk.readFile(path))
      read.push({ name, bytes, contents: readManifest(path, bytes) })
    } catch (error) {
      note(name, damageOf(error).message)
      read.push({ name, bytes, contents: undefined })
    }
  }
  return read
}

// The manifest that CURRENT names; undefined where it names none.
async function findCurrent(
  disk: Disk,
  directory: string,
  note: (name: string, error: string) => void
): Promise<string | undefined> {
  try {
    const current = await twice(() => currentManifest(disk, directory))
    if (current === undefined) note(currentName, 'There is no CURRENT.')
    return current
  } catch (error) {
    note(currentName, damageOf(error).message)
    return undefined
  }
}

// An empty one was never in force: the one before it still is then.
function newestOf(manifests: readonly ReadManifest[]): ReadManifest | undefined {
  return manifests.find(({ bytes }) => bytes.length > 0)
}

const tablesOf = (names: readonly string[]): number[] =>
  names
    .map(parseName)
    .filter(({ kind }) => kind === 'table')
    .map(({ number }) => number)

// By every line that can be read, and the files that are there.
function guessState(
  manifests: readonly ReadManifest[],
  names: readonly string[]
): Pick<FoundState, 'tables' | 'flushedSequence'> {
  const live = new Map<number, TableFile | undefined>()
  const removed = new Set<number>()
  let flushedSequence = 0
  for (const edit of [...manifests].reverse().flatMap(({ bytes }) => readableEdits(bytes))) {
    for (const { number } of edit.remove) {
      removed.add(number)
      live.delete(number)
    }
    for (const { table } of edit.add) {
      removed.delete(table.number)
      live.set(table.number, table)
    }
    flushedSequence = Math.max(flushedSequence, edit.flushed?.sequence ?? 0)
  }
  for (const number of tablesOf(names)) if (!removed.has(number) && !live.has(number)) live.set(number, undefined)
  return { tables: [...live].map(([number, file]) => ({ number, file })), flushedSequence }
}
