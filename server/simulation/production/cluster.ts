// The nodes of a run of production code with their hosts and their network, and what happens to them from outside.
import type { FlushedState } from '../../../lib/member.ts'
import type { InstallSnapshot, LogIndex, NodeId, PeerMessage, Status, Term } from '../../raft/core/types.ts'
import { Network } from '../network.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { Violation } from '../violation.ts'
import { Host } from './host.ts'
import { ProductionNode, type Surroundings } from './node.ts'
import type { ProductionSettings } from './settings.ts'
import type { ShippedVersion } from './shipping.ts'
import type { VirtualTime } from './time.ts'
import { sent } from './wire.ts'

interface ClusterOptions {
  readonly scheduler: Scheduler
  readonly time: VirtualTime
  readonly trace: Trace
  readonly random: Random
  readonly settings: ProductionSettings
}

const unreachablePercent = 30
/** A machine whose power came back resets what others still hold of its connections. */
const resetPercent = 50
const restartMsMax = 400

export class ProductionCluster {
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly network: Network
  readonly nodes: readonly ProductionNode[]
  readonly ids: readonly NodeId[]
  /** What clients were told is done. */
  readonly receipts = new Set<string>()
  readonly counts = { elections: 0, powerCuts: 0, kills: 0, stops: 0, snapshots: 0 }
  readonly #random: Random
  readonly #leaders = new Map<Term, NodeId>()
  /** By index, of those that were applied somewhere: what is the same everywhere. */
  readonly #applied = new Map<LogIndex, string>()
  #appliedLast: LogIndex = 0
  readonly #chores: (() => Promise<void>)[] = []
  #violation: Violation | undefined

  constructor({ scheduler, time, trace, random, settings }: ClusterOptions) {
    this.scheduler = scheduler
    this.trace = trace
    this.#random = random
    this.network = new Network(scheduler, random.stream('network'), settings.weather, {
      deliver: (message) => this.#deliver(message),
      lost: (message) => this.#lost(message)
    })
    this.ids = Array.from({ length: settings.voters }, (_, at) => at + 1)
    const around = this.#surroundings(settings)
    this.nodes = this.ids.map((id) => {
      const host = new Host({ scheduler, time, random: random.stream(`host ${id}`), settings: settings.disk })
      return new ProductionNode(id, host, around, random.stream(`node ${id}`))
    })
  }

  node(id: NodeId): ProductionNode | undefined {
    return this.nodes[id - 1]
  }

  /** Who leads in the highest term and is ready, if it can act. */
  get leader(): ProductionNode | undefined {
    let leader: ProductionNode | undefined
    for (const node of this.nodes) {
      if (node.isLeader && !node.isPaused && node.term >= (leader?.term ?? 0)) leader = node
    }
    return leader
  }

  /** The highest index that was applied anywhere. */
  get appliedLast(): LogIndex {
    return this.#appliedLast
  }

  async found(): Promise<void> {
    for (const node of this.nodes) await node.found()
    for (const node of this.nodes) node.start()
    // Nobody has to wait for an election timeout.
    this.scheduler.after(100, () => this.nodes[0]?.operate((store) => store.campaignFirst()))
  }

  /** What has to be over before anything else happens; throws what was found broken. */
  async finishEvent(): Promise<void> {
    for (let work = this.#chores.shift(); work !== undefined; work = this.#chores.shift()) await work()
    if (this.#violation !== undefined) throw this.#violation
  }

  cutPower(node: ProductionNode): void {
    if (!node.isRunning) return
    this.counts.powerCuts++
    node.crash('power')
  }

  /** The others hear of it: the system closes its connections. */
  kill(node: ProductionNode): void {
    if (!node.isRunning) return
    this.counts.kills++
    node.crash('kill')
    this.#tellLost(node.id)
  }

  restart(node: ProductionNode): void {
    if (node.isRunning) return
    node.start()
    if (this.#random.chance(resetPercent)) this.#tellLost(node.id)
  }

  /** Nothing of it is left in this process. */
  async end(): Promise<void> {
    for (const node of this.nodes) node.crash('kill')
    for (const work of this.#chores.splice(0)) await work()
    for (const { host } of this.nodes) host.release()
  }

  #surroundings(settings: ProductionSettings): Surroundings {
    return {
      scheduler: this.scheduler,
      trace: this.trace,
      settings: settings.node,
      voters: this.ids,
      send: (messages) => {
        for (const message of messages) this.network.send(message, sent(message))
      },
      ship: (message, version) => this.#ship(message, version),
      leads: (id, status) => this.#leads(id, status),
      applied: (id, applied) => this.#noteApplied(id, applied),
      acknowledged: (receipt) => void this.receipts.add(receipt),
      stopped: (node) => this.#stopped(node),
      broken: (violation) => {
        this.#violation ??= violation
      },
      chore: (work) => void this.#chores.push(work)
    }
  }

  #stopped(node: ProductionNode): void {
    this.counts.stops++
    this.#tellLost(node.id)
    this.scheduler.after(this.#random.between(50, restartMsMax), () => this.restart(node))
  }

  #leads(id: NodeId, { term }: Status): void {
    this.counts.elections++
    const leader = this.#leaders.get(term)
    if (leader === undefined || leader === id) this.#leaders.set(term, id)
    else {
      this.#violation ??= new Violation('one leader a term', `Nodes ${leader} and ${id} both lead in term ${term}.`)
    }
  }

  #noteApplied(id: NodeId, { index, term, sequence, timeMs }: FlushedState): void {
    const here = `term ${term}, sequence ${sequence}, time ${timeMs}`
    const there = this.#applied.get(index)
    this.#appliedLast = Math.max(this.#appliedLast, index)
    if (there === undefined) this.#applied.set(index, here)
    else if (there !== here) {
      this.#violation ??= new Violation(
        'state-machine safety',
        `Node ${id} is at ${here} after entry ${index}, and somebody was at ${there}.`
      )
    }
  }

  #tellLost(id: NodeId): void {
    for (const other of this.nodes) {
      if (other.id === id) continue
      this.scheduler.after(this.network.delayMs(), () => {
        if (!this.network.isCut(id, other.id)) other.operate((store) => store.lost(id))
      })
    }
  }

  #deliver(message: PeerMessage): void {
    const node = this.node(message.to)
    if (node?.isRunning === true) node.receive(message)
    else this.#lost(message)
  }

  #lost({ from, to }: PeerMessage): void {
    this.trace.note('lost', from, to)
    if (!this.#random.chance(unreachablePercent)) return
    this.scheduler.after(this.network.delayMs(), () => this.node(from)?.operate((store) => store.unreachable(to)))
  }

  async #ship(message: InstallSnapshot, version: ShippedVersion): Promise<void> {
    const { from, to } = message
    const check = (): void => {
      if (this.network.isCut(from, to) || this.network.isCut(to, from)) throw new Error('The connection broke.')
    }
    const travel = (): Promise<void> =>
      new Promise((resolve) => this.scheduler.after(this.network.delayMs(), () => resolve()))
    await travel()
    check()
    const received = this.node(to)?.receiveSnapshot(sent(message)() as InstallSnapshot, version)
    await received
    this.counts.snapshots++
    await travel()
    check()
  }
}
