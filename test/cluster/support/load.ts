// 64 clients at work. Each asks one thing at a time and never the same again: what was not answered stays unknown. When a leader
// is lost each looks for the next by itself, by what members answer.
import { type Random, randomOf } from '../../server/support/random.ts'
import { History } from './history.ts'
import { RawConnection, requestOf } from './raw-connection.ts'

export interface Member {
  readonly id: number
  readonly port: number
}

const clientCount = 64
const registers = 32
/** Somebody who was stopped says nothing. Drawn between this and twice this, so that not all turn away at once. */
const patienceMsDefault = 2_500
/** Nothing was acknowledged for so long: whoever waits is told. */
const hungMs = 30_000

const spaceOf = (round: number): string => `r${round}:`

export class Load {
  readonly history: History
  readonly members: readonly Member[]
  readonly patienceMs: number
  readonly #seed: number
  #round = 0
  #isEnding = true
  #isDeaf = false
  #running: Promise<unknown> = Promise.resolve()
  /** Acknowledged writes, and by whom the last was. */
  #count = 0
  #lastBy: Member | undefined
  #lastMs = 0
  #longestMs = 0
  #wake: () => void = () => {}

  constructor(members: readonly Member[], seed: number, patienceMs = patienceMsDefault) {
    this.patienceMs = patienceMs
    this.history = new History()
    this.members = members
    this.#seed = seed
  }

  get round(): number {
    return this.#round
  }

  get isEnding(): boolean {
    return this.#isEnding
  }

  get acknowledged(): number {
    return this.#count
  }

  /** Whoever acknowledged last leads, or did. */
  get leader(): Member | undefined {
    return this.#lastBy
  }

  /** The longest time between two acknowledged writes since the last `watch`. */
  get gapMs(): number {
    return this.#longestMs
  }

  watch(): void {
    this.#longestMs = 0
  }

  register(i: number): string {
    return `${spaceOf(this.#round)}${i}`
  }

  get registerCount(): number {
    return registers
  }

  /** Begins a round, on registers of its own. */
  begin(): void {
    this.#round++
    this.#isEnding = false
    this.#isDeaf = false
    this.#lastMs = performance.now()
    const random = randomOf(this.#seed + this.#round)
    const clients = Array.from({ length: clientCount }, (_, i) => new Client(this, i, randomOf(random.below(2 ** 32))))
    this.#running = Promise.all(clients.map((client) => client.run()))
  }

  /** Resolves once every client has what it asked for last, or has lost it. */
  async end(): Promise<void> {
    this.#isEnding = true
    await this.#running
  }

  /** What is answered from here on counts as not answered. */
  hearNoMore(): void {
    this.#isDeaf = true
  }

  get isDeaf(): boolean {
    return this.#isDeaf
  }

  /** So many writes more, `by` somebody for whom it holds. */
  async more(writes: number, by: (member: Member) => boolean = () => true): Promise<void> {
    let left = writes
    const hung = setTimeout(() => {
      left = Number.NaN
      this.#wake()
    }, hungMs)
    while (left > 0) {
      const before = this.#count
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (this.#lastBy !== undefined && by(this.#lastBy)) left -= this.#count - before
    }
    clearTimeout(hung)
    if (Number.isNaN(left)) throw new Error(`${writes} writes more did not come in ${hungMs} ms`)
  }

  acknowledge(member: Member, nowMs: number): void {
    this.#count++
    this.#lastBy = member
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs)
    this.#lastMs = nowMs
    this.#wake()
  }
}

class Client {
  readonly #load: Load
  readonly #name: string
  readonly #random: Random
  readonly #patienceMs: number
  #at: Member
  #connection: RawConnection | undefined
  /** Where it reads besides, and its connection there. */
  readonly #reads: Member
  #reading: RawConnection | undefined
  #written = 0

  constructor(load: Load, number: number, random: Random) {
    this.#load = load
    this.#name = `${load.round}:${number}`
    this.#random = random
    this.#patienceMs = load.patienceMs + random.below(load.patienceMs)
    this.#at = load.leader ?? random.pick(load.members)
    this.#reads = load.members[number % load.members.length] as Member
  }

  async run(): Promise<void> {
    while (!this.#load.isEnding) await this.#step()
    this.#connection?.close()
    this.#reading?.close()
  }

  async #step(): Promise<void> {
    const draw = this.#random.below(8)
    if (draw < 2) return this.#readElsewhere()
    if (this.#connection === undefined || this.#connection.isOver) {
      this.#connection = await RawConnection.open(this.#at.port, this.#patienceMs)
    }
    const connection = this.#connection
    if (connection === undefined) return this.#turnTo(undefined)
    if (draw < 3) return this.#read(connection)
    await this.#write(connection, draw < 6)
  }

  async #readElsewhere(): Promise<void> {
    if (this.#reading === undefined || this.#reading.isOver) {
      this.#reading = await RawConnection.open(this.#reads.port, this.#patienceMs)
    }
    if (this.#reading !== undefined) await this.#read(this.#reading)
  }

  async #read(connection: RawConnection): Promise<void> {
    const { history } = this.#load
    const key = this.#load.register(this.#random.below(this.#load.registerCount))
    const calledAt = performance.now()
    const reply = await this.#ask(connection, requestOf('GET', key))
    if (reply === undefined || reply.startsWith('-')) history.counts.refused++
    else history.read(key, numberOf(reply), calledAt, performance.now())
  }

  async #write(connection: RawConnection, isRegister: boolean): Promise<void> {
    const { history } = this.#load
    const member = this.#at
    const value = history.nextValue()
    const key = isRegister
      ? this.#load.register(this.#random.below(this.#load.registerCount))
      : `once:${this.#name}:${++this.#written}`
    const calledAt = performance.now()
    const reply = await this.#ask(connection, requestOf('SET', key, String(value)))
    const at = performance.now()
    if (reply === '+OK\r\n') {
      history.counts.writes++
      if (isRegister) history.wrote(key, value, calledAt, at)
      else history.acknowledged.push(key)
      this.#load.acknowledge(member, at)
    } else if (reply === undefined) {
      history.counts.unknown++
      if (isRegister) history.wrote(key, value, calledAt, undefined)
      this.#turnTo(undefined)
    } else {
      // It was not done, and nobody may ever read it: the history does not know of it.
      history.counts.refused++
      this.#turnTo(reply)
    }
  }

  async #ask(connection: RawConnection, request: string): Promise<string | undefined> {
    const reply = await connection.ask(request)
    return this.#load.isDeaf ? undefined : reply
  }

  /** To whom a reply names, else to the next one. */
  #turnTo(reply: string | undefined): void {
    const { members } = this.#load
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(reply ?? '')?.[1])
    const next = members[(members.indexOf(this.#at) + 1) % members.length] as Member
    this.#connection?.close()
    this.#connection = undefined
    this.#at = members.find((member) => member.port === port) ?? next
  }
}

/** Of a reply to GET. */
export function numberOf(reply: string): number | null {
  return reply.startsWith('$-1') || reply.startsWith('_') ? null : Number(reply.slice(reply.indexOf('\n') + 1))
}
