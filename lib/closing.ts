// Closing: accepted writes finish, everything is synced, what is open is closed, and the directory is given back.

import native from '#native'
import { isFull } from './disk/fs.ts'
import type { Parts } from './parts.ts'
import type { Manifest } from './tree/manifest.ts'

/** A memtable below this is left to the wal at close; above it is flushed, so that the next open is quick. */
const closeFlushBytes = 3 << 20

/** Rejects, closed all the same, when something could not be written and that was not known before. */
export async function closeParts(parts: Parts): Promise<void> {
  const { recovered, environment, writer, scheduler, upkeep, health, tree, engine } = parts
  parts.isClosed = true
  await parts.endCopies()
  // A failure from before was told then: by an event, and to every writer since.
  const wasHealthy = writer.failure === undefined
  upkeep.end()
  await health.close()
  parts.applier?.end()
  scheduler.end()
  await writer.close()
  await parts.applier?.close()
  await Promise.all(parts.pins.live().map((pinned) => pinned.release()))
  parts.pins.close()
  let failure = recovered.manifest === undefined ? undefined : await closeFiles(parts, recovered.manifest)
  tree.close()
  native.release(engine)
  native.release(recovered.lock)
  native.release(environment.executor)
  failure ??= writer.failure
  if (wasHealthy && failure !== undefined) throw failure
}

// The first thing that could not be done.
async function closeFiles(parts: Parts, manifest: Manifest): Promise<unknown> {
  const { writer, scheduler, upkeep, tree, log, sweeper } = parts
  let failure: unknown
  try {
    const isHealthy = writer.failure === undefined
    if (isHealthy && native.memtableStats(tree.memtable).bytes > closeFlushBytes) parts.rotate()
    if (isHealthy && tree.frozen.length > 0) await scheduler.drainFlushes()
  } catch (error) {
    if (!scheduler.gaveUp) failure = error
  }
  await scheduler.close()
  await upkeep.close()
  try {
    await log.close()
    if (writer.failure === undefined) await witness(parts, manifest)
  } catch (error) {
    failure ??= error
  }
  await manifest.close()
  await sweeper.sweep()
  return failure
}

// The manifest says up to where the log is on disk: a log that comes back shorter is damaged, whatever it looks like.
async function witness({ provableIndex, tree }: Parts, manifest: Manifest): Promise<void> {
  const syncedIndex = provableIndex()
  if (syncedIndex === tree.version.syncedIndex) return
  try {
    await manifest.append(
      () => ({ add: [], remove: [], syncedIndex }),
      () => undefined
    )
  } catch (error) {
    // It would be proof of what is on disk; on a full disk there is none.
    if (!isFull(error)) throw error
  }
}
