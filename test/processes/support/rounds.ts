// Rounds of writing in a process of its own, and the account of what must be there after it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Database } from '../../../lib/database.ts'
import type { OpenOptions } from '../../../lib/index.ts'
import { tracked } from '../../support/varve.ts'
import { writesOf } from './workload.mjs'

const program = fileURLToPath(new URL('writer.mjs', import.meta.url))

// A process that says nothing for so long hangs, and is ended.
const silenceMsMax = 20_000

export interface Plan {
  readonly directory: string
  readonly seed: number
  readonly round: number
  readonly writers: number
  /** The number of the first of them; 0 if left out. */
  readonly firstWriter?: number
  /** Writes a writer has under way. */
  readonly window: number
  /** The share of writes with { sync: true }. */
  readonly syncShare: number
  /** Closes the database after so many; 0: never. */
  readonly writes: number
  readonly options: OpenOptions
}

interface Heard {
  /** Writes acknowledged, by writer: how many, the last one, the last one that is on disk. */
  readonly count: number
  readonly last: number
  readonly durable: number
}

const nothing: Heard = { count: 0, last: 0, durable: 0 }

/** A writing process and what it has said so far. */
export class WritingProcess {
  readonly plan: Plan
  readonly #child: ChildProcess
  readonly #lines: AsyncIterable<string>
  readonly #heard = new Map<number, Heard>()
  readonly ended: Promise<unknown>
  readonly errors: { readonly writer: number; readonly code: string }[] = []
  /** Everything else it said: "open", "closed", "stopped 0 VARVE_POISONED". */
  readonly said: string[] = []
  acknowledged = 0
  acknowledgedAfterError = 0
  /** From now on an acknowledgement is no promise that anything is on disk. */
  isPowerOff = false

  /** `under`: a command that runs it, such as strace with its options. */
  constructor(plan: Plan, under: readonly string[] = []) {
    this.plan = plan
    const [command = process.execPath, ...args] = [...under, process.execPath, program, JSON.stringify(plan)]
    this.#child = tracked(spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
    this.ended = once(this.#child, 'close')
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
  }

  readonly heard = (writer: number): Heard => this.#heard.get(writer) ?? nothing

  /** Reads what it says to its end; `each` is called after every line. */
  async listen(each: () => void): Promise<void> {
    let isStuck = false
    const guard = setTimeout(() => {
      isStuck = true
      this.kill()
    }, silenceMsMax)
    for await (const line of this.#lines) {
      guard.refresh()
      this.#take(line)
      each()
    }
    await this.ended
    clearTimeout(guard)
    if (!isStuck) return
    const { said, acknowledged, errors } = this
    throw new Error(`a writing process fell silent: ${JSON.stringify({ said, acknowledged, errors, plan: this.plan })}`)
  }

  #take(line: string): void {
    const [word, writer, number, rest] = line.split(' ')
    if (word === 'ack') {
      const { count, last, durable } = this.heard(Number(writer))
      this.acknowledged++
      if (this.errors.length > 0) this.acknowledgedAfterError++
      this.#heard.set(Number(writer), {
        count: count + 1,
        last: Math.max(last, Number(number)),
        durable: rest === 'sync' && !this.isPowerOff ? Math.max(durable, Number(number)) : durable
      })
    } else if (word === 'error') this.errors.push({ writer: Number(writer), code: String(rest) })
    else this.said.push(line)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** What every writer's keys hold, carried on from round to round. */
export class Expected {
  readonly #states = new Map<number, ReadonlyMap<string, string>>()
  /** Acknowledged writes that were not there, in all looks: those that were never promised to stay. */
  lost = 0

  /**
   * Compares a database with what rounds since the last look may have left, and takes what is found as the state to go on
   * from: for each writer, its state after some write at or after the last one that must be there. The rounds' writers are
   * different ones; all others must not have changed. Faults as sentences.
   */
  async look(db: Database, promise: Promised, ...rounds: readonly Round[]): Promise<string[]> {
    const found = await statesIn(db)
    const faults: string[] = []
    for (const { plan, ...round } of rounds) {
      const firstWriter = plan.firstWriter ?? 0
      for (let writer = firstWriter; writer < firstWriter + plan.writers; writer++) {
        const state = found.get(writer) ?? new Map<string, string>()
        faults.push(...this.#lookAt(state, promise, plan, writer, round.heard(writer)))
        this.#states.set(writer, state)
        found.delete(writer)
      }
    }
    for (const [writer, state] of found) {
      if (writer < 0 || sameState(this.#states.get(writer) ?? new Map(), state)) continue
      faults.push(`writer ${writer}, who did not write, has changed`)
    }
    return faults
  }

  #lookAt(state: ReadonlyMap<string, string>, promise: Promised, plan: Plan, writer: number, heard: Heard): string[] {
    const { count, last, durable } = heard
    const least = promise === 'acknowledged' ? last : durable
    // What was under way, and what was acknowledged but not said any more.
    const most = count + 2 * plan.window
    const came = cameTo(state, this.#states.get(writer) ?? new Map(), { ...plan, writer }, most)
    const furthest = Math.max(0, ...came)
    this.lost += Math.max(0, last - furthest)
    const who = `round ${plan.round}, writer ${writer}`
    if (came.length === 0) return [`${who}: no state of its first ${most} writes, ${last} acknowledged`]
    return furthest < least ? [`${who}: came to ${furthest}, but ${least} must be there`] : []
  }
}

export interface Round {
  readonly plan: Plan
  readonly heard: (writer: number) => Heard
}

/** Which writes must be there: all that were acknowledged, or those acknowledged as being on disk. */
export type Promised = 'acknowledged' | 'durable'

/** The numbers of writes after which the state is that of the database. */
function cameTo(
  found: ReadonlyMap<string, string>,
  before: ReadonlyMap<string, string>,
  plan: Plan & { readonly writer: number },
  most: number
): number[] {
  const state = new Map(before)
  const matches = sameState(found, state) ? [0] : []
  for (const { number, operations } of writesOf(plan)) {
    if (number > most) break
    for (const { type, key, value } of operations) {
      if (type === 'put') state.set(key, value as string)
      else state.delete(key)
    }
    if (sameState(found, state)) matches.push(number)
  }
  return matches
}

function sameState(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}

async function statesIn(db: Database): Promise<Map<number, Map<string, string>>> {
  const states = new Map<number, Map<string, string>>()
  const reads: [string, string][] = []
  for await (const [key, value] of db.iterator()) {
    const writer = Number(/^w(\d+)\//.exec(key)?.[1] ?? -1)
    if (!states.has(writer)) states.set(writer, new Map())
    states.get(writer)?.set(key, value)
    reads.push([key, value])
  }
  // Scans and point reads must agree.
  const values = await db.getMany(reads.map(([key]) => key))
  reads.forEach(([key, value], i) => {
    if (values[i] !== value) throw new Error(`scan and getMany differ at ${key}`)
  })
  return states
}
