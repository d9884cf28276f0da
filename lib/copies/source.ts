// Source: what a copy needs of the open database it is of.

import type native from '#native'
import type { Disk } from '../disk/fs.ts'
import type { PinnedVersion, Tree } from '../tree/tree.ts'
import type { Stop } from './stop.ts'

export interface CopySource {
  readonly directory: string
  readonly disk: Disk
  readonly engine: native.Engine
  readonly tree: Tree
  readonly random: (bytes: number) => Uint8Array
  /** Milliseconds since 1970. */
  readonly clock: () => number
  /** Resolves when everything that is visible now is in tables. */
  readonly flush: () => Promise<void>
  /** Removes files that nobody needs any more. */
  readonly sweep: () => void
  /** Aborted when the database closes. */
  readonly closing: AbortSignal
}

/** Runs `use` on a version that holds everything visible now; its files stay meanwhile. Gives how long the flush took. */
export async function withPinned<Result>(
  source: CopySource,
  stop: Stop,
  use: (pinned: PinnedVersion, flushMs: number) => Promise<Result>
): Promise<Result> {
  const start = source.clock()
  await stop.race(source.flush())
  const pinned = source.tree.pin()
  try {
    return await use(pinned, Math.max(0, source.clock() - start))
  } finally {
    pinned.unpin()
    source.sweep()
  }
}
