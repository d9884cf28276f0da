// Makes the faults of a plan happen, and ends them. Which node is meant is decided when a fault begins, by the plan's numbers.
//
// What no protocol survives is left out: a second disk is not lost, and no voter leaves for good, before the membership has
// dealt with the last one. Everything else may overlap.
import type { NodeId } from '../raft/core/types.ts'
import type { Admin } from './admin.ts'
import type { Cluster } from './cluster.ts'
import { bridge, type Link, oneWay, split } from './network.ts'
import type { SimulatedNode } from './node.ts'
import type { Fault, FaultKind } from './plan.ts'
import { pickOf } from './random.ts'

/** Undone when the fault ends; undefined when nothing is to be undone. */
type Undo = (() => void) | undefined

const flapMs = 60
const votersMin = 3
const votersMax = 5

export class Faults {
  readonly #cluster: Cluster
  readonly #admin: Admin
  readonly #undos = new Set<() => void>()
  readonly #begun: Fault[] = []
  #happened = 0
  #isOver = false

  constructor(cluster: Cluster, admin: Admin, plan: readonly Fault[]) {
    this.#cluster = cluster
    this.#admin = admin
    for (const fault of plan) cluster.scheduler.after(fault.atMs, () => this.#begin(fault))
  }

  /** Those whose time has come: a plan that repeats the run. */
  get begun(): readonly Fault[] {
    return this.#begun
  }

  /** How many of them found something to break. */
  get happened(): number {
    return this.#happened
  }

  /** Ends every fault, and lets none begin. */
  end(): void {
    this.#isOver = true
    for (const undo of this.#undos) undo()
    this.#undos.clear()
    this.#cluster.network.calm()
    for (const { id } of this.#cluster.nodes) this.#cluster.restart(id)
  }

  #begin(fault: Fault): void {
    if (this.#isOver) return
    this.#begun.push(fault)
    const target = this.#targetOf(fault)
    if (target === undefined) return
    const made = this.#makers[fault.kind](fault, target)
    if (made === 'nothing') return
    this.#cluster.trace.note(fault.kind, target.id, fault.forMs)
    this.#happened++
    if (made === undefined) return
    const undo = made
    this.#undos.add(undo)
    this.#cluster.scheduler.after(fault.forMs, () => {
      if (this.#undos.delete(undo)) undo()
    })
  }

  // Every other fault hits the leader, if there is one.
  #targetOf({ pick, second }: Fault): SimulatedNode | undefined {
    const leader = pick % 2 === 0 ? this.#cluster.leader : undefined
    return leader ?? pickOf(this.#cluster.nodes, second)
  }

  readonly #makers: Readonly<Record<FaultKind, (fault: Fault, target: SimulatedNode) => Undo | 'nothing'>> = {
    crash: (_fault, target) => this.#crash([target]),
    crashMany: ({ second }) =>
      this.#crash(this.#cluster.nodes.filter((_, at) => second % 3 === 0 || (second >>> at) % 2 === 0)),
    pause: (_fault, target) => {
      if (!target.isRunning || target.isPaused) return 'nothing'
      target.pause()
      return () => target.resume()
    },
    split: (fault) => this.#cut(split(this.#cluster.ids, this.#half(fault))),
    isolate: (_fault, target) => this.#cut(split(this.#cluster.ids, new Set([target.id]))),
    oneWay: ({ second }, target) => this.#cut(oneWay(this.#cluster.ids, new Set([target.id]), second % 2 === 0)),
    bridge: (fault, target) => this.#cut(bridge(this.#cluster.ids, this.#half(fault), target.id)),
    flap: (fault, target) =>
      this.#flap(split(this.#cluster.ids, fault.second % 2 === 0 ? this.#half(fault) : new Set([target.id]))),
    storm: ({ second }) => this.#storm(second),
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

  #crash(nodes: readonly SimulatedNode[]): Undo | 'nothing' {
    const running = nodes.filter(({ isRunning }) => isRunning)
    if (running.length === 0) return 'nothing'
    for (const node of running) this.#cluster.crash(node)
    return () => {
      for (const { id } of running) this.#cluster.restart(id)
    }
  }

  #half({ second }: Fault): ReadonlySet<NodeId> {
    const { ids } = this.#cluster
    const start = second % ids.length
    const count = Math.max(1, Math.floor(ids.length / 2))
    return new Set(Array.from({ length: count }, (_, at) => ids[(start + at) % ids.length] ?? 0))
  }

  #cut(links: readonly Link[]): Undo | 'nothing' {
    if (links.length === 0) return 'nothing'
    this.#cluster.network.cut(links)
    return () => this.#cluster.network.mend(links)
  }

  #flap(links: readonly Link[]): Undo | 'nothing' {
    if (links.length === 0) return 'nothing'
    const { network, scheduler } = this.#cluster
    let isCut = false
    let isOver = false
    const turn = (): void => {
      if (isOver) return
      isCut = !isCut
      if (isCut) network.cut(links)
      else network.mend(links)
      scheduler.after(flapMs, turn)
    }
    turn()
    return () => {
      isOver = true
      if (isCut) network.mend(links)
    }
  }

  #storm(second: number): Undo {
    const { network } = this.#cluster
    network.weather = {
      delayMsMin: 1,
      delayMsMax: 10 + (second % 60),
      lossPercent: (second >>> 8) % 31,
      duplicatePercent: (second >>> 16) % 51,
      strayPercent: (second >>> 24) % 20
    }
    return () => {
      network.calm()
    }
  }

  // Leadership is handed over, and whoever hands it over hears nothing of what comes of it.
  #handOver({ pick, second }: Fault, target: SimulatedNode): Undo | 'nothing' {
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

  #wipe(target: SimulatedNode): Undo | 'nothing' {
    const voters = this.#votersSettled()
    if (voters.length < votersMin || !voters.includes(target.id)) return 'nothing'
    const id = this.#cluster.wipe(target)
    if (id !== target.id) this.#admin.want({ kind: 'replace', id, former: target.id })
    return undefined
  }

  #remove(target: SimulatedNode): Undo | 'nothing' {
    if (this.#votersSettled().length <= votersMin) return 'nothing'
    this.#admin.want({ kind: 'remove', id: target.id })
    return undefined
  }

  #exchange(kind: 'replace' | 'reshape', target: SimulatedNode): Undo | 'nothing' {
    if (!this.#votersSettled().includes(target.id)) return 'nothing'
    this.#admin.want({ kind, id: this.#cluster.join(), former: target.id })
    return undefined
  }
}
