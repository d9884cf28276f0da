// Sweeper: removes files of tables that no version, view or pin holds, after the edit that dropped them is durable.

import native from '#native'
import { join, tableName } from '../disk/files.ts'
import type { Disk } from '../disk/fs.ts'
import type { Tree } from './tree.ts'

export class Sweeper {
  readonly #disk: Disk
  readonly #directory: string
  readonly #tree: Tree
  #running: Promise<void> = Promise.resolve()

  constructor(disk: Disk, directory: string, tree: Tree) {
    this.#disk = disk
    this.#directory = directory
    this.#tree = tree
  }

  /** Removes what may be removed now; what a view or pin still holds waits for the next call. */
  sweep(): Promise<void> {
    this.#running = this.#running.then(() => this.#sweepOnce())
    return this.#running
  }

  async #sweepOnce(): Promise<void> {
    for (const [number, { opened }] of [...this.#tree.obsolete]) {
      if (this.#tree.isPinned(number) || native.tableUses(opened.handle) > 0) continue
      this.#tree.obsolete.delete(number)
      native.release(opened.handle)
      // A file that cannot be removed now is removed as an orphan at the next open.
      await this.#disk.unlink(join(this.#directory, tableName(number))).catch(() => undefined)
    }
  }
}
