// One run: a cluster, clients and faults from a seed, until something breaks a promise or the run has shown what it can.
//
//   faults     clients work while faults come and go
//   recovery   all faults have ended: a leader is found, everybody catches up, every client is served, in bounded time
//   calm       clients work on, until the run is as long as was asked for
//   reads      clients are silent, the leader is lost: its successor serves reads, though nobody writes
//   agreement  everybody has the same state
//   histories  what the clients saw is linearizable
//
// Safety is looked at after every event (see invariants.ts). The same options give the same run, event by event: the trace
// hash says so.
import { Admin } from './admin.ts'
import { Clients } from './clients.ts'
import { Cluster, type DiskMaker } from './cluster.ts'
import { Faults } from './faults.ts'
import { checkHistories } from './histories.ts'
import { classOf, drawPlan, type Fault, faultKinds, type SeedClass, seedClasses } from './plan.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { drawSettings } from './settings.ts'
import { Trace, type TraceListener } from './trace.ts'
import { type Broken, brokenBy, Violation } from './violation.ts'

export interface SimulationOptions {
  readonly seed: number
  /** The run has at least so many events. */
  readonly steps: number
  /** Instead of the faults that the seed makes. */
  readonly plan?: readonly Fault[]
  /** Instead of the class that the seed is of. */
  readonly seedClass?: string
  readonly listener?: TraceListener
  readonly makeDisk?: DiskMaker
}

export interface Totals {
  readonly events: number
  readonly virtualMs: number
  readonly operations: number
  readonly faults: number
  readonly elections: number
  readonly truncations: number
  readonly snapshots: number
  readonly crashes: number
  readonly membershipChanges: number
  readonly committed: number
}

export interface Outcome {
  readonly seed: number
  readonly seedClass: string
  readonly steps: number
  readonly traceHash: string
  readonly totals: Totals
  /** The faults whose time came: with this plan the run is the same. */
  readonly plan: readonly Fault[]
  readonly violation?: Broken
}

const operationsMin = 200
const faultsMin = 5
// Of the steps.
const faultyShare = 0.7
const boundMs = 30_000
// A run that makes this many times the events it was to make has a storm of messages in it.
const stormFactor = 20
const lookEvery = 16

export function seedClassOf(seed: number, name?: string): SeedClass {
  return classOf(seedClasses, seed, name)
}

export function simulate(options: SimulationOptions): Outcome {
  const run = new Run(options)
  return run.outcome()
}

class Run {
  readonly #options: SimulationOptions
  readonly #seedClass: SeedClass
  readonly #scheduler = new Scheduler()
  readonly #trace: Trace
  readonly #cluster: Cluster
  readonly #clients: Clients
  readonly #admin: Admin
  readonly #faults: Faults

  constructor(options: SimulationOptions) {
    const { seed, plan, seedClass, listener, makeDisk } = options
    this.#options = options
    this.#seedClass = seedClassOf(seed, seedClass)
    const random = new Random(seed)
    const settings = drawSettings(random.stream('settings'), this.#seedClass.tuning)
    this.#trace = new Trace(this.#scheduler, listener)
    this.#cluster = new Cluster({
      scheduler: this.#scheduler,
      trace: this.#trace,
      random: random.stream('cluster'),
      settings,
      ...(makeDisk && { makeDisk })
    })
    this.#clients = new Clients(this.#cluster, settings.client, random.stream('clients'))
    this.#admin = new Admin(this.#cluster, random.stream('admin'))
    const drawn = plan ?? drawPlan(random.stream('faults'), faultKinds, this.#seedClass.weights, settings.faultEveryMs)
    this.#faults = new Faults(this.#cluster, this.#admin, drawn)
  }

  outcome(): Outcome {
    const violation = this.#violation()
    const { seed, steps } = this.#options
    return {
      seed,
      seedClass: this.#seedClass.name,
      steps,
      traceHash: this.#trace.hash(),
      totals: this.#totals(),
      plan: this.#faults.begun,
      ...(violation && { violation })
    }
  }

  #violation(): Outcome['violation'] {
    try {
      this.#play()
      return undefined
    } catch (error) {
      return brokenBy(error, this.#scheduler.nowMs)
    }
  }

  #totals(): Totals {
    const { invariants, crashes, snapshots } = this.#cluster
    const { elections, truncations, membershipChanges, committedLast } = invariants
    return {
      events: this.#scheduler.events,
      virtualMs: this.#scheduler.nowMs,
      operations: this.#clients.operations,
      faults: this.#faults.happened,
      elections,
      truncations,
      snapshots,
      crashes,
      membershipChanges,
      committed: committedLast
    }
  }

  #play(): void {
    const { steps, plan } = this.#options
    const scheduler = this.#scheduler
    const clients = this.#clients
    this.#admin.start()
    clients.start()
    const faultsEnough = plan === undefined ? faultsMin : 0
    this.#until(
      'its share of operations and faults',
      () =>
        scheduler.events >= steps * faultyShare &&
        clients.operations >= operationsMin * faultyShare &&
        this.#faults.happened >= faultsEnough,
      Number.POSITIVE_INFINITY
    )
    this.#faults.end()
    this.#recover()
    this.#until(
      'its length',
      () => scheduler.events >= steps && clients.operations >= operationsMin,
      Number.POSITIVE_INFINITY
    )
    this.#readOnly()
    this.#until('the same state everywhere', () => this.#agrees())
    checkHistories(this.#clients.histories)
  }

  #recover(): void {
    const clients = this.#clients
    const { committedLast } = this.#cluster
    const completedThen = clients.completedLeast
    this.#until('a cluster that is well again', () => {
      const { leader, dead } = this.#cluster
      return (
        leader !== undefined &&
        this.#admin.isIdle &&
        dead.size === 0 &&
        clients.completedLeast > completedThen &&
        this.#cluster.nodes.every((node) => node.leader === leader.id && node.machine.index >= committedLast)
      )
    })
  }

  #readOnly(): void {
    const clients = this.#clients
    clients.isStopped = true
    this.#until('an end of open operations', () => clients.isIdle)
    const { leader } = this.#cluster
    if (leader !== undefined) {
      this.#cluster.crash(leader)
      this.#scheduler.after(100, () => this.#cluster.restart(leader.id))
    }
    this.#until('a next leader', () => this.#cluster.leader !== undefined)
    const completedThen = clients.completedLeast
    clients.readsOnly = true
    clients.start()
    this.#until('reads of a leader to whom nobody writes', () => clients.completedLeast > completedThen)
    clients.isStopped = true
    this.#until('an end of open reads', () => clients.isIdle)
  }

  #agrees(): boolean {
    const { leader, nodes } = this.#cluster
    return (
      leader !== undefined &&
      nodes.every(({ machine }) => machine.index === leader.commit && machine.hash === leader.machine.hash)
    )
  }

  // Steps until something is there, in bounded time.
  #until(what: string, isThere: () => boolean, withinMs = boundMs): void {
    const scheduler = this.#scheduler
    const endMs = scheduler.nowMs + withinMs
    const eventsMax = this.#options.steps * stormFactor
    for (let looked = 0; looked % lookEvery !== 0 || !isThere(); looked++) {
      if (!scheduler.step()) throw new Violation('liveness', `Waiting for ${what}, nothing is left to happen.`)
      if (scheduler.nowMs > endMs) throw new Violation('liveness', `There was not ${what} within ${withinMs} ms.`)
      if (scheduler.events > eventsMax)
        throw new Violation('liveness', `There was not ${what} after ${eventsMax} events.`)
    }
  }
}
