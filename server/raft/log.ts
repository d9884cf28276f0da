// RaftLog of a member on its disk: what the loop around RawNode (README.md) does with `append` and `apply` of a Ready, and
// what the core reads of its own log (`LogStorage`). The bytes are those of `lib/member.ts`: the log is the wal.
//
// 1. `append` writes at once, unless a snapshot is being installed, in the order of the calls, and resolves once that is durable: entries first, then the hard
//    state. So a write that a crash kept in part has no hard state, and no commit that speaks of entries that are not there.
// 2. A call that rejects is the last: nothing may be acknowledged any more, and the node stops.
// 3. `apply` resolves when the entries are visible. After a restart it begins after `applied`, what was flushed: entries
//    above are handed out by the core again, once it knows that they are committed.

import { isDeepStrictEqual } from 'node:util'
import type { FlushedState, IncomingSnapshot, Member } from '../../lib/member.ts'
import { limitEntries } from './core/entry.ts'
import { invariant } from './core/invariant.ts'
import { emptyMembership } from './core/membership.ts'
import type {
  Entry,
  HardState,
  LogIndex,
  LogStorage,
  Membership,
  MembershipEntry,
  Snapshot,
  StorageAppend,
  Term
} from './core/types.ts'
import { none } from './core/types.ts'
import { toEntry, toLogEntry } from './entries.ts'
import { RecentEntries } from './recent.ts'

/** Who belongs to the group, as it is kept with what is flushed; `details` are the member's: names and addresses. JSON. */
export interface KeptMembership {
  readonly membership: Membership
  readonly details?: unknown
}

/** A membership entry takes effect on what was kept so far (`RawNode.applyMembership`, unless the caller rejects it). */
export type ApplyMembership = (entry: MembershipEntry, kept: KeptMembership) => KeptMembership

const recentBytesMax = 4 << 20
/** A commit alone is written once it is that far ahead of the one that was: a record for each costs a write more a batch. */
const untoldCommitsMax = 64
/** What a record takes in the file beyond what an entry counts, at most. */
const recordOverheadBytes = 64

export class MemberLog implements LogStorage {
  readonly #member: Member
  readonly #recent = new RecentEntries(recentBytesMax)
  #applying: Promise<void> = Promise.resolve()
  /** Something was written that has to be durable, and no sync that covers it was begun. */
  #isUnsynced = false
  /** The last sync. */
  #synced: Promise<void> = Promise.resolve()
  /** While a snapshot is being installed: later writes wait for it. */
  #installing: Promise<void> | undefined

  constructor(member: Member) {
    this.#member = member
  }

  /** The last entry that is applied, which the core is to be told (`RaftConfig.applied`). */
  get applied(): LogIndex {
    return this.#member.applied.index
  }

  /** With the last applied entry. */
  get kept(): KeptMembership {
    return keptOf(this.#member.applied)
  }

  /** The files of a snapshot are still where they came to. */
  get isInstalling(): boolean {
    return this.#installing !== undefined
  }

  initialState(): { readonly hardState: HardState | undefined; readonly membership: Membership } {
    const { membership } = this.kept
    const last = this.lastIndex()
    const lastTerm = this.term(last) ?? 0
    const { term, vote, commit } = this.#member.log.hardState
    if (term === 0 && lastTerm === 0) return { hardState: undefined, membership }
    const committed = Math.min(Math.max(commit, this.#member.flushed.index), last)
    // Of the last write only a part was kept, without its hard state: nothing that rested on it has left.
    if (lastTerm > term) return { hardState: { term: lastTerm, vote: none, commit: committed }, membership }
    return { hardState: { term, vote, commit: committed }, membership }
  }

  firstIndex(): LogIndex {
    return this.#member.log.firstIndex
  }

  lastIndex(): LogIndex {
    return this.#member.log.lastIndex
  }

  term(index: LogIndex): Term | undefined {
    return this.#member.log.term(index)
  }

  entries(first: LogIndex, end: LogIndex, bytesMax: number): readonly Entry[] | undefined {
    const recent = first < this.firstIndex() ? undefined : this.#recent.slice(first, end)
    if (recent !== undefined) return limitEntries(recent, bytesMax)
    const read = this.#member.log.read(first, bytesMax + recordOverheadBytes)
    if (read === undefined) return undefined
    return limitEntries(read.slice(0, end - first).map(toEntry), bytesMax)
  }

  /**
   * The tables as they are, nothing is flushed for it. What travels is another matter: whoever sends it pins the tables
   * (`Member.pin`), which may be newer by then, and says so in the message.
   */
  snapshot(): Snapshot | undefined {
    const { flushed } = this.#member
    if (flushed.index === 0) return undefined
    return { index: flushed.index, term: flushed.term, membership: keptOf(flushed).membership, ref: undefined }
  }

  /**
   * What a Ready has for the storage. The `ref` of a snapshot is the IncomingSnapshot whose files have come. Resolves when its
   * `responses` may leave, in the order of the calls: without any, what is written need not be durable yet.
   */
  async append(append: StorageAppend): Promise<void> {
    if (this.#installing !== undefined || append.snapshot !== undefined) await this.#appendAfterInstalling(append)
    else await this.#write(append)
  }

  // What comes meanwhile waits its turn.
  #appendAfterInstalling(append: StorageAppend): Promise<void> {
    const { snapshot } = append
    const before = this.#installing ?? Promise.resolve()
    const installed = before.then(() => (snapshot === undefined ? undefined : this.#install(snapshot)))
    // Before it is durable: the next write goes on from what this one has written.
    const written = installed.then(() => ({ synced: this.#write(append) }))
    const turn = written.then(() => {
      if (this.#installing === turn) this.#installing = undefined
    })
    // Rejected, it stays, and rejects all that comes.
    turn.catch(() => undefined)
    this.#installing = turn
    return written.then(({ synced }) => synced)
  }

  // Entries that are still to be applied are in it; those that were handed out before come first.
  async #install({ index, term, membership, ref }: Snapshot): Promise<void> {
    const incoming = ref as IncomingSnapshot
    const { flushed } = incoming
    invariant(
      flushed.index === index && flushed.term === term,
      `a snapshot at ${index} has tables up to ${flushed.index}`
    )
    invariant(isDeepStrictEqual(keptOf(flushed).membership, membership), 'a snapshot has two memberships')
    await this.#applying
    await this.#member.install(incoming)
    this.#recent.clear()
  }

  // A commit alone need not be durable: it is told again. Each costs a sync less, which the next entries would wait for.
  async #write({ entries, hardState, responses }: StorageAppend): Promise<void> {
    const { log } = this.#member
    if (entries.length > 0) {
      log.append(entries.map(toLogEntry))
      this.#recent.append(entries)
      this.#isUnsynced = true
    }
    if (hardState !== undefined) {
      const { term, vote, commit } = log.hardState
      const isOnlyCommit = term === hardState.term && vote === hardState.vote
      if (!isOnlyCommit) this.#isUnsynced = true
      if (!isOnlyCommit || hardState.commit - commit >= untoldCommitsMax) log.setHardState(hardState)
    }
    if (responses.length === 0) return
    if (this.#isUnsynced) {
      this.#isUnsynced = false
      this.#synced = log.sync()
    }
    await this.#synced
  }

  /** Resolves when no snapshot that was given to `append` up to now is still to be installed; rejects where one could not be. */
  async installed(): Promise<void> {
    await this.#installing
  }

  /** Applies the entries of a Ready; calls are carried out in their order. */
  apply(entries: readonly Entry[], applyMembership: ApplyMembership): Promise<void> {
    const applied = this.#applying.then(() => this.#apply(entries, applyMembership))
    this.#applying = applied.catch(() => undefined)
    return applied
  }

  async #apply(entries: readonly Entry[], applyMembership: ApplyMembership): Promise<void> {
    for (const run of runsOf(entries)) {
      const last = run.at(-1)
      const kept = last?.kind === 'membership' ? applyMembership(last, this.kept) : undefined
      await this.#member.apply(run.map(toLogEntry), kept)
    }
  }
}

function keptOf({ membership }: FlushedState): KeptMembership {
  return (membership as KeptMembership | undefined) ?? { membership: emptyMembership }
}

// Up to each membership entry, and the rest.
function runsOf(entries: readonly Entry[]): (readonly Entry[])[] {
  const runs: (readonly Entry[])[] = []
  let from = 0
  for (const [at, { kind }] of entries.entries()) {
    if (kind !== 'membership') continue
    runs.push(entries.slice(from, at + 1))
    from = at + 1
  }
  if (from < entries.length) runs.push(entries.slice(from))
  return runs
}
