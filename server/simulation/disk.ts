// What a node's disk does for the simulation: the seam between a node and where it keeps its log, hard state and snapshot.
// MemoryDisk is the plain one. The production log on a memory file backend fits beneath the same face: `sync` lets its
// executor run up to that write, and `crash` is a power cut of the backend.
//
// Invariants:
// 1. Writes become durable in the order they were taken.
// 2. What `LogStorage` answers comes from what is durable.
// 3. A crash leaves a beginning of the unsynced writes, of the last of them perhaps only a part: of a write's parts in the
//    order snapshot, entries, hard state.
import { limitEntries } from '../raft/core/entry.ts'
import { emptyMembership } from '../raft/core/membership.ts'
import type {
  Entry,
  HardState,
  LogIndex,
  LogStorage,
  NodeId,
  Snapshot,
  StorageAppend,
  Term
} from '../raft/core/types.ts'
import { none } from '../raft/core/types.ts'
import type { Random } from './random.ts'

/** The part of a `StorageAppend` that is to be kept. */
export type Write = Pick<StorageAppend, 'entries' | 'hardState' | 'snapshot'>

export interface NodeDisk extends LogStorage {
  /** Who the node is whose disk this is; undefined on an empty one. */
  identity: NodeId | undefined
  /** Takes a write. It is durable once `sync` was called with the number returned here or a later one. */
  append(write: Write): number
  /** Keeps the machine's state, and lets go of entries before `keepFrom`. Ordered and synced like a write. */
  checkpoint(snapshot: Snapshot, keepFrom: LogIndex): number
  sync(number: number): void
  /** Power is cut: unsynced writes are lost, but for a beginning that chance decides. */
  crash(random: Random): void
  /** The term of an entry that is durable, or covered by the durable snapshot (then of the entry or 0). */
  durableTerm(index: LogIndex): Term | undefined
}

type Task =
  | { readonly kind: 'write'; readonly write: Write }
  | { readonly kind: 'checkpoint'; readonly snapshot: Snapshot; readonly keepFrom: LogIndex }

export class MemoryDisk implements NodeDisk {
  identity: NodeId | undefined
  #tasks: Task[] = []
  #synced = 0
  #hardState: HardState | undefined
  #snapshot: Snapshot | undefined
  #entries: Entry[] = []
  // The entry before the first one kept: where the log begins.
  #baseIndex = 0
  #baseTerm = 0

  append(write: Write): number {
    return this.#take({ kind: 'write', write })
  }

  checkpoint(snapshot: Snapshot, keepFrom: LogIndex): number {
    return this.#take({ kind: 'checkpoint', snapshot, keepFrom })
  }

  sync(number: number): void {
    while (this.#synced < number) {
      const task = this.#tasks.shift()
      if (task === undefined) throw new Error(`Write ${number} was never taken.`)
      this.#synced++
      this.#keep(task)
    }
  }

  crash(random: Random): void {
    if (random.chance(50)) {
      const kept = random.below(this.#tasks.length + 1)
      for (const task of this.#tasks.slice(0, kept)) this.#keep(task)
      const torn = this.#tasks[kept]
      if (torn?.kind === 'write') this.#keepPart(torn.write, random.below(torn.write.entries.length + 1))
    }
    this.#synced += this.#tasks.length
    this.#tasks = []
  }

  durableTerm(index: LogIndex): Term | undefined {
    return this.term(index) ?? (index <= (this.#snapshot?.index ?? 0) ? 0 : undefined)
  }

  initialState(): ReturnType<LogStorage['initialState']> {
    const kept = this.#hardState
    if (kept === undefined) return { hardState: undefined, membership: this.#snapshot?.membership ?? emptyMembership }
    // The last write may have been kept in part, without its hard state. Who had voted in a later term would have one of it.
    const lastTerm = this.term(this.lastIndex()) ?? 0
    const commit = Math.min(Math.max(kept.commit, this.#snapshot?.index ?? 0), this.lastIndex())
    const hardState = lastTerm > kept.term ? { term: lastTerm, vote: none, commit } : { ...kept, commit }
    return { hardState, membership: this.#snapshot?.membership ?? emptyMembership }
  }

  firstIndex(): LogIndex {
    return this.#baseIndex + 1
  }

  lastIndex(): LogIndex {
    return this.#baseIndex + this.#entries.length
  }

  term(index: LogIndex): Term | undefined {
    if (index === this.#baseIndex) return this.#baseTerm
    return this.#entries[index - this.#baseIndex - 1]?.term
  }

  entries(first: LogIndex, end: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    if (first <= this.#baseIndex) return undefined
    const base = this.#baseIndex + 1
    return limitEntries(this.#entries.slice(first - base, end - base), bytesMax)
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  #take(task: Task): number {
    this.#tasks.push(task)
    return this.#synced + this.#tasks.length
  }

  #keep(task: Task): void {
    if (task.kind === 'checkpoint') {
      this.#checkpoint(task.snapshot, task.keepFrom)
      return
    }
    const { write } = task
    this.#keepPart(write, write.entries.length)
    if (write.hardState !== undefined) this.#hardState = write.hardState
  }

  // Snapshot and the first entries of a write.
  #keepPart({ snapshot, entries }: Write, count: number): void {
    if (snapshot !== undefined) {
      this.#snapshot = snapshot
      this.#baseIndex = snapshot.index
      this.#baseTerm = snapshot.term
      this.#entries = []
    }
    const [first] = entries
    if (first === undefined || count === 0) return
    this.#entries.length = first.index - this.#baseIndex - 1
    for (const entry of entries.slice(0, count)) this.#entries.push(entry)
  }

  #checkpoint(snapshot: Snapshot, keepFrom: LogIndex): void {
    if (snapshot.index <= (this.#snapshot?.index ?? 0)) return
    this.#snapshot = snapshot
    const base = Math.min(keepFrom - 1, snapshot.index)
    if (base <= this.#baseIndex) return
    this.#baseTerm = this.term(base) ?? snapshot.term
    this.#entries = this.#entries.slice(base - this.#baseIndex)
    this.#baseIndex = base
  }
}
