// Proposals: who waits for what was proposed. An outcome is told once all that it rests on is applied; where leadership is
// lost before that, nobody knows it.
import { StoreError } from '../store.ts'
import type { Entry, LogIndex } from './core/types.ts'

interface Waiting {
  readonly index: LogIndex
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Proposals {
  /** By ascending index. */
  #waiting: Waiting[] = []

  /** Resolves when the entry at this index, which this member has just proposed, is applied. */
  wait(index: LogIndex): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ index, resolve, reject }))
  }

  /** While it leads, a member applies only what it appended itself, and what was there before. */
  applied(entries: readonly Entry[]): void {
    const last = entries.at(-1)?.index ?? 0
    let told = 0
    for (const { index, resolve } of this.#waiting) {
      if (index > last) break
      resolve()
      told++
    }
    if (told > 0) this.#waiting.splice(0, told)
  }

  /** It leads no more: what it proposed may come to stand or not. */
  lose(): void {
    const lost = this.#waiting
    this.#waiting = []
    for (const { reject } of lost) {
      reject(new StoreError('OUTCOME_UNKNOWN', 'The leader was lost before the write was committed.'))
    }
  }
}
