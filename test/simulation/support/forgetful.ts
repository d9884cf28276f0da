// A disk that says that writes are durable before they are: a crash takes the last few of them. Other storage beneath the
// simulator comes in the same way.
import { MemoryDisk, type NodeDisk } from '../../../server/simulation/disk.ts'

const forgotten = 3

/** Delegates to a MemoryDisk, which a crash rebuilds from all but the last writes. */
export function forgetfulDisk(): NodeDisk {
  const log: ((disk: MemoryDisk) => number)[] = []
  let inner = new MemoryDisk()
  const take = (write: (disk: MemoryDisk) => number): number => {
    log.push(write)
    return write(inner)
  }
  return {
    identity: undefined,
    append: (write) => take((disk) => disk.append(write)),
    checkpoint: (snapshot, keepFrom) => take((disk) => disk.checkpoint(snapshot, keepFrom)),
    sync: (number) => inner.sync(number),
    crash: () => {
      // The first write founded the group: without it there would be no node.
      const kept = log.slice(0, Math.max(1, log.length - forgotten))
      const rebuilt = new MemoryDisk()
      let last = 0
      for (const write of kept) last = write(rebuilt)
      rebuilt.sync(last)
      // Numbers go on from where they were.
      const empty = { entries: [], hardState: undefined, snapshot: undefined }
      while (last < log.length) last = rebuilt.append(empty)
      rebuilt.sync(last)
      log.splice(
        kept.length,
        log.length,
        ...new Array(log.length - kept.length).fill((disk: MemoryDisk) => disk.append(empty))
      )
      inner = rebuilt
    },
    durableTerm: (index) => inner.durableTerm(index),
    initialState: () => inner.initialState(),
    firstIndex: () => inner.firstIndex(),
    lastIndex: () => inner.lastIndex(),
    term: (index) => inner.term(index),
    entries: (first, end, bytesMax) => inner.entries(first, end, bytesMax),
    snapshot: () => inner.snapshot()
  }
}
