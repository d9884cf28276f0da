// Snapshot: a sequence and a time that reads keep, and that flush and compaction honour. It pins no files.

import { VarveError } from '../errors.ts'

export class Snapshot {
  readonly sequence: number
  readonly timeMs: number
  readonly #release: (snapshot: Snapshot) => void
  #closed = false

  /** @internal Use db.snapshot(). */
  constructor(sequence: number, timeMs: number, release: (snapshot: Snapshot) => void) {
    this.sequence = sequence
    this.timeMs = timeMs
    this.#release = release
  }

  /** The sequence to read at; throws VARVE_CLOSED after close. */
  check(): number {
    if (this.#closed) throw new VarveError('VARVE_CLOSED', 'The snapshot is closed.')
    return this.sequence
  }

  /** What only this snapshot keeps may be compacted away. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** The live snapshots of a database. */
export class Snapshots {
  readonly #live = new Set<Snapshot>()

  open(sequence: number, timeMs: number): Snapshot {
    const snapshot = new Snapshot(sequence, timeMs, (closed) => this.#live.delete(closed))
    this.#live.add(snapshot)
    return snapshot
  }

  /** Ascending, without repeats. */
  sequences(): number[] {
    return [...new Set([...this.#live].map((one) => one.sequence))].sort((a, b) => a - b)
  }

  /** The time that expiry may go by: no later than the oldest snapshot's. */
  oldestTimeMs(): number {
    return [...this.#live].reduce((least, one) => Math.min(least, one.timeMs), Number.MAX_SAFE_INTEGER)
  }

  get count(): number {
    return this.#live.size
  }

  closeAll(): void {
    for (const snapshot of [...this.#live]) snapshot.close()
  }
}
