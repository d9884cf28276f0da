// What clients did and saw. Two kinds of keys: registers, written and read by all, whose history has to be linearizable; and
// keys that are written once, of which none may be lost that was acknowledged.
import { checkHistory, type Operation, type Verdict } from '../../../server/simulation/linearizability.ts'
import { type Call, type Reply, registerModel } from '../../../server/simulation/models.ts'

export class History {
  readonly operations: Operation<Call, Reply>[] = []
  /** Keys that were written once, and acknowledged. */
  readonly acknowledged: string[] = []
  readonly counts = { writes: 0, reads: 0, refused: 0, unknown: 0 }
  #values = 0

  /** Never the same twice. */
  nextValue(): number {
    return ++this.#values
  }

  /** Without `at` nobody knows whether it took effect. */
  wrote(key: string, value: number, calledAt: number, at: number | undefined): void {
    const call: Call = { kind: 'put', value }
    if (at === undefined) this.operations.push({ key, call, calledAt })
    else this.operations.push({ key, call, calledAt, returned: { at, reply: { value: null } } })
  }

  read(key: string, value: number | null, calledAt: number, at: number): void {
    this.counts.reads++
    this.operations.push({ key, call: { kind: 'get' }, calledAt, returned: { at, reply: { value } } })
  }

  /** Of all registers so far, which are forgotten: the next ones have other keys. */
  check(): Verdict<Call, Reply> {
    return checkHistory(registerModel, this.operations.splice(0))
  }
}

/** Those of the acknowledged that are not there. */
export const lostOf = (acknowledged: readonly string[], has: (key: string) => boolean): string[] =>
  acknowledged.filter((key) => !has(key))
