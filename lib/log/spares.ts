// Spares: files of dropped wal segments, kept to become the next segments. Their blocks are there and written, so a sync
// of a record in them needs no journal commit of the filesystem, and no file has to be freed.
//
// A spare keeps its old name and content until it is taken: a crash leaves a segment that recovery finds superfluous.
// Under its new name its header's lower number says that the new use has not begun.

import type { Disk } from '../disk/fs.ts'

export class Spares {
  readonly #disk: Disk
  readonly #segmentBytes: number
  readonly #most: number
  #paths: string[] = []
  #keeps = true

  /** Keeps up to `most` files of about `segmentBytes`. */
  constructor(disk: Disk, segmentBytes: number, most: number) {
    this.#disk = disk
    this.#segmentBytes = segmentBytes
    this.#most = most
  }

  /** Keeps the file, or removes it where enough are kept or a large batch has made it long. */
  async add(path: string): Promise<void> {
    const { size } = await this.#disk.stat(path)
    if (this.#keeps && size <= this.#segmentBytes && this.#paths.length < this.#most) this.#paths.push(path)
    else await this.#disk.unlink(path)
  }

  /** Gives one of them a new name; false when there is none. */
  async moveTo(path: string): Promise<boolean> {
    const [spare] = this.#paths
    if (spare === undefined) return false
    await this.#disk.rename(spare, path)
    this.#paths.shift()
    return true
  }

  /** Whether dropped segments are kept from now on. */
  keep(keeps: boolean): void {
    this.#keeps = keeps
  }

  /** Removes all. */
  async clear(): Promise<void> {
    const paths = this.#paths
    this.#paths = []
    for (const path of paths) await this.#disk.unlink(path)
  }
}
