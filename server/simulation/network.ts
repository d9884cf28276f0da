// The network between nodes: every message takes a random time, so they overtake each other; some are lost, some come
// twice; and a link can be cut in one direction. A cut link loses what is sent into it and what is still on its way.
import type { NodeId, PeerMessage } from '../raft/core/types.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

export interface NetworkWeather {
  readonly delayMsMin: number
  readonly delayMsMax: number
  readonly lossPercent: number
  readonly duplicatePercent: number
  /** Messages that take ten times as long. */
  readonly strayPercent: number
}

export interface Link {
  readonly from: NodeId
  readonly to: NodeId
}

/** A message's end: it arrived, or it did not and its sender may hear of that. */
export interface Deliveries {
  deliver(message: PeerMessage): void
  lost(message: PeerMessage): void
}

// Node ids stay below this: a link is one number.
const idsMax = 4096
const numberOf = (from: NodeId, to: NodeId): number => from * idsMax + to

export class Network {
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #deliveries: Deliveries
  // How many cuts there are on a link: faults overlap.
  readonly #cuts = new Map<number, number>()
  readonly #usualWeather: NetworkWeather
  weather: NetworkWeather

  constructor(scheduler: Scheduler, random: Random, weather: NetworkWeather, deliveries: Deliveries) {
    this.#scheduler = scheduler
    this.#random = random
    this.#deliveries = deliveries
    this.#usualWeather = weather
    this.weather = weather
  }

  /** `copy` makes what arrives, where that is not the message itself. */
  send(message: PeerMessage, copy = () => message): void {
    const { lossPercent, duplicatePercent } = this.weather
    if (this.isCut(message.from, message.to) || this.#random.chance(lossPercent)) {
      this.#deliveries.lost(message)
      return
    }
    this.#carry(message, copy)
    if (duplicatePercent > 0 && this.#random.chance(duplicatePercent)) this.#carry(message, copy)
  }

  #carry(message: PeerMessage, copy: () => PeerMessage): void {
    this.#scheduler.after(this.delayMs(), () => {
      if (this.isCut(message.from, message.to)) this.#deliveries.lost(message)
      else this.#deliveries.deliver(copy())
    })
  }

  /** How long the next message takes; a client's too. */
  delayMs(): number {
    const { delayMsMin, delayMsMax, strayPercent } = this.weather
    const delayMs = this.#random.between(delayMsMin, delayMsMax)
    return strayPercent > 0 && this.#random.chance(strayPercent) ? 10 * delayMs : delayMs
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(numberOf(from, to))
  }

  cut(links: readonly Link[]): void {
    for (const { from, to } of links) {
      const link = numberOf(from, to)
      this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1)
    }
  }

  mend(links: readonly Link[]): void {
    for (const { from, to } of links) {
      const link = numberOf(from, to)
      const left = (this.#cuts.get(link) ?? 0) - 1
      if (left > 0) this.#cuts.set(link, left)
      else this.#cuts.delete(link)
    }
  }

  /** The weather is as it usually is again. */
  calm(): void {
    this.weather = this.#usualWeather
  }
}

/** The links to cut so that `half` hears nothing of the rest and the rest nothing of it. */
export function split(ids: readonly NodeId[], half: ReadonlySet<NodeId>): Link[] {
  return links(ids).filter(({ from, to }) => half.has(from) !== half.has(to))
}

/** A split that one node stands astride: it talks to both halves, which do not talk to each other. */
export function bridge(ids: readonly NodeId[], half: ReadonlySet<NodeId>, astride: NodeId): Link[] {
  return split(ids, half).filter(({ from, to }) => from !== astride && to !== astride)
}

/** Only what goes out of `half` is lost, or only what comes in. */
export function oneWay(ids: readonly NodeId[], half: ReadonlySet<NodeId>, outwards: boolean): Link[] {
  return split(ids, half).filter(({ from }) => half.has(from) === outwards)
}

function links(ids: readonly NodeId[]): Link[] {
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => ({ from, to })))
}
