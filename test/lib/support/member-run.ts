// A member whose disk dies at the n-th call to it, and what must be true after that.
//
// Every record that was written or tried to be, entries and hard states, stands in `records`, in order. After a crash the
// log must be what a beginning of them makes, and that has at least those that a sync which resolved has covered. What
// is applied was synced before, and stays: tables must hold exactly the entries up to the position they say.
import { expect } from 'vitest'
import native from '#native'
import type { HardState, LogEntry, Member } from '../../../lib/member.ts'
import { Machine, Waits } from './machine.ts'
import { at, become, contentOf, enter, newMember, noop, put, puts } from './members.ts'

type Written = { readonly entry: LogEntry } | { readonly hardState: HardState }

interface LogImage {
  readonly entries: readonly LogEntry[]
  readonly hardState: HardState
}

const textOf = (entries: readonly LogEntry[]): string[] =>
  entries.map(({ index, term, kind, payload }) => `${index}/${term} ${kind} ${native.crc32c(payload)}`)

// The log that the first `count` records make.
function imageOf(records: readonly Written[], count: number): LogImage {
  let entries: LogEntry[] = []
  let hardState: HardState = { term: 0, vote: 0, commit: 0 }
  for (const record of records.slice(0, count)) {
    if ('hardState' in record) hardState = record.hardState
    else entries = [...entries.slice(0, record.entry.index - 1), record.entry]
  }
  return { entries, hardState }
}

/** A retried flush waits for longer and longer: so many timers show that the fault does not go away. */
const timersMax = 12

export class MemberRun {
  readonly machine: Machine
  readonly #below: (n: number) => number
  readonly #records: Written[] = []
  #durable = 0
  #entries: LogEntry[] = []
  #term = 1
  #committed = 0
  /** What each entry puts, for the model: by index, for committed ones. */
  readonly #content = new Map<LogEntry, readonly (readonly [string, string])[]>()
  readonly #memberships = new Map<number, unknown>([[0, newMember.membership]])
  /** A flush up to here has resolved. */
  #flushed = 0
  #value = 0
  failures = 0

  constructor(seed: number, order: number, below: (n: number) => number) {
    this.machine = new Machine(seed, order)
    this.#below = below
  }

  #run<Result>(work: Promise<Result>): Promise<Result> {
    work.catch(() => undefined)
    return this.machine.run(work, timersMax)
  }

  async begin(): Promise<void> {
    await become(this.machine)
  }

  /** Works until it is over, or the disk is; true: it is over. */
  async work(rounds: number): Promise<boolean> {
    let member: Member | undefined
    let isOver = false
    try {
      member = await enter(this.machine)
      // What is not in tables is handed out again.
      await this.#run(member.apply(this.#entries.slice(member.applied.index, this.#committed)))
      for (let round = 0; round < rounds; round++) await this.#round(member)
      isOver = true
    } catch (error) {
      this.failures++
      // A flush waits for a disk that never works again.
      if (!(error instanceof Waits)) expect(error).toMatchObject({ name: 'VarveError' })
    }
    await this.machine.run(member?.close().catch(() => undefined) ?? Promise.resolve())
    return isOver
  }

  async #round(member: Member): Promise<void> {
    const below = this.#below
    const choice = below(10)
    if (choice < 5) this.#append(member, 1 + below(4))
    else if (choice === 5) this.#supersede(member)
    else if (choice === 6) this.#vote(member)
    await (below(3) === 0 ? this.#syncTwice(member) : this.#sync(member))
    if (below(2) === 0) await this.#apply(member)
    if (below(8) === 0) await this.#flush(member)
    if (below(8) === 0) member.keepFrom(1 + below(this.#entries.length + 1))
  }

  #append(member: Member, count: number): void {
    const made = Array.from({ length: count }, () => this.#make(this.#entries.length + 1))
    for (const entry of made) this.#note(entry)
    member.log.append(made)
  }

  #make(index: number): LogEntry {
    const below = this.#below
    const kind = below(8)
    if (kind === 0) return this.#remember(at(index, this.#term, noop), [])
    const size = below(6) === 0 ? 9000 : 40
    const pairs = Array.from({ length: kind === 1 ? 5 : 1 }, (_, i): [string, string] => [
      `k${(below(9) + i) % 12}`,
      `${++this.#value}`.padEnd(size, 'v')
    ])
    const [first] = pairs
    const body = pairs.length > 1 || first === undefined ? puts(pairs) : put(...first)
    return this.#remember(at(index, this.#term, body), pairs)
  }

  #remember(entry: LogEntry, pairs: readonly (readonly [string, string])[]): LogEntry {
    this.#content.set(entry, pairs)
    return entry
  }

  #note(entry: LogEntry): void {
    this.#entries = [...this.#entries.slice(0, entry.index - 1), entry]
    this.#records.push({ entry })
  }

  // A later leader's entry in the place of what is not committed.
  #supersede(member: Member): void {
    this.#term++
    const index = this.#committed + 1 + this.#below(this.#entries.length - this.#committed + 1)
    const entry = this.#make(index)
    this.#note(entry)
    member.log.append([entry])
  }

  #vote(member: Member): void {
    const hardState = { term: ++this.#term, vote: 1 + this.#below(3), commit: this.#committed }
    this.#records.push({ hardState })
    member.log.setHardState(hardState)
  }

  async #sync(member: Member): Promise<void> {
    const count = this.#records.length
    await this.#run(member.log.sync())
    this.#durable = Math.max(this.#durable, count)
  }

  // Another one is asked for while one runs.
  async #syncTwice(member: Member): Promise<void> {
    const count = this.#records.length
    const first = member.log.sync().then(() => {
      this.#durable = Math.max(this.#durable, count)
    })
    first.catch(() => undefined)
    this.#append(member, 1)
    await this.#sync(member)
    await this.#run(first)
  }

  async #apply(member: Member): Promise<void> {
    const last = this.#below(3) === 0 ? this.#entries.length : Math.max(this.#committed, this.#entries.length - 1)
    const entries = this.#entries.slice(this.#committed, last)
    // All that is in the log is synced here.
    this.#committed = last
    if (entries.length === 0) return
    const membership = this.#below(4) === 0 ? { voters: [last] } : undefined
    if (membership !== undefined) this.#memberships.set(last, membership)
    await this.#run(member.apply(entries, membership))
    await this.#check(member, last)
  }

  async #flush(member: Member): Promise<void> {
    const { index } = member.applied
    await this.#run(member.flush())
    this.#flushed = Math.max(this.#flushed, index)
  }

  // Exactly the entries up to `index` are visible, each with the sequence that the log gives it.
  async #check(member: Member, index: number): Promise<void> {
    const expected = new Map<string, string>()
    let sequence = 0
    const sequences = new Map<string, number>()
    for (const entry of this.#entries.slice(0, index)) {
      for (const [key, value] of this.#content.get(entry) ?? []) {
        expected.set(key, value)
        sequences.set(key, ++sequence)
      }
    }
    expect(member.applied).toMatchObject({ index, sequence, membership: this.#membershipAt(index) })
    const sorted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1))
    expect(await contentOf(this.machine, member)).toEqual(sorted)
    const keys = [...sequences.keys()]
    const found = await this.#run(Promise.all(keys.map((key) => member.database.getEntry(Buffer.from(key)))))
    expect(found.map((entry) => entry?.sequence)).toEqual([...sequences.values()])
  }

  #membershipAt(index: number): unknown {
    const since = [...this.#memberships.keys()].filter((one) => one <= index)
    return this.#memberships.get(Math.max(...since))
  }

  /** The process dies, or the power fails; then it opens again and must have all that was promised. */
  async recover(powerCut: number | undefined): Promise<void> {
    const { machine } = this
    native.memoryFaults(machine.fs, null)
    if (powerCut === undefined) native.memoryKill(machine.fs)
    else native.memoryCrash(machine.fs, powerCut)
    const member = await enter(machine)
    this.#checkLog(member)
    const { index } = member.applied
    expect(index).toBeGreaterThanOrEqual(this.#flushed)
    expect(index).toBeLessThanOrEqual(this.#committed)
    await this.#check(member, index)
    await machine.run(member.apply(this.#entries.slice(index, this.#committed)))
    for (const at of this.#memberships.keys()) if (at > index) this.#memberships.delete(at)
    await this.#check(member, this.#committed)
    await machine.run(member.close())
    expect(await machine.run(machine.verify())).toMatchObject({ ok: true })
  }

  // What it is now is what all was from the beginning: the next life goes on from it.
  #checkLog({ log }: Member): void {
    const found = log.read(log.firstIndex, 64 << 20) ?? []
    const seen = JSON.stringify([textOf(found), log.lastIndex, log.hardState])
    const possible = Array.from({ length: this.#records.length - this.#durable + 1 }, (_, i) => this.#durable + i)
    const kept = possible.find((count) => {
      const { entries, hardState } = imageOf(this.#records, count)
      const rest = entries.slice(log.firstIndex - 1)
      return JSON.stringify([textOf(rest), entries.length, hardState]) === seen
    })
    expect(kept, `${seen} is not what a beginning of the records makes`).toBeDefined()
    this.#records.length = kept ?? 0
    this.#durable = this.#records.length
    this.#entries = [...imageOf(this.#records, this.#records.length).entries]
    expect(this.#entries.length).toBeGreaterThanOrEqual(this.#committed)
  }
}
