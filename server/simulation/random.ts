// The randomness of a simulation: sfc32, seeded, in named streams. A stream depends on the seed and its name only, so that
// one more draw here (one fault less, say) leaves what others draw as it was: that is what makes shrinking work.

export class Random {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, stream = '') {
    this.#seed = seed
    // Seeds go up to 2^53: both halves count.
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = hashText(stream)
    for (let i = 0; i < 12; i++) this.next()
  }

  /** The stream of this name, from the same seed. */
  stream(name: string): Random {
    return new Random(this.#seed, name)
  }

  /** A whole number below 2^32. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor((this.next() / 2 ** 32) * count)
  }

  /** A whole number, both ends included. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  chance(percent: number): boolean {
    return this.next() / 2 ** 32 < percent / 100
  }

  oneOf<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0]
  }
}

/** One of `choices` by a number that was drawn before; undefined when there is none. */
export function pickOf<T>(choices: readonly T[], pick: number): T | undefined {
  return choices.length === 0 ? undefined : choices[pick % choices.length]
}

/** FNV-1a over the code units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Folds a whole number into a 32-bit hash. */
export function fold(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value ^ Math.floor(value / 2 ** 32), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 13)) + 0x9e3779b9
}
