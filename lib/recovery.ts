// Recovery: CURRENT → manifest → tables → wal → the parts of an open database; and the same road for a new one.
//
// Everything that a crash may have left half done is put right here, before the first write: the log goes on in a fresh
// segment, the manifest in a fresh file, and files that no state names are removed. A read-only open writes no byte.

import native from '#native'
import { lockDirectory, makeDirectories } from './disk/directory.ts'
import { currentName, identityName, join, manifestName, parseName, tableName, walName } from './disk/files.ts'
import { Disk } from './disk/fs.ts'
import { checkIdentity, writeIdentity } from './disk/identity.ts'
import { outcome } from './disk/jobs.ts'
import { VarveError } from './errors.ts'
import { type Applies, replay } from './log/replay.ts'
import type { Environment, Settings } from './options.ts'
import { currentManifest, Manifest, readManifest } from './tree/manifest.ts'
import type { OpenedTable } from './tree/tree.ts'
import { emptyVersion, type Version } from './tree/version.ts'

export interface Recovered {
  readonly disk: Disk
  readonly engine: native.Engine
  readonly lock: native.Lock
  readonly version: Version
  readonly tables: ReadonlyMap<number, OpenedTable>
  readonly memtable: native.Memtable
  /** undefined when read-only. */
  readonly manifest: Manifest | undefined
  readonly nextNumber: number
  readonly segmentBytes: number
  /** What of the log's end was cut, if anything. */
  readonly cut: native.ReplayResult['cut']
}

/** What a directory is opened as. */
export type Role = 'alone' | 'member'

interface State {
  readonly version: Version
  readonly nextNumber: number
}

/** What is given back when opening fails. */
type Held = Set<native.Handle>

interface Locked {
  readonly role: Role
  readonly lock: native.Lock
  readonly engine: native.Engine
  readonly held: Held
}

export async function recover(
  directory: string,
  settings: Settings,
  environment: Environment,
  role: Role = 'alone'
): Promise<Recovered> {
  const disk = new Disk(environment.fs, environment.executor)
  const lock = await enter(disk, directory, settings)
  const held: Held = new Set<native.Handle>([lock])
  try {
    const engine = native.createEngine(environment.executor, environment.fs, settings.blockCacheBytes)
    held.add(engine)
    return await recoverLocked(disk, directory, settings, environment, { role, lock, engine, held })
  } catch (error) {
    for (const handle of [...held].reverse()) native.release(handle)
    throw error
  }
}

async function enter(disk: Disk, directory: string, settings: Settings): Promise<native.Lock> {
  const isThere = (await disk.statIfThere(directory)) !== undefined
  if (!isThere) {
    if (!settings.createIfMissing || settings.readOnly) {
      throw new VarveError('VARVE_NOT_FOUND', `There is no database in ${directory}.`, { file: directory })
    }
    await makeDirectories(disk, directory)
  }
  return lockDirectory(disk, directory, !settings.readOnly)
}

async function recoverLocked(
  disk: Disk,
  directory: string,
  settings: Settings,
  environment: Environment,
  { role, lock, engine, held }: Locked
): Promise<Recovered> {
  const names = await disk.list(directory)
  const hasIdentity = names.includes(identityName)
  if (hasIdentity) await checkIdentity(disk, directory)
  const state = await loadState(disk, directory, names, settings)
  checkRole(role, state.version.member, directory, settings)
  const walNumbers = numbersOf(names, 'wal')
  const tables = await openTables(engine, directory, state.version, held)
  let nextNumber = Math.max(state.nextNumber, ...names.map((name) => parseName(name).number + 1))
  const memtable = native.createMemtable(engine, settings.memtableBytes)
  held.add(memtable)
  const segmentBytes = await segmentBytesFor(disk, directory, settings)

  let copyTo: native.ReplayRequest['copyTo'] = null
  if (!settings.readOnly) {
    if (!hasIdentity) await writeIdentity(disk, directory, environment.random(16))
    const number = nextNumber++
    const segment = await outcome(native.createSegment(engine, join(directory, walName(number)), segmentBytes))
    held.add(segment)
    await disk.syncDirectory(directory)
    copyTo = { segment, number, id: environment.random(16), life: environment.random(8) }
  }
  const applies = appliesOf(state.version, settings)
  const replayed = await replay(engine, directory, walNumbers, state.version, memtable, copyTo, applies)
  if (copyTo !== null) {
    held.delete(copyTo.segment)
    native.release(copyTo.segment)
  }
  let manifest: Manifest | undefined
  if (!settings.readOnly) {
    const number = nextNumber++
    // What the log holds now was copied and synced, and what was cut off its end is forgotten.
    const syncedIndex = provable(state.version, native.walState(engine))
    manifest = await Manifest.create(disk, directory, number, { ...state.version, syncedIndex }, nextNumber)
    try {
      await removeOrphans(disk, directory, names, state.version, replayed.unused)
      for (const path of native.dropSegments(engine, droppable(state.version))) await disk.unlink(path)
    } catch (error) {
      await manifest.close()
      throw error
    }
  }
  return {
    disk,
    engine,
    lock,
    version: state.version,
    tables,
    memtable,
    manifest,
    nextNumber,
    segmentBytes,
    cut: replayed.cut
  }
}

// Read-only, both are shown.
function checkRole(role: Role, member: Version['member'], directory: string, { readOnly }: Settings): void {
  if (role === 'member' && member === undefined) {
    const text = `${directory} is no member's of a cluster yet: it has to become one first.`
    throw new VarveError('VARVE_MEMBER', text, { file: directory })
  }
  if (role === 'member' || member === undefined || readOnly) return
  throw new VarveError(
    'VARVE_MEMBER',
    `${directory} is that of member ${member.memberId} of the cluster ${member.clusterId}: ` +
      'start it as that member with varve serve, or open it with readOnly to look at it.',
    { file: directory }
  )
}

// A member's entries are applied once it is known again, from its group, that they are committed. Whoever only looks has
// what the log says.
function appliesOf({ member }: Version, { readOnly }: Settings): Applies {
  if (member === undefined) return 'all'
  return readOnly ? 'committed' : 'none'
}

// Up to where a log without an entry is damaged for certain: what is not committed may be superseded by less.
function provable({ member, flushed }: Version, { syncedIndex, hardCommit }: native.LogState): number {
  return member === undefined ? syncedIndex : Math.min(syncedIndex, Math.max(flushed.index, hardCommit))
}

// Followers may need what is flushed here; not what was before there were any.
function droppable({ member, flushed }: Version): number {
  return member === undefined ? flushed.index : Math.min(flushed.index, member.sinceIndex)
}

// Two to a memtable, and small on a small disk.
async function segmentBytesFor(disk: Disk, directory: string, { memtableBytes, readOnly }: Settings): Promise<number> {
  const free = readOnly ? undefined : await disk.freeBytes(directory).catch(() => undefined)
  const most = Math.min(64 << 20, memtableBytes >>> 1, (free ?? Number.POSITIVE_INFINITY) / 32)
  return Math.max(64 << 10, Math.floor(most))
}

async function loadState(disk: Disk, directory: string, names: readonly string[], settings: Settings): Promise<State> {
  const name = await currentManifest(disk, directory)
  if (name === undefined) {
    const left = names.filter((one) => ['table', 'manifest'].includes(parseName(one).kind))
    // Creation stopped before CURRENT was there: a manifest alone holds nothing yet; tables do.
    if (left.some((one) => parseName(one).kind === 'table')) {
      throw new VarveError('VARVE_CORRUPTION', `${directory} holds tables but no CURRENT.`, {
        file: join(directory, currentName),
        offset: 0
      })
    }
    if (!settings.createIfMissing || settings.readOnly) {
      throw new VarveError('VARVE_NOT_FOUND', `There is no database in ${directory}.`, { file: directory })
    }
    return { version: emptyVersion, nextNumber: 1 }
  }
  if (settings.errorIfExists) {
    throw new VarveError('VARVE_EXISTS', `There is a database in ${directory} already.`, { file: directory })
  }
  const path = join(directory, name)
  if (!names.includes(name)) {
    throw new VarveError('VARVE_CORRUPTION', `CURRENT names ${name}, which is not there (${path} at 0).`, {
      file: path,
      offset: 0
    })
  }
  const { version, nextNumber } = readManifest(path, await disk.readFile(path))
  for (const { number } of version.levels.flat()) {
    if (names.includes(tableName(number))) continue
    const missing = join(directory, tableName(number))
    throw new VarveError('VARVE_CORRUPTION', `A table of the manifest is not there (${missing} at 0).`, {
      file: missing,
      offset: 0
    })
  }
  return { version, nextNumber }
}

async function openTables(
  engine: native.Engine,
  directory: string,
  version: Version,
  held: Held
): Promise<Map<number, OpenedTable>> {
  const opening = version.levels.flat().map(async (file) => {
    const path = join(directory, tableName(file.number))
    const { table, pinnedBytes } = await outcome(native.openTable(engine, path, file.number, file.id))
    held.add(table)
    return [file.number, { handle: table, pinnedBytes }] as const
  })
  // When one fails the others are over too, so that all can be given back.
  await Promise.allSettled(opening)
  return new Map(await Promise.all(opening))
}

function numbersOf(names: readonly string[], kind: string): number[] {
  return names
    .map(parseName)
    .filter((name) => name.kind === kind)
    .map((name) => name.number)
    .sort((a, b) => a - b)
}

// Files that the state in force does not name: left by a crash between a job and its edit.
async function removeOrphans(
  disk: Disk,
  directory: string,
  names: readonly string[],
  version: Version,
  unused: readonly string[]
): Promise<void> {
  const live = new Set(version.levels.flat().map(({ number }) => tableName(number)))
  const orphans = names.filter((name) => {
    const { kind } = parseName(name)
    return (kind === 'table' && !live.has(name)) || kind === 'manifest' || kind === 'temporary'
  })
  for (const name of orphans) await disk.unlink(join(directory, name)).catch(() => undefined)
  for (const path of unused) await disk.unlink(path).catch(() => undefined)
}

export { manifestName }
