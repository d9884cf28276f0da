// Is a history linearizable? Wing and Gong's search with Lowe's memory of what was tried: an operation takes effect at one
// moment between its call and its return, and the replies are those of a sequential object.
//
// - Locality: a history is linearizable if the part of every key is, so keys are checked one by one.
// - An operation without a reply may take effect at any moment after its call, or never. It has no return, and a search that
//   has placed every operation that returned is done. Such operations are tried last: most of them are never needed.
// - What was tried is remembered exactly (set of placed operations, state), not by its hash alone: a collision costs time,
//   never an answer.
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
  /** `operations` are those of the key, in the order of their calls; `placed` is the longest beginning that is explained. */
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
    const search = new Search(model, operations)
    const verdict = search.run(stepsMax)
    steps += search.steps
    if (verdict !== 'linearizable') return { verdict, steps, key, operations, placed: search.placedMost }
  }
  return { verdict: 'linearizable', steps }
}

// One call or return in the order of time. A doubly linked list, so that placing an operation takes its two events out in
// constant time, and taking it back puts them where they were.
interface Event<Call, Reply> {
  readonly operation: number
  readonly call: Call
  readonly reply: Reply | undefined
  /** The return of a call; undefined for a return, and for a call that never returned. */
  readonly end: Event<Call, Reply> | undefined
  readonly isReturn: boolean
  previous: Link<Call, Reply> | undefined
  next: Event<Call, Reply> | undefined
}

interface Link<Call, Reply> {
  next: Event<Call, Reply> | undefined
}

interface Placed<State, Call, Reply> {
  readonly event: Event<Call, Reply>
  readonly stateBefore: State
}

interface Tried {
  readonly placed: Int32Array
  readonly state: number | string
}

class Search<State, Call, Reply> {
  readonly #model: Model<State, Call, Reply>
  readonly #head: Link<Call, Reply>
  readonly #placed: Int32Array
  readonly #tried = new Map<number, Tried[]>()
  readonly #trail: Placed<State, Call, Reply>[] = []
  #hash = 0
  #returnsLeft: number
  #state: State
  steps = 0
  placedMost = 0

  constructor(model: Model<State, Call, Reply>, operations: readonly Operation<Call, Reply>[]) {
    this.#model = model
    this.#state = model.initial
    this.#placed = new Int32Array((operations.length + 31) >>> 5)
    this.#returnsLeft = operations.filter(({ returned }) => returned !== undefined).length
    this.#head = listOf(operations)
  }

  run(stepsMax: number): 'linearizable' | 'illegal' | 'undecided' {
    let from = this.#head.next
    let answered = true
    while (this.#returnsLeft > 0) {
      if (this.steps++ >= stepsMax) return 'undecided'
      const event = nextCall(from, answered)
      if (event !== undefined) {
        if (this.#place(event)) {
          from = this.#head.next
          answered = true
        } else from = event.next
      } else if (answered) {
        // Every operation that returned was tried: now those that nobody saw the end of.
        answered = false
        from = this.#head.next
      } else {
        const last = this.#takeBack()
        if (last === undefined) return 'illegal'
        answered = last.end !== undefined
        from = last.next
      }
    }
    return 'linearizable'
  }

  #place(event: Event<Call, Reply>): boolean {
    const after = this.#model.step(this.#state, event.call, event.reply)
    if (after === undefined) return false
    const { operation } = event
    this.#flip(operation)
    if (this.#isTried(after)) {
      this.#flip(operation)
      return false
    }
    this.#trail.push({ event, stateBefore: this.#state })
    this.#state = after
    unlink(event)
    if (event.end !== undefined) {
      unlink(event.end)
      this.#returnsLeft--
    }
    this.placedMost = Math.max(this.placedMost, this.#trail.length)
    return true
  }

  #takeBack(): Event<Call, Reply> | undefined {
    const last = this.#trail.pop()
    if (last === undefined) return undefined
    const { event, stateBefore } = last
    if (event.end !== undefined) {
      relink(event.end)
      this.#returnsLeft++
    }
    relink(event)
    this.#flip(event.operation)
    this.#state = stateBefore
    return event
  }

  #flip(operation: number): void {
    const word = operation >>> 5
    this.#placed[word] = (this.#placed[word] ?? 0) ^ (1 << (operation & 31))
    this.#hash ^= scatter(operation)
  }

  // Remembers the current set with this state, unless it is known.
  #isTried(state: State): boolean {
    const identity = this.#model.identify(state)
    const hash = this.#hash ^ (typeof identity === 'number' ? scatter(identity | 0) : identity.length)
    const same = this.#tried.get(hash)
    const tried = { placed: this.#placed.slice(), state: identity }
    if (same === undefined) {
      this.#tried.set(hash, [tried])
      return false
    }
    if (same.some((other) => other.state === identity && equal(other.placed, this.#placed))) return true
    same.push(tried)
    return false
  }
}

// The next call that may be placed first: before any return that is left.
function nextCall<Call, Reply>(
  from: Event<Call, Reply> | undefined,
  answered: boolean
): Event<Call, Reply> | undefined {
  let event = from
  while (event !== undefined && !event.isReturn) {
    if ((event.end !== undefined) === answered) return event
    event = event.next
  }
  return undefined
}

function listOf<Call, Reply>(operations: readonly Operation<Call, Reply>[]): Link<Call, Reply> {
  const events: { readonly at: number; readonly event: Event<Call, Reply> }[] = []
  operations.forEach(({ call, calledAt, returned }, operation) => {
    const shared = { operation, call, reply: returned?.reply, previous: undefined, next: undefined }
    const end = returned && { ...shared, end: undefined, isReturn: true }
    if (returned && end) events.push({ at: returned.at, event: end })
    events.push({ at: calledAt, event: { ...shared, end, isReturn: false } })
  })
  events.sort((a, b) => a.at - b.at || Number(a.event.isReturn) - Number(b.event.isReturn))
  const head: Link<Call, Reply> = { next: undefined }
  let last = head
  for (const { event } of events) {
    last.next = event
    event.previous = last
    last = event
  }
  return head
}

function unlink<Call, Reply>({ previous, next }: Event<Call, Reply>): void {
  if (previous !== undefined) previous.next = next
  if (next !== undefined) next.previous = previous
}

function relink<Call, Reply>(event: Event<Call, Reply>): void {
  if (event.previous !== undefined) event.previous.next = event
  if (event.next !== undefined) event.next.previous = event
}

function equal(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function scatter(value: number): number {
  let mixed = Math.imul(value + 0x9e3779b9, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
