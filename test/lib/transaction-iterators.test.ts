// Iterators of a transaction: its own writes over the entries of its snapshot, in order, whatever the direction.
import { expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import type { RangeOptions, Transaction } from '../../lib/index.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { failureOf, openMemory } from './support/databases.ts'

const opened = (options = {}): Promise<Database> => openMemory(native.memoryFileSystem(), options)

test('sees its own puts, dels and deleted ranges, by every way to read', async () => {
  await using db = await opened()
  for (const key of ['a', 'b', 'c', 'd', 'e']) await db.put(key, `old ${key}`)
  await db.transaction(async (tx) => {
    tx.put('bb', 'new')
    tx.put('c', 'new c')
    tx.del('d')
    expect(await tx.keys().all()).toEqual(['a', 'b', 'bb', 'c', 'e'])
    expect(await tx.keys({ reverse: true }).all()).toEqual(['e', 'c', 'bb', 'b', 'a'])
    expect(await tx.values({ gte: 'bb', lt: 'e' }).all()).toEqual(['new', 'new c'])
    expect(await tx.iterator({ limit: 2, reverse: true }).all()).toEqual([
      ['e', 'old e'],
      ['c', 'new c']
    ])
    tx.deleteRange({ gte: 'b', lt: 'd' })
    tx.put('cc', 'newer')
    expect(await tx.keys().all()).toEqual(['a', 'cc', 'e'])
    expect(await tx.getMany(['a', 'b', 'bb', 'c', 'cc', 'd'])).toEqual([
      'old a',
      undefined,
      undefined,
      undefined,
      'newer',
      undefined
    ])
    expect([await tx.has('b'), await tx.has('cc')]).toEqual([false, true])
    tx.deleteRange({ gte: '' })
    expect(await tx.keys().all()).toEqual([])
    tx.put('z', 'last')
    expect(await tx.keys().all()).toEqual(['z'])
  })
  expect(await db.iterator().all()).toEqual([['z', 'last']])
})

test('an iterator that is open sees what is written ahead of it, and nothing behind its end', async () => {
  await using db = await opened()
  for (const key of ['a', 'c', 'e']) await db.put(key, 'v')
  await db.transaction(async (tx) => {
    const keys = tx.keys()
    expect(await keys.next()).toBe('a')
    tx.put('b', 'ahead')
    tx.put('A', 'behind')
    tx.del('c')
    expect(await keys.nextv(10)).toEqual(['b', 'e'])
    expect(await keys.next()).toBeUndefined()
    tx.put('f', 'behind the end')
    expect(await keys.next()).toBeUndefined()
    keys.seek('e')
    expect(await keys.nextv(10)).toEqual(['e', 'f'])
    await keys.close()
    expect(await keys.next()).toBeUndefined()
    const seen: string[] = []
    for await (const [key] of tx.iterator({ reverse: true })) {
      seen.push(key)
      if (key === 'b') break
    }
    expect(seen).toEqual(['f', 'e', 'b'])
  })
})

test('a seek to before the range begins at its start, one to behind it is at the end', async () => {
  await using db = await opened()
  await db.put('c', 'stored')
  await db.transaction(async (tx) => {
    tx.put('a', 'own')
    tx.put('d', 'own')
    tx.put('z', 'own')
    const forward = tx.keys({ gte: 'b', lt: 'x' })
    forward.seek('A')
    expect(await forward.nextv(10)).toEqual(['c', 'd'])
    forward.seek('y')
    expect(await forward.nextv(10)).toEqual([])
    const backward = tx.keys({ gte: 'b', lt: 'x', reverse: true })
    backward.seek('zz')
    expect(await backward.nextv(10)).toEqual(['d', 'c'])
    backward.seek('aa')
    expect(await backward.nextv(10)).toEqual([])
    backward.seek('d')
    expect(await backward.next()).toBe('d')
  })
})

test('calls of one iterator at once are answered one after the other', async () => {
  await using db = await opened()
  const keys = Array.from({ length: 500 }, (_, i) => `k${String(i).padStart(3, '0')}`)
  await db.batch(keys.map((key) => ({ type: 'put', key, value: 'v' })))
  await db.transaction(async (tx) => {
    tx.put('k1001', 'own')
    const iterator = tx.keys()
    const some = await Promise.all(keys.map(() => iterator.next()))
    expect([...some].sort()).toEqual([...keys, 'k1001'].sort().slice(0, 500))
    const other = tx.keys()
    const pages = await Promise.all([other.nextv(100), other.nextv(300), other.nextv(200)])
    expect(pages.flat().sort()).toEqual([...keys, 'k1001'].sort())
    const third = tx.keys()
    const pending = third.next()
    expect((await failureOf(() => third.seek('k300'))).code).toBe('VARVE_INVALID_ARGUMENT')
    expect(await pending).toBe('k000')
    third.seek('k300')
    expect(await third.next()).toBe('k300')
  })
})

test('own writes expire by the time at which the transaction began', async () => {
  const clock = { nowMs: 1_700_000_000_000 }
  await using db = await opened({ clock: () => clock.nowMs })
  await db.put('stored', 'v', { ttl: 20 })
  await db.transaction(async (tx) => {
    tx.put('own', 'v', { ttl: 10 })
    tx.put('gone', 'v', { expiresAt: clock.nowMs })
    clock.nowMs += 15
    expect(await tx.keys().all()).toEqual(['own', 'stored'])
    expect([await tx.get('own'), await tx.get('gone'), await tx.get('stored')]).toEqual(['v', undefined, 'v'])
  })
  expect(await db.keys().all()).toEqual(['stored'])
  clock.nowMs += 5
  expect(await db.keys().all()).toEqual([])
})

test('bytes are taken when they are given, and are the caller’s when they are read', async () => {
  const db = await openMemory(native.memoryFileSystem())
  const bytes = db.space('bytes', { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await db.transaction(async (tx) => {
    const view = tx.space(bytes)
    const [key, value] = [Buffer.from('key'), Buffer.from('value')]
    view.put(key, value)
    key.fill(0)
    value.fill(0)
    const read = await view.get(Buffer.from('key'))
    expect(String(read)).toBe('value')
    read?.fill(1)
    const [entry] = await view.iterator().all()
    expect(entry?.map(String)).toEqual(['key', 'value'])
    entry?.[1].fill(2)
  })
  expect(String(await bytes.get(Buffer.from('key')))).toBe('value')
  await db.close()
})

const size = campaign('transaction iterators', {
  short: { transactions: 300 },
  long: { transactions: 20_000 },
  instrumented: { transactions: 40 }
})
const keys = Array.from({ length: 60 }, (_, i) => `k${String(i).padStart(2, '0')}`)

/** A transaction with own writes, and iterators that seek anywhere, beside an array. */
class Trial {
  readonly #below: (n: number) => number
  readonly #state: Map<string, string>

  constructor(below: (n: number) => number, state: Map<string, string>) {
    this.#below = below
    this.#state = state
  }

  #key(): string {
    return keys[this.#below(keys.length)] ?? ''
  }

  write(tx: Transaction, value: string): void {
    const [key, die] = [this.#key(), this.#below(10)]
    if (die < 6) {
      tx.put(key, value)
      this.#state.set(key, value)
    } else if (die < 9) {
      tx.del(key)
      this.#state.delete(key)
    } else {
      const lt = `k${this.#below(70)}`
      tx.deleteRange({ gte: key, lt })
      for (const one of [...this.#state.keys()]) if (one >= key && one < lt) this.#state.delete(one)
    }
  }

  async iterate(tx: Transaction): Promise<void> {
    const bounds: RangeOptions<string> = {
      ...(this.#below(2) === 0 ? { gte: this.#key() } : this.#below(2) === 0 ? { gt: this.#key() } : {}),
      ...(this.#below(2) === 0 ? { lt: this.#key() } : this.#below(2) === 0 ? { lte: this.#key() } : {})
    }
    const reverse = this.#below(2) === 0
    let left = this.#below(3) === 0 ? this.#below(20) : Number.POSITIVE_INFINITY
    const iterator = tx.iterator({ ...bounds, reverse, limit: left })
    const { gte = '', gt, lt = '~', lte } = bounds
    const inside = [...this.#state]
      .filter(([key]) => key >= gte && (gt === undefined || key > gt) && key < lt && (lte === undefined || key <= lte))
      .sort(([a], [b]) => (a < b === reverse ? 1 : -1))
    let at = 0
    for (let i = 0; i < 6; i++) {
      if (this.#below(3) === 0) {
        const key = this.#key()
        iterator.seek(key)
        at = inside.findIndex(([one]) => (reverse ? one <= key : one >= key))
        if (at < 0) at = inside.length
      }
      const count = 1 + this.#below(8)
      const wanted = inside.slice(at, at + Math.min(count, left))
      expect(await iterator.nextv(count), JSON.stringify({ bounds, reverse })).toEqual(wanted)
      at += wanted.length
      left -= wanted.length
    }
  }
}

test('agree with a sorted map', async () => {
  const { below } = drawsOf(randomOf(seedOf('transaction iterators')))
  await using db = await opened({ memtableBytes: 16 << 10, blockCacheBytes: 0 })
  const committed = new Map<string, string>()
  for (let i = 0; i < size.transactions; i++) {
    const state = new Map(committed)
    const trial = new Trial(below, state)
    await db.transaction(async (tx) => {
      for (let j = below(12); j > 0; j--) trial.write(tx, `${i}.${j}`)
      for (let j = 0; j < 4; j++) await trial.iterate(tx)
    })
    committed.clear()
    for (const [key, value] of state) committed.set(key, value)
    if (below(40) === 0) await db.flush()
  }
  expect(await db.iterator().all()).toEqual([...committed].sort(([a], [b]) => (a < b ? -1 : 1)))
})
