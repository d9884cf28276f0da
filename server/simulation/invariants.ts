// Safety, looked at after every event, of all nodes together. Each look costs what has changed, not what there is:
//
//   one leader a term       a term has one leader for ever
//   log matching            an entry with some index and term is the same everywhere, and so is the one before it; by
//                           induction logs that share an entry share all before it
//   leader completeness     whoever begins to lead has what was committed in terms before
//   commit on a quorum      what a leader commits is on the disks of a quorum, of both halves while the membership is joint
//   no commit undone        what is committed at an index stays, and no log is cut below what its node knows as committed
//   state-machine safety    after the same index every machine has the same state
//   membership as logged    every node has the membership that the committed changes make
//   promises are durable    a vote, the term of a campaign or an acknowledgement that leaves is on its sender's disk
//   reads are fresh         a read's index covers what was committed when it was asked for
//
// Nothing here uses the core's own arithmetic: quorums and memberships are counted anew.
import type {
  Entry,
  LogIndex,
  Membership,
  MembershipChange,
  NodeId,
  PeerMessage,
  StorageAppend,
  Term
} from '../raft/core/types.ts'
import type { NodeDisk } from './disk.ts'
import { contentOf } from './machine.ts'
import { changedMembership, isQuorum, sameMembership } from './quorums.ts'
import { Violation } from './violation.ts'

interface Known {
  readonly content: number
  readonly termBefore: Term
}

interface View {
  readonly disk: NodeDisk
  /** Terms by index, of everything that was handed to the disk; undefined below where the log begins. */
  terms: (Term | undefined)[]
  commit: LogIndex
}

// Indexes stay below this: a place in some log is one number.
const indexesMax = 2 ** 24

export class Invariants {
  readonly #leaders = new Map<Term, NodeId>()
  readonly #known = new Map<number, Known>()
  readonly #views = new Map<NodeId, View>()
  // By index: the term of the committed entry, and the term of the leader that committed it.
  readonly #committed: (Term | undefined)[] = []
  readonly #committedIn: (Term | undefined)[] = []
  // By index, of those that were applied somewhere.
  readonly #hashes: (number | undefined)[] = []
  readonly #memberships: (Membership | undefined)[] = []
  #committedLast: LogIndex

  truncations = 0
  elections = 0
  membershipChanges = 0

  constructor(founding: {
    readonly index: LogIndex
    readonly term: Term
    readonly membership: Membership
    readonly hash: number
  }) {
    this.#committedLast = founding.index
    this.#committed[founding.index] = founding.term
    this.#committedIn[founding.index] = founding.term
    this.#hashes[founding.index] = founding.hash
    this.#memberships[founding.index] = founding.membership
  }

  /** The highest index that any leader has committed. */
  get committedLast(): LogIndex {
    return this.#committedLast
  }

  /** A node begins a life with what its disk has. */
  started(id: NodeId, disk: NodeDisk): void {
    const terms: (Term | undefined)[] = []
    for (let index = disk.firstIndex() - 1; index <= disk.lastIndex(); index++) terms[index] = disk.term(index)
    this.#views.set(id, { disk, terms, commit: disk.initialState().hardState?.commit ?? 0 })
  }

  /** A node hands a write to its disk. */
  appended(id: NodeId, { entries, snapshot }: StorageAppend): void {
    const view = this.#viewOf(id)
    if (snapshot !== undefined) {
      if (this.#committed[snapshot.index] !== snapshot.term) {
        throw new Violation(
          'no commit undone',
          `Node ${id} installs a snapshot at ${snapshot.index} that was not committed.`
        )
      }
      view.terms = []
      view.terms[snapshot.index] = snapshot.term
      view.commit = Math.max(view.commit, snapshot.index)
    }
    const [first] = entries
    if (first === undefined) return
    if (first.index < view.terms.length) this.#truncate(id, view, first)
    for (const entry of entries) this.#append(id, view, entry)
  }

  #truncate(id: NodeId, view: View, first: Entry): void {
    if (first.index <= view.commit) {
      throw new Violation(
        'no commit undone',
        `Node ${id} cuts its log at ${first.index}, but knows ${view.commit} as committed.`
      )
    }
    view.terms.length = first.index
    this.truncations++
  }

  #append(id: NodeId, view: View, entry: Entry): void {
    const { index, term } = entry
    const termBefore = view.terms[index - 1]
    if (index !== view.terms.length || termBefore === undefined || termBefore > term) {
      throw new Violation(
        'log matching',
        `Node ${id} appends entry ${index} of term ${term} behind ${view.terms.length - 1} of term ${termBefore}.`
      )
    }
    view.terms[index] = term
    const content = contentOf(entry)
    const place = term * indexesMax + index
    const known = this.#known.get(place)
    if (known === undefined) this.#known.set(place, { content, termBefore })
    else if (known.content !== content || known.termBefore !== termBefore) {
      throw new Violation(
        'log matching',
        `Node ${id} has another entry ${index} of term ${term} than the others, or another one before it.`
      )
    }
  }

  /** A node begins to lead. */
  leads(id: NodeId, term: Term): void {
    this.elections++
    const leader = this.#leaders.get(term)
    if (leader !== undefined && leader !== id) {
      throw new Violation('one leader a term', `Nodes ${leader} and ${id} both lead in term ${term}.`)
    }
    this.#leaders.set(term, id)
    let index = this.#committedLast
    while ((this.#committedIn[index] ?? 0) >= term && this.#committedIn[index - 1] !== undefined) index--
    if ((this.#committedIn[index] ?? term) >= term) return
    const found = this.#viewOf(id).terms[index]
    // Below where its log begins stands a snapshot, which was checked when it was installed.
    if (found !== this.#committed[index] && (found !== undefined || index >= this.#viewOf(id).terms.length)) {
      throw new Violation(
        'leader completeness',
        `Node ${id} leads in term ${term} without the committed entry ${index}.`
      )
    }
  }

  /** A node knows more as committed than before; a leader by counting, of the members it has. */
  commits(
    id: NodeId,
    commit: LogIndex,
    leading: { readonly term: Term; readonly membership: Membership } | undefined
  ): void {
    const view = this.#viewOf(id)
    if (leading !== undefined && commit > this.#committedLast) {
      this.#onQuorum(id, commit, leading.membership)
      for (let index = this.#committedLast + 1; index <= commit; index++) {
        this.#committed[index] = view.terms[index]
        this.#committedIn[index] = leading.term
      }
      this.#committedLast = commit
    }
    for (let index = view.commit + 1; index <= commit; index++) {
      const term = view.terms[index]
      if (term === undefined || term !== this.#committed[index]) {
        throw new Violation(
          'no commit undone',
          `Node ${id} takes entry ${index} of term ${term} as committed, which has term ${this.#committed[index]}.`
        )
      }
    }
    view.commit = Math.max(view.commit, commit)
  }

  #onQuorum(id: NodeId, commit: LogIndex, membership: Membership): void {
    const term = this.#viewOf(id).terms[commit]
    const has = (voter: NodeId): boolean => {
      const found = this.#views.get(voter)?.disk.durableTerm(commit)
      return found !== undefined && (found === term || found === 0)
    }
    if (!isQuorum(membership, has)) {
      throw new Violation(
        'commit on a quorum',
        `Node ${id} commits entry ${commit} of term ${term}, which is on the disks of ${membership.voters.filter(has)} only.`
      )
    }
  }

  /** A machine has applied an entry, or taken a snapshot of that place. */
  applied(id: NodeId, index: LogIndex, hash: number, membership: Membership, change?: MembershipChange): void {
    const known = this.#hashes[index]
    if (known === undefined) this.#hashes[index] = hash
    else if (known !== hash) {
      throw new Violation(
        'state-machine safety',
        `The machine of node ${id} has another state after entry ${index} than the others.`
      )
    }
    const expected = this.#expectedAt(index, change)
    if (expected !== undefined && !sameMembership(expected, membership)) {
      throw new Violation(
        'membership as logged',
        `Node ${id} has the membership ${JSON.stringify(membership)} after entry ${index}, not ${JSON.stringify(expected)}.`
      )
    }
  }

  #expectedAt(index: LogIndex, change: MembershipChange | undefined): Membership | undefined {
    const known = this.#memberships[index]
    const before = this.#memberships[index - 1]
    if (known !== undefined || before === undefined) return known
    if (change !== undefined) this.membershipChanges++
    const after = change === undefined ? before : changedMembership(before, change)
    this.#memberships[index] = after
    return after
  }

  /** A message leaves a node. */
  sends(message: PeerMessage): void {
    if (message.kind !== 'vote' && message.kind !== 'voteResponse' && message.kind !== 'appendResponse') return
    if (message.kind !== 'vote' && message.reject) return
    const { disk } = this.#viewOf(message.from)
    // What a restart would know: a write that was kept in part leaves its term in an entry.
    const { hardState } = disk.initialState()
    const term = hardState?.term ?? 0
    const isKept =
      message.kind === 'voteResponse'
        ? term > message.term || (term === message.term && hardState?.vote === message.to)
        : term >= message.term && (message.kind === 'vote' || disk.durableTerm(message.index) !== undefined)
    if (!isKept) {
      throw new Violation(
        'promises are durable',
        `Node ${message.from} sends ${message.kind} of term ${message.term} to ${message.to}, which its disk does not know.`
      )
    }
  }

  /** A read that was asked for when `committedThen` was committed was confirmed. */
  confirms(id: NodeId, committedThen: LogIndex, index: LogIndex): void {
    if (index < committedThen) {
      throw new Violation(
        'reads are fresh',
        `Node ${id} may read at ${index}, but ${committedThen} was committed when it asked.`
      )
    }
  }

  #viewOf(id: NodeId): View {
    const view = this.#views.get(id)
    if (view === undefined) throw new Error(`Node ${id} was never started.`)
    return view
  }
}
