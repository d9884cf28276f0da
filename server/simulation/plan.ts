// The faults of a run, drawn before it begins: what, when, for how long, and two numbers that pick among what there is then.
// A plan is plain data, so a run can be repeated with a part of it: that is how failing runs are shrunk.
import type { Random } from './random.ts'
import type { Tuning } from './settings.ts'

export const faultKinds = [
  'crash',
  'crashMany',
  'pause',
  'split',
  'isolate',
  'oneWay',
  'bridge',
  'flap',
  'storm',
  'slowDisk',
  'failDisk',
  'wipe',
  'transfer',
  'handover',
  'campaign',
  'add',
  'remove',
  'replace',
  'demote',
  'reshape'
] as const

export type FaultKind = (typeof faultKinds)[number]

export interface Fault<Kind extends string = FaultKind> {
  readonly kind: Kind
  readonly atMs: number
  readonly forMs: number
  readonly pick: number
  readonly second: number
}

export type Weights<Kind extends string = FaultKind> = Readonly<Partial<Record<Kind, number>>>

/** A class of runs: which faults they are made of. */
export interface SeedClass {
  readonly name: string
  readonly weights: Weights
  readonly tuning: Tuning
}

const partitions: Weights = { split: 3, isolate: 4, oneWay: 3, bridge: 2, flap: 2 }
const members: Weights = { add: 3, remove: 3, replace: 3, demote: 2, reshape: 3 }

/** In the order of seeds: seed n is of class n modulo their number. */
export const seedClasses: readonly [SeedClass, ...SeedClass[]] = [
  {
    name: 'mixed',
    tuning: {},
    weights: {
      ...partitions,
      ...members,
      crash: 6,
      crashMany: 2,
      pause: 3,
      storm: 3,
      slowDisk: 2,
      failDisk: 2,
      wipe: 1,
      transfer: 2,
      handover: 1,
      campaign: 1
    }
  },
  { name: 'partitions', tuning: {}, weights: { ...partitions, crash: 2, pause: 1, storm: 2, campaign: 1 } },
  { name: 'crashes', tuning: {}, weights: { crash: 8, crashMany: 4, failDisk: 2, slowDisk: 3, isolate: 2 } },
  { name: 'members', tuning: {}, weights: { ...members, crash: 3, isolate: 2, oneWay: 1, transfer: 1 } },
  { name: 'reads', tuning: {}, weights: { pause: 4, isolate: 4, oneWay: 3, storm: 3, transfer: 2, crash: 1 } },
  { name: 'wipes', tuning: {}, weights: { wipe: 4, crash: 3, isolate: 3, split: 1, storm: 1, add: 1 } },
  {
    name: 'transfers',
    tuning: {},
    weights: { transfer: 6, handover: 3, isolate: 2, oneWay: 2, pause: 1, crash: 1, storm: 1 }
  },
  // No pauses: a paused leader takes its lease for longer than it is.
  {
    name: 'lease',
    tuning: { usesLease: true },
    weights: { transfer: 2, handover: 5, isolate: 4, split: 2, oneWay: 3, flap: 1, crash: 2, demote: 1 }
  },
  // Leaders that come and go before what they found in their logs is committed.
  {
    name: 'elections',
    tuning: { voters: 5, messageBytesMax: 0, faultEveryMs: 60 },
    weights: { isolate: 6, crash: 3, oneWay: 2, split: 2 }
  },
  // Acknowledgements get lost, and leaders that keep their log have to go on without them.
  {
    name: 'losses',
    tuning: { keepEntries: 1_000 },
    weights: { storm: 5, oneWay: 3, flap: 2 }
  }
]

/** Enough faults for any run; those of the time after its faulty part never happen. */
const faultsMax = 100

export function drawPlan<Kind extends string>(
  random: Random,
  kindsAll: readonly [Kind, ...Kind[]],
  weights: Weights<Kind>,
  faultEveryMs: number
): Fault<Kind>[] {
  const kinds = kindsAll.flatMap((kind) => new Array<Kind>(weights[kind] ?? 0).fill(kind))
  const plan: Fault<Kind>[] = []
  let atMs = random.between(200, 600)
  for (let i = 0; i < faultsMax; i++) {
    const kind = kinds[random.below(kinds.length)] ?? kindsAll[0]
    const forMs = random.chance(70) ? random.between(50, 600) : random.between(600, 2_000)
    plan.push({ kind, atMs, forMs, pick: random.next(), second: random.next() })
    atMs += random.between(0, 2 * faultEveryMs)
  }
  return plan
}

/** A plan from outside. Throws, with a sentence, when it is none. */
export function planOf(value: unknown): readonly Fault[]
export function planOf<Kind extends string>(value: unknown, kinds: readonly Kind[]): readonly Fault<Kind>[]
export function planOf(value: unknown, kinds: readonly string[] = faultKinds): readonly Fault<string>[] {
  if (!Array.isArray(value)) throw new TypeError('it must be a list.')
  return value.map((fault: unknown, at) => {
    if (!isFault(fault, kinds)) {
      throw new TypeError(
        `fault ${at} must have a kind (${kinds.join(', ')}) and whole numbers as atMs, forMs, pick and second.`
      )
    }
    return fault
  })
}

function isFault(value: unknown, kinds: readonly string[]): value is Fault<string> {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  const isWhole = (name: string): boolean => Number.isSafeInteger(fields.get(name)) && Number(fields.get(name)) >= 0
  const isKind = kinds.some((kind) => kind === fields.get('kind'))
  return isKind && ['atMs', 'forMs', 'pick', 'second'].every(isWhole)
}

/** The class that a seed picks, or the one of a name. Throws a RangeError with the names there are. */
export function classOf<Class extends { readonly name: string }>(
  classes: readonly Class[],
  seed: number,
  name: string | undefined
): Class {
  const found = name === undefined ? classes[seed % classes.length] : classes.find((one) => one.name === name)
  if (found !== undefined) return found
  throw new RangeError(`There is no seed class "${name}". There are: ${classes.map((one) => one.name).join(', ')}.`)
}
