// Repair: saves what can be read of a damaged database, and tells what was lost.
//
//   look at everything → write new tables → keep the originals in lost/<n> → switch to a new manifest
//
// Tables that are whole stay. Of damaged ones every whole block goes to a new table in the same level; of a damaged log
// every whole record goes to a table of level 0. Where no manifest tells the levels, all tables are merged to one run.
// Lost is told by key range, or by sequence where only that is known; outside of that nothing is missing and nothing is
// older than it was. Values under their own keys stay what they were, for each byte read is checked.
//
// Until the originals are in lost/ and durable nothing is changed, so a repair that ends early can be begun again. The
// switch takes CURRENT away before the log: in between the directory is refused by open, and repaired by another repair.

import native from '#native'
import { lockDirectory } from '../disk/directory.ts'
import { identityName, join, parseName, walName } from '../disk/files.ts'
import type { Disk } from '../disk/fs.ts'
import { checkIdentity } from '../disk/identity.ts'
import { invalid, VarveError } from '../errors.ts'
import { type Environment, realEnvironment } from '../options.ts'
import { emptyVersion, flushedAlone, type Levels, type Version } from '../tree/version.ts'
import { withDisk } from './environment.ts'
import { type ExaminedLog, examineLog, type SavedLog, saveLog } from './repair/log.ts'
import type { DamagedFile } from './repair/lost.ts'
import { damageOf, type FoundState, findState, twice } from './repair/state.ts'
import { switchTo } from './repair/switch.ts'
import { type Examined, examineTable, mergedLevel, mergeTables, type Workshop } from './repair/tables.ts'
import { type CopyOptions, checkOptions, checkPath, Meter, Stop } from './stop.ts'

export interface RepairOptions extends CopyOptions {
  /** true: nothing is written, it is only told what a repair would find and lose. */
  readonly dryRun?: boolean
}

export interface Repair {
  /** Nothing was damaged, and nothing was changed. */
  readonly ok: boolean
  /** What was damaged, and what was lost of it. */
  readonly files: readonly DamagedFile[]
  /** Whether anything was lost. */
  readonly isLossy: boolean
  /** The directory that keeps the originals of what was replaced. */
  readonly keptIn?: string
}

/**
 * Saves every entry that can be read of a damaged database that nobody has open, and reports what was lost by key range.
 * The originals of what it replaces are kept in the directory `lost/` of the database.
 *
 * @throws VarveError: VARVE_NOT_FOUND, VARVE_LOCKED, VARVE_UNSUPPORTED, VARVE_IO_ERROR, VARVE_DISK_FULL, VARVE_ABORTED
 * @example
 * import { repair } from 'varve'
 * const { files, keptIn } = await repair('./data')
 * for (const { name, error, lost } of files) console.log(name, error, lost)
 */
export async function repair(directory: string, options: RepairOptions = {}): Promise<Repair> {
  return repairIn(directory, options, realEnvironment)
}

/** repair, on a file system and executor of the caller's. */
export async function repairIn(
  directory: string,
  options: RepairOptions,
  environmentOf: () => Environment
): Promise<Repair> {
  checkPath('repair', directory)
  checkOptions('repair', options, ['dryRun'])
  const { dryRun: isDryRun = false } = options
  if (typeof isDryRun !== 'boolean') throw invalid('dryRun must be true or false.')
  const stop = new Stop('The repair', options.signal)
  stop.check()
  return withDisk(async (disk, environment) => {
    await checkIsDatabase(disk, directory)
    const lock = await lockDirectory(disk, directory, !isDryRun)
    const engine = native.createEngine(environment.executor, environment.fs, 0)
    try {
      const names = await disk.list(directory)
      let number = 0
      const workshop: Workshop = {
        disk,
        engine,
        directory,
        random: environment.random,
        nextNumber: () => number++,
        made: [],
        isDryRun,
        signal: stop.signal
      }
      const state = await findState(disk, directory, names)
      number = state.nextNumber
      return await new RepairRun(workshop, names, state, stop).run(options)
    } catch (error) {
      throw stop.reason(error)
    } finally {
      native.release(engine)
      native.release(lock)
    }
  }, environmentOf)
}

async function checkIsDatabase(disk: Disk, directory: string): Promise<void> {
  const isThere = (await disk.statIfThere(directory)) !== undefined
  const names = isThere ? await disk.list(directory) : []
  if (names.some((name) => ['table', 'wal', 'manifest', 'current'].includes(parseName(name).kind))) return
  throw new VarveError('VARVE_NOT_FOUND', `There is no database in ${directory}.`, { file: directory })
}

class RepairRun {
  readonly #workshop: Workshop
  readonly #names: readonly string[]
  #state: FoundState
  readonly #stop: Stop
  #isSwitching = false

  constructor(workshop: Workshop, names: readonly string[], state: FoundState, stop: Stop) {
    this.#workshop = workshop
    this.#names = names
    this.#state = state
    this.#stop = stop
  }

  async run(options: CopyOptions): Promise<Repair> {
    try {
      return await this.#run(options)
    } catch (error) {
      const { disk, directory, made } = this.#workshop
      // Once the switch has begun, the new files are what there is.
      if (!this.#isSwitching) for (const name of made) await disk.unlink(join(directory, name)).catch(() => undefined)
      throw error
    }
  }

  async #run(options: CopyOptions): Promise<Repair> {
    const identity = await this.#examineIdentity()
    let found = await this.#examineLog()
    if (found !== undefined && 'error' in found && this.#state.guess !== undefined) {
      // The log does not go on from where the manifest says tables end, and there are tables it does not name.
      this.#state = this.#state.guess
      found = undefined
    }
    const { version, damaged } = this.#state
    const examined = await this.#examineTables(options)
    const isLossy = examined.some((one) => (one.damaged?.lost.length ?? 0) > 0)
    const log = await this.#saveLog(examined, isLossy, found)
    const tables = examined.flatMap((one) => one.damaged ?? [])
    const files = [...damaged, ...identity, ...tables, ...log.damaged]
    const report = { ok: files.length === 0, files, isLossy: files.some(({ lost }) => lost.length > 0) }
    if (report.ok || this.#workshop.isDryRun) return report
    const next = await this.#versionOf(examined, log.saved)
    this.#stop.check()
    const replaced = examined.filter((one) => version === undefined || one.damaged !== undefined)
    const keptIn = await switchTo(this.#workshop, {
      version: next,
      names: this.#names,
      replaced: replaced.map((one) => one.number),
      replacesLog: log.saved !== undefined,
      replacesIdentity: identity.length > 0,
      onBegin: () => {
        this.#stop.check()
        this.#isSwitching = true
      }
    })
    return { ...report, keptIn }
  }

  async #examineIdentity(): Promise<DamagedFile[]> {
    if (!this.#names.includes(identityName)) return []
    const { disk, directory } = this.#workshop
    try {
      await twice(() => checkIdentity(disk, directory))
      return []
    } catch (error) {
      return [{ name: identityName, error: damageOf(error).message, lost: [] }]
    }
  }

  async #examineTables(options: CopyOptions): Promise<Examined[]> {
    const { tables } = this.#state
    const { disk, directory } = this.#workshop
    const there = new Map<number, number>()
    for (const name of this.#names) {
      const { kind, number } = parseName(name)
      if (kind === 'table') there.set(number, (await disk.stat(join(directory, name))).size)
    }
    const meter = new Meter(
      tables.reduce((sum, { number }) => sum + (there.get(number) ?? 0), 0),
      options
    )
    const examined: Examined[] = []
    for (const one of tables) {
      this.#stop.check()
      examined.push(await examineTable(this.#workshop, one, there.has(one.number)))
      meter.add(there.get(one.number) ?? 0)
    }
    return examined
  }

  get #walNumbers(): readonly number[] {
    return this.#names
      .map(parseName)
      .filter(({ kind }) => kind === 'wal')
      .map(({ number }) => number)
      .sort((a, b) => a - b)
  }

  async #examineLog(): Promise<ExaminedLog | undefined> {
    const { version } = this.#state
    return version === undefined ? undefined : examineLog(this.#workshop, this.#walNumbers, version)
  }

  // What is left of the log as a table, unless it may stay as it is.
  async #saveLog(
    examined: readonly Examined[],
    isLossy: boolean,
    found: ExaminedLog | undefined
  ): Promise<{ saved: SavedLog | undefined; damaged: readonly DamagedFile[] }> {
    const { version, isTorn } = this.#state
    const walNumbers = this.#walNumbers
    const lastIndex = found !== undefined && 'lastIndex' in found && !isTorn ? found.lastIndex : undefined
    if (lastIndex !== undefined && !isLossy) return { saved: undefined, damaged: [] }
    const sequence = Math.max(this.#state.flushedSequence, ...examined.map((one) => one.sequenceLast))
    const error =
      found !== undefined && 'error' in found
        ? found.error.message
        : 'Some of the log cannot be read, or nothing says where it ended.'
    const saved = await saveLog(this.#workshop, {
      walNumbers,
      flushed: version?.flushed ?? { index: 0, term: 0, timeMs: 0, sequence },
      syncedIndex: version?.syncedIndex ?? 0,
      isEndKnown: version !== undefined && !isTorn,
      lastIndex,
      isFromStart: isLossy,
      error
    })
    const isDamaged = found !== undefined && 'error' in found && saved.damaged.length === 0
    const name = walNumbers.length === 0 ? 'wal' : walName(walNumbers.at(-1) ?? 0)
    return { saved, damaged: isDamaged ? [{ name, error, lost: [] }] : saved.damaged }
  }

  async #versionOf(examined: readonly Examined[], saved: SavedLog | undefined): Promise<Version> {
    const { version } = this.#state
    const levels = version === undefined ? await this.#merged(examined) : replacedIn(version, examined)
    // What was lost may have been acknowledged: a member does not come back as the member it was.
    const flushed = saved?.upTo ?? flushedAlone((version ?? emptyVersion).flushed)
    const syncedIndex = saved === undefined ? (version?.syncedIndex ?? 0) : flushed.index
    // What the log held is newer than all tables.
    const newest = saved?.table === undefined ? [] : [saved.table]
    return {
      levels: levels.map((tables, level) => (level === 0 ? [...newest, ...tables] : tables)),
      flushed,
      syncedIndex
    }
  }

  async #merged(examined: readonly Examined[]): Promise<Levels> {
    const tables = examined.flatMap((one) => one.table ?? [])
    const run = tables.length === 0 ? [] : await mergeTables(this.#workshop, tables)
    return emptyVersion.levels.map((_, level) => (level === mergedLevel ? run : []))
  }
}

// Each table in its level, or what was saved of it.
function replacedIn(version: Version, examined: readonly Examined[]): Levels {
  const now = new Map(examined.map((one) => [one.number, one.table]))
  return version.levels.map((tables) => tables.flatMap(({ number }) => now.get(number) ?? []))
}
