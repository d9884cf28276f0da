// What each fault of a plan does to a cluster of the model.
//
// What no protocol survives is left out: a second disk is not lost, and no voter leaves for good, before the membership has
// dealt with the last one. Everything else may overlap.
import type { NodeId } from '../raft/core/types.ts'
import type { Admin } from './admin.ts'
import type { Cluster } from './cluster.ts'
import { isOfLinks, type LinkFaultKind, linkFaults } from './link-faults.ts'
import { split } from './network.ts'
import type { SimulatedNode } from './node.ts'
import type { Fault, FaultKind } from './plan.ts'
import { pickOf } from './random.ts'
import { type Made, Timetable } from './timetable.ts'

const votersMin = 3
const votersMax = 5

export class Faults {
  readonly #cluster: Cluster
  readonly #admin: Admin
  readonly #timetable: Timetable<FaultKind, SimulatedNode>

  constructor(cluster: Cluster, admin: Admin, plan: readonly Fault[]) {
    this.#cluster = cluster
    this.#admin = admin
    const links = linkFaults(cluster)
    this.#timetable = new Timetable<FaultKind, SimulatedNode>(plan, {
      scheduler: cluster.scheduler,
      trace: cluster.trace,
      targetOf: (fault) => this.#targetOf(fault),
      make: (fault, target) => {
        const { kind } = fault
        return isOfLinks(kind) ? links[kind](fault, target.id) : this.#makers[kind](fault, target)
      }
    })
  }

  /** Those whose time has come: a plan that repeats the run. */
  get begun(): readonly Fault[] {
    return this.#timetable.begun
  }

  /** How many of them found something to break. */
  get happened(): number {
    return this.#timetable.happened
  }

  /** Ends every fault, and lets none begin. */
  end(): void {
    this.#timetable.end()
    this.#cluster.network.calm()
    for (const { id } of this.#cluster.nodes) this.#cluster.restart(id)
  }

  // Every other fault hits the leader, if there is one.
  #targetOf({ pick, second }: Fault): SimulatedNode | undefined {
    const leader = pick % 2 === 0 ? this.#cluster.leader : undefined
    return leader ?? pickOf(this.#cluster.nodes, second)
  }

  readonly #makers: Readonly<Record<Exclude<FaultKind, LinkFaultKind>, (fault: Fault, target: SimulatedNode) => Made>> =
    {
      crash: (_fault, target) => this.#crash([target]),
      crashMany: ({ second }) =>
        this.#crash(this.#cluster.nodes.filter((_, at) => second % 3 === 0 || (second >>> at) % 2 === 0)),
      pause: (_fault, target) => {
        if (!target.isRunning || target.isPaused) return 'nothing'
        target.pause()
        return () => target.resume()
      },
      slowDisk: ({ second }, target) => {
        target.diskSlowness = 5 + (second % 40)
        return () => {
          target.diskSlowness = 1
        }
      },
      failDisk: (_fault, target) => {
        target.isDiskFailing = true
        return () => {
          target.isDiskFailing = false
          this.#cluster.restart(target.id)
        }
      },
      wipe: (_fault, target) => this.#wipe(target),
      transfer: ({ second }, target) => {
        const to = pickOf(this.#cluster.ids, second) ?? 0
        target.operate((raft) => raft.transferLeader(to))
        return undefined
      },
      handover: (fault, target) => this.#handOver(fault, target),
      campaign: (_fault, target) => {
        target.operate((raft) => raft.campaign())
        return undefined
      },
      add: () => {
        const { length } = this.#votersSettled()
        if (length === 0 || length >= votersMax) return 'nothing'
        this.#admin.want({ kind: 'add', id: this.#cluster.join() })
        return undefined
      },
      remove: (_fault, target) => this.#remove(target),
      replace: (_fault, target) => this.#exchange('replace', target),
      reshape: (_fault, target) => this.#exchange('reshape', target),
      demote: (_fault, target) => {
        const voters = this.#votersSettled()
        if (voters.length < votersMin || !voters.includes(target.id)) return 'nothing'
        this.#admin.want({ kind: 'demote', id: target.id })
        return undefined
      }
    }

  #crash(nodes: readonly SimulatedNode[]): Made {
    const running = nodes.filter(({ isRunning }) => isRunning)
    if (running.length === 0) return 'nothing'
    for (const node of running) this.#cluster.crash(node)
    return () => {
      for (const { id } of running) this.#cluster.restart(id)
    }
  }

  // Leadership is handed over, and whoever hands it over hears nothing of what comes of it.
  #handOver({ pick, second }: Fault, target: SimulatedNode): Made {
    const { network, scheduler, ids } = this.#cluster
    const to = pickOf(
      ids.filter((id) => id !== target.id),
      second
    )
    if (!target.isLeader || to === undefined) return 'nothing'
    const links = split(ids, new Set([target.id]))
    let cut: boolean | undefined
    target.operate((raft) => raft.transferLeader(to))
    scheduler.after((pick >>> 1) % 40, () => {
      if (cut !== undefined) return
      cut = true
      network.cut(links)
    })
    return () => {
      if (cut) network.mend(links)
      cut = false
    }
  }

  // The voters, once nobody is about to change them and none of them is gone for ever; else none.
  #votersSettled(): readonly NodeId[] {
    const { leader, dead } = this.#cluster
    if (!this.#admin.isIdle || leader === undefined || dead.size > 0) return []
    const { voters, votersOutgoing } = leader.machine.membership
    return votersOutgoing.length > 0 ? [] : voters
  }

  #wipe(target: SimulatedNode): Made {
    const voters = this.#votersSettled()
    if (voters.length < votersMin || !voters.includes(target.id)) return 'nothing'
    const id = this.#cluster.wipe(target)
    if (id !== target.id) this.#admin.want({ kind: 'replace', id, former: target.id })
    return undefined
  }

  #remove(target: SimulatedNode): Made {
    if (this.#votersSettled().length <= votersMin) return 'nothing'
    this.#admin.want({ kind: 'remove', id: target.id })
    return undefined
  }

  #exchange(kind: 'replace' | 'reshape', target: SimulatedNode): Made {
    if (!this.#votersSettled().includes(target.id)) return 'nothing'
    this.#admin.want({ kind, id: this.#cluster.join(), former: target.id })
    return undefined
  }
}
