// A small seeded generator (mulberry32), so that a printed seed replays a run. Plain JavaScript: child processes use it too.

/** Numbers in [0, 1) from a seed. */
export function randomOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Draws from a generator: a whole number from 0 to n - 1, and one of several. */
export function drawsOf(random) {
  const below = (n) => Math.floor(random() * n)
  return { below, oneOf: (choices) => choices[below(choices.length)] }
}
