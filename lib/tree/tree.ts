// Tree: owns the view: memtable, frozen memtables, version. Every change of state is one synchronous assignment here
// that hands the same view to the data plane. Readers pin a view natively and never wait.
//
// Invariants
//  1. `frozen` is newest first; a flush takes the oldest ones and its edit names what they held up to.
//  2. A table of the version is open: `tables` has its handle.
//  3. install follows the manifest's append, in queue order.

import native from '#native'
import { assert } from '../assert.ts'
import { join, tableName } from '../disk/files.ts'
import { outcome } from '../disk/jobs.ts'
import type { VarveError } from '../errors.ts'
import { limits } from '../options.ts'
import { applyEdit, bytesOf, type FlushedState, type TableFile, type Version, type VersionEdit } from './version.ts'

export interface FrozenMemtable {
  readonly memtable: native.Memtable
  /** What the log said when it was frozen: everything up to there is in it or in older ones. */
  readonly upTo: FlushedState
}

export interface OpenedTable {
  readonly handle: native.Table
  readonly pinnedBytes: number
}

/** A version whose tables' files stay, whatever is installed meanwhile. */
export interface PinnedVersion {
  readonly version: Version
  /** Lets go of it, once; what nobody else needs may then be swept. */
  readonly unpin: () => void
}

export interface TreeOptions {
  readonly engine: native.Engine
  readonly directory: string
  readonly memtableBytes: number
  readonly memoryBytes: number
  readonly blockCacheBytes: number
}

export class Tree {
  readonly #options: TreeOptions
  readonly #tables = new Map<number, OpenedTable>()
  /** Tables that no version holds any more; the sweeper removes their files when no view does either. */
  readonly obsolete = new Map<number, { readonly file: TableFile; readonly opened: OpenedTable }>()
  /** Tables that a compaction reads; their edits are valid on any later version. */
  readonly busy = new Set<number>()
  /** Busy for good: tables that a compaction could not read, and why. */
  readonly aside = new Map<number, VarveError>()
  /** How many pins hold a table's file. */
  readonly #pins = new Map<number, number>()
  #version: Version
  #memtable: native.Memtable
  #frozen: readonly FrozenMemtable[] = []
  #viewNumber = 0

  constructor(
    options: TreeOptions,
    version: Version,
    tables: ReadonlyMap<number, OpenedTable>,
    memtable: native.Memtable
  ) {
    this.#options = options
    this.#version = version
    this.#memtable = memtable
    for (const [number, table] of tables) this.#tables.set(number, table)
    this.#publish()
  }

  get version(): Version {
    return this.#version
  }

  get frozen(): readonly FrozenMemtable[] {
    return this.#frozen
  }

  get memtable(): native.Memtable {
    return this.#memtable
  }

  /** Another one with each view. */
  get viewNumber(): number {
    return this.#viewNumber
  }

  table(number: number): OpenedTable {
    const table = this.#tables.get(number)
    assert(table !== undefined, `table ${number} is not open`)
    return table
  }

  /** Holds the version as it is now: its tables' files are not removed until it is unpinned. */
  pin(): PinnedVersion {
    const version = this.#version
    const numbers = version.levels.flat().map(({ number }) => number)
    for (const number of numbers) this.#pins.set(number, (this.#pins.get(number) ?? 0) + 1)
    let isPinned = true
    const unpin = (): void => {
      if (!isPinned) return
      isPinned = false
      for (const number of numbers) {
        const left = (this.#pins.get(number) ?? 1) - 1
        if (left === 0) this.#pins.delete(number)
        else this.#pins.set(number, left)
      }
    }
    return { version, unpin }
  }

  isPinned(number: number): boolean {
    return this.#pins.has(number)
  }

  /** Opens a table that a job wrote, so that install can be synchronous. */
  async open(file: TableFile): Promise<void> {
    const { engine, directory } = this.#options
    const path = join(directory, tableName(file.number))
    const { table, pinnedBytes } = await outcome(native.openTable(engine, path, file.number, file.id))
    this.#tables.set(file.number, { handle: table, pinnedBytes })
  }

  /** Closes a table that was opened and is not installed. */
  forget(number: number): void {
    const opened = this.#tables.get(number)
    if (opened === undefined) return
    this.#tables.delete(number)
    native.release(opened.handle)
  }

  /** Freezes the memtable and puts an empty one in its place. */
  rotate(upTo: FlushedState): void {
    this.#frozen = [{ memtable: this.#memtable, upTo }, ...this.#frozen]
    this.#memtable = native.createMemtable(this.#options.engine, this.#options.memtableBytes)
    this.#publish()
  }

  /** A durable edit takes effect; `flushed` frozen memtables (the oldest) are in its tables now. */
  install(edit: VersionEdit, flushed: readonly FrozenMemtable[]): void {
    const removed = new Map(this.#version.levels.flat().map((file) => [file.number, file]))
    this.#version = applyEdit(this.#version, edit)
    for (const file of this.#version.levels.flat()) removed.delete(file.number)
    const gone = this.#frozen.filter((one) => flushed.includes(one))
    this.#frozen = this.#frozen.filter((one) => !flushed.includes(one))
    this.#publish()
    for (const one of gone) native.release(one.memtable)
    for (const [number, file] of removed) {
      this.obsolete.set(number, { file, opened: this.table(number) })
      this.#tables.delete(number)
    }
  }

  /** The present view becomes that of an engine. */
  showTo(engine: native.Engine): void {
    const levels = this.#version.levels.map((tables) => tables.map((file) => this.table(file.number).handle))
    native.setView(
      engine,
      this.#memtable,
      this.#frozen.map((one) => one.memtable),
      levels
    )
  }

  #publish(): void {
    const { engine, memoryBytes, blockCacheBytes, memtableBytes } = this.#options
    this.#viewNumber++
    this.showTo(engine)
    const taken = this.pinnedBytes() + memtableBytes * (1 + this.#frozen.length)
    native.setCacheBytes(engine, Math.max(1 << 20, Math.min(blockCacheBytes, memoryBytes - taken)))
  }

  /** Bytes of indexes and filters held in memory. */
  pinnedBytes(): number {
    let sum = 0
    for (const table of this.#tables.values()) sum += table.pinnedBytes
    return sum
  }

  memtableBytes(): number {
    let sum = native.memtableStats(this.#memtable).bytes
    for (const one of this.#frozen) sum += native.memtableStats(one.memtable).bytes
    return sum
  }

  /** About what flushes would write now. */
  unflushedBytes(): number {
    // The index of a memtable, which is there from the start.
    const indexBytes = this.#options.memtableBytes / 7
    const memtables = [this.#memtable, ...this.#frozen.map((one) => one.memtable)]
    return memtables.reduce((sum, one) => sum + Math.max(0, native.memtableStats(one).bytes - indexBytes), 0)
  }

  levelSizes(): { tables: number; bytes: number }[] {
    return this.#version.levels.map((tables) => ({ tables: tables.length, bytes: bytesOf(tables) }))
  }

  /** How hard writers are pressed: 0 not at all, 1 to be slowed, 2 to be stopped. */
  pressure(): 0 | 1 | 2 {
    // Where a damaged table keeps level 0 from shrinking, waiting would never end.
    const level0 = this.aside.size > 0 ? 0 : (this.#version.levels[0]?.length ?? 0)
    if (this.#frozen.length >= limits.frozenMax || level0 >= limits.level0Stop) return 2
    return this.#frozen.length >= limits.frozenMax - 1 || level0 >= limits.level0Slow ? 1 : 0
  }

  close(): void {
    for (const { opened } of this.obsolete.values()) native.release(opened.handle)
    for (const { handle } of this.#tables.values()) native.release(handle)
    for (const { memtable } of this.#frozen) native.release(memtable)
    native.release(this.#memtable)
  }
}
