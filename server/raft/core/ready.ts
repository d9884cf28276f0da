// Collects what is to be done, and takes note that it is being done.
//
// A Ready's storage message carries everything that rests on the writes of this Ready and of those before it: the durable
// messages, and last the acknowledgement of the writes themselves, so that what they report finds the entries still in
// memory.

import type { Raft } from './raft.ts'
import type {
  Entry,
  HardState,
  Ready,
  Snapshot,
  SoftState,
  StorageAppend,
  StorageAppendDone,
  StorageApply
} from './types.ts'

const nothing: readonly never[] = []

export class ReadyMaker {
  readonly #raft: Raft
  #softState: SoftState
  #hardState: HardState

  /** What the node is now needs no telling. */
  constructor(raft: Raft) {
    this.#raft = raft
    this.#softState = raft.softState
    this.#hardState = raft.hardState
  }

  hasReady(): boolean {
    const { log, messages, durableMessages, readStates, settings } = this.#raft
    return (
      messages.length > 0 ||
      durableMessages.length > 0 ||
      log.unstable.hasNextEntries ||
      log.hasNextCommitted(settings.applyUnstable) ||
      readStates.length > 0 ||
      log.unstable.nextSnapshot !== undefined ||
      this.#changedSoftState() !== undefined ||
      this.#changedHardState() !== undefined
    )
  }

  make(): Ready {
    const raft = this.#raft
    const { messages, readStates: reads } = raft
    const softState = this.#changedSoftState()
    const apply = this.#makeApply()
    const append = this.#makeAppend()
    if (softState !== undefined) this.#softState = softState
    raft.messages = []
    if (reads.length > 0) raft.readStates = []
    raft.reads.closeRound()
    return { softState, reads, messages, append, apply }
  }

  #makeAppend(): StorageAppend | undefined {
    const raft = this.#raft
    const { durableMessages, log, id } = raft
    const hardState = this.#changedHardState()
    const { hasNextEntries, nextSnapshot: snapshot } = log.unstable
    if (!hasNextEntries && hardState === undefined && snapshot === undefined && durableMessages.length === 0)
      return undefined
    const entries = hasNextEntries ? log.unstable.nextEntries() : nothing
    const done = this.#makeDone(snapshot)
    const responses = done === undefined ? durableMessages : [...durableMessages, done]
    raft.durableMessages = []
    log.unstable.acceptInProgress()
    if (hardState !== undefined) this.#hardState = hardState
    return { kind: 'storageAppend', from: id, entries, hardState, snapshot, responses }
  }

  // As long as anything is unstable, every write says how far the log is durable: an earlier answer may have been dropped.
  #makeDone(snapshot: Snapshot | undefined): StorageAppendDone | undefined {
    const { log, id: to, term } = this.#raft
    const hasUnstable = log.unstable.count > 0
    if (!hasUnstable && snapshot === undefined) return undefined
    const index = hasUnstable ? log.lastIndex() : 0
    const logTerm = hasUnstable ? log.lastTerm() : 0
    return { kind: 'storageAppendDone', to, term, index, logTerm, snapshot }
  }

  #makeApply(): StorageApply | undefined {
    const { log, id, settings } = this.#raft
    const entries: readonly Entry[] = log.nextCommitted(settings.applyUnstable)
    if (entries.length === 0) return undefined
    log.acceptApplying(entries, settings.applyUnstable)
    return { kind: 'storageApply', from: id, entries, response: { kind: 'storageApplyDone', to: id, entries } }
  }

  #changedSoftState(): SoftState | undefined {
    const { leader, role } = this.#raft
    return leader === this.#softState.leader && role === this.#softState.role ? undefined : { leader, role }
  }

  #changedHardState(): HardState | undefined {
    const { term, vote, log } = this.#raft
    const known = this.#hardState
    if (term === known.term && vote === known.vote && log.committed === known.commit) return undefined
    return { term, vote, commit: log.committed }
  }
}
