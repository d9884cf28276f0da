// What one writer of a round does, from a seed: the child carries it out, the test replays it. Keys of a writer are its own.

import { drawsOf, randomOf } from '../../support/random.mjs'

/** One seed of several numbers. */
export function seedFrom(...numbers) {
  return numbers.reduce((seed, number) => Math.imul(seed ^ number, 0x9e3779b1) ^ (seed >>> 15), 0x85ebca6b) >>> 0
}

export const keysPerWriter = 40

/**
 * Endless: { number from 1, kind, sync, operations }. Every value names its round and number, so a state tells how far
 * the writer came.
 */
export function* writesOf({ seed, round, writer, syncShare }) {
  const random = randomOf(seedFrom(seed, round, writer))
  const { below } = drawsOf(random)
  const operation = (number) => {
    const key = `w${writer}/${String(below(keysPerWriter)).padStart(2, '0')}`
    if (below(4) === 0) return { type: 'del', key }
    return { type: 'put', key, value: `${round}.${number}.${'v'.repeat(below(30) === 0 ? 6000 : below(200))}` }
  }
  for (let number = 1; ; number++) {
    const kind = ['put', 'put', 'batch', 'del'][below(4)]
    const size = kind === 'batch' ? 2 + below(12) : 1
    const operations = Array.from({ length: size }, () => operation(number))
    const sync = random() < syncShare
    yield { number, kind: size > 1 ? 'batch' : operations[0].type, sync, operations }
  }
}
