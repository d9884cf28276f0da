// What a linearizable object may answer: sequential models for the checker.
//
// A model is a pure function. An operation whose outcome nobody saw has no reply: the model then says only what it does to
// the state, since every reply would be possible.

/** What a cell holds: a number, or null before the first put. */
export type Cell = number | null

export interface Model<State, Call, Reply> {
  readonly name: string
  readonly initial: State
  /** The next state; undefined when the object could not have answered so. Without a reply every answer is possible. */
  step(state: State, call: Call, reply: Reply | undefined): State | undefined
  /**
   * With these replies, which calls without a reply may be left out, because leaving out what such a call does never
   * changes whether the others can be explained?
   */
  isMoot?(replies: readonly Reply[]): (call: Call) => boolean
  /** Equal for equal states and for no others. */
  identify(state: State): number | string
}

/** What may be done to a cell. */
export type Call =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: number }
  | { readonly kind: 'add'; readonly by: number }
  | { readonly kind: 'swap'; readonly expected: Cell; readonly value: number }

/**
 * What an operation answered: get the value it saw, add the sum it made, swap 1 if it swapped and 0 if it met another value,
 * put null.
 */
export interface Reply {
  readonly value: Cell
}

const identifyCell = (state: Cell): number | string => (state === null ? '' : state)

/** What the object becomes and answers: the sequential specification, in one place for checker and state machine. */
export function execute(state: Cell, call: Call): { readonly state: Cell; readonly reply: Reply } {
  switch (call.kind) {
    case 'get':
      return { state, reply: { value: state } }
    case 'put':
      return { state: call.value, reply: { value: null } }
    case 'add': {
      const sum = (state ?? 0) + call.by
      return { state: sum, reply: { value: sum } }
    }
    case 'swap':
      return state === call.expected ? { state: call.value, reply: { value: 1 } } : { state, reply: { value: 0 } }
  }
}

function stepCell(state: Cell, call: Call, reply: Reply | undefined): Cell | undefined {
  const after = execute(state, call)
  return reply === undefined || reply.value === after.reply.value ? after.state : undefined
}

/** One register: put and get. */
export const registerModel: Model<Cell, Call, Reply> = {
  name: 'register',
  initial: null,
  step: stepCell,
  identify: identifyCell,
  // A put that nobody saw: whoever reads after it, and before the next put, would have seen it.
  isMoot(replies) {
    const seen = new Set(replies.map(({ value }) => value))
    return (call) => call.kind === 'put' && !seen.has(call.value)
  }
}

/** A register that also compares and swaps. */
export const swapModel: Model<Cell, Call, Reply> = {
  name: 'compare-and-swap',
  initial: null,
  step: stepCell,
  identify: identifyCell
}

/** A counter: add answers the new sum; get answers null before the first add. */
export const counterModel: Model<Cell, Call, Reply> = {
  name: 'counter',
  initial: null,
  step: stepCell,
  identify: identifyCell
}
