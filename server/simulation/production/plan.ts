// The faults of runs of production code, and the classes of seeds that say how often there are which.
import type { Weights } from '../plan.ts'
import type { ProductionTuning } from './settings.ts'

export const productionFaultKinds = [
  /** The power of one machine, of some, of all at once. */
  'power',
  'powerMany',
  'powerAll',
  /** Processes end, and their machines go on. */
  'kill',
  'killMany',
  'killAll',
  'pause',
  'slowDisk',
  /** A sync fails: the node stops. */
  'failSync',
  /** Any write, sync or change of names fails, once or from then on. */
  'failDisk',
  'transfer',
  /** The leader is cut off, and leads again as soon as it is heard of. */
  'handback',
  /** A follower is cut off until the leader's log begins behind the end of its own: it needs a snapshot. */
  'leaveBehind',
  'split',
  'isolate',
  'oneWay',
  'bridge',
  'flap',
  'storm'
] as const

export type ProductionFaultKind = (typeof productionFaultKinds)[number]

export interface ProductionClass {
  readonly name: string
  readonly weights: Weights<ProductionFaultKind>
  readonly tuning: ProductionTuning
}

const partitions: Weights<ProductionFaultKind> = { split: 2, isolate: 4, oneWay: 3, bridge: 2, flap: 1 }

/** In the order of seeds: seed n is of class n modulo their number. */
export const productionClasses: readonly [ProductionClass, ...ProductionClass[]] = [
  {
    name: 'mixed',
    tuning: {},
    weights: {
      ...partitions,
      power: 4,
      powerMany: 2,
      powerAll: 3,
      kill: 4,
      killMany: 1,
      killAll: 2,
      pause: 3,
      slowDisk: 3,
      failSync: 2,
      failDisk: 2,
      transfer: 2,
      handback: 1,
      storm: 2
    }
  },
  { name: 'power', tuning: {}, weights: { power: 5, powerMany: 4, powerAll: 8, slowDisk: 1 } },
  {
    name: 'ends',
    tuning: {},
    // What a process left unsynced when it ended is lost with the power, soon after.
    weights: { kill: 4, killMany: 3, killAll: 6, power: 2, powerMany: 2, powerAll: 5, pause: 1 }
  },
  { name: 'disks', tuning: {}, weights: { slowDisk: 4, failSync: 5, failDisk: 5, power: 2, powerAll: 2, kill: 2 } },
  { name: 'partitions', tuning: {}, weights: { ...partitions, storm: 2, pause: 2, kill: 2, power: 1, transfer: 1 } },
  // Leaders that come and go while many writes are on their way, and come again soon.
  {
    name: 'leaders',
    tuning: {
      faultEveryMs: 400,
      bulkEvery: 4,
      // One key of each kind: the next leader is asked for just what the last one had proposed.
      client: { count: 12, thinkMsMax: 10, patienceMs: 800, readPercent: 25, keys: 3 }
    },
    weights: { handback: 20, isolate: 2, oneWay: 1, transfer: 3, pause: 1 }
  },
  // Logs that are cut early: who was away gets the tables.
  {
    name: 'snapshots',
    // Memtables have to fill for a log to be cut at all.
    tuning: { keepEntries: 0, faultEveryMs: 300, bulkEvery: 3, memtableBytes: 16 * 1024, paddingBytesMax: 2_000 },
    weights: { leaveBehind: 10, isolate: 2, power: 4, powerAll: 2, kill: 3, slowDisk: 2, failDisk: 2 }
  }
]
