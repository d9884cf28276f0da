// Installer: the end of every flush and compaction: the names of the tables durable, then the manifest's line, then the
// view; then files that nobody needs are removed. What was written for an edit that did not come to be is removed as well,
// unless the line may stand in the manifest all the same.

import { join, tableName } from '../disk/files.ts'
import { attempt, type Disk, isFull } from '../disk/fs.ts'
import { VarveError } from '../errors.ts'
import type { Manifest } from './manifest.ts'
import type { Sweeper } from './sweeper.ts'
import type { FrozenMemtable, Tree } from './tree.ts'
import { applyEdit, type TableFile, type VersionEdit } from './version.ts'

export interface InstallerContext {
  readonly disk: Disk
  readonly directory: string
  readonly tree: Tree
  readonly sweeper: Sweeper
  readonly manifest: Manifest
  readonly nextNumber: () => number
  readonly currentNumber: () => number
  /** Up to where a log that lacks an entry is damaged for certain. */
  readonly provableIndex: () => number
  readonly onPoison: (error: Error) => void
  /** Files were removed that nobody needs any more. */
  readonly onSwept: () => void
}

export interface AroundInstall {
  readonly before?: () => void
  readonly after?: () => void
}

export class Installer {
  readonly #context: InstallerContext
  #failure: VarveError | undefined

  constructor(context: InstallerContext) {
    this.#context = context
  }

  /** Why nothing can be installed any more. */
  get failure(): VarveError | undefined {
    return this.#failure
  }

  /**
   * `tables` were written for the edit; `flushed` memtables are in them. What is `around` is called in the same turn in which
   * the view changes; what it throws poisons.
   */
  async install(
    edit: VersionEdit,
    tables: readonly TableFile[],
    flushed: readonly FrozenMemtable[],
    around?: AroundInstall
  ): Promise<void> {
    const { disk, directory, tree, sweeper } = this.#context
    try {
      if (tables.length > 0) await disk.syncDirectory(directory)
      for (const table of tables) await tree.open(table)
      await this.mend()
    } catch (error) {
      if (this.#failure === undefined) await this.#discard(tables)
      throw error
    }
    await this.#append(edit, tables, flushed, around)
    void sweeper.sweep().then(this.#context.onSwept)
  }

  async #append(
    edit: VersionEdit,
    tables: readonly TableFile[],
    flushed: readonly FrozenMemtable[],
    around: AroundInstall = {}
  ): Promise<void> {
    const { tree, manifest, currentNumber, provableIndex } = this.#context
    try {
      await manifest.append(
        () => {
          // An edit that breaks the tree must not become durable.
          applyEdit(tree.version, edit)
          return { ...edit, syncedIndex: provableIndex(), nextNumber: currentNumber() }
        },
        (durable) =>
          attempt(() => {
            around.before?.()
            tree.install(durable, flushed)
            around.after?.()
          })
      )
    } catch (error) {
      if (!isFull(error)) throw this.#poison(error)
      // The line is torn, and whoever reads the file drops it.
      await this.#discard(tables)
      throw error
    }
  }

  /** Goes on after a full disk; rejects while there is no space. */
  async mend(): Promise<void> {
    try {
      await this.#context.manifest.renew(this.#context.nextNumber)
    } catch (error) {
      throw isFull(error) ? error : this.#poison(error)
    }
  }

  async #discard(tables: readonly TableFile[]): Promise<void> {
    const { disk, directory, tree } = this.#context
    for (const { number } of tables) {
      tree.forget(number)
      await disk.unlink(join(directory, tableName(number))).catch(() => undefined)
    }
  }

  #poison(error: unknown): VarveError {
    if (this.#failure !== undefined) return this.#failure
    const text = `The manifest could not be written: ${String((error as Error).message)}`
    this.#failure = new VarveError('VARVE_POISONED', text, { cause: error })
    this.#context.onPoison(this.#failure)
    return this.#failure
  }
}
