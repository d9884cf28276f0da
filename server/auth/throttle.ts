// How often a login may fail: so many at once and so many a second, for each address and for all of them together. Pure but
// for the clock it is given. The table of addresses is bounded: the one that failed longest ago goes first, and with very
// many addresses the rule for all of them holds.

export interface ThrottleRules {
  /** Failures at once. */
  readonly burst: number
  /** After which one more may fail. */
  readonly refillMs: number
}

export interface ThrottleOptions {
  readonly nowMs: () => number
  readonly address?: ThrottleRules
  readonly overall?: ThrottleRules
  readonly addressesMax?: number
}

interface Bucket {
  failures: number
  atMs: number
}

export class Throttle {
  readonly #nowMs: () => number
  readonly #address: ThrottleRules
  readonly #overall: ThrottleRules
  readonly #addressesMax: number
  readonly #buckets = new Map<string, Bucket>()
  readonly #all: Bucket = { failures: 0, atMs: 0 }

  constructor({ nowMs, address, overall, addressesMax }: ThrottleOptions) {
    this.#nowMs = nowMs
    this.#address = address ?? { burst: 10, refillMs: 5_000 }
    this.#overall = overall ?? { burst: 200, refillMs: 100 }
    this.#addressesMax = addressesMax ?? 10_000
  }

  get addresses(): number {
    return this.#buckets.size
  }

  /** Milliseconds until this address may try again; 0: now. */
  waitOf(address: string): number {
    const bucket = this.#buckets.get(blockOf(address))
    return bucket === undefined ? 0 : this.#waitOf(bucket, this.#address)
  }

  /** The same for everybody whose login is not known to be right. */
  waitOfAll(): number {
    return this.#waitOf(this.#all, this.#overall)
  }

  /** Counts a failure. Call it before the attempt is looked at, and `forgive` afterwards: many may be under way at once. */
  count(address: string): void {
    const block = blockOf(address)
    const bucket = this.#buckets.get(block) ?? { failures: 0, atMs: this.#nowMs() }
    // The last is the one that failed last.
    this.#buckets.delete(block)
    this.#buckets.set(block, bucket)
    this.#add(bucket, this.#address, 1)
    this.#add(this.#all, this.#overall, 1)
    if (this.#buckets.size <= this.#addressesMax) return
    const [oldest] = this.#buckets.keys()
    if (oldest !== undefined) this.#buckets.delete(oldest)
  }

  /** What was counted was none. */
  forgive(address: string): void {
    const bucket = this.#buckets.get(blockOf(address))
    if (bucket !== undefined) this.#add(bucket, this.#address, -1)
    this.#add(this.#all, this.#overall, -1)
  }

  #add(bucket: Bucket, rules: ThrottleRules, count: number): void {
    const nowMs = this.#nowMs()
    bucket.failures = Math.max(0, leftOf(bucket, rules, nowMs) + count)
    bucket.atMs = nowMs
  }

  #waitOf(bucket: Bucket, rules: ThrottleRules): number {
    const excess = leftOf(bucket, rules, this.#nowMs()) - (rules.burst - 1)
    return excess <= 0 ? 0 : Math.ceil(excess * rules.refillMs)
  }
}

const leftOf = ({ failures, atMs }: Bucket, { refillMs }: ThrottleRules, nowMs: number): number =>
  Math.max(0, failures - Math.max(0, nowMs - atMs) / refillMs)

/** An address, or of IPv6 the network that one subscriber has. */
function blockOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const start = head.split(':')
  const end = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: tail === undefined ? 0 : Math.max(0, 8 - start.length - end.length) }, () => '0')
  return [...start, ...zeros, ...end].slice(0, 4).join(':')
}
