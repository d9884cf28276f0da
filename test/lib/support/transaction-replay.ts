// Transactions that ran beside each other, recorded with what they read, and replayed one after the other in the order of
// their sequences: each read must come out as it did. A marker that each of them writes tells its sequence.
import { expect } from 'vitest'
import type { Database } from '../../../lib/database.ts'
import type { Transaction } from '../../../lib/index.ts'

export interface Scan {
  readonly do: 'scan'
  readonly gte: string
  readonly lt: string
  readonly reverse: boolean
  readonly limit: number
  /** So many are taken out of it; the rest is not read. */
  readonly take: number
}
export type Effect =
  | { readonly do: 'put'; readonly key: string; readonly value: string; readonly ttl: number | undefined }
  | { readonly do: 'del'; readonly key: string }
  | { readonly do: 'deleteRange'; readonly gte: string; readonly lt: string }
export type Step = Scan | Effect | { readonly do: 'get' | 'has'; readonly key: string }

/** An effect with the time it was asked for. */
type Done = { readonly effect: Effect; readonly nowMs: number }

export interface Recorded {
  readonly marker: string
  /** undefined: a plain batch, which reads nothing. */
  readonly steps: readonly Step[] | undefined
  readonly reads: readonly string[]
  readonly effects: readonly Done[]
  /** When its last attempt began: what it wrote itself it sees as of then. */
  readonly startMs: number
  /** Between these it was written. */
  readonly firstMs: number
  lastMs: number
}

const listed = (entries: readonly (readonly [string, string])[]): string =>
  entries.map(([key, value]) => `${key}=${value}`).join(' ')

/** Runs the steps in a transaction; `pause` lets others come between. */
export async function record(
  db: Database,
  marker: string,
  steps: readonly Step[],
  clock: () => number,
  pause: () => Promise<void>,
  onAttempt: () => void
): Promise<Recorded> {
  let recorded: Recorded | undefined
  await db.transaction(async (tx) => {
    onAttempt()
    const reads: string[] = []
    const effects: Done[] = []
    const startMs = clock()
    for (const step of steps) {
      await pause()
      const nowMs = clock()
      const read = await perform(tx, step)
      if (read === undefined) effects.push({ effect: step as Effect, nowMs })
      else reads.push(read)
    }
    tx.put(marker, 'm')
    recorded = { marker, steps, reads, effects, startMs, firstMs: clock(), lastMs: clock() }
  })
  if (recorded === undefined) throw new Error('The function never ran.')
  recorded.lastMs = clock()
  return recorded
}

async function perform(tx: Transaction, step: Step): Promise<string | undefined> {
  switch (step.do) {
    case 'get':
      return String(await tx.get(step.key))
    case 'has':
      return String(await tx.has(step.key))
    case 'scan': {
      const { gte, lt, reverse, limit, take } = step
      const iterator = tx.iterator({ gte, lt, reverse, limit })
      return listed(await iterator.nextv(take))
    }
    case 'put':
      tx.put(step.key, step.value, step.ttl === undefined ? {} : { ttl: step.ttl })
      return undefined
    case 'del':
      tx.del(step.key)
      return undefined
    case 'deleteRange':
      tx.deleteRange({ gte: step.gte, lt: step.lt })
      return undefined
  }
}

/** The same effects by a plain writer, all at once. */
export async function recordPlain(
  db: Database,
  marker: string,
  steps: readonly Effect[],
  clock: () => number
): Promise<Recorded> {
  const nowMs = clock()
  const operations = steps.map((step) => {
    if (step.do === 'put') {
      const { key, value, ttl } = step
      return { type: 'put' as const, key, value, ...(ttl === undefined ? {} : { ttl }) }
    }
    if (step.do === 'del') return { type: 'del' as const, key: step.key }
    return { type: 'deleteRange' as const, range: { gte: step.gte, lt: step.lt } }
  })
  await db.batch([...operations, { type: 'put', key: marker, value: 'm' }])
  const effects = steps.map((effect) => ({ effect, nowMs }))
  return { marker, steps: undefined, reads: [], effects, startMs: nowMs, firstMs: nowMs, lastMs: clock() }
}

interface Entry {
  readonly value: string
  readonly expiresAt: number
  /** Written by the transaction that reads. */
  readonly isOwn: boolean
}
type State = Map<string, Entry>

function apply(state: State, { effect, nowMs }: Done, isOwn = false): void {
  if (effect.do === 'del') state.delete(effect.key)
  else if (effect.do === 'deleteRange') {
    for (const key of [...state.keys()]) if (key >= effect.gte && key < effect.lt) state.delete(key)
  } else {
    const expiresAt = effect.ttl === undefined ? Number.POSITIVE_INFINITY : nowMs + effect.ttl
    state.set(effect.key, { value: effect.value, expiresAt, isOwn })
  }
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

function visible(state: State, timeMs: number, ownMs: number): [string, string][] {
  const there: [string, string][] = []
  for (const [key, { value, expiresAt, isOwn }] of state) {
    if (expiresAt > (isOwn ? ownMs : timeMs)) there.push([key, value])
  }
  return there.sort(byKey)
}

/** What the steps read when they run alone, on this state at this time. */
function readsOf(before: State, { steps, effects, startMs }: Recorded, timeMs: number): string[] {
  const state = new Map(before)
  const due = [...effects]
  const reads: string[] = []
  for (const step of steps ?? []) {
    if (step.do === 'get' || step.do === 'has') {
      const entry = visible(state, timeMs, startMs).find(([key]) => key === step.key)
      reads.push(String(step.do === 'get' ? entry?.[1] : entry !== undefined))
    } else if (step.do === 'scan') {
      const { gte, lt, reverse, limit, take } = step
      const inside = visible(state, timeMs, startMs).filter(([key]) => key >= gte && key < lt)
      if (reverse) inside.reverse()
      reads.push(listed(inside.slice(0, Math.min(limit, take))))
    } else {
      const done = due.shift()
      if (done !== undefined) apply(state, done, true)
    }
  }
  return reads
}

/** Replays all of them; `times`: every time the clock showed. The number of reads that were reproduced. */
export async function replay(db: Database, all: readonly Recorded[], times: readonly number[]): Promise<number> {
  const placed = await Promise.all(
    all.map(async (recorded) => {
      const entry = await db.getEntry(recorded.marker)
      return { recorded, sequence: entry?.sequence ?? -1 }
    })
  )
  placed.sort((a, b) => a.sequence - b.sequence)
  expect(placed[0]?.sequence).toBeGreaterThan(0)
  const state: State = new Map()
  let reads = 0
  for (const { recorded, sequence } of placed) {
    const { firstMs, lastMs, marker } = recorded
    // Time may have moved on between the end of its function and its write: it was one of these.
    const possible = times.filter((timeMs) => timeMs >= firstMs && timeMs <= lastMs)
    const found = JSON.stringify(recorded.reads)
    const isReproduced = possible.some((timeMs) => JSON.stringify(readsOf(state, recorded, timeMs)) === found)
    if (!isReproduced) {
      expect(recorded.reads, `${marker} at sequence ${sequence}: ${JSON.stringify(recorded.steps)}`).toEqual(
        readsOf(state, recorded, firstMs)
      )
    }
    for (const effect of recorded.effects) apply(state, effect)
    reads += recorded.reads.length
  }
  const there = await db.iterator({ lt: 'm/' }).all()
  expect(there).toEqual(visible(state, times.at(-1) ?? 0, 0))
  return reads
}
