// Timetable: makes the faults of a plan happen when their time has come, and ends them.
import type { NodeId } from '../raft/core/types.ts'
import type { Fault } from './plan.ts'
import type { Scheduler } from './scheduler.ts'
import type { Trace } from './trace.ts'

/** Undone when the fault ends; undefined when nothing is to be undone; or there was nothing to break. */
export type Made = (() => void) | undefined | 'nothing'

export interface TimetableContext<Kind extends string, Target> {
  readonly scheduler: Scheduler
  readonly trace: Trace
  /** Which node is meant is decided when a fault begins, by its numbers. */
  readonly targetOf: (fault: Fault<Kind>) => Target | undefined
  readonly make: (fault: Fault<Kind>, target: Target) => Made
}

export class Timetable<Kind extends string, Target extends { readonly id: NodeId }> {
  readonly #context: TimetableContext<Kind, Target>
  readonly #undos = new Set<() => void>()
  readonly #begun: Fault<Kind>[] = []
  #happened = 0
  #isOver = false

  constructor(plan: readonly Fault<Kind>[], context: TimetableContext<Kind, Target>) {
    this.#context = context
    for (const fault of plan) context.scheduler.after(fault.atMs, () => this.#begin(fault))
  }

  /** Those whose time has come: a plan that repeats the run. */
  get begun(): readonly Fault<Kind>[] {
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
  }

  #begin(fault: Fault<Kind>): void {
    // Also what comes too late is an event: a run that repeats this one is as long by it.
    this.#begun.push(fault)
    if (this.#isOver) return
    const { scheduler, trace, targetOf, make } = this.#context
    const target = targetOf(fault)
    if (target === undefined) return
    const made = make(fault, target)
    if (made === 'nothing') return
    trace.note(fault.kind, target.id, fault.forMs)
    this.#happened++
    if (made === undefined) return
    const undo = made
    this.#undos.add(undo)
    scheduler.after(fault.forMs, () => {
      if (this.#undos.delete(undo)) undo()
    })
  }
}
