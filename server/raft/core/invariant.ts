// What must hold, or the core is not being used as it must be, or is broken: going on could lose what was committed.

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Raft cannot go on: ${message}.`)
}
