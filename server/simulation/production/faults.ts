// What each fault of a plan does to a cluster of production code.
import { isOfLinks, type LinkFaultKind, linkFaults } from '../link-faults.ts'
import { split } from '../network.ts'
import type { Fault } from '../plan.ts'
import { pickOf } from '../random.ts'
import { type Made, Timetable } from '../timetable.ts'
import type { ProductionCluster } from './cluster.ts'
import { diskOperations } from './host.ts'
import type { ProductionNode } from './node.ts'
import type { ProductionFaultKind } from './plan.ts'

type Make = (fault: Fault<ProductionFaultKind>, target: ProductionNode) => Made

const lookMs = 2
const cutLookMs = 20
const burst = 8

const { write, sync, names, directorySync } = diskOperations

export class ProductionFaults {
  readonly #cluster: ProductionCluster
  readonly #timetable: Timetable<ProductionFaultKind, ProductionNode>
  // Of who is being left behind: one at a time, or nobody is left to write.
  #rejoin: (() => void) | undefined

  constructor(cluster: ProductionCluster, plan: readonly Fault<ProductionFaultKind>[]) {
    this.#cluster = cluster
    const { scheduler, trace } = cluster
    const links = linkFaults(cluster)
    this.#timetable = new Timetable<ProductionFaultKind, ProductionNode>(plan, {
      scheduler,
      trace,
      targetOf: (fault) => this.#targetOf(fault),
      make: (fault, target) => {
        const { kind } = fault
        return isOfLinks(kind) ? links[kind](fault, target.id) : this.#makers[kind](fault, target)
      }
    })
  }

  get begun(): readonly Fault<ProductionFaultKind>[] {
    return this.#timetable.begun
  }

  get happened(): number {
    return this.#timetable.happened
  }

  /** Ends every fault, and lets none begin. */
  end(): void {
    this.#timetable.end()
    this.#rejoin?.()
    this.#cluster.network.calm()
    for (const node of this.#cluster.nodes) this.#cluster.restart(node)
  }

  // Every other fault hits the leader, if there is one.
  #targetOf({ pick, second }: Fault<ProductionFaultKind>): ProductionNode | undefined {
    const leader = pick % 2 === 0 ? this.#cluster.leader : undefined
    return leader ?? pickOf(this.#cluster.nodes, second)
  }

  readonly #makers: Readonly<Record<Exclude<ProductionFaultKind, LinkFaultKind>, Make>> = {
    power: (_fault, target) => this.#down('power', [target]),
    powerMany: (fault) => this.#down('power', this.#some(fault)),
    powerAll: () => this.#down('power', this.#cluster.nodes),
    kill: (_fault, target) => this.#down('kill', [target]),
    killMany: (fault) => this.#down('kill', this.#some(fault)),
    killAll: () => this.#down('kill', this.#cluster.nodes),
    pause: (_fault, target) => {
      if (!target.isRunning || target.isPaused) return 'nothing'
      target.pause()
      return () => target.resume()
    },
    slowDisk: ({ second }, { host }) => {
      host.slowness = 5 + (second % 40)
      return () => {
        host.slowness = 1
      }
    },
    failSync: ({ second }, target) => this.#failDisk(target, second, sync),
    failDisk: ({ second }, target) => this.#failDisk(target, second, write | sync | names | directorySync),
    transfer: ({ second }, target) => {
      const to = pickOf(this.#cluster.ids, second) ?? 0
      target.operate((store) => store.transferLeader(to))
      return undefined
    },
    leaveBehind: (fault) => this.#leaveBehind(fault),
    handback: (_fault, target) => this.#handBack(this.#cluster.leader ?? target)
  }

  #some({ second }: Fault<ProductionFaultKind>): readonly ProductionNode[] {
    return this.#cluster.nodes.filter((_, at) => (second >>> at) % 2 === 0)
  }

  #down(how: 'power' | 'kill', nodes: readonly ProductionNode[]): Made {
    const running = nodes.filter(({ isRunning }) => isRunning)
    if (running.length === 0) return 'nothing'
    for (const node of running) {
      if (how === 'power') this.#cluster.cutPower(node)
      else this.#cluster.kill(node)
    }
    return () => {
      for (const node of running) this.#cluster.restart(node)
    }
  }

  // Another has written next to nothing before it hands over.
  #handBack(target: ProductionNode): Made {
    if (!target.isLeader) return 'nothing'
    const { network, scheduler, ids } = this.#cluster
    const links = split(ids, new Set([target.id]))
    let isCut = true
    const mend = (): void => {
      if (isCut) network.mend(links)
      isCut = false
    }
    const look = (): void => {
      if (!isCut) return
      const next = this.#cluster.nodes.find((node) => node !== target && node.isLeader)
      if (next === undefined) scheduler.after(lookMs, look)
      else {
        mend()
        next.operate((store) => store.transferLeader(target.id))
      }
    }
    network.cut(links)
    // What clients ask of it meanwhile comes behind these in its log, further than its successor will have got.
    target.operate(({ records }) => {
      for (let i = 0; i < burst; i++) records.put(`burst ${i}`, i).catch(() => undefined)
    })
    look()
    return mend
  }

  // How long it takes to cut a log is a matter of the settings: it is waited for, not the end of the fault's time.
  #leaveBehind({ second }: Fault<ProductionFaultKind>): Made {
    const { network, scheduler, ids, nodes } = this.#cluster
    const target = pickOf(
      nodes.filter(({ store, isLeader }) => store !== undefined && !isLeader),
      second
    )
    if (target?.store === undefined || this.#rejoin !== undefined) return 'nothing'
    const { lastIndex } = target.store.raftStatus
    const links = split(ids, new Set([target.id]))
    network.cut(links)
    const mend = (): void => {
      this.#rejoin = undefined
      network.mend(links)
    }
    this.#rejoin = mend
    const look = (): void => {
      if (this.#rejoin !== mend) return
      const firstIndex = this.#cluster.leader?.member?.log.firstIndex ?? 0
      if (firstIndex > lastIndex + 1) mend()
      else scheduler.after(cutLookMs, look)
    }
    look()
    return undefined
  }

  #failDisk({ host }: ProductionNode, second: number, operations: number): Made {
    host.fail({ atCall: 1 + (second % 30), operations, forever: (second >>> 8) % 2 === 0 })
    return () => host.mend()
  }
}
