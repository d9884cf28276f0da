// The model of the metamorphic test: what a program must answer. Spaces of versions (sequence, value, expiry) over a fixed
// universe of keys; nothing is ever dropped, so every snapshot and iterator is only a sequence and a time.
//
// Sequences are part of it: they are a function of the log, one for each operation that was written.
import { entryText, failure, listText, noEntry } from './metamorphic-answers.ts'
import { indexOf, type Range, spanOf, synced, universe } from './metamorphic-keys.ts'
import { decide } from './metamorphic-model-conditional.ts'
import { ModelIterator } from './metamorphic-model-iterator.ts'
import { runTransaction } from './metamorphic-model-transaction.ts'
import {
  type Change,
  type Expiry,
  type Held,
  type Operation,
  type Program,
  type Read,
  type Scan,
  startMs,
  type Upkeep,
  type Write
} from './metamorphic-program.ts'

/** Ways to be wrong on purpose: a test that cannot tell would prove nothing. */
export type Mistake = 'range-end' | 'expiry' | 'snapshot' | 'phantom' | 'sequence' | 'seek'

export interface Version {
  readonly sequence: number
  /** undefined: deleted. */
  readonly value: string | undefined
  /** 0: never. */
  readonly expiresAt: number
}
export interface Entry extends Version {
  readonly value: string
}

/** What reads see: what was written up to a sequence, and has not expired at a time. */
export interface Moment {
  readonly sequence: number
  readonly timeMs: number
}

/** What closes the database, and all that is open on it. */
const closing: readonly string[] = ['reopen', 'crash', 'peek']

/** A space other than the first has its name stored by the first write into it: two operations ahead of it. */
const nameOperations = 2

export class ModelSpace {
  /** Something was written into it. */
  isThere: boolean
  readonly versions: (Version[] | undefined)[] = new Array<undefined>(universe.length).fill(undefined)

  constructor(isThere: boolean) {
    this.isThere = isThere
  }
}

export class Model {
  readonly mistake: Mistake | undefined
  nowMs = startMs
  sequence = 0
  /** Attempts of transactions, those that met a conflict, and writes whose condition held. */
  readonly counts = { attempts: 0, conflicts: 0, conditionsHeld: 0 }
  readonly #spaces: ModelSpace[] = [new ModelSpace(true)]
  readonly #snapshots: ((Moment & { readonly isClosed: boolean }) | undefined)[] = []
  readonly #iterators: (ModelIterator | undefined)[] = []
  readonly #slots: (Entry | undefined)[] = []

  constructor(mistake?: Mistake) {
    this.mistake = mistake
  }

  /** What each operation answers. */
  history(program: Program): string[] {
    return program.map((operation) => this.run(operation))
  }

  get now(): Moment {
    return { sequence: this.sequence, timeMs: this.nowMs }
  }

  space(id: number): ModelSpace {
    let space = this.#spaces[id]
    if (space === undefined) {
      space = new ModelSpace(false)
      this.#spaces[id] = space
    }
    return space
  }

  /** The entry of a key at a moment. */
  at(space: number | ModelSpace, index: number, { sequence, timeMs }: Moment): Entry | undefined {
    const { versions: all } = typeof space === 'number' ? this.space(space) : space
    const versions = all[index]
    if (versions === undefined) return undefined
    let i = versions.length - 1
    while (i >= 0 && (versions[i]?.sequence ?? 0) > sequence) i--
    const version = versions[i]
    if (version?.value === undefined) return undefined
    const isGone = version.expiresAt > 0 && version.expiresAt <= timeMs && this.mistake !== 'expiry'
    return isGone ? undefined : (version as Entry)
  }

  span(range: Range): { readonly start: number; readonly end: number } {
    const { start, end } = spanOf(range)
    const isWrong = this.mistake === 'range-end' && range.lte !== undefined && end > start
    return { start, end: isWrong ? end - 1 : end }
  }

  expiresAt(expiry: Expiry | undefined): number {
    if (expiry === undefined) return 0
    return 'ttl' in expiry ? this.nowMs + expiry.ttl : expiry.expiresAt
  }

  write(change: Change): void {
    if (change.do === 'deleteRange') {
      const { start, end } = this.span(change.range)
      this.deleteSpan(change.space, start, end)
    } else if (change.do === 'del') this.push(change.space, indexOf(change.key), undefined, 0)
    else this.push(change.space, indexOf(change.key), change.value, this.expiresAt(change.expiry))
  }

  #into(id: number): ModelSpace {
    const space = this.space(id)
    if (!space.isThere) this.sequence += nameOperations
    space.isThere = true
    return space
  }

  /** A new version of one key. */
  push(space: number, index: number, value: string | undefined, expiresAt: number): void {
    const { versions } = this.#into(space)
    const version = { sequence: ++this.sequence, value, expiresAt }
    const some = versions[index]
    if (some === undefined) versions[index] = [version]
    else some.push(version)
    if (this.mistake === 'sequence' && expiresAt > 0) this.sequence++
  }

  deleteSpan(space: number, start: number, end: number): void {
    const { versions } = this.#into(space)
    const sequence = ++this.sequence
    for (let i = start; i < end; i++) {
      const some = versions[i]
      if (some?.at(-1)?.value !== undefined) some.push({ sequence, value: undefined, expiresAt: 0 })
    }
  }

  run(operation: Operation): string {
    switch (operation.do) {
      case 'put':
      case 'del':
      case 'deleteRange':
      case 'batch':
        return this.#write(operation)
      case 'putIf':
      case 'delIf':
      case 'increment':
      case 'touch':
      case 'persist':
        return decide(this, operation, this.#slots)
      case 'openSnapshot':
      case 'closeSnapshot':
      case 'openIterator':
      case 'closeIterator':
      case 'next':
      case 'nextv':
      case 'seek':
        return this.#held(operation)
      case 'transaction':
        return runTransaction(this, operation)
      case 'advance':
      case 'flush':
      case 'compact':
      case 'estimate':
      case 'drain':
      case 'clear':
      case 'dropSpace':
      case 'spaces':
      case 'peek':
      case 'checkpoint':
      case 'backup':
      case 'reopen':
      case 'crash':
        return this.#upkeep(operation)
      default:
        return this.#read(operation)
    }
  }

  #write(operation: Write): string {
    if (operation.do !== 'batch') this.write(operation)
    else for (const change of operation.changes) this.write(change)
    return 'ok'
  }

  /** undefined: the snapshot is closed. */
  #moment(snapshot: number | undefined): Moment | undefined {
    const held = snapshot === undefined ? undefined : this.#snapshots[snapshot]
    if (held === undefined) return this.now
    return held.isClosed ? undefined : held
  }

  #read(operation: Read): string {
    if (operation.do === 'together') return operation.reads.map((read) => this.#read(read)).join(' & ')
    const moment = this.#moment('snapshot' in operation ? operation.snapshot : undefined)
    if (moment === undefined) {
      if (operation.do === 'getEntry') this.#slots[operation.slot] = undefined
      return failure('VARVE_CLOSED')
    }
    const { space } = operation
    const textOf = (key: string): string => this.at(space, indexOf(key), moment)?.value ?? noEntry
    const hasKey = (key: string): string => String(textOf(key) !== noEntry)
    switch (operation.do) {
      case 'get':
      case 'getSync':
        return textOf(operation.key)
      case 'has':
        return hasKey(operation.key)
      case 'getMany':
        return listText(operation.keys.map(textOf))
      case 'hasMany':
        return listText(operation.keys.map(hasKey))
      case 'getEntry': {
        const entry = this.at(space, indexOf(operation.key), moment)
        this.#slots[operation.slot] = entry
        return entry === undefined ? noEntry : entryText(entry.value, entry.sequence, entry.expiresAt)
      }
      case 'ttl': {
        const entry = this.at(space, indexOf(operation.key), moment)
        if (entry === undefined) return noEntry
        return entry.expiresAt === 0 ? 'Infinity' : String(entry.expiresAt - moment.timeMs)
      }
      case 'scan':
        return listText(this.#scan(operation, moment).rest())
      case 'count':
        return String(this.#scan({ space, range: operation.range, mode: 'keys' }, moment).rest().length)
      default: {
        const reverse = operation.do === 'last'
        return this.#scan({ space, range: operation.range, mode: 'entries', reverse }, moment).nextv(1)[0] ?? noEntry
      }
    }
  }

  #scan(scan: Scan, moment: Moment): ModelIterator {
    return new ModelIterator(this, scan, moment)
  }

  #held(operation: Held): string {
    switch (operation.do) {
      case 'openSnapshot':
        this.#snapshots[operation.snapshot] = { ...this.now, isClosed: false }
        return 'ok'
      case 'closeSnapshot':
        this.#close(operation.snapshot)
        return 'ok'
      case 'openIterator': {
        const moment = this.#moment(operation.snapshot)
        this.#iterators[operation.slot] = moment === undefined ? undefined : this.#scan(operation, moment)
        return moment === undefined ? failure('VARVE_CLOSED') : 'ok'
      }
      default:
        return this.#iterator(operation, this.#iterators[operation.slot])
    }
  }

  #iterator(operation: Held, iterator: ModelIterator | undefined): string {
    if (iterator === undefined) return 'none'
    if (operation.do === 'closeIterator') {
      iterator.isClosed = true
      return 'ok'
    }
    if (iterator.isClosed) return failure('VARVE_CLOSED')
    if (operation.do === 'next') return iterator.nextv(1)[0] ?? noEntry
    if (operation.do === 'nextv') return listText(iterator.nextv(operation.count))
    if (operation.do === 'seek') iterator.seek(operation.key)
    return 'ok'
  }

  #close(snapshot: number): void {
    const held = this.#snapshots[snapshot]
    if (held !== undefined) this.#snapshots[snapshot] = { ...held, isClosed: true }
  }

  #upkeep(operation: Upkeep): string {
    if (operation.do === 'dropSpace') return this.#drop(operation.space)
    if (operation.do === 'spaces')
      return listText(this.#spaces.flatMap((space, id) => (id > 0 && space.isThere ? [`s${id}`] : [])))
    if (operation.do === 'clear') this.#clear(operation)
    if (operation.do === 'crash' && operation.kind === 'power') this.push(0, indexOf(synced.key), synced.value, 0)
    if (operation.do === 'advance') this.nowMs += operation.ms
    if (closing.includes(operation.do) || ('moves' in operation && operation.moves)) {
      for (const at of this.#snapshots.keys()) this.#close(at)
      for (const iterator of this.#iterators) if (iterator !== undefined) iterator.isClosed = true
    }
    return 'shift' in operation && operation.do !== 'reopen' && operation.do !== 'crash' ? this.#everything() : 'ok'
  }

  /** What a copy of it tells. */
  #everything(): string {
    const spaces = this.#spaces.flatMap((space, id) => {
      const scan = { space: id, range: {}, mode: 'entries' } as const
      return space.isThere ? [`s${id} ${listText(this.#scan(scan, this.now).rest())}`] : []
    })
    return `${this.sequence}: ${spaces.join(' ')}`
  }

  // One range tombstone, or as many tombstones as there are entries.
  #clear({ space, range, limit, reverse }: Extract<Upkeep, { do: 'clear' }>): void {
    const { start, end } = this.span(range)
    const scan = { space, range, reverse: reverse === true, mode: 'keys' } as const
    if (limit === undefined) this.deleteSpan(space, start, end)
    else for (const key of this.#scan({ ...scan, limit }, this.now).rest()) this.push(space, indexOf(key), undefined, 0)
  }

  // Its range and its name; then it is another one, which old snapshots do not know. What was open on the old one refuses.
  #drop(id: number): string {
    if (this.space(id).isThere) this.sequence += nameOperations
    this.#spaces[id] = new ModelSpace(false)
    return failure('VARVE_CLOSED')
  }
}
