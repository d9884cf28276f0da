// The data of the benches: 16-digit keys, half-compressible values as db_bench has them, numbers from a fixed seed.
// Every run, on every machine, sees the same.

export const keyBytes = 16
export const valueBytes = 100

export const keyOf = (number) => String(number).padStart(keyBytes, '0')

/** Whole numbers below `below`, the same ones for every maker made. */
export function makeRandom(seed = 12345) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (((state >>> 3) * 2654435761) >>> 0) % below
  }
}

/** Values: stretches of one pool, half random bytes and half one letter. */
export function makeValues(random) {
  const pool = Buffer.alloc(1 << 20)
  for (let i = 0; i < pool.length; i++) pool[i] = i % valueBytes < valueBytes / 2 ? random(256) : 97
  return () => {
    const start = random(pool.length - valueBytes)
    return pool.subarray(start, start + valueBytes)
  }
}

/** 0 … count - 1 in random order. */
export function shuffled(count, random) {
  const numbers = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random(i + 1)
    const other = numbers[j]
    numbers[j] = numbers[i]
    numbers[i] = other
  }
  return numbers
}

/** Runs work(0) … work(count - 1), `inFlight` of them at once. */
export async function each(count, inFlight, work) {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return count
}
