// Transactions of the model: attempts at a moment, with writes of their own on top, that succeed when what was read is
// still so at the end. It mirrors what counts as read: keys, and of a range the part that was passed.
import { failure, itemText, listText, noEntry } from './metamorphic-answers.ts'
import { indexOf, keyOf } from './metamorphic-keys.ts'
import type { Model, Moment } from './metamorphic-model.ts'
import { seekIndex } from './metamorphic-model-iterator.ts'
import type { Change, Scan, Step, TransactionOperation } from './metamorphic-program.ts'

interface Own {
  readonly value: string | undefined
  readonly expiresAt: number
}

/** [start, end) was passed, and so many entries of the snapshot were there. */
interface Stretch {
  readonly space: number
  readonly start: number
  readonly end: number
  readonly entries: number
}

class OwnWrites {
  readonly writes = new Map<number, Own>()
  readonly ranges: (readonly [start: number, end: number])[] = []

  get(index: number): Own | undefined {
    const own = this.writes.get(index)
    if (own !== undefined) return own
    const isDeleted = this.ranges.some(([start, end]) => index >= start && index < end)
    return isDeleted ? { value: undefined, expiresAt: 0 } : undefined
  }

  deleteRange(start: number, end: number): void {
    for (const index of [...this.writes.keys()]) if (index >= start && index < end) this.writes.delete(index)
    this.ranges.push([start, end])
  }
}

class Attempt {
  readonly model: Model
  readonly moment: Moment
  readonly keys = new Map<string, readonly [space: number, index: number, sequence: number | undefined]>()
  readonly scans: OwnIterator[] = []
  readonly #own: (OwnWrites | undefined)[] = []

  constructor(model: Model) {
    this.model = model
    this.moment = model.now
  }

  own(space: number): OwnWrites {
    const own = this.#own[space] ?? new OwnWrites()
    this.#own[space] = own
    return own
  }

  /** What its own write says of the key: undefined when there is none. */
  ownValue(space: number, index: number): { readonly value: string | undefined } | undefined {
    const own = this.own(space).get(index)
    if (own === undefined) return undefined
    const isGone = own.expiresAt > 0 && own.expiresAt <= this.moment.timeMs && this.model.mistake !== 'expiry'
    return { value: isGone ? undefined : own.value }
  }

  get(space: number, key: string): string {
    const index = indexOf(key)
    const own = this.ownValue(space, index)
    if (own !== undefined) return own.value ?? noEntry
    const entry = this.model.at(space, index, this.moment)
    this.keys.set(`${space}:${index}`, [space, index, entry?.sequence])
    return entry?.value ?? noEntry
  }

  write(change: Change): void {
    const own = this.own(change.space)
    if (change.do === 'deleteRange') {
      const { start, end } = this.model.span(change.range)
      own.deleteRange(start, end)
    } else if (change.do === 'del') own.writes.set(indexOf(change.key), { value: undefined, expiresAt: 0 })
    else {
      const expiresAt = this.model.expiresAt(change.expiry)
      own.writes.set(indexOf(change.key), { value: change.value, expiresAt })
    }
  }

  get hasWrites(): boolean {
    return this.#own.some((own) => own !== undefined && own.writes.size + own.ranges.length > 0)
  }

  /** Whether all that was read is still so. */
  holds(): boolean {
    const { model, moment } = this
    for (const [space, index, sequence] of this.keys.values()) {
      if (model.at(space, index, model.now)?.sequence !== sequence) return false
    }
    if (model.mistake === 'phantom') return true
    for (const { space, start, end, entries } of this.scans.flatMap((scan) => scan.stretches())) {
      let count = 0
      for (let i = start; i < end; i++) {
        const entry = model.at(space, i, model.now)
        if (entry === undefined) continue
        if (entry.sequence > moment.sequence) return false
        count++
      }
      if (count !== entries) return false
    }
    return true
  }

  /** Space by space in the order they were first used, ranges first, then keys in the order they were first written. */
  layDown(order: readonly number[]): void {
    for (const space of order) {
      const { ranges, writes } = this.own(space)
      for (const [start, end] of ranges) this.model.deleteSpan(space, start, end)
      for (const [index, { value, expiresAt }] of writes) this.model.push(space, index, value, expiresAt)
    }
  }
}

class OwnIterator {
  readonly #attempt: Attempt
  readonly #scan: Scan
  readonly #start: number
  readonly #end: number
  readonly #past: Stretch[] = []
  #at: number
  #left: number
  /** Of the present stretch: where it began, whether it moved at all, and whether it came to the end. */
  #from: number
  #moved = false
  #isAtEnd = false
  #entries = 0

  constructor(attempt: Attempt, scan: Scan) {
    this.#attempt = attempt
    this.#scan = scan
    const { start, end } = attempt.model.span(scan.range)
    this.#start = start
    this.#end = end
    this.#at = scan.reverse === true ? end - 1 : start
    this.#from = this.#at
    this.#left = scan.limit ?? Number.POSITIVE_INFINITY
    attempt.scans.push(this)
  }

  nextv(count: number): string[] {
    const found: string[] = []
    while (found.length < count && this.#left > 0) {
      const item = this.#next()
      if (item === undefined) break
      found.push(item)
      this.#left--
    }
    return found
  }

  #next(): string | undefined {
    const { space, mode, reverse } = this.#scan
    while (this.#at >= this.#start && this.#at < this.#end) {
      const index = this.#at
      this.#at += reverse === true ? -1 : 1
      const entry = this.#attempt.model.at(space, index, this.#attempt.moment)
      if (entry !== undefined) this.#entries++
      const own = this.#attempt.ownValue(space, index)
      const value = own === undefined ? entry?.value : own.value
      if (value === undefined) continue
      this.#moved = true
      return itemText(mode, keyOf(index), value)
    }
    this.#moved = true
    this.#isAtEnd = true
    return undefined
  }

  seek(key: string): void {
    this.#past.push(...this.#stretch())
    this.#at = seekIndex(this.#attempt.model, key, this.#scan.reverse === true, this.#start, this.#end)
    this.#from = this.#at
    this.#moved = false
    this.#isAtEnd = false
    this.#entries = 0
  }

  #stretch(): Stretch[] {
    if (!this.#moved) return []
    const { space, reverse } = this.#scan
    const isReverse = reverse === true
    let [start, end] = isReverse ? [this.#start, this.#from + 1] : [this.#from, this.#end]
    if (!this.#isAtEnd && isReverse) start = this.#at + 1
    if (!this.#isAtEnd && !isReverse) end = this.#at
    return [{ space, start, end, entries: this.#entries }]
  }

  stretches(): Stretch[] {
    return [...this.#past, ...this.#stretch()]
  }
}

class Run {
  readonly #attempt: Attempt
  readonly #iterators: (OwnIterator | undefined)[] = []
  /** Spaces in the order they were first used; the default one always is. */
  readonly order: number[] = [0]

  constructor(attempt: Attempt) {
    this.#attempt = attempt
  }

  step(step: Step, isDisturbed: boolean): string | undefined {
    const { model } = this.#attempt
    if ('space' in step && !this.order.includes(step.space)) this.order.push(step.space)
    switch (step.do) {
      case 'put':
      case 'del':
      case 'deleteRange':
        this.#attempt.write(step)
        return undefined
      case 'get':
        return this.#attempt.get(step.space, step.key)
      case 'has':
        return String(this.#attempt.get(step.space, step.key) !== noEntry)
      case 'getMany':
        return listText(step.keys.map((key) => this.#attempt.get(step.space, key)))
      case 'open':
        this.#iterators[step.slot] = new OwnIterator(this.#attempt, step)
        return undefined
      case 'next':
        return listText(this.#iterators[step.slot]?.nextv(step.count) ?? [])
      case 'seek':
        this.#iterators[step.slot]?.seek(step.key)
        return undefined
      case 'outside':
        if (isDisturbed) model.write(step.change)
        return undefined
      case 'outsideAdvance':
        if (isDisturbed) model.nowMs += step.ms
        return undefined
    }
  }
}

/** Attempts until one succeeds: what each of them read, and the outcome. */
export function runTransaction(model: Model, operation: TransactionOperation): string {
  const answers: string[] = []
  for (let attempts = 1; ; attempts++) {
    model.counts.attempts++
    const attempt = new Attempt(model)
    const run = new Run(attempt)
    for (const step of operation.steps) {
      const answer = run.step(step, attempts <= operation.disturbed)
      if (answer !== undefined) answers.push(answer)
    }
    if (operation.throws === true) return `${answers.join(' ')} thrown`
    if (!attempt.hasWrites || attempt.holds()) {
      attempt.layDown(run.order)
      return `${answers.join(' ')} after ${attempts}`
    }
    model.counts.conflicts++
    answers.push('|')
    if (attempts > (operation.retries ?? Number.POSITIVE_INFINITY)) {
      return `${answers.join(' ')} ${failure('VARVE_CONFLICT')}`
    }
  }
}
