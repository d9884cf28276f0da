// What the server has done since it started, or since CONFIG RESETSTAT: counts for INFO, LATENCY and the metrics. Cheap
// enough for every command: a look into a map and a few additions.
//
// Time is measured once for each group that ran together (pipeline.ts) and shared equally among its commands: what a client
// waits for the server, with the store's part of it.
import type { Reply } from './protocol/reply.ts'

/** Durations below 2^i microseconds and not below 2^(i-1), for i from 0; the last takes all longer ones. */
export const durationBuckets = 28

export interface Tally {
  calls: number
  /** Refused before they ran: wrong arguments, no right to. */
  rejected: number
  /** Ran, and answered an error. */
  failed: number
  micros: number
  readonly durations: Uint32Array
}

/** What is counted for a connection's traffic as a whole. */
export interface Counts {
  connectionsReceived: number
  /** Over the limit of connections. */
  connectionsRejected: number
  /** Closed because they did not take what was pushed to them. */
  subscribersCut: number
  bytesReceived: number
  bytesSent: number
  commands: number
  errors: number
  messagesPublished: number
}

const noCounts = (): Counts => ({
  connectionsReceived: 0,
  connectionsRejected: 0,
  subscribersCut: 0,
  bytesReceived: 0,
  bytesSent: 0,
  commands: 0,
  errors: 0,
  messagesPublished: 0
})

export class Statistics {
  readonly #tallies = new Map<string, Tally>()
  readonly #errors = new Map<string, number>()
  #counts = noCounts()

  get counts(): Counts {
    return this.#counts
  }

  /** By a command's name; those that nobody sent are not there. */
  get tallies(): ReadonlyMap<string, Readonly<Tally>> {
    return this.#tallies
  }

  /** Error replies by their first word. */
  get errors(): ReadonlyMap<string, number> {
    return this.#errors
  }

  /** A command ran, alone or as one of a group. */
  ran(name: string, micros: number, reply: Reply | undefined): void {
    const tally = this.#add(name, micros, 1)
    if (reply?.kind === 'error') {
      tally.failed++
      this.failed(reply.code)
    }
  }

  /** So many of them ran together, each for so long, and none failed. */
  ranMany(name: string, micros: number, count: number): void {
    this.#add(name, micros, count)
  }

  #add(name: string, micros: number, count: number): Tally {
    const tally = this.#tallyOf(name)
    tally.calls += count
    tally.micros += micros * count
    const bucket = bucketOf(micros)
    tally.durations[bucket] = (tally.durations[bucket] as number) + count
    this.#counts.commands += count
    return tally
  }

  rejected(name: string): void {
    this.#tallyOf(name).rejected++
  }

  failed(code: string): void {
    this.#counts.errors++
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
  }

  reset(): void {
    this.#tallies.clear()
    this.#errors.clear()
    this.#counts = noCounts()
  }

  #tallyOf(name: string): Tally {
    const known = this.#tallies.get(name)
    if (known !== undefined) return known
    const tally = { calls: 0, rejected: 0, failed: 0, micros: 0, durations: new Uint32Array(durationBuckets) }
    this.#tallies.set(name, tally)
    return tally
  }
}

const bucketOf = (micros: number): number => Math.min(32 - Math.clz32(micros), durationBuckets - 1)
