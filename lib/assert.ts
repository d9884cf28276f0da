// assert: our own bugs, always on. A failed one is never a user's mistake and never an operating error.

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`varve is broken: ${message}. Please report this.`)
}
