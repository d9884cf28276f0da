// Transactions of metamorphic programs: reads, own writes and iterators in any order, some disturbed from outside.
import type { Drawing } from './metamorphic-generator.ts'
import { type Range, scattered } from './metamorphic-keys.ts'
import type { Change, Scan, Step, TransactionOperation } from './metamorphic-program.ts'

export interface Draws {
  below(n: number): number
  oneOf<Choice>(choices: readonly Choice[]): Choice
}

const slots = 2

/** Most of what it does is in a few neighbouring keys, and so is what disturbs it: or they would hardly ever meet. */
export class GeneratedTransaction {
  readonly #draw: Drawing
  readonly #first: number
  readonly #size: number
  readonly #space: number

  constructor(draw: Drawing) {
    this.#draw = draw
    this.#size = 2 + draw.below(20)
    this.#first = draw.below(scattered.length - this.#size)
    this.#space = draw.space()
  }

  operation(): TransactionOperation {
    const draw = this.#draw
    const isDisturbed = draw.rarely(2)
    const steps = Array.from({ length: 1 + draw.below(14) }, () => this.#step(isDisturbed))
    if (isDisturbed) steps.push(...this.#crossing(steps))
    return {
      do: 'transaction',
      steps,
      // The fourth attempt is admitted alone, which keeps no plain writer away.
      disturbed: isDisturbed ? 1 + (draw.rarely(4) ? draw.below(5) : 0) : 0,
      ...(draw.rarely(10) ? { throws: true } : {}),
      ...(draw.rarely(20) ? { sync: true } : {}),
      ...(draw.rarely(4) ? { retries: draw.below(5) } : {})
    }
  }

  // Somebody else writes what was read, and it writes itself: a conflict, unless it was written back or is gone again.
  #crossing(steps: readonly Step[]): Step[] {
    const change = this.#change()
    const read = steps.find((step) => step.do === 'get')
    if (read?.do !== 'get' || this.#draw.rarely(3)) return [change]
    const { space, key } = read
    const other = this.#draw.rarely(3) ? ({ do: 'del', space, key } as const) : { ...this.#draw.put(key), space }
    return [{ do: 'outside', change: other }, change]
  }

  #isElsewhere(): boolean {
    return this.#draw.rarely(10)
  }

  #key(): string {
    const draw = this.#draw
    return this.#isElsewhere() ? draw.key() : (scattered[this.#first + draw.below(this.#size)] ?? '')
  }

  #where(): number {
    return this.#isElsewhere() ? this.#draw.space() : this.#space
  }

  #range(): Range {
    const draw = this.#draw
    const from = this.#first + draw.below(this.#size)
    const low = scattered[from] ?? ''
    const high = scattered[from + draw.below(this.#first + this.#size - from + 1)] ?? '~'
    return {
      ...(draw.rarely(2) ? { gte: low } : { gt: low }),
      ...(draw.rarely(2) ? { lt: high } : { lte: high })
    }
  }

  #change(): Change {
    const draw = this.#draw
    if (this.#isElsewhere()) return draw.change()
    const die = draw.below(20)
    if (die < 13) return { ...draw.put(this.#key()), space: this.#where() }
    if (die < 18) return { do: 'del', space: this.#where(), key: this.#key() }
    return { do: 'deleteRange', space: this.#where(), range: this.#range() }
  }

  #scan(): Scan {
    const scan = this.#draw.scan(150)
    return this.#isElsewhere() ? scan : { ...scan, space: this.#where(), range: this.#range() }
  }

  #step(isDisturbed: boolean): Step {
    const draw = this.#draw
    const die = draw.below(100)
    if (die < 20) return { do: draw.rarely(3) ? 'has' : 'get', space: this.#where(), key: this.#key() }
    if (die < 23) {
      const keys = Array.from({ length: 1 + draw.below(8) }, () => this.#key())
      return { do: 'getMany', space: this.#where(), keys }
    }
    if (die < 42) return this.#change()
    if (die < 54) return { do: 'open', slot: draw.below(slots), ...this.#scan() }
    if (die < 73) return { do: 'next', slot: draw.below(slots), count: 1 + draw.below(draw.rarely(4) ? 200 : 12) }
    if (die < 78) return { do: 'seek', slot: draw.below(slots), key: this.#key() }
    if (!isDisturbed) return { do: 'get', space: this.#where(), key: this.#key() }
    if (die < 98) return { do: 'outside', change: this.#change() }
    const ms = draw.below(500)
    draw.nowMs += ms
    return { do: 'outsideAdvance', ms }
  }
}
