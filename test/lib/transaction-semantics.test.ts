// What a transaction is to its caller: one thing that happens at once, or not at all.
import { describe, expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import { failureOf, openMemory } from './support/databases.ts'

const opened = (options = {}): Promise<Database> => openMemory(native.memoryFileSystem(), options)

async function filled(keys: readonly string[], options = {}): Promise<Database> {
  const db = await opened(options)
  for (const key of keys) await db.put(key, `v${key}`)
  return db
}

describe('all or nothing', () => {
  test('what its function throws, the call rejects with, and nothing is written', async () => {
    await using db = await filled(['a'])
    const { lastSequence } = db.stats().log
    const boom = new Error('boom')
    for (const isAsync of [true, false]) {
      const thrown = await db
        .transaction((tx) => {
          tx.put('b', 'x')
          tx.del('a')
          tx.deleteRange({ gte: 'a' })
          if (isAsync) return Promise.reject(boom)
          throw boom
        })
        .catch((error: unknown) => error)
      expect(thrown).toBe(boom)
    }
    expect(await db.iterator().all()).toEqual([['a', 'va']])
    expect(db.stats().log.lastSequence).toBe(lastSequence)
    expect([db.stats().snapshots.count, db.stats().iterators.count]).toEqual([0, 0])
  })

  test('its result is the function’s, its writes are one batch, and nothing stays open', async () => {
    await using db = await filled(['a', 'b'])
    const { records } = db.stats().writes
    const result = await db.transaction(async (tx) => {
      const forgotten = tx.iterator()
      await forgotten.next()
      tx.put('c', '1')
      tx.put('d', '2')
      tx.del('a')
      return 'done'
    })
    expect(result).toBe('done')
    expect(db.stats().writes.records).toBe(records + 1)
    expect([db.stats().snapshots.count, db.stats().iterators.count]).toEqual([0, 0])
    expect(await db.keys().all()).toEqual(['b', 'c', 'd'])
  })

  test('after the end everything of it refuses', async () => {
    await using db = await filled(['a', 'b'])
    const kept = await db.transaction((tx) => ({ tx, iterator: tx.iterator() }))
    const { tx, iterator } = kept
    for (const call of [
      () => tx.get('a'),
      () => tx.has('a'),
      () => tx.getMany(['a']),
      () => tx.put('a', 'x'),
      () => tx.del('a'),
      () => tx.deleteRange({ gte: 'a' }),
      () => tx.keys(),
      () => tx.space(db),
      () => iterator.next(),
      () => iterator.nextv(2),
      () => iterator.seek('a')
    ]) {
      expect((await failureOf(call)).code).toBe('VARVE_CLOSED')
    }
    await iterator.close()
    expect(await db.get('a')).toBe('va')
  })

  test('a database that closes takes nothing more from a transaction under way', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs)
    await db.put('a', '1')
    const failure = await failureOf(() =>
      db.transaction(async (tx) => {
        tx.put('b', String(await tx.get('a')))
        await db.close()
      })
    )
    expect(failure.code).toBe('VARVE_CLOSED')
    expect((await failureOf(() => db.transaction(() => undefined))).code).toBe('VARVE_CLOSED')
    await using again = await openMemory(fs)
    expect(await again.keys().all()).toEqual(['a'])
    await again.close()
    await using readOnly = await openMemory(fs, { readOnly: true })
    expect((await failureOf(() => readOnly.transaction(() => undefined))).code).toBe('VARVE_READ_ONLY')
  })

  test('with sync it is on disk when it resolves', async () => {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs, { durability: 'os' })
    await db.transaction((tx) => tx.put('lost', 'perhaps'))
    await db.transaction(
      (tx) => {
        tx.put('kept', 'surely')
      },
      { sync: true }
    )
    native.memoryFaults(fs, { atCall: 1, forever: true })
    native.memoryCrash(fs, 0)
    await db.close().catch(() => undefined)
    native.memoryFaults(fs, null)
    await using again = await openMemory(fs)
    expect(await again.get('kept')).toBe('surely')
  })

  test('over spaces: all or nothing, and a conflict in any of them', async () => {
    await using db = await opened()
    const users = db.space('users', { valueEncoding: 'json' })
    await users.put('ada', { born: 1815 })
    let attempts = 0
    await db.transaction(async (tx) => {
      const ada = (await tx.space(users).get('ada')) as { born: number }
      if (++attempts === 1) await users.put('ada', { born: 1816 })
      tx.put('ada', String(ada.born))
      tx.space(users).put('bob', { born: ada.born + 1 })
      expect(await tx.space(users).get('bob')).toEqual({ born: ada.born + 1 })
      expect(await tx.get('bob')).toBeUndefined()
    })
    expect([attempts, await db.get('ada'), await users.get('bob')]).toEqual([2, '1816', { born: 1817 }])
    await failureOf(() =>
      db.transaction(async (tx) => {
        tx.space(users).del('ada')
        tx.del('ada')
        await db.dropSpace('nothing')
        tx.put('', 0 as unknown as string)
      })
    )
    expect([await db.get('ada'), await users.get('ada')]).toEqual(['1816', { born: 1816 }])
  })
})

describe('one that is alone', () => {
  // Disturbed until it is admitted alone, it runs the rest with the others kept out.
  async function alone(db: Database, name: string, work: () => Promise<unknown>): Promise<void> {
    let attempts = 0
    await db.transaction(async (tx) => {
      await tx.get(name)
      if (++attempts <= 3) await db.put(name, String(attempts))
      else await work()
      tx.put(`${name} won`, String(attempts))
    })
    expect(attempts).toBe(4)
  }

  test('waits for transactions that it starts itself, one or many', async () => {
    await using db = await opened()
    const put = (key: string): Promise<void> =>
      db.transaction(async (tx) => {
        await tx.get(key)
        tx.put(key, 'nested')
      })
    await alone(db, 'first', () => put('one'))
    await alone(db, 'second', () => Promise.all([put('a'), put('b'), alone(db, 'third', () => put('c'))]))
    expect(await db.getMany(['one', 'a', 'b', 'c'])).toEqual(['nested', 'nested', 'nested', 'nested'])
    expect(await db.getMany(['first won', 'second won', 'third won'])).toEqual(['4', '4', '4'])
  })

  test('keeps others out until it is over, and lets them in when it throws', async () => {
    await using db = await opened()
    const order: string[] = []
    let other: Promise<void> | undefined
    const work = async (): Promise<void> => {
      other = db.transaction((tx) => {
        order.push('other begins')
        tx.put('other', '1')
      })
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
      order.push('alone ends')
      throw new Error('boom')
    }
    await expect(alone(db, 'loser', work)).rejects.toThrow('boom')
    await other
    expect(order).toEqual(['alone ends', 'other begins'])
  })
})

test('reads at most so many entries; of a range only what was consumed counts', { timeout: 60_000 }, async () => {
  // The default.
  const most = 10_000
  await using db = await opened()
  const keys = Array.from({ length: most + 10 }, (_, i) => `k${String(i).padStart(6, '0')}`)
  await db.batch(keys.map((key) => ({ type: 'put', key, value: 'v' })))
  const reading = (read: (tx: Parameters<Parameters<Database['transaction']>[0]>[0]) => Promise<unknown>) =>
    db.transaction(async (tx) => {
      await read(tx)
      tx.put('marker', 'm')
    })
  await reading((tx) => tx.getMany(keys.slice(0, most)))
  await reading((tx) => tx.keys().nextv(most))
  await reading((tx) => tx.values({ reverse: true, limit: most }).all())
  await reading(async (tx) => {
    const walk = tx.iterator()
    await walk.nextv(most - 1)
    await tx.get('absent')
    // A key that was read before, and one of its own, cost nothing.
    await tx.get('absent')
    tx.put('own', 'x')
    await tx.get('own')
  })
  for (const read of [
    (tx) => tx.getMany(keys.slice(0, most + 1)),
    (tx) => tx.keys().nextv(most + 1),
    async (tx) => {
      await tx.keys().nextv(most)
      await tx.get('absent')
    }
  ] satisfies Parameters<typeof reading>[0][]) {
    expect((await failureOf(() => reading(read))).code).toBe('VARVE_TRANSACTION_TOO_LARGE')
  }
  // A check over all of it, with many tombstones in the way.
  await db.batch(keys.slice(0, most - 5).map((key) => ({ type: 'del', key })))
  let attempts = 0
  await db.transaction(async (tx) => {
    const left = await tx.keys({ lt: 'l' }).all()
    if (++attempts === 1) await db.put(`${keys[77]}`, 'back')
    tx.put('left', String(left.length))
  })
  expect([attempts, await db.get('left')]).toEqual([2, '16'])
})

test('the limit is an option', async () => {
  await using db = await filled(['a', 'b', 'c'], { limits: { checkedEntriesMax: 2 } })
  await db.transaction((tx) => tx.getMany(['a', 'b']))
  const failure = await failureOf(() => db.transaction((tx) => tx.keys().all()))
  expect(failure.code).toBe('VARVE_TRANSACTION_TOO_LARGE')
  expect(failure.message).toContain('2 entries')
})
