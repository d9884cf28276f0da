// Is a history linearizable? Wing and Gong's search with Lowe's memory of what was tried: an operation takes effect at one
// moment between its call and its return, and the replies are those of a sequential object.
//
// - Locality: a history is linearizable if the part of every key is, so keys are checked one by one.
// - An operation without a reply may take effect at any moment after its call, or never. A search that has placed every
//   operation that returned is done. The others are tried where nothing else fits, as few as possible first; of those that
//   do the same, the one that was called first.
// - What was tried is remembered exactly (operations placed, state), not by its hash alone: a collision costs time, never an
//   answer. Whoever stands where somebody stood, with less of the operations without a reply left to use, gets no further.
//
// Times only order calls and returns. A call and a return at the same time are taken as concurrent: the side on which the
// checker cannot accuse wrongly.
import type { Model } from './models.ts'

export interface Operation<Call, Reply> {
  readonly key: string
  readonly call: Call
  readonly calledAt: number
  /** Without it nobody knows whether the operation took effect. */
  readonly returned?: { readonly at: number; readonly reply: Reply }
}

export type Verdict<Call, Reply> =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  /** `operations` are those of the key, in the order of their calls; of those that returned, `placed` can be explained. */
  | {
      readonly verdict: 'illegal' | 'undecided'
      readonly steps: number
      readonly key: string
      readonly operations: readonly Operation<Call, Reply>[]
      readonly placed: number
    }

const stepsMaxDefault = 2_000_000

/** Checks a history key by key; `undecided` when the search of one key took more than `stepsMax` steps. */
export function checkHistory<State, Call, Reply>(
  model: Model<State, Call, Reply>,
  history: readonly Operation<Call, Reply>[],
  stepsMax = stepsMaxDefault
): Verdict<Call, Reply> {
  const parts = new Map<string, Operation<Call, Reply>[]>()
  for (const operation of history) {
    const part = parts.get(operation.key)
    if (part === undefined) parts.set(operation.key, [operation])
    else part.push(operation)
  }
  let steps = 0
  for (const [key, operations] of parts) {
    operations.sort((a, b) => a.calledAt - b.calledAt)
    const search = new Search(model, withoutMoot(model, operations), stepsMax)
    const verdict = search.run()
    steps += search.steps
    if (verdict !== 'linearizable') return { verdict, steps, key, operations, placed: search.placedMost }
  }
  return { verdict: 'linearizable', steps }
}

function withoutMoot<State, Call, Reply>(
  model: Model<State, Call, Reply>,
  operations: readonly Operation<Call, Reply>[]
): readonly Operation<Call, Reply>[] {
  if (model.isMoot === undefined) return operations
  const replies = operations.flatMap(({ returned }) => returned?.reply ?? [])
  const isMoot = model.isMoot(replies)
  return operations.filter(({ call, returned }) => returned !== undefined || !isMoot(call))
}

// One call or return of an operation that returned, in the order of time. A doubly linked list, so that placing an operation
// takes its two events out in constant time, and taking it back puts them where they were.
interface Event {
  readonly operation: number
  /** The return of a call; undefined for a return. */
  readonly end: Event | undefined
  /** Its place among all calls and returns. */
  readonly order: number
  previous: Link | undefined
  next: Event | undefined
}

interface Link {
  next: Event | undefined
}

/** An operation that never returned. */
interface Lost {
  readonly operation: number
  readonly order: number
  /** The place among the lost of the last one before it that does the same; -1: there is none. */
  readonly twin: number
}

/** Where a search stands, but for the operations that returned: the list says those. */
interface Standing<State> {
  readonly state: State
  /** The lost operations that were used, as bits. */
  readonly used: Int32Array
}

interface Tried {
  /** The operations that returned and are placed, as bits. */
  readonly placed: Int32Array
  readonly state: number | string
  readonly used: Int32Array
}

class Search<State, Call, Reply> {
  readonly #model: Model<State, Call, Reply>
  readonly #operations: readonly Operation<Call, Reply>[]
  readonly #stepsMax: number
  readonly #head: Link
  readonly #lost: readonly Lost[]
  readonly #placed: Int32Array
  readonly #tried = new Map<number, Tried[]>()
  #hash = 0
  #placedCount = 0
  steps = 0
  placedMost = 0

  constructor(model: Model<State, Call, Reply>, operations: readonly Operation<Call, Reply>[], stepsMax: number) {
    this.#model = model
    this.#operations = operations
    this.#stepsMax = stepsMax
    const { head, lost } = orderOf(operations)
    this.#head = head
    this.#lost = lost
    this.#placed = new Int32Array((operations.length + 31) >>> 5)
  }

  run(): 'linearizable' | 'illegal' | 'undecided' {
    const isFound = this.#search({ state: this.#model.initial, used: new Int32Array((this.#lost.length + 31) >>> 5) })
    if (isFound) return 'linearizable'
    return this.steps >= this.#stepsMax ? 'undecided' : 'illegal'
  }

  // Depth first over the operations that returned; between two of them breadth first over those that did not. It goes as
  // deep as a key has operations: some thousands are no trouble.
  #search(start: Standing<State>): boolean {
    if (this.#head.next === undefined) return true
    let frontier = [start]
    while (frontier.length > 0) {
      const next: Standing<State>[] = []
      for (const standing of frontier) {
        if (this.#goOn(standing)) return true
        this.#useLost(standing, next)
        if (this.steps >= this.#stepsMax) return false
      }
      frontier = next
    }
    return false
  }

  // Places one more operation that returned, and all after it. Before any return that is left: what is called after that
  // one comes later.
  #goOn({ state, used }: Standing<State>): boolean {
    for (let event = this.#head.next; event?.end !== undefined; event = event.next) {
      this.steps++
      const after = this.#step(state, event.operation)
      if (after === undefined) continue
      this.#place(event, event.end)
      const standing = { state: after, used }
      if (!this.#isTried(standing) && this.#search(standing)) return true
      this.#takeBack(event, event.end)
    }
    return false
  }

  // Where one more lost operation leads.
  #useLost({ state, used }: Standing<State>, found: Standing<State>[]): void {
    const end = this.#firstReturn()
    for (const [at, { operation, order, twin }] of this.#lost.entries()) {
      if (order > end) break
      if (has(used, at) || (twin >= 0 && !has(used, twin))) continue
      this.steps++
      const after = this.#step(state, operation)
      if (after === undefined) continue
      const standing = { state: after, used: used.slice() }
      toggle(standing.used, at)
      if (!this.#isTried(standing)) found.push(standing)
    }
  }

  #step(state: State, operation: number): State | undefined {
    const found = this.#operations[operation]
    return found && this.#model.step(state, found.call, found.returned?.reply)
  }

  #firstReturn(): number {
    let event = this.#head.next
    while (event?.end !== undefined) event = event.next
    return event?.order ?? Number.POSITIVE_INFINITY
  }

  #place(event: Event, end: Event): void {
    unlink(event)
    unlink(end)
    this.#toggle(event)
    this.#placedCount++
    this.placedMost = Math.max(this.placedMost, this.#placedCount)
  }

  #takeBack(event: Event, end: Event): void {
    relink(end)
    relink(event)
    this.#toggle(event)
    this.#placedCount--
  }

  #toggle({ operation }: Event): void {
    toggle(this.#placed, operation)
    this.#hash ^= scatter(operation)
  }

  // Remembers this standing, unless it is known to lead no further than one that was met.
  #isTried({ state, used }: Standing<State>): boolean {
    const identity = this.#model.identify(state)
    const hash = this.#hash ^ (typeof identity === 'number' ? scatter(identity | 0) : identity.length)
    const same = this.#tried.get(hash)
    if (same !== undefined) {
      for (const tried of same) {
        if (tried.state === identity && equal(tried.placed, this.#placed) && within(tried.used, used)) return true
      }
    }
    const here = { placed: this.#placed.slice(), state: identity, used }
    if (same === undefined) this.#tried.set(hash, [here])
    else same.push(here)
    return false
  }
}

function orderOf<Call, Reply>(
  operations: readonly Operation<Call, Reply>[]
): { readonly head: Link; readonly lost: readonly Lost[] } {
  const moments: { readonly at: number; readonly isReturn: boolean; readonly operation: number }[] = []
  for (const [operation, { calledAt, returned }] of operations.entries()) {
    moments.push({ at: calledAt, isReturn: false, operation })
    if (returned !== undefined) moments.push({ at: returned.at, isReturn: true, operation })
  }
  moments.sort((a, b) => a.at - b.at || Number(a.isReturn) - Number(b.isReturn))
  const head: Link = { next: undefined }
  const lost: Lost[] = []
  const twins = new Map<string, number>()
  const ends = new Map<number, Event>()
  const events: Event[] = []
  // From the last to the first, so that a call finds its return.
  for (const [order, { isReturn, operation }] of [...moments.entries()].reverse()) {
    const end = ends.get(operation)
    if (!isReturn && end === undefined) continue
    const event: Event = { operation, end: isReturn ? undefined : end, order, previous: undefined, next: undefined }
    if (isReturn) ends.set(operation, event)
    events.push(event)
  }
  let last = head
  for (const event of events.reverse()) {
    last.next = event
    event.previous = last
    last = event
  }
  for (const [order, { isReturn, operation }] of moments.entries()) {
    if (isReturn || ends.has(operation)) continue
    const same = JSON.stringify(operations[operation]?.call)
    lost.push({ operation, order, twin: twins.get(same) ?? -1 })
    twins.set(same, lost.length - 1)
  }
  return { head, lost }
}

function unlink({ previous, next }: Event): void {
  if (previous !== undefined) previous.next = next
  if (next !== undefined) next.previous = previous
}

function relink(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event
  if (event.next !== undefined) event.next.previous = event
}

function has(set: Int32Array, at: number): boolean {
  return ((set[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0
}

function toggle(set: Int32Array, at: number): void {
  set[at >>> 5] = (set[at >>> 5] ?? 0) ^ (1 << (at & 31))
}

function equal(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function within(some: Int32Array, all: Int32Array): boolean {
  for (let i = 0; i < some.length; i++) if (((some[i] ?? 0) & ~(all[i] ?? 0)) !== 0) return false
  return true
}

function scatter(value: number): number {
  let mixed = Math.imul(value + 0x9e3779b9, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
