// Who runs the cluster: changes the membership one goal after the other, each in the steps an operator takes (a learner
// first, a voter once it has caught up), and tries again until it is done.
//
// Every attempt has a higher order number than those before it, and machines refuse an order that comes after a later one.
// So an attempt that was given up and turns up late in some log changes nothing.
import { membersOf } from '../raft/core/membership.ts'
import type { Membership, MembershipChange, NodeId, PeerChange, RaftNode } from '../raft/core/types.ts'
import type { Cluster } from './cluster.ts'
import type { Random } from './random.ts'

export type Goal =
  | { readonly kind: 'add'; readonly id: NodeId }
  | { readonly kind: 'remove'; readonly id: NodeId }
  | { readonly kind: 'replace'; readonly id: NodeId; readonly former: NodeId }
  /** A voter becomes a learner, and a voter again. */
  | { readonly kind: 'demote'; readonly id: NodeId }
  /** One comes, one goes, at once; the membership stays joint until it is told to leave. */
  | { readonly kind: 'reshape'; readonly id: NodeId; readonly former: NodeId }

interface Step {
  readonly changes: readonly PeerChange[]
  readonly transition: MembershipChange['transition']
}

const everyMs = 50
const attemptMs = 200
/**
 * A learner that lacks no more may vote. The share of the log is for clusters whose entries go out one by one: there a
 * learner is as fast as those who commit, no faster, so while clients write it never gets any nearer.
 */
const lagMax = 5
const lagShareMax = 0.1

export class Admin {
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #goals: Goal[] = []
  /** Removed, but others may not know it yet, and need their votes till then. */
  readonly #removed = new Set<NodeId>()
  #orders = 0
  #attemptedAtMs = 0
  #wasDemoted = false

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster
    this.#random = random
  }

  get isIdle(): boolean {
    return this.#goals.length === 0 && this.#removed.size === 0
  }

  start(): void {
    this.#cluster.scheduler.after(everyMs, () => {
      this.#act()
      this.start()
    })
  }

  want(goal: Goal): void {
    this.#goals.push(goal)
    this.#wasDemoted = false
  }

  #act(): void {
    for (const id of this.#removed) this.#maybeRetire(id)
    const [goal] = this.#goals
    const leader = this.#cluster.leader
    if (goal === undefined || leader?.raft === undefined) return
    const { membership } = leader.machine
    const step =
      membership.votersOutgoing.length > 0 ? leaving(membership) : this.#stepTo(goal, membership, leader.raft)
    if (step === 'done') this.#finish(goal)
    else if (step !== 'wait') leader.operate((raft) => this.#propose(raft, step))
  }

  #stepTo(goal: Goal, membership: Membership, raft: RaftNode): Step | 'done' | 'wait' {
    const { id } = goal
    const isVoter = membership.voters.includes(id)
    const isLearner = membership.learners.includes(id)
    if (goal.kind === 'remove') return isVoter || isLearner ? one('remove', id) : 'done'
    if (goal.kind === 'demote') {
      if (isVoter && !this.#wasDemoted) return one('learner', id)
      this.#wasDemoted = true
    }
    if (!isVoter && !isLearner) return one('learner', id)
    if (!isVoter && !hasCaughtUp(raft, id)) return 'wait'
    if (goal.kind !== 'replace' && goal.kind !== 'reshape') return isVoter ? 'done' : one('voter', id)
    const { former } = goal
    const isThere = membership.voters.includes(former) || membership.learners.includes(former)
    if (!isThere) return isVoter ? 'done' : one('voter', id)
    const changes = [...one('voter', id).changes, ...one('remove', former).changes]
    return { changes, transition: goal.kind === 'reshape' ? 'explicit' : this.#random.oneOf(['auto', 'implicit']) }
  }

  #propose(raft: RaftNode, { changes, transition }: Step): void {
    const { nowMs } = this.#cluster.scheduler
    if (nowMs < this.#attemptedAtMs + attemptMs) return
    this.#attemptedAtMs = nowMs
    this.#orders++
    this.#cluster.trace.note('order', this.#orders, changes.length)
    raft.proposeMembership({ version: 2, transition, changes, payload: { size: 0, ref: { order: this.#orders } } })
  }

  #finish(goal: Goal): void {
    this.#goals.shift()
    this.#attemptedAtMs = 0
    if (goal.kind === 'remove') this.#removed.add(goal.id)
    else if (goal.kind === 'replace' || goal.kind === 'reshape') this.#removed.add(goal.former)
  }

  #maybeRetire(id: NodeId): void {
    const others = this.#cluster.nodes.filter((node) => node.id !== id)
    if (!others.every(({ isRunning, machine }) => isRunning && !membersOf(machine.membership).includes(id))) return
    this.#removed.delete(id)
    this.#cluster.retire(id)
  }
}

function leaving({ autoLeave }: Membership): Step | 'wait' {
  return autoLeave ? 'wait' : { changes: [], transition: 'auto' }
}

function one(kind: PeerChange['kind'], id: NodeId): Step {
  return { changes: [{ kind, id }], transition: 'auto' }
}

function hasCaughtUp(raft: RaftNode, id: NodeId): boolean {
  const { commit, progress } = raft.status()
  const match = progress.find((peer) => peer.id === id)?.match ?? 0
  return match > 0 && match + Math.max(lagMax, commit * lagShareMax) >= commit
}
