// Latencies, counted in buckets that grow with them: 1.5 % wide, from a microsecond to a minute. Adding one touches a number.

const perDoubling = 47
const doublings = 26
const buckets = perDoubling * doublings + 2

export class Latencies {
  readonly #counts = new Uint32Array(buckets)
  #count = 0
  #maxMs = 0
  #sumMs = 0

  add(ms: number, times = 1): void {
    const bucket = bucketOf(ms)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times
    this.#count += times
    this.#sumMs += ms * times
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count
  }

  /** The time within which this share of them was; at most 1.5 % too long. */
  percentileMs(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#count))
    for (let bucket = 0; bucket < buckets; bucket++) {
      left -= this.#counts[bucket] ?? 0
      if (left <= 0) return Math.min(endOf(bucket), this.#maxMs)
    }
    return this.#maxMs
  }
}

const bucketOf = (ms: number): number =>
  Math.min(buckets - 1, Math.max(0, Math.ceil(Math.log2(Math.max(ms * 1000, 1e-9)) * perDoubling)))

const endOf = (bucket: number): number => 2 ** (bucket / perDoubling) / 1000
