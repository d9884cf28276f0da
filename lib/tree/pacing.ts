// Pacing: while somebody waits for syncs, a compaction that is not urgent leaves the disk to them: it rests between pieces
// of its work, until a while after the last sync.

import native from '#native'
import { limits } from '../options.ts'
import { Alarm } from './alarm.ts'
import type { Tree } from './tree.ts'

/** How long a compaction goes on gently after the last sync that was waited for, at most twice that. */
const paceMs = 20

export class Pacing {
  readonly #tree: Tree
  readonly #alarm = new Alarm(() => this.#goOn())
  #job: number | undefined
  #syncWaited = false
  #isGentle = false
  /** Compactions that slowed down. */
  yields = 0

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** Somebody waits for a sync. */
  yieldToSync(): void {
    this.#syncWaited = true
    if (!this.#alarm.isSet) this.#goOn()
  }

  #goOn(): void {
    const isAwaited = this.#syncWaited
    this.#syncWaited = false
    this.#pace(isAwaited)
    if (isAwaited) this.#alarm.set(paceMs)
  }

  // What writers would soon have to wait for goes on at full speed.
  #pace(isAwaited: boolean): void {
    const { version, frozen } = this.#tree
    const isUrgent = (version.levels[0]?.length ?? 0) >= 2 * limits.level0Trigger || frozen.length > 1
    const isGentle = isAwaited && !isUrgent
    if (this.#job === undefined || isGentle === this.#isGentle) return
    this.#isGentle = isGentle
    if (isGentle) this.yields++
    native.pace(this.#job, isGentle ? 1 : 0)
  }

  /** The compaction that runs, until `end`. */
  begin(job: number): void {
    this.#job = job
    this.#isGentle = false
    if (this.#alarm.isSet) this.#pace(true)
  }

  end(): void {
    this.#job = undefined
  }

  close(): void {
    this.#alarm.end()
    if (this.#job !== undefined) native.cancel(this.#job)
  }
}
