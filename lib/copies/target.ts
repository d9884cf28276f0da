// Target: an empty or missing directory that becomes a database.
//
//   lock → tables (by the caller) → IDENTITY → manifest → sync → CURRENT → sync
//
// Until CURRENT is there it is no database: what a crash leaves holds at most tables without CURRENT, which open refuses.
// A copy is another database than the one it is of: it gets an identity of its own, and its log begins after what is in
// its tables.

import native from '#native'
import { lockDirectory, makeDirectories } from '../disk/directory.ts'
import { currentName, identityName, join, lockName, manifestName, tableName, temporaryName } from '../disk/files.ts'
import type { Disk } from '../disk/fs.ts'
import { writeIdentity } from '../disk/identity.ts'
import { invalid } from '../errors.ts'
import { encodeState, putInForce } from '../tree/manifest.ts'
import { aloneOf, type TableFile, type Version } from '../tree/version.ts'

export class Target {
  readonly directory: string
  readonly #disk: Disk
  readonly #lock: native.Lock
  /** Directories made for it, outermost first. */
  readonly #made: readonly string[]
  readonly #names: string[] = []

  private constructor(disk: Disk, directory: string, made: readonly string[], lock: native.Lock) {
    this.#disk = disk
    this.directory = directory
    this.#made = made
    this.#lock = lock
  }

  /** Makes the directory, or takes it when it is empty. `what`: "restore". */
  static async make(disk: Disk, directory: string, what: string): Promise<Target> {
    const isThere = (await disk.statIfThere(directory)) !== undefined
    const made = isThere ? [] : await makeDirectories(disk, directory)
    let target: Target | undefined
    try {
      target = new Target(disk, directory, made, await lockDirectory(disk, directory, true))
      await target.#checkEmpty(what)
      return target
    } catch (error) {
      if (target !== undefined) await target.#leave()
      await removeDirectories(disk, made)
      throw error
    }
  }

  async #checkEmpty(what: string): Promise<void> {
    // Locking made LOCK, and a copy that failed here may have left it.
    const names = (await this.#disk.list(this.directory)).filter((name) => name !== lockName)
    const [first] = names
    if (first === undefined) return
    const rest = names.length > 1 ? ` and ${names.length - 1} more` : ''
    throw invalid(`${what} needs a directory that is empty or missing; ${this.directory} holds ${first}${rest}.`)
  }

  /** Where to put a table; it is removed again if the copy fails. */
  pathOf(table: TableFile): string {
    const name = tableName(table.number)
    this.#names.push(name)
    return join(this.directory, name)
  }

  copy(from: string, table: TableFile, { signal }: { readonly signal: AbortSignal }): Promise<native.FileSum> {
    return this.#disk.copyFile(from, this.pathOf(table), signal)
  }

  /** Makes it a database of this version, and gives it back. */
  async finish(version: Version, identity: Uint8Array): Promise<void> {
    const disk = this.#disk
    const number = 1 + Math.max(0, ...version.levels.flat().map((table) => table.number))
    const name = manifestName(number)
    // There is no log: nothing above what was flushed can be missing from it.
    const state: Version = { ...aloneOf(version), syncedIndex: version.flushed.index }
    this.#names.push(identityName, name, temporaryName(identityName), temporaryName(currentName))
    await writeIdentity(disk, this.directory, identity)
    await disk.writeFile(join(this.directory, name), encodeState(state, number + 1))
    await putInForce(disk, this.directory, name)
    native.release(this.#lock)
  }

  /** After a failure: removes what was made, as far as that is possible. */
  async discard(): Promise<void> {
    const disk = this.#disk
    try {
      // Without CURRENT it is no database. Where that cannot be removed, the rest had better stay, too.
      const current = join(this.directory, currentName)
      if ((await disk.statIfThere(current)) !== undefined) await disk.unlink(current)
      for (const name of this.#names) await disk.unlink(join(this.directory, name)).catch(() => undefined)
    } catch {
      // The first failure is the one to tell.
    }
    await this.#leave()
    await removeDirectories(disk, this.#made)
  }

  async #leave(): Promise<void> {
    await this.#disk.unlink(join(this.directory, lockName)).catch(() => undefined)
    native.release(this.#lock)
  }
}

// One that is not empty stays.
async function removeDirectories(disk: Disk, made: readonly string[]): Promise<void> {
  for (const directory of [...made].reverse()) await disk.removeDirectory(directory).catch(() => undefined)
}
