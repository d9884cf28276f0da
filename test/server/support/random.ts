// A small seeded generator (mulberry32), so that a printed seed replays a run.

export interface Random {
  /** A whole number from 0 to `end - 1`. */
  below(end: number): number
  pick<T>(items: readonly T[]): T
}

export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (end: number) => next() % end
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number] }
}

/** The bytes cut into pieces of random lengths. */
export function fragments(bytes: Buffer, random: Random, lengthMax: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(at + 1 + random.below(lengthMax), bytes.length)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
