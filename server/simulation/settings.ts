// What kind of cluster a seed makes: sizes, speeds, limits and switches of the core, drawn so that each of them is met at its
// edges. The safe switches are pinned as the server pins them, except where a seed class is about the others.
import type { NetworkWeather } from './network.ts'
import type { Random } from './random.ts'

export interface NodeSettings {
  readonly tickMs: number
  /** How much clocks differ, in percent of a tick. */
  readonly driftPercent: number
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly diskMsMin: number
  readonly diskMsMax: number
  /** How long applying takes; 0: it is done at once, within the same event. */
  readonly applyMsMax: number
  /** A snapshot of the machine is kept after this many entries… */
  readonly checkpointEvery: number
  /** …and this many before it stay in the log. */
  readonly keepEntries: number
  readonly messageBytesMax: number
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  readonly uncommittedBytesMax: number
  readonly applyingBytesMax: number
  readonly reads: 'safe' | 'lease'
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly forwardProposals: boolean
  readonly readRetryMs: number
}

export interface ClientSettings {
  readonly count: number
  readonly thinkMsMax: number
  /** After this a client gives up an attempt. */
  readonly patienceMs: number
  readonly attemptsMax: number
  /** Also after an attempt whose end it never heard of: the machine must know it again. */
  readonly asksAgain: boolean
  /** Of the operations. */
  readonly readPercent: number
  readonly keys: number
}

export interface Settings {
  readonly voters: number
  readonly learners: number
  readonly node: NodeSettings
  readonly client: ClientSettings
  readonly weather: NetworkWeather
  /** Time between faults, on average. */
  readonly faultEveryMs: number
}

/** What a seed class fixes instead of leaving it to the seed. */
export interface Tuning {
  /** Leases rest on clocks that run alike. */
  readonly usesLease?: boolean
  readonly voters?: number
  readonly messageBytesMax?: number
  readonly keepEntries?: number
  readonly faultEveryMs?: number
}

/** Entries count 32 bytes more than their payload, which is this. */
export const commandBytes = 16

export function drawSettings(random: Random, tuning: Tuning): Settings {
  const usesLease = tuning.usesLease ?? false
  const electionTicks = random.oneOf([8, 10, 15])
  const messageBytesDrawn = random.oneOf([0, 100, 400, 1 << 20])
  const messageBytesMax = tuning.messageBytesMax ?? messageBytesDrawn
  const node: NodeSettings = {
    tickMs: 20,
    driftPercent: usesLease ? 0 : random.oneOf([0, 5, 20]),
    electionTicks,
    heartbeatTicks: random.oneOf([1, 2, 3]),
    diskMsMin: 1,
    diskMsMax: random.oneOf([1, 3, 8]),
    applyMsMax: random.oneOf([0, 0, 0, 4]),
    checkpointEvery: random.oneOf([10, 25, 60]),
    keepEntries: tuning.keepEntries ?? random.oneOf([0, 2, 10, 1_000]),
    messageBytesMax,
    inflightMessagesMax: random.oneOf([1, 4, 64]),
    inflightBytesMax: random.chance(30) ? messageBytesMax + 200 : 1 << 24,
    uncommittedBytesMax: random.chance(20) ? 8 * commandBytes : 1 << 24,
    applyingBytesMax: random.oneOf([64, 1000, 1 << 20]),
    reads: usesLease ? 'lease' : 'safe',
    preVote: usesLease || random.chance(85),
    checkQuorum: usesLease || random.chance(85),
    forwardProposals: random.chance(70),
    readRetryMs: random.oneOf([60, 150])
  }
  const delayMsMax = random.oneOf([2, 5, 15])
  const weather: NetworkWeather = {
    delayMsMin: 1,
    delayMsMax,
    lossPercent: random.oneOf([0, 0, 1, 5]),
    duplicatePercent: random.oneOf([0, 1, 10]),
    strayPercent: random.oneOf([0, 1, 5])
  }
  const client: ClientSettings = {
    count: random.between(4, 8),
    thinkMsMax: random.oneOf([10, 40, 100]),
    patienceMs: random.oneOf([150, 400, 1_000]),
    attemptsMax: random.oneOf([1, 2, 4]),
    asksAgain: true,
    readPercent: random.oneOf([25, 50]),
    keys: random.oneOf([2, 4, 8])
  }
  return {
    voters: tuning.voters ?? random.oneOf([3, 3, 3, 5]),
    learners: random.oneOf([0, 0, 1]),
    node,
    client,
    weather,
    faultEveryMs: tuning.faultEveryMs ?? random.oneOf([150, 300, 600])
  }
}
