// Requests in order → groups → calls of the store → replies in order. Consecutive reads become one lookup and consecutive
// writes one batch, so a chunk of pipelined requests costs few calls of the store; nothing is ever reordered, so a client
// reads what it wrote.
//
// A plan is made only when everything before it has run or is of its own group: what a request means may depend on what the
// one before it did to the connection (AUTH, MULTI, HELLO).
import type { Caller } from './commands/caller.ts'
import type { MutationPlan, Plan } from './commands/plan.ts'
import { errorReply, type Reply } from './protocol/reply.ts'
import type { Decoded, Single } from './protocol/request.ts'
import { type Run, requestsOf } from './protocol/resp-runs.ts'
import { type Entry, type Key, type Store, StoreError } from './store.ts'
import { storeErrorReply } from './store-errors.ts'

export interface GroupSizes {
  readonly readsMax: number
  readonly writesMax: number
}

/** Turns a request into a plan, by what is known of the connection now. */
export type Planner = (request: Single) => Plan

/** Turns a run into one plan; undefined: its requests are to be planned one by one. */
export type RunPlanner = (run: Run) => Plan | undefined

export interface Group {
  readonly kind: Exclude<Plan['kind'], 'write' | 'decide'> | 'mutation'
  readonly plans: readonly Plan[]
}

/** Requests of a chunk, taken group by group. */
export class Requests {
  readonly #requests: Decoded[]
  readonly #plan: Planner
  readonly #planRun: RunPlanner
  #at = 0
  /** Planned and not run, in order. */
  #ahead: Plan[] = []

  constructor(requests: Decoded[], plan: Planner, planRun: RunPlanner = () => undefined) {
    this.#requests = requests
    this.#plan = plan
    this.#planRun = planRun
  }

  get isAtEnd(): boolean {
    return this.#ahead.length === 0 && this.#at === this.#requests.length
  }

  /** The longest group that begins here. REQUIRES: not at the end. */
  take(sizes: GroupSizes): Group {
    const first = this.#take()
    if (first === undefined) throw new Error('there is no such request')
    const kind = groupKindOf(first)
    const plans = [first]
    const countMax = countMaxOf(kind, sizes)
    while (plans.length < countMax) {
      const plan = this.#take()
      if (plan === undefined) break
      if (groupKindOf(plan) !== kind) {
        this.putBack([plan])
        break
      }
      plans.push(plan)
    }
    return { kind, plans }
  }

  /** Plans of a group that were not run: they come next. */
  putBack(plans: readonly Plan[]): void {
    this.#ahead = [...plans, ...this.#ahead]
  }

  /** Of a run that was taken the first request comes next, by itself, and then the others. */
  split(run: Run): void {
    const rest = run.from + 1 < run.count ? [{ ...run, from: run.from + 1 }] : []
    this.#requests.splice(this.#at, 0, ...requestsOf({ ...run, count: run.from + 1 }), ...rest)
  }

  #take(): Plan | undefined {
    if (this.#ahead.length > 0) return this.#ahead.shift()
    const request = this.#requests[this.#at]
    if (request === undefined) return undefined
    this.#at++
    if (request.kind !== 'run') return this.#plan(request)
    const plan = this.#planRun(request)
    if (plan !== undefined) return plan
    this.#requests.splice(this.#at, 0, ...requestsOf(request))
    return this.#take()
  }
}

const groupKindOf = ({ kind }: Plan): Group['kind'] => (kind === 'write' || kind === 'decide' ? 'mutation' : kind)

function countMaxOf(kind: Group['kind'], { readsMax, writesMax }: GroupSizes): number {
  if (kind === 'lookup' || kind === 'entries') return readsMax
  if (kind === 'mutation' || kind === 'forward' || kind === 'reply') return writesMax
  return 1
}

export interface ReplyLimits {
  /** A lookup may stop with the value that reaches it. */
  readonly lookupBytesMax: number
  /** The longest reply to one lookup. */
  readonly replyBytesMax: number
}

const withoutLimits: ReplyLimits = {
  lookupBytesMax: Number.POSITIVE_INFINITY,
  replyBytesMax: Number.POSITIVE_INFINITY
}

/**
 * Runs a group; whatever the store says, there is one reply for each of its plans. Of lookups with long values only the first
 * may be run, one at least: the replies are of these.
 */
export async function runGroup({ plans }: Group, caller: Caller, limits = withoutLimits): Promise<Reply[]> {
  const [first] = plans
  switch (first?.kind) {
    case undefined:
      return []
    case 'reply':
      return plans.map((plan) => (plan as Of<'reply'>).reply)
    case 'session':
      return [first.run(caller)]
    case 'slow':
      return [await first.run(caller).catch((error) => storeErrorReply(error, caller))]
    case 'forward':
      return runForwarded(plans as Of<'forward'>[], caller)
    case 'run':
      throw new Error('a run is answered by its session')
    case 'lookup':
      return runLookups(plans as Of<'lookup'>[], caller, limits)
    case 'entries':
      return runEntries(plans as Of<'entries'>[], caller)
    case 'write':
    case 'decide':
      return runMutations(plans as MutationPlan[], caller)
  }
}

/**
 * The same within this call, for groups that need nothing but what is at hand; undefined, and nothing was done, for others.
 * No reply to a lookup: its first value is long.
 * @see runGroup
 */
export function runGroupNow({ plans }: Group, caller: Caller, limits: ReplyLimits): Reply[] | undefined {
  const [first] = plans
  if (first?.kind === 'reply') return plans.map((plan) => (plan as Of<'reply'>).reply)
  if (first?.kind === 'session') return [first.run(caller)]
  return first?.kind === 'lookup' ? runLookupsNow(plans as Of<'lookup'>[], caller.store, limits) : undefined
}

function runLookupsNow(plans: readonly Of<'lookup'>[], store: Store, limits: ReplyLimits): Reply[] | undefined {
  try {
    const keys = plans.length === 1 ? (plans[0]?.keys ?? []) : allKeysOf(plans)
    const values = store.getManyNow?.(keys, limits.lookupBytesMax)
    if (values === undefined) return undefined
    if (values.length === keys.length) return eachShare(plans, values, ({ reply }, share) => reply(share))
    return eachShare(wholeOnes(plans, values.length), values, ({ reply }, share) => reply(share))
  } catch {
    // Asked again, each alone, it tells which one.
    return undefined
  }
}

type Of<Kind extends Plan['kind']> = Extract<Plan, { kind: Kind }>

async function runLookups(plans: readonly Of<'lookup'>[], caller: Caller, limits: ReplyLimits): Promise<Reply[]> {
  const { store } = caller
  const [first] = plans
  if (first === undefined) return []
  try {
    const keys = plans.length === 1 ? first.keys : allKeysOf(plans)
    const values = await store.getMany(keys, limits.lookupBytesMax)
    if (values.length === keys.length) return eachShare(plans, values, ({ reply }, share) => reply(share))
    if (values.length < first.keys.length) return [await runLong(first, values, store, limits)]
    return eachShare(wholeOnes(plans, values.length), values, ({ reply }, share) => reply(share))
  } catch (error) {
    if (plans.length === 1) return [storeErrorReply(error, caller, first.keys[0])]
    // No fault of one of them: each would be held again.
    if (error instanceof StoreError) return plans.map(({ keys }) => storeErrorReply(error, caller, keys[0]))
    // One unreadable value must not take its neighbours with it: each alone finds the one.
    const replies: Reply[] = []
    for (const plan of plans) replies.push(...(await runLookups([plan], caller, limits)))
    return replies
  }
}

/** The first plans, as far as their values came. */
function wholeOnes(plans: readonly Of<'lookup'>[], values: number): readonly Of<'lookup'>[] {
  let count = 0
  for (let keys = 0; count < plans.length; count++) {
    keys += plans[count]?.keys.length ?? 0
    if (keys > values) break
  }
  return plans.slice(0, count)
}

/** One plan of many keys, piece by piece: MGET of long values. */
async function runLong(
  { keys, reply }: Of<'lookup'>,
  begun: readonly (Uint8Array | undefined)[],
  store: Store,
  { lookupBytesMax, replyBytesMax }: ReplyLimits
): Promise<Reply> {
  const values = [...begun]
  let bytes = bytesOf(begun)
  while (values.length < keys.length) {
    if (bytes > replyBytesMax)
      return errorReply(`the reply is longer than ${replyBytesMax} bytes, ask for fewer keys`, 'TOO_LARGE')
    const more = await store.getMany(keys.slice(values.length), lookupBytesMax)
    bytes += bytesOf(more)
    for (const value of more) values.push(value)
  }
  return reply(values)
}

function bytesOf(values: readonly (Uint8Array | undefined)[]): number {
  let bytes = 0
  for (const value of values) bytes += value?.length ?? 0
  return bytes
}

function allKeysOf(plans: readonly { readonly keys: readonly Key[] }[]): Key[] {
  const all: Key[] = []
  for (const { keys } of plans) for (const key of keys) all.push(key)
  return all
}

/** Gives each plan what was found for its own keys. */
function eachShare<P extends { readonly keys: readonly Key[] }, Found>(
  plans: readonly P[],
  found: readonly Found[],
  answer: (plan: P, share: readonly Found[]) => Reply
): Reply[] {
  const [only] = plans
  if (plans.length === 1 && only?.keys.length === found.length) return [answer(only, found)]
  let end = 0
  return plans.map((plan) => {
    const start = end
    end += plan.keys.length
    return answer(plan, found.slice(start, end))
  })
}

async function runEntries(plans: readonly Of<'entries'>[], caller: Caller): Promise<Reply[]> {
  const { store, server } = caller
  try {
    const entries: readonly (Entry | undefined)[] = await store.getEntries(allKeysOf(plans))
    const nowMs = server.nowMs()
    return eachShare(plans, entries, ({ reply }, share) => reply(share, nowMs))
  } catch (error) {
    return plans.map(({ keys }) => storeErrorReply(error, caller, keys[0]))
  }
}

/** Consecutive writes go together; the store keeps the order of calls, so nothing waits for what is before it. */
async function runMutations(plans: readonly MutationPlan[], caller: Caller): Promise<Reply[]> {
  const [first] = plans
  if (plans.length === 1 && first !== undefined) return [await runMutation(first, caller)]
  if (plans.every((plan) => plan.kind === 'write')) return runWrites(plans as Of<'write'>[], caller)
  return Promise.all(plans.map((plan) => runMutation(plan, caller)))
}

async function runMutation(plan: MutationPlan, caller: Caller): Promise<Reply> {
  const { store } = caller
  try {
    if (plan.kind === 'decide') return await store.decide(plan, plan)
    await store.write(plan.operations, plan)
    return plan.reply
  } catch (error) {
    return storeErrorReply(error, caller, firstKeyOf(plan))
  }
}

async function runWrites(plans: readonly Of<'write'>[], caller: Caller): Promise<Reply[]> {
  try {
    const sync = plans.some((plan) => plan.sync === true)
    await caller.store.write(
      plans.flatMap(({ operations }) => operations),
      { sync }
    )
    return plans.map(({ reply }) => reply)
  } catch (error) {
    return plans.map((plan) => storeErrorReply(error, caller, firstKeyOf(plan)))
  }
}

async function runForwarded(plans: readonly Of<'forward'>[], caller: Caller): Promise<Reply[]> {
  const { forwarding } = caller.server
  if (forwarding === undefined) throw new Error('nothing is forwarded here')
  const replies = await forwarding.forward(
    plans.map(({ request }) => request),
    caller
  )
  return [...replies]
}

function firstKeyOf(plan: MutationPlan): Key | undefined {
  if (plan.kind === 'decide') return plan.keys[0]
  const [first] = plan.operations
  return first?.type === 'deleteRange' ? first.range.gte : first?.key
}
