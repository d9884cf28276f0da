// Draws of the server's tests from a seed, and bytes cut at random.
import * as seeded from '../../support/random.mjs'

export interface Random {
  /** A whole number from 0 to `end - 1`. */
  below(end: number): number
  pick<T>(items: readonly T[]): T
}

export function randomOf(seed: number): Random {
  const random = seeded.randomOf(seed)
  // All 32 bits, whatever the range: printed seeds go on meaning what they meant.
  const below = (end: number): number => (random() * 2 ** 32) % end
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
