// One run of production code: the server's members over the engine's logs and tables on disks in memory, with clients and
// faults from a seed, until something breaks a promise or the run has shown what it can.
//
//   faults     clients work while faults come and go
//   recovery   all faults have ended: a leader is found, everybody catches up, every client is served, in bounded time
//   calm       clients work on, until the run is as long as was asked for
//   darkness   clients are silent, and the power of all fails at once: a leader is found, and serves reads
//   agreement  everybody has the same entries, and all that was acknowledged
//   histories  what the clients saw is linearizable
//
// Between two events all promises go on to their end, and nothing runs beside that: the same options give the same run, and
// the same bytes on every disk: the trace hash says so.
import { Clients } from '../clients.ts'
import { checkHistories } from '../histories.ts'
import { classOf, drawPlan, type Fault } from '../plan.ts'
import { Random } from '../random.ts'
import { Scheduler } from '../scheduler.ts'
import { Trace, type TraceListener } from '../trace.ts'
import { type Broken, brokenBy, Violation } from '../violation.ts'
import { checkContents, digestOf, isSettled } from './agreement.ts'
import { ProductionCluster } from './cluster.ts'
import { ProductionFaults } from './faults.ts'
import { type ProductionClass, type ProductionFaultKind, productionClasses, productionFaultKinds } from './plan.ts'
import { drawSettings } from './settings.ts'
import { VirtualTime } from './time.ts'

export interface ProductionOptions {
  readonly seed: number
  /** The run has at least so many events. */
  readonly steps: number
  readonly plan?: readonly Fault<ProductionFaultKind>[]
  readonly seedClass?: string
  readonly listener?: TraceListener
}

export interface ProductionTotals {
  readonly events: number
  readonly virtualMs: number
  readonly operations: number
  readonly acknowledged: number
  readonly faults: number
  readonly elections: number
  readonly powerCuts: number
  readonly kills: number
  /** Nodes that stopped because their disk failed. */
  readonly stops: number
  readonly snapshots: number
  readonly applied: number
  /** Kinds of objects of which the search for an order was given up. */
  readonly undecided: number
}

export interface ProductionOutcome {
  readonly seed: number
  readonly seedClass: string
  readonly steps: number
  readonly traceHash: string
  readonly totals: ProductionTotals
  /** The faults whose time came: with this plan the run is the same. */
  readonly plan: readonly Fault<ProductionFaultKind>[]
  readonly violation?: Broken
}

const acknowledgedMin = 30
const faultsMin = 8
const searchStepsMax = 100_000
// Of the steps.
const faultyShare = 0.7
const boundMs = 30_000
// A run that makes this many times the events it was to make has a storm of messages in it; short ones make more anyway.
const stormFactor = 60
const stormStepsMin = 3_000
const lookEvery = 16

export function productionClassOf(seed: number, name?: string): ProductionClass {
  return classOf(productionClasses, seed, name)
}

/** One at a time in a process: it runs on the process' own timers, which are the scheduler's meanwhile. */
export async function simulateProduction(options: ProductionOptions): Promise<ProductionOutcome> {
  const run = new Run(options)
  return run.outcome()
}

class Run {
  readonly #options: ProductionOptions
  readonly #seedClass: ProductionClass
  readonly #scheduler = new Scheduler()
  readonly #time: VirtualTime
  readonly #trace: Trace
  readonly #cluster: ProductionCluster
  readonly #clients: Clients
  readonly #faults: ProductionFaults
  #undecided = 0

  constructor(options: ProductionOptions) {
    const { seed, plan, seedClass, listener } = options
    this.#options = options
    this.#seedClass = productionClassOf(seed, seedClass)
    const random = new Random(seed)
    const settings = drawSettings(random.stream('settings'), this.#seedClass.tuning)
    this.#time = new VirtualTime(this.#scheduler, () => this.#wakeAll())
    this.#trace = new Trace(this.#scheduler, listener)
    this.#cluster = new ProductionCluster({
      scheduler: this.#scheduler,
      time: this.#time,
      trace: this.#trace,
      random: random.stream('cluster'),
      settings
    })
    this.#clients = new Clients(this.#cluster, settings.client, random.stream('clients'))
    const { weights } = this.#seedClass
    const drawn = plan ?? drawPlan(random.stream('faults'), productionFaultKinds, weights, settings.faultEveryMs)
    this.#faults = new ProductionFaults(this.#cluster, drawn)
  }

  async outcome(): Promise<ProductionOutcome> {
    const { seed, steps } = this.#options
    try {
      const violation = await this.#violation()
      return {
        seed,
        seedClass: this.#seedClass.name,
        steps,
        traceHash: this.#trace.hash(),
        totals: this.#totals(),
        plan: this.#faults.begun,
        ...(violation && { violation })
      }
    } finally {
      await this.#cluster.end()
      this.#time.end()
    }
  }

  async #violation(): Promise<Broken | undefined> {
    try {
      await this.#play()
      return undefined
    } catch (error) {
      return brokenBy(error, this.#scheduler.nowMs)
    }
  }

  #totals(): ProductionTotals {
    const { counts, receipts, appliedLast } = this.#cluster
    return {
      events: this.#scheduler.events,
      virtualMs: this.#scheduler.nowMs,
      operations: this.#clients.operations,
      acknowledged: receipts.size,
      faults: this.#faults.happened,
      ...counts,
      applied: appliedLast,
      undecided: this.#undecided
    }
  }

  async #play(): Promise<void> {
    const { steps, plan } = this.#options
    const scheduler = this.#scheduler
    const cluster = this.#cluster
    await cluster.found()
    this.#clients.start()
    const faultsEnough = Math.min(plan?.length ?? faultsMin, faultsMin)
    const isLong = (share: number): boolean =>
      scheduler.events >= steps * share && cluster.receipts.size >= acknowledgedMin * share
    await this.#until(
      'its share of writes and faults',
      () => isLong(faultyShare) && this.#faults.happened >= faultsEnough,
      Number.POSITIVE_INFINITY
    )
    this.#faults.end()
    await this.#recover()
    await this.#until('its length', () => isLong(1), Number.POSITIVE_INFINITY)
    await this.#darken()
    await this.#until('the same state everywhere', () => isSettled(cluster))
    this.#trace.note('contents', await checkContents(cluster))
    for (const node of cluster.nodes) this.#trace.note('disk', node.id, await digestOf(node))
    // What was written was checked in the order of the log already.
    this.#undecided = checkHistories(this.#clients.histories, { stepsMax: searchStepsMax, mayGiveUp: true })
  }

  async #recover(): Promise<void> {
    const clients = this.#clients
    const cluster = this.#cluster
    const completedThen = clients.completedLeast
    const appliedThen = cluster.appliedLast
    await this.#until(
      'a cluster that is well again',
      () =>
        cluster.leader !== undefined &&
        clients.completedLeast > completedThen &&
        cluster.nodes.every(({ applied }) => applied >= appliedThen)
    )
  }

  async #darken(): Promise<void> {
    const clients = this.#clients
    const cluster = this.#cluster
    clients.isStopped = true
    await this.#until('an end of open operations', () => clients.isIdle)
    for (const node of cluster.nodes) cluster.cutPower(node)
    this.#scheduler.after(100, () => {
      for (const node of cluster.nodes) cluster.restart(node)
    })
    await this.#until('a next leader', () => cluster.leader !== undefined)
    const completedThen = clients.completedLeast
    clients.readsOnly = true
    clients.start()
    await this.#until('reads of a leader to whom nobody writes', () => clients.completedLeast > completedThen)
    clients.isStopped = true
    await this.#until('an end of open reads', () => clients.isIdle)
  }

  #wakeAll(): void {
    for (const { host } of this.#cluster.nodes) host.wake()
  }

  // Steps until something is there, in bounded time.
  async #until(what: string, isThere: () => boolean, withinMs = boundMs): Promise<void> {
    const scheduler = this.#scheduler
    const endMs = scheduler.nowMs + withinMs
    const eventsMax = Math.max(this.#options.steps, stormStepsMin) * stormFactor
    for (let looked = 0; looked % lookEvery !== 0 || !isThere(); looked++) {
      if (!scheduler.step()) throw new Violation('liveness', `Waiting for ${what}, nothing is left to happen.`)
      await this.#time.settle()
      await this.#cluster.finishEvent()
      if (scheduler.nowMs > endMs) throw new Violation('liveness', `There was not ${what} within ${withinMs} ms.`)
      if (scheduler.events > eventsMax)
        throw new Violation('liveness', `There was not ${what} after ${eventsMax} events.`)
    }
  }
}
