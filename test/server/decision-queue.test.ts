// The queue of a database's writes and decisions, over a database that waits when it is told to.
import { expect, test } from 'vitest'
import { type Deciding, DecisionQueue } from '../../server/store/queue.ts'
import type { DecisionView, Entry, Key, Operation } from '../../server/store.ts'

/** Keeps what it is asked to write, in order; decisions wait for the disk while it is cold. */
class FakeDatabase implements Deciding {
  readonly log: string[] = []
  readonly syncs: boolean[] = []
  #warm: Promise<void> | undefined
  #fault: Error | undefined

  cool(): { warm(): void; fail(error: Error): void } {
    let release = () => {}
    this.#warm = new Promise((resolve) => {
      release = resolve
    })
    const warm = () => {
      this.#warm = undefined
      release()
    }
    return {
      warm,
      fail: (error) => {
        this.#fault = error
        warm()
      }
    }
  }

  async putPlaced(source: Uint8Array, _places: Uint32Array, from: number, count: number): Promise<void> {
    this.log.push(`${count - from} in ${Buffer.from(source).toString()}`)
  }

  async batch(operations: readonly Operation[], { sync = false } = {}): Promise<void> {
    this.log.push(operations.map(shown).join(' '))
    this.syncs.push(sync)
  }

  async decide<Result>(
    keys: readonly Key[],
    decide: (
      entries: readonly (Entry | undefined)[],
      nowMs: number
    ) => { operations: readonly Operation[]; result: Result },
    { sync = false } = {}
  ): Promise<Result> {
    if (this.#warm !== undefined) await this.#warm
    if (this.#fault !== undefined) throw this.#fault
    const { operations, result } = decide(
      keys.map(() => undefined),
      0
    )
    this.log.push(`decided ${operations.map(shown).join(' ')}`)
    this.syncs.push(sync)
    return result
  }
}

const shown = (operation: Operation): string =>
  operation.type === 'deleteRange'
    ? `${operation.range.gte}..${operation.range.lt}`
    : Buffer.from(operation.key).toString()
const put = (key: string): Operation => ({ type: 'put', key: Buffer.from(key), value: Buffer.alloc(0) })
const putting = (key: string) => ({
  keys: [Buffer.from(key)],
  decide: (view: DecisionView) => view.put(Buffer.from(key), Buffer.alloc(0))
})
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a turn is one batch, and decisions one more', async () => {
  const database = new FakeDatabase()
  const queue = new DecisionQueue(database)
  const calls = [queue.write([put('a')], false), queue.write([put('b')], false), queue.decide(putting('c'), false)]
  calls.push(queue.write([put('d')], false))
  await Promise.all(calls)
  expect(database.log).toEqual(['a b', 'decided c d'])
})

test('while a batch is on its way to the disk, the next one gathers, and goes before anybody is answered', async () => {
  const seen: string[] = []
  const disks: (() => void)[] = []
  const database: Deciding = {
    batch: (operations) => {
      seen.push(`batch ${operations.map(shown).join(' ')}`)
      return new Promise((resolve) => disks.push(resolve))
    },
    putPlaced: () => Promise.reject(new Error('nothing stands anywhere here')),
    decide: () => Promise.reject(new Error('nothing is decided here'))
  }
  const queue = new DecisionQueue(database, { isAlwaysSynced: true })
  const write = (key: string) => queue.write([put(key)], false).then(() => seen.push(`answered ${key}`))
  const calls = [write('a')]
  await turn()
  calls.push(write('b'))
  await turn()
  calls.push(write('c'))
  await turn()
  expect(seen).toEqual(['batch a'])
  disks.shift()?.()
  await turn()
  expect(seen).toEqual(['batch a', 'batch b c', 'answered a'])
  disks.shift()?.()
  await Promise.all(calls)
  expect(seen.slice(3)).toEqual(['answered b', 'answered c'])
})

test('puts where they stand keep their place among writes and decisions', async () => {
  const database = new FakeDatabase()
  const { warm } = database.cool()
  const queue = new DecisionQueue(database)
  const places = Uint32Array.of(0, 1, 0, 1)
  const calls: Promise<unknown>[] = [queue.putPlaced(Buffer.from('x'), places, 0, 1)]
  expect(database.log).toEqual(['1 in x'])
  calls.push(queue.write([put('a')], false), queue.putPlaced(Buffer.from('y'), places, 0, 1))
  calls.push(queue.write([put('b')], false), queue.write([put('c')], false), queue.decide(putting('d'), false))
  calls.push(queue.putPlaced(Buffer.from('z'), places, 0, 1))
  await turn()
  warm()
  await Promise.all(calls)
  expect(database.log).toEqual(['1 in x', 'a', '1 in y', 'b c', 'decided d z'])
})

test('nothing overtakes decisions that wait for the disk', async () => {
  const database = new FakeDatabase()
  const queue = new DecisionQueue(database)
  const { warm } = database.cool()
  const calls: Promise<unknown>[] = [queue.decide(putting('first'), false)]
  await turn()
  calls.push(queue.write([put('second')], false))
  await turn()
  calls.push(queue.decide(putting('third'), true), queue.write([put('fourth')], false))
  await turn()
  expect(database.log).toEqual([])
  warm()
  await Promise.all(calls)
  expect(database.log).toEqual(['decided first', 'second', 'decided third fourth'])
})

test('what waits behind decisions that fail is not lost', async () => {
  const database = new FakeDatabase()
  const queue = new DecisionQueue(database)
  const { fail } = database.cool()
  const first = queue.decide(putting('first'), false)
  await turn()
  const second = queue.write([put('second')], false)
  const idle = queue.idle()
  fail(new Error('damaged'))
  await expect(first).rejects.toThrow('damaged')
  await Promise.all([second, idle])
  expect(database.log).toEqual(['second'])
})

test('what is to be on disk goes apart from what is not, in order', async () => {
  const database = new FakeDatabase()
  const queue = new DecisionQueue(database)
  await Promise.all([
    queue.write([put('a')], false),
    queue.write([put('b')], true),
    queue.write([put('c')], false),
    queue.decide(putting('d'), true)
  ])
  expect(database.log).toEqual(['a', 'b', 'c', 'decided d'])
  expect(database.syncs).toEqual([false, true, false, true])
})

test('a range without a bound begins with the first key', async () => {
  const database = new FakeDatabase()
  const queue = new DecisionQueue(database)
  await queue.write([{ type: 'deleteRange', range: {} }], false)
  await queue.decide({ keys: [], decide: (view) => view.deleteRange({ lt: Buffer.from('b') }) }, false)
  expect(database.log).toEqual(['..undefined', 'decided ..b'])
})
