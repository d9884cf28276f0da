// From a seed to a program of the metamorphic test. The same seed gives the same program; nothing here knows a database.
import { drawsOf, randomOf } from '../../support/random.mjs'
import { type Draws, GeneratedTransaction } from './metamorphic-generator-transaction.ts'
import { ascending, counters, grouped, odd, type Range, scattered } from './metamorphic-keys.ts'
import {
  type Change,
  type Condition,
  type Conditional,
  type Expiry,
  type Mode,
  type Operation,
  type Program,
  type Read,
  type Scan,
  startMs,
  type Upkeep,
  type Write
} from './metamorphic-program.ts'

export interface Shape {
  readonly operations: number
  /** How many spaces it uses, and how many slots of each kind. */
  readonly spaces: number
  readonly optionSets: number
}

const slots = 4
const hotKeys = 60
const modes: readonly Mode[] = ['entries', 'entries', 'keys', 'values']

/** What programs are drawn from: keys, values, ranges, changes. */
export class Drawing {
  readonly draws: Draws
  readonly #shape: Shape
  #values = 0
  /** Changes of an era of ascending keys that are still to come, and where it stands. */
  #ascendingLeft = 0
  #ascendingAt = 0
  nowMs = startMs

  constructor(seed: number, shape: Shape) {
    this.draws = drawsOf(randomOf(seed))
    this.#shape = shape
  }

  below(n: number): number {
    return this.draws.below(n)
  }

  /** One in n. */
  rarely(n: number): boolean {
    return this.draws.below(n) === 0
  }

  space(): number {
    return this.rarely(3) ? this.below(this.#shape.spaces) : 0
  }

  anySpace(): number {
    return this.below(this.#shape.spaces)
  }

  slot(): number {
    return this.below(slots)
  }

  shift(): number {
    return this.rarely(2) ? 0 : this.below(this.#shape.optionSets)
  }

  hotKey(): string {
    return scattered[this.below(hotKeys) * 31] ?? ''
  }

  key(): string {
    const die = this.below(100)
    if (die < 45) return this.hotKey()
    if (die < 80) return this.draws.oneOf(scattered)
    if (die < 90) return this.draws.oneOf(grouped)
    return die < 94 ? this.draws.oneOf(odd) : die < 97 ? this.draws.oneOf(counters) : this.draws.oneOf(ascending)
  }

  keys(most: number): string[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.key())
  }

  value(): string {
    const die = this.below(2000)
    const size = die === 0 ? 40_000 : die < 20 ? 5000 : this.below(120)
    return `${++this.#values}*${size}`
  }

  expiry(): Expiry {
    const die = this.below(10)
    if (die === 0) return { expiresAt: this.nowMs - this.below(3) }
    if (die < 3) return { expiresAt: this.nowMs + 1 + this.below(2000) }
    return { ttl: 1 + this.below(die < 8 ? 3000 : 120_000) }
  }

  #anyKey(): string {
    const key = this.key()
    // Between two keys, or before and after all.
    if (!this.rarely(4)) return key
    // By characters: half of one is no key.
    const characters = [...key]
    return `${characters.slice(0, this.below(characters.length + 1)).join('')}${this.rarely(2) ? '' : '~'}`
  }

  range(mostKeys: number): Range {
    const die = this.below(20)
    if (die === 0) return {}
    if (die === 1) return this.rarely(2) ? { gte: this.#anyKey() } : { lt: this.#anyKey() }
    if (die < 5) return { prefix: this.#prefix(), ...(this.rarely(3) ? { gt: this.#anyKey() } : {}) }
    if (die === 5) return { gt: this.#anyKey(), lte: this.#anyKey() }
    const first = this.below(scattered.length)
    const low = scattered[first] ?? ''
    const high = scattered[Math.min(scattered.length - 1, first + this.below(mostKeys))] ?? ''
    return {
      ...(this.rarely(2) ? { gte: low } : { gt: low }),
      ...(this.rarely(2) ? { lt: high } : { lte: high })
    }
  }

  #prefix(): string {
    if (this.rarely(2)) return `p/${this.below(25)}/`
    return [...this.key()].slice(0, 3 + this.below(2)).join('')
  }

  scan(mostKeys: number): Scan {
    const limit = this.rarely(2) ? {} : { limit: this.below(60) }
    const reverse = this.rarely(2) ? { reverse: true } : {}
    return { space: this.space(), range: this.range(mostKeys), mode: this.draws.oneOf(modes), ...reverse, ...limit }
  }

  put(key = this.key()): Change {
    const value = counters.includes(key) ? String(this.below(1000) - 500) : this.value()
    const expiry = this.rarely(4) ? { expiry: this.expiry() } : {}
    return { do: 'put', space: this.space(), key, value, ...expiry }
  }

  change(): Change {
    if (this.#ascendingLeft > 0) {
      this.#ascendingLeft--
      return { do: 'put', space: 0, key: ascending[this.#ascendingAt++ % ascending.length] ?? '', value: this.value() }
    }
    const die = this.below(100)
    if (die < 72) return this.put()
    if (die < 96) return { do: 'del', space: this.space(), key: this.key() }
    return { do: 'deleteRange', space: this.space(), range: this.#deleted() }
  }

  // Most of them are short, or nothing would ever be there.
  #deleted(): Range {
    if (this.rarely(60)) return { gte: this.#anyKey(), ...this.range(1000) }
    const first = this.below(scattered.length)
    if (this.rarely(5)) return { prefix: `p/${this.below(25)}/` }
    return { gte: scattered[first] ?? '', lt: scattered[Math.min(scattered.length - 1, first + this.below(40))] ?? '' }
  }

  changes(count: number): Change[] {
    const length = this.#ascendingLeft > 0 ? Math.min(count, this.#ascendingLeft) : count
    return Array.from({ length }, () => this.change())
  }

  get isAscending(): boolean {
    return this.#ascendingLeft > 0
  }

  /**
   * Changes are in ascending order for a while: what overlaps nothing is moved down as it is. Room is made first, and the
   * tombstones of that are compacted away.
   */
  beginAscending(): Operation[] {
    const count = 1000
    const from = this.#ascendingAt % ascending.length
    this.#ascendingLeft = count
    const range = { gte: ascending[from] ?? '', lte: ascending[Math.min(ascending.length, from + count) - 1] ?? '' }
    return [
      { do: 'deleteRange', space: 0, range, wait: true },
      { do: 'compact', space: 0, range: { gte: 'z' }, wait: true }
    ]
  }
}

class Generator {
  readonly #draw: Drawing
  readonly #due: Operation[] = []

  constructor(seed: number, shape: Shape) {
    this.#draw = new Drawing(seed, shape)
  }

  next(): Operation {
    const draw = this.#draw
    const due = this.#due.shift()
    if (due !== undefined) return due
    const die = draw.below(10_000)
    if (draw.isAscending && die < 4600)
      return { do: 'batch', changes: draw.changes(1 + draw.below(30)), ...this.#way() }
    if (die < 2500) return this.#write(draw.change())
    if (die < 3300) return { do: 'batch', changes: draw.changes(1 + draw.below(20)), ...this.#way() }
    if (die < 3304) return { do: 'batch', changes: draw.changes(1100 + draw.below(500)), ...this.#way() }
    if (die < 3311) {
      this.#due.push(...draw.beginAscending())
      return { do: 'drain' }
    }
    if (die < 4100) return this.#conditional()
    if (die < 4800) return new GeneratedTransaction(draw).operation()
    if (die < 5100) return this.#advance()
    if (die < 7400) return this.#read()
    if (die < 7500) return { do: 'together', reads: Array.from({ length: 2 + draw.below(6) }, () => this.#atOnce()) }
    if (die < 7700) return { do: draw.rarely(3) ? 'closeSnapshot' : 'openSnapshot', snapshot: draw.slot() }
    if (die < 9820) return this.#iterator()
    return this.#upkeep()
  }

  #way(): { readonly sync?: boolean; readonly wait: boolean } {
    return { ...(this.#draw.rarely(40) ? { sync: true } : {}), wait: this.#draw.rarely(2) }
  }

  #write(change: Change): Write {
    return { ...change, ...this.#way() }
  }

  #advance(): Upkeep {
    const ms = this.#draw.rarely(30) ? 150_000 : this.#draw.below(400)
    this.#draw.nowMs += ms
    return { do: 'advance', ms }
  }

  #condition(): Condition {
    const draw = this.#draw
    if (draw.rarely(3)) return { absent: true }
    return { slot: draw.slot(), by: draw.rarely(2) ? 'value' : 'sequence' }
  }

  // Keys of conditional writes are few, so that a condition sometimes holds.
  #conditional(): Conditional {
    const draw = this.#draw
    const space = draw.rarely(4) ? draw.space() : 0
    const key = draw.rarely(2) ? (scattered[draw.below(6) * 31] ?? '') : draw.key()
    const die = draw.below(7)
    if (die < 2) {
      const expiry = draw.rarely(3) ? { expiry: draw.expiry() } : {}
      return { do: 'putIf', space, key, value: draw.value(), condition: this.#condition(), ...expiry }
    }
    if (die === 2) return { do: 'delIf', space, key, condition: this.#condition() }
    if (die < 5) {
      const place = draw.rarely(30) ? key : draw.draws.oneOf(counters)
      return { do: 'increment', space, key: place, by: draw.below(20) - 9 }
    }
    if (die === 5) return { do: 'touch', space, key, expiry: draw.expiry() }
    return { do: 'persist', space, key }
  }

  #read(): Read {
    const draw = this.#draw
    const at = draw.rarely(4) ? { snapshot: draw.slot() } : {}
    const space = draw.space()
    const die = draw.below(100)
    if (die < 20) return { do: 'get', space, key: draw.key(), ...at }
    if (die < 30) return { do: 'getSync', space, key: draw.key(), ...at }
    if (die < 38) return { do: 'has', space, key: draw.key(), ...at }
    if (die < 52) {
      const key = draw.rarely(2) ? (scattered[draw.below(6) * 31] ?? '') : draw.key()
      return { do: 'getEntry', space: draw.rarely(4) ? space : 0, key, slot: draw.slot(), ...at }
    }
    if (die < 57) return { do: 'ttl', space, key: draw.key() }
    if (die < 62) return { do: draw.rarely(2) ? 'getMany' : 'hasMany', space, keys: draw.keys(40), ...at }
    if (die < 85) {
      const style = draw.draws.oneOf(['all', 'sync', 'await'] as const)
      return { do: 'scan', ...draw.scan(draw.rarely(20) ? 3000 : 150), style, ...at }
    }
    const kind = draw.draws.oneOf(['count', 'first', 'last'] as const)
    return { do: kind, space, range: draw.range(draw.rarely(20) ? 3000 : 150), ...at }
  }

  // Which of two that remember something comes last is not known.
  #atOnce(): Read {
    const read = this.#read()
    return read.do === 'getEntry' ? { ...read, do: 'get' } : read
  }

  #iterator(): Operation {
    const draw = this.#draw
    const slot = draw.slot()
    const die = draw.below(100)
    if (die < 14) {
      const at = draw.rarely(4) ? { snapshot: draw.slot() } : {}
      const { limit, ...scan } = draw.scan(2000)
      return { do: 'openIterator', slot, ...scan, ...(draw.rarely(3) ? { limit: limit ?? 200 } : {}), ...at }
    }
    if (die < 45) return { do: 'next', slot }
    if (die < 85) return { do: 'nextv', slot, count: 1 + draw.below(60) }
    return die < 97
      ? { do: 'seek', slot, key: draw.rarely(3) ? draw.key() : draw.hotKey() }
      : { do: 'closeIterator', slot }
  }

  #upkeep(): Upkeep {
    const draw = this.#draw
    const die = draw.below(180)
    if (die >= 165) return this.#clear()
    if (die >= 150) return this.#drop()
    if (die < 60) return { do: 'flush', wait: draw.rarely(2) }
    if (die < 85) {
      return { do: 'compact', space: draw.space(), range: draw.rarely(3) ? {} : draw.range(2000), wait: draw.rarely(2) }
    }
    if (die < 92) return { do: draw.rarely(2) ? 'checkpoint' : 'backup', shift: draw.shift(), moves: draw.rarely(2) }
    if (die < 96) return { do: 'peek', shift: draw.shift() }
    if (die < 105) return { do: 'estimate', space: draw.space(), range: draw.range(500) }
    if (die < 114) return { do: 'drain' }
    if (die < 116) return { do: 'spaces' }
    if (die < 127) return { do: 'reopen', shift: draw.shift() }
    if (die < 145) {
      const kind = draw.rarely(3) ? 'process' : 'power'
      return { do: 'crash', kind, shift: draw.shift(), seed: 1 + draw.below(2 ** 31) }
    }
    return this.#advance()
  }

  #drop(): Upkeep {
    const space = this.#draw.anySpace()
    return space === 0 ? { do: 'spaces' } : { do: 'dropSpace', space }
  }

  #clear(): Upkeep {
    const draw = this.#draw
    const space = draw.space()
    if (draw.rarely(4)) return { do: 'clear', space, range: draw.rarely(3) ? {} : draw.range(50) }
    const reverse = draw.rarely(2) ? { reverse: true } : {}
    return { do: 'clear', space, range: draw.range(500), limit: draw.below(30), ...reverse }
  }
}

export function generate(seed: number, shape: Shape): Program {
  const generator = new Generator(seed, shape)
  return Array.from({ length: shape.operations }, () => generator.next())
}
