// The library against a sorted map: random writes, reads, snapshots, iterators, flushes, compactions, reopenings with
// other options and crashes. Each world is one database; all together must have done enough of everything.
import { expect, test } from 'vitest'
import type { Iterator, Snapshot } from '../../lib/index.ts'
import { campaign, isInstrumented, isLong, report, seedOf } from '../support/campaign.ts'
import {
  ascending,
  entriesOf,
  expectSame,
  keyCount,
  keyOf,
  optionSets,
  type State,
  scattered,
  World
} from './support/model-world.ts'

const size = campaign('library model', {
  short: { worlds: 8, operations: 25_000 },
  long: { worlds: 40, operations: 125_000 },
  instrumented: { worlds: 2, operations: 5_000 }
})

interface Held {
  readonly snapshot: Snapshot
  readonly state: State
}

interface Walk {
  readonly iterator: Iterator<string, string, [string, string]>
  readonly wanted: readonly [string, string][]
  readonly reverse: boolean
  at: number
}

class Run {
  readonly world: World
  #held: Held[] = []
  #walks: Walk[] = []
  /** Writes of an era that are still to come, in ascending order; 0: anywhere. */
  #ascendingLeft = 0
  #ascendingAt = scattered

  constructor(world: World) {
    this.world = world
  }

  below(n: number): number {
    return this.world.below(n)
  }

  #options() {
    return optionSets[this.below(optionSets.length)] ?? {}
  }

  #value(): string {
    const die = this.below(2000)
    const bytes = die === 0 ? 40_000 : die < 20 ? 5000 : this.below(90)
    return `${this.world.tally.operations}${'v'.repeat(bytes)}`
  }

  #change(): [number, string | undefined] {
    if (this.#ascendingLeft > 0) {
      this.#ascendingLeft--
      return [this.#ascendingAt++, this.#value()]
    }
    return [this.below(scattered), this.below(4) === 0 ? undefined : this.#value()]
  }

  #changes(count: number): [number, string | undefined][] {
    return Array.from({ length: this.#ascendingLeft > 0 ? Math.min(count, this.#ascendingLeft) : count }, () =>
      this.#change()
    )
  }

  async step(): Promise<void> {
    const die = this.below(10_000)
    if (die < 3000) await this.#write()
    else if (die < 4600) await this.#batch(this.below(40))
    else if (die < 4610) void this.#batch(1500)
    else if (die < 4660) await this.#flush()
    else if (die < 4672) await this.#compact()
    else if (die < 4680) await this.#reopen()
    else if (die < 4700) await this.#crash()
    else if (die < 4710) await this.#beginAscending()
    else if (die < 5100) await this.#range(this.world.state, undefined)
    else if (die < 5200) await this.#holdOrLet()
    else if (die < 5600) await this.#readHeld()
    else if (die < 6400) await this.#walk()
    else if (die < 6500) await this.#many()
    else await this.#point()
  }

  async #write(): Promise<void> {
    const sync = this.below(40) === 0
    const written = this.world.write([this.#change()], sync, false)
    written.catch(() => undefined)
    if (sync || this.below(20) === 0) await written
  }

  async #batch(count: number): Promise<void> {
    const written = this.world.write(this.#changes(count), this.below(20) === 0, true)
    written.catch(() => undefined)
    if (count < 100) await written
  }

  async #flush(): Promise<void> {
    const flushed = this.world.flush()
    flushed.catch(() => undefined)
    if (this.below(3) > 0) await flushed
  }

  async #compact(): Promise<void> {
    const compacted = this.world.db.compact(
      this.below(3) === 0 ? {} : this.world.range(this.world.state, keyCount).options
    )
    compacted.catch(() => undefined)
    if (this.below(3) > 0) await compacted
  }

  async #letGo(): Promise<void> {
    for (const { iterator } of this.#walks) await iterator.close()
    for (const { snapshot } of this.#held) snapshot.close()
    this.#walks = []
    this.#held = []
  }

  async #reopen(): Promise<void> {
    if (this.below(2) === 0) await this.#letGo()
    this.#walks = []
    this.#held = []
    await this.world.reopen(this.#options())
  }

  async #crash(): Promise<void> {
    this.#walks = []
    this.#held = []
    await this.world.crash(this.#options(), this.below(3) === 0 ? 'process' : 'power')
    this.#ascendingLeft = 0
  }

  // Tables of keys that only ascend overlap nothing: they are moved down as they are.
  async #beginAscending(): Promise<void> {
    const { world } = this
    const count = 1000
    if (this.#ascendingAt + count > scattered + ascending) {
      const all = Array.from({ length: ascending }, (_, i): [number, undefined] => [scattered + i, undefined])
      await world.write(all, false, true)
      await world.db.compact({ gte: keyOf(scattered) })
      this.#ascendingAt = scattered
    }
    this.#ascendingLeft = count
  }

  async #point(): Promise<void> {
    const { db, state, tally } = this.world
    const i = this.below(keyCount)
    tally.operations++
    const key = keyOf(i)
    const die = this.below(3)
    if (die === 2) return expect(await db.has(key), key).toBe(state[i] !== undefined)
    // What is asked for now is what the map holds now, whatever is written meanwhile.
    const wanted = state[i]
    expect(die === 0 ? await db.get(key) : db.getSync(key), key).toBe(wanted)
  }

  async #many(): Promise<void> {
    const some = Array.from({ length: 1 + this.below(50) }, () => this.below(keyCount))
    this.world.tally.operations += some.length
    const wanted = some.map((i) => this.world.state[i])
    expectSame(await this.world.db.getMany(some.map(keyOf)), wanted, 'getMany')
  }

  async #range(state: State, snapshot: Snapshot | undefined): Promise<void> {
    const { db, tally } = this.world
    const { options, wanted } = this.world.range(state, this.below(10) === 0 ? keyCount : 200)
    const limit = this.below(2) === 0 ? -1 : 1 + this.below(100)
    const some = limit < 0 ? wanted : wanted.slice(0, limit)
    const all = { ...options, limit, ...(snapshot === undefined ? {} : { snapshot }) }
    tally.operations++
    const die = this.below(4)
    if (die === 0)
      expectSame(
        await db.keys(all).all(),
        some.map((entry) => entry[0]),
        'keys'
      )
    else if (die === 1)
      expectSame(
        await db.values(all).all(),
        some.map((entry) => entry[1]),
        'values'
      )
    else if (die === 2) expectSame([...db.iterator(all)], some, 'a range, synchronously')
    else expectSame(await db.iterator(all).all(), some, 'a range')
  }

  async #holdOrLet(): Promise<void> {
    if (this.#held.length < 4) {
      this.#held.push({ snapshot: this.world.db.snapshot(), state: this.world.state.slice() })
    } else this.#held.splice(this.below(4), 1)[0]?.snapshot.close()
  }

  async #readHeld(): Promise<void> {
    const held = this.#held[this.below(4)]
    if (held === undefined) return
    const { snapshot, state } = held
    if (this.below(4) === 0) return this.#range(state, snapshot)
    const i = this.below(keyCount)
    this.world.tally.operations++
    expect(await this.world.db.get(keyOf(i), { snapshot }), `${keyOf(i)} of a snapshot`).toBe(state[i])
  }

  /** Iterators that live on while the database changes: some steps of one of them. */
  async #walk(): Promise<void> {
    const at = this.below(4)
    const walk = this.#walks[at]
    if (walk === undefined) {
      const { options, wanted } = this.world.range(this.world.state, 2000)
      const iterator = this.world.db.iterator(options)
      this.#walks.push({ iterator, wanted, reverse: options.reverse === true, at: 0 })
      return
    }
    if (this.below(8) === 0) this.#seek(walk)
    this.world.tally.operations++
    const count = 1 + this.below(60)
    expectSame(await walk.iterator.nextv(count), walk.wanted.slice(walk.at, walk.at + count), 'a page of an iterator')
    walk.at += count
    if (walk.at < walk.wanted.length || this.below(2) === 0) return
    await walk.iterator.close()
    this.#walks.splice(at, 1)
  }

  #seek(walk: Walk): void {
    const key = keyOf(this.below(keyCount))
    walk.iterator.seek(key)
    const found = walk.wanted.findIndex(([one]) => (walk.reverse ? one <= key : one >= key))
    walk.at = found < 0 ? walk.wanted.length : found
  }

  async checkAll(): Promise<void> {
    const { world } = this
    world.noteLevels(world.db.stats().levels)
    expectSame(await world.db.iterator().all(), entriesOf(world.state, 0, keyCount, false), 'everything')
  }

  async end(): Promise<void> {
    await this.checkAll()
    await this.#letGo()
    await this.world.db.drain()
    await this.checkAll()
    await this.#reopen()
    await this.checkAll()
    await this.world.close()
  }
}

test('agrees with a sorted map', { timeout: isLong ? 3_600_000 : 180_000 }, async () => {
  const seed = seedOf('library model')
  const total = { operations: 0, flushes: 0, compactions: 0, moves: 0, reopens: 0, crashes: 0, levelsMost: 0 }
  for (let i = 0; i < size.worlds; i++) {
    const world = new World((seed + i) % 2 ** 32)
    await world.open(optionSets[i % optionSets.length] ?? {})
    const run = new Run(world)
    for (let steps = 0; world.tally.operations < size.operations; steps++) {
      await run.step()
      if (steps % 1000 === 999) await run.checkAll()
    }
    await run.end()
    const levelsMost = Math.max(total.levelsMost, world.tally.levelsMost)
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += world.tally[name]
    total.levelsMost = levelsMost
  }
  console.log(`library model: ${JSON.stringify(total)}`)
  report('library model', total)
  if (isInstrumented) return
  expect(total.flushes).toBeGreaterThanOrEqual(200)
  expect(total.compactions).toBeGreaterThanOrEqual(100)
  expect(total.moves).toBeGreaterThanOrEqual(10)
  expect(total.levelsMost).toBeGreaterThanOrEqual(3)
  expect(total.crashes).toBeGreaterThan(0)
  expect(total.reopens).toBeGreaterThan(0)
})
