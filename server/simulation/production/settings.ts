// What kind of cluster a seed makes of production code: how fast its disks, links and clocks are, and how small its memtables,
// so that flushes, compactions, cuts of the log and snapshots happen within seconds.
import type { NetworkWeather } from '../network.ts'
import type { Random } from '../random.ts'
import type { ClientSettings } from '../settings.ts'

export interface DiskSettings {
  /** Between two looks for jobs. */
  readonly msMin: number
  readonly msMax: number
  /** Done in one look, at most. */
  readonly tasksMax: number
  /** Jobs are done in the order they were asked for, whatever lane they are of. */
  readonly isOrdered: boolean
}

export interface NodeSettings {
  readonly tickMs: number
  /** How much clocks differ, in percent of a tick. */
  readonly driftPercent: number
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly messageBytesMax: number
  readonly inflightMessagesMax: number
  readonly memtableBytes: number
  readonly tableBytes: number
  readonly blockCacheBytes: number
  /** Applied entries that stay in the log: who lacks more gets a snapshot. */
  readonly keepEntries: number
  /** What a write carries besides what is checked. */
  readonly paddingBytesMax: number
  /** Every so many of a client's changes come with many others, and are proposed at once. */
  readonly bulkEvery: number
}

export interface ProductionSettings {
  readonly voters: number
  readonly node: NodeSettings
  readonly disk: DiskSettings
  readonly client: ClientSettings
  readonly weather: NetworkWeather
  /** Time between faults, on average. */
  readonly faultEveryMs: number
}

/** What a seed class fixes. */
export interface ProductionTuning {
  readonly keepEntries?: number
  readonly faultEveryMs?: number
  readonly voters?: number
  readonly bulkEvery?: number
  readonly memtableBytes?: number
  readonly paddingBytesMax?: number
  readonly client?: Partial<ClientSettings>
}

const KiB = 1024

export function drawSettings(random: Random, tuning: ProductionTuning): ProductionSettings {
  const node: NodeSettings = {
    tickMs: 25,
    driftPercent: random.oneOf([0, 5, 20]),
    electionTicks: random.oneOf([5, 8, 12]),
    heartbeatTicks: 2,
    messageBytesMax: random.oneOf([0, 1000, 1 << 20]),
    inflightMessagesMax: random.oneOf([1, 4, 256]),
    memtableBytes: tuning.memtableBytes ?? random.oneOf([16 * KiB, 16 * KiB, 64 * KiB]),
    tableBytes: random.oneOf([32 * KiB, 64 * KiB]),
    blockCacheBytes: random.oneOf([0, 64 * KiB]),
    keepEntries: tuning.keepEntries ?? random.oneOf([0, 5, 20, 1_000_000]),
    paddingBytesMax: tuning.paddingBytesMax ?? random.oneOf([10, 400, 2_000]),
    bulkEvery: tuning.bulkEvery ?? random.oneOf([6, 20])
  }
  const disk: DiskSettings = {
    msMin: 0,
    msMax: random.oneOf([1, 3, 8]),
    tasksMax: random.oneOf([1, 3, 8]),
    isOrdered: random.chance(30)
  }
  const weather: NetworkWeather = {
    delayMsMin: 1,
    delayMsMax: random.oneOf([2, 5, 15]),
    lossPercent: random.oneOf([0, 0, 1, 5]),
    duplicatePercent: random.oneOf([0, 1, 10]),
    strayPercent: random.oneOf([0, 1, 5])
  }
  const client: ClientSettings = {
    count: random.between(4, 8),
    thinkMsMax: random.oneOf([10, 40]),
    patienceMs: random.oneOf([400, 1_000, 2_500]),
    attemptsMax: random.oneOf([2, 4]),
    readPercent: random.oneOf([25, 50]),
    keys: random.oneOf([4, 6, 8]),
    // What it never heard the end of may have taken effect: nothing here makes a second time harmless.
    asksAgain: false,
    ...tuning.client
  }
  return {
    voters: tuning.voters ?? random.oneOf([3, 3, 3, 5]),
    node,
    disk,
    client,
    weather,
    faultEveryMs: tuning.faultEveryMs ?? random.oneOf([200, 400, 800])
  }
}
