// Inspect: the one text form of everything, for the command line, tests and logs; and verify, which reads every byte.

import native from '#native'
import { splitKey } from './bytes/codec.ts'
import { withDisk } from './copies/environment.ts'
import { lockDirectory } from './disk/directory.ts'
import { identityName, join, parseName, tableName } from './disk/files.ts'
import type { Disk } from './disk/fs.ts'
import { checkIdentity } from './disk/identity.ts'
import { outcome } from './disk/jobs.ts'
import { toVarveError, VarveError } from './errors.ts'
import { replay } from './log/replay.ts'
import { type Environment, realEnvironment } from './options.ts'
import { currentManifest, readManifest } from './tree/manifest.ts'
import type { Tree } from './tree/tree.ts'
import { bytesOf, type TableFile, type Version } from './tree/version.ts'

type Write = (line: string) => void

/** Of the default space as it is, of others behind the space's id. */
function keyText(stored: Buffer): string {
  const { space, key } = splitKey(stored)
  const text = JSON.stringify(Buffer.from(key).toString('utf8'))
  return space === 1 ? text : `${space}:${text}`
}

const tableLine = (table: TableFile): string =>
  `  ${tableName(table.number)}  ${table.fileBytes} bytes  ${table.entries} entries  ${table.tombstones + table.rangeTombstones} tombstones  ` +
  `sequences ${table.sequenceFirst}..${table.sequenceLast}  ${keyText(table.keyFirst)}..${keyText(table.keyLast)}`

export function describeVersion(version: Version): string[] {
  const lines: string[] = []
  version.levels.forEach((tables, level) => {
    if (tables.length === 0) return
    lines.push(`level ${level}: ${tables.length} tables, ${bytesOf(tables)} bytes`)
    for (const table of tables) lines.push(tableLine(table))
  })
  const { index, term, sequence } = version.flushed
  lines.push(`flushed: index ${index}, term ${term}, sequence ${sequence}`)
  const { member } = version
  if (member !== undefined)
    lines.push(`member: ${member.memberId} of cluster ${member.clusterId}, since index ${member.sinceIndex}`)
  return lines
}

const namedMax = 100

// Ids stand before keys that are not of the default space.
function describeSpaces(spaces: ReadonlyMap<number, string>): string[] {
  if (spaces.size === 0) return []
  const named = [...spaces].slice(0, namedMax).map(([id, name]) => `${id} ${JSON.stringify(name)}`)
  const more = spaces.size > namedMax ? ', …' : ''
  return [`spaces: ${spaces.size}: ${named.join(', ')}${more}`]
}

export function describeTree(tree: Tree, log: native.LogState, spaces: ReadonlyMap<number, string>): string {
  const stats = native.memtableStats(tree.memtable)
  const lines = [
    `log: index ${log.index}, term ${log.term}, sequence ${log.sequence}, synced index ${log.syncedIndex}`,
    `memtable: ${stats.entries} entries, ${stats.tombstones} tombstones, ${stats.bytes} bytes; ${tree.frozen.length} frozen`,
    ...describeSpaces(spaces),
    ...describeVersion(tree.version)
  ]
  return `${lines.join('\n')}\n`
}

async function loadVersion(disk: Disk, directory: string): Promise<{ name: string; version: Version; bytes: Buffer }> {
  const name = await currentManifest(disk, directory)
  if (name === undefined)
    throw new VarveError('VARVE_NOT_FOUND', `There is no database in ${directory}.`, { file: directory })
  const path = join(directory, name)
  const bytes = await disk.readFile(path)
  return { name, version: readManifest(path, bytes).version, bytes }
}

/** One line per record of each wal segment. */
export function inspectWal(directory: string, write: Write): Promise<void> {
  return withDisk(async (disk) => {
    await loadVersion(disk, directory)
    const names = (await disk.list(directory)).filter((name) => parseName(name).kind === 'wal')
    for (const name of names) {
      write(name)
      const text = await disk.describeSegment(join(directory, name))
      for (const line of text.split('\n')) if (line !== '') write(`  ${line}`)
    }
  })
}

/** The manifest in force, line by line, without the checksums. */
export function inspectManifest(directory: string, write: Write): Promise<void> {
  return withDisk(async (disk) => {
    const { name, bytes } = await loadVersion(disk, directory)
    write(name)
    for (const line of bytes.toString('utf8').split('\n')) if (line !== '') write(`  ${line.slice(9)}`)
  })
}

/** Tables level by level. */
export function inspectLevels(directory: string, write: Write): Promise<void> {
  return withDisk(async (disk) => {
    const { version } = await loadVersion(disk, directory)
    for (const line of describeVersion(version)) write(line)
  })
}

/** The properties of each table, or of the one named. */
export function inspectTable(directory: string, write: Write, options: { readonly file?: string } = {}): Promise<void> {
  return withDisk(async (disk, environment) => {
    const { version } = await loadVersion(disk, directory)
    const files = version.levels
      .flat()
      .filter(({ number }) => options.file === undefined || tableName(number) === options.file)
    if (files.length === 0 && options.file !== undefined) {
      throw new VarveError('VARVE_NOT_FOUND', `There is no table ${options.file} in ${directory}.`, {
        file: join(directory, options.file)
      })
    }
    const engine = native.createEngine(environment.executor, environment.fs, 0)
    for (const file of files) {
      const { table, properties } = await outcome(
        native.openTable(engine, join(directory, tableName(file.number)), file.number, file.id)
      )
      write(tableName(file.number))
      for (const [name, value] of Object.entries(properties))
        write(`  ${name}: ${Buffer.isBuffer(value) ? keyText(value) : String(value)}`)
      native.release(table)
    }
    native.release(engine)
  })
}

export interface VerifiedFile {
  readonly name: string
  readonly bytes: number
  readonly ok: boolean
  readonly error?: string
}

export interface Verification {
  readonly ok: boolean
  readonly files: readonly VerifiedFile[]
}

export interface VerifyOptions {
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Reads every byte of a closed database's files and checks it. Damage is reported, not thrown.
 *
 * @throws VarveError: VARVE_NOT_FOUND, VARVE_LOCKED; VARVE_CORRUPTION where no manifest says what there is
 * @example
 * import { verify } from 'varve'
 * const { ok, files } = await verify('./data')
 * if (!ok) console.log(files.filter((file) => !file.ok))
 */
export function verify(directory: string, options: VerifyOptions = {}): Promise<Verification> {
  return verifyIn(directory, options, realEnvironment)
}

/** verify, on a file system and executor of the caller's. */
export function verifyIn(
  directory: string,
  options: VerifyOptions,
  environmentOf: () => Environment
): Promise<Verification> {
  return withDisk(async (disk, environment) => {
    // Somebody who has it open changes it meanwhile, which looks like damage.
    const lock = (await disk.statIfThere(directory)) && (await lockDirectory(disk, directory, false))
    try {
      return await verifyClosed(disk, environment, directory, options)
    } finally {
      if (lock !== undefined) native.release(lock)
    }
  }, environmentOf)
}

async function verifyClosed(
  disk: Disk,
  environment: Environment,
  directory: string,
  options: VerifyOptions
): Promise<Verification> {
  const { name, version, bytes } = await loadVersion(disk, directory)
  const wals = (await disk.list(directory)).filter((one) => parseName(one).kind === 'wal')
  const walBytes = await Promise.all(wals.map(async (one) => (await disk.stat(join(directory, one))).size))
  const tables = version.levels.flat()
  const identity = await disk.statIfThere(join(directory, identityName))
  const total = bytes.length + (identity?.size ?? 0) + bytesOf(tables) + walBytes.reduce((sum, one) => sum + one, 0)
  const files: VerifiedFile[] = [{ name, bytes: bytes.length, ok: true }]
  let done = bytes.length
  const note = async (file: string, size: number, check: () => Promise<unknown>): Promise<void> => {
    try {
      await check()
      files.push({ name: file, bytes: size, ok: true })
    } catch (error) {
      files.push({ name: file, bytes: size, ok: false, error: toVarveError(error).message })
    }
    done += size
    options.onProgress?.(done, total)
  }
  if (identity !== undefined) await note(identityName, identity.size, () => checkIdentity(disk, directory))
  const engine = native.createEngine(environment.executor, environment.fs, 0)
  for (const table of tables) {
    await note(tableName(table.number), table.fileBytes, async () => {
      const opened = await outcome(
        native.openTable(engine, join(directory, tableName(table.number)), table.number, table.id)
      )
      await outcome(native.verifyTable(opened.table)).finally(() => native.release(opened.table))
    })
  }
  await note(
    'wal',
    walBytes.reduce((sum, one) => sum + one, 0),
    () => replayOnly(engine, directory, wals, version)
  )
  native.release(engine)
  return { ok: files.every((file) => file.ok), files }
}

async function replayOnly(
  engine: native.Engine,
  directory: string,
  wals: readonly string[],
  version: Version
): Promise<void> {
  const memtable = native.createMemtable(engine, 1 << 20)
  try {
    await replay(
      engine,
      directory,
      wals.map((name) => parseName(name).number),
      version,
      memtable,
      null
    )
  } finally {
    native.release(memtable)
  }
}
