// Clients: each does one operation after the other on registers, swapped registers and counters, and writes down what it
// called and what came back. One that waited too long asks again, under the same serial, and gives up in the end: then
// nobody knows whether it took effect. One that was refused every time did not happen.
import type { NodeId } from '../raft/core/types.ts'
import type { Operation } from './linearizability.ts'
import type { Command } from './machine.ts'
import type { Call, Cell, Reply } from './models.ts'
import type { Answer } from './node.ts'
import { pickOf, type Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { ClientSettings } from './settings.ts'
import type { Trace } from './trace.ts'

export type HistoryKind = 'register' | 'swap' | 'counter'
const historyKinds = ['register', 'swap', 'counter'] as const

/** What clients see of a cluster. */
export interface Served {
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly network: { delayMs(): number }
  readonly ids: readonly NodeId[]
  node(id: NodeId): Asked | undefined
}

interface Asked {
  /** It may never answer. */
  ask(command: Command, isRead: boolean, respond: (answer: Answer) => void): void
}

/** What is known of an operation; filled in as it comes. */
interface Draft {
  readonly key: string
  readonly call: Call
  readonly calledAt: number
  returned?: { readonly at: number; readonly reply: Reply }
}

interface OpenOperation {
  readonly draft: Draft
  readonly command: Command
  readonly kind: HistoryKind
  attempts: number
  /** Some attempt may be in a log. */
  mayHappen: boolean
}

export class Clients {
  readonly #cluster: Served
  readonly #settings: ClientSettings
  readonly #random: Random
  readonly #clients: Client[]
  readonly #histories: Readonly<Record<HistoryKind, Draft[]>> = { register: [], swap: [], counter: [] }
  isStopped = false
  readsOnly = false

  constructor(cluster: Served, settings: ClientSettings, random: Random) {
    this.#cluster = cluster
    this.#settings = settings
    this.#random = random
    this.#clients = Array.from({ length: settings.count }, (_, at) => new Client(at + 1, this))
  }

  get cluster(): Served {
    return this.#cluster
  }

  get settings(): ClientSettings {
    return this.#settings
  }

  get random(): Random {
    return this.#random
  }

  get histories(): Readonly<Record<HistoryKind, readonly Operation<Call, Reply>[]>> {
    return this.#histories
  }

  /** Operations that were called and may have taken effect. */
  get operations(): number {
    return historyKinds.reduce((sum, kind) => sum + this.#histories[kind].length, 0)
  }

  /** How many operations the client has completed that has completed fewest. */
  get completedLeast(): number {
    return Math.min(...this.#clients.map(({ completed }) => completed))
  }

  get isIdle(): boolean {
    return this.#clients.every(({ isIdle }) => isIdle)
  }

  start(): void {
    this.isStopped = false
    for (const client of this.#clients) client.think()
  }

  record(kind: HistoryKind, draft: Draft): void {
    this.#histories[kind].push(draft)
  }
}

class Client {
  readonly #id: number
  readonly #all: Clients
  readonly #seen = new Map<string, Cell>()
  #serial = 0
  #open: OpenOperation | undefined
  #isThinking = false
  #leader: NodeId = 0
  completed = 0

  constructor(id: number, all: Clients) {
    this.#id = id
    this.#all = all
  }

  get isIdle(): boolean {
    return this.#open === undefined && !this.#isThinking
  }

  think(): void {
    const { isStopped, settings, random, cluster } = this.#all
    if (isStopped || this.#isThinking || this.#open !== undefined) return
    this.#isThinking = true
    cluster.scheduler.after(random.between(1, settings.thinkMsMax), () => {
      this.#isThinking = false
      this.#begin()
    })
  }

  #begin(): void {
    const { cluster, settings, random, isStopped, readsOnly } = this.#all
    if (isStopped) return
    const at = random.below(settings.keys)
    const kind = historyKinds[at % 3] ?? 'register'
    const key = `${kind} ${at}`
    this.#serial++
    const isRead = random.chance(settings.readPercent) || readsOnly
    const call = isRead ? ({ kind: 'get' } as const) : this.#change(kind, key)
    const draft = { key, call, calledAt: cluster.scheduler.events }
    const command = { client: this.#id, serial: this.#serial, key, call }
    cluster.trace.note('call', this.#id, this.#serial, at)
    this.#open = { draft, command, kind, attempts: 0, mayHappen: false }
    this.#attempt(this.#open)
  }

  #change(kind: HistoryKind, key: string): Call {
    const { random } = this.#all
    // Of no other client and no other operation: a value says who put it.
    const value = this.#id * 2 ** 16 + this.#serial
    if (kind === 'counter') return { kind: 'add', by: random.between(1, 3) }
    if (kind === 'register' || random.chance(20)) return { kind: 'put', value }
    return { kind: 'swap', expected: this.#seen.get(key) ?? null, value }
  }

  #attempt(open: OpenOperation): void {
    const { cluster, settings, random } = this.#all
    const attempt = ++open.attempts
    const target = random.chance(80) ? this.#leader : 0
    const id = cluster.node(target) === undefined ? (pickOf(cluster.ids, random.next()) ?? 0) : target
    const isRead = open.draft.call.kind === 'get'
    let answered = false
    cluster.scheduler.after(cluster.network.delayMs(), () => {
      cluster.node(id)?.ask(open.command, isRead, (answer) => {
        cluster.scheduler.after(cluster.network.delayMs(), () => {
          answered = true
          this.#hear(open, attempt, id, answer)
        })
      })
    })
    cluster.scheduler.after(settings.patienceMs, () => {
      if (answered || this.#open !== open) return
      open.mayHappen = true
      if (open.attempts === attempt) this.#again(open)
    })
  }

  #hear(open: OpenOperation, attempt: number, id: NodeId, answer: Answer): void {
    const { cluster, random } = this.#all
    if (this.#open !== open) return
    if (answer.kind === 'done') {
      this.#leader = id
      this.completed++
      this.#seen.set(
        open.draft.key,
        open.draft.call.kind === 'get' ? answer.reply.value : this.#seenAfter(open, answer.reply)
      )
      open.draft.returned = { at: cluster.scheduler.events, reply: answer.reply }
      cluster.trace.note('return', this.#id, this.#serial, answer.reply.value ?? -1)
      this.#close(open)
      return
    }
    this.#leader = answer.leader
    if (open.attempts !== attempt) return
    cluster.scheduler.after(random.between(10, 40), () => {
      if (this.#open === open && open.attempts === attempt) this.#again(open)
    })
  }

  // What a swap that failed should expect next is not known: some other client knows.
  #seenAfter({ draft: { key, call } }: OpenOperation, { value }: Reply): Cell {
    if (call.kind === 'swap' && value === 0) return null
    return call.kind === 'put' || call.kind === 'swap' ? call.value : (this.#seen.get(key) ?? null)
  }

  #again(open: OpenOperation): void {
    this.#leader = 0
    const { attemptsMax, asksAgain } = this.#all.settings
    if (open.attempts < attemptsMax && (asksAgain || !open.mayHappen)) this.#attempt(open)
    else this.#close(open)
  }

  #close(open: OpenOperation): void {
    this.#open = undefined
    const isKnown = open.draft.returned !== undefined
    if (isKnown || (open.mayHappen && open.draft.call.kind !== 'get')) this.#all.record(open.kind, open.draft)
    this.think()
  }
}
