// What is a conflict between transactions and other writers, and what is none.
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

describe('conflicts', () => {
  test('no update is lost', async () => {
    await using db = await filled([])
    await db.put('n', '1')
    let attempts = 0
    await db.transaction(async (tx) => {
      const n = Number(await tx.get('n'))
      if (++attempts === 1) await db.put('n', '10')
      tx.put('n', String(n + 1))
    })
    expect([attempts, await db.get('n')]).toEqual([2, '11'])
  })

  test('a key that was absent and is there now is a conflict; one that came and went is none', async () => {
    await using db = await opened()
    let attempts = 0
    await db.transaction(async (tx) => {
      const found = await tx.get('key')
      if (++attempts === 1) await db.put('key', 'theirs')
      tx.put('seen', String(found))
    })
    expect([attempts, await db.get('seen')]).toEqual([2, 'theirs'])
    attempts = 0
    await db.transaction(async (tx) => {
      expect(await tx.has('other')).toBe(false)
      if (++attempts === 1) {
        await db.put('other', '1')
        await db.del('other')
      }
      tx.put('done', '1')
    })
    expect(attempts).toBe(1)
  })

  test('of two that read both and write one, one sees the other (write skew)', async () => {
    await using db = await opened()
    await db.batch([
      { type: 'put', key: 'ada', value: 'on call' },
      { type: 'put', key: 'bob', value: 'on call' }
    ])
    let together = 0
    let bothHaveRead: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      bothHaveRead = resolve
    })
    const leave = (who: string): Promise<void> =>
      db.transaction(async (tx) => {
        const onCall = (await tx.values().all()).filter((value) => value === 'on call').length
        if (++together === 2) bothHaveRead()
        if (together <= 2) await gate
        if (onCall > 1) tx.put(who, 'off')
      })
    await Promise.all([leave('ada'), leave('bob')])
    expect((await db.values().all()).sort()).toEqual(['off', 'on call'])
  })

  test('a new entry in a range that was read is a conflict (phantom), behind what was consumed it is none', async () => {
    await using db = await filled(['a1', 'a2', 'a4'])
    const attemptsWith = async (consumed: number, disturb: () => Promise<unknown>): Promise<number> => {
      let attempts = 0
      await db.transaction(async (tx) => {
        await tx.keys({ prefix: 'a' }).nextv(consumed)
        if (++attempts === 1) await disturb()
        tx.put('z', String(attempts))
      })
      return attempts
    }
    expect(await attemptsWith(2, () => db.put('a3', 'new'))).toBe(1)
    expect(await attemptsWith(10, () => db.put('a5', 'new'))).toBe(2)
    expect(await attemptsWith(2, () => db.put('a10', 'between'))).toBe(2)
    expect(await attemptsWith(2, () => db.put('a0', 'before'))).toBe(2)
    expect(await attemptsWith(3, () => db.del('a10'))).toBe(2)
    expect(await attemptsWith(2, () => db.deleteRange({ gte: 'a3', lt: 'b' }))).toBe(1)
    expect(await attemptsWith(100, () => db.deleteRange({ gte: 'b', lt: 'c' }))).toBe(1)
  })

  test('an entry that was read and expires before the end is a conflict', async () => {
    const clock = { nowMs: 1_700_000_000_000 }
    await using db = await opened({ clock: () => clock.nowMs })
    for (const read of ['get', 'scan']) {
      await db.put('key', 'v', { ttl: 10 })
      const seen: unknown[] = []
      await db.transaction(async (tx) => {
        seen.push(read === 'get' ? await tx.get('key') : (await tx.values({ prefix: 'key' }).all())[0])
        clock.nowMs += 10
        tx.put('seen', String(seen.at(-1)))
      })
      expect([seen, await db.get('seen')]).toEqual([['v', undefined], 'undefined'])
    }
  })

  test('what compaction rewrites is no conflict, nor are writes elsewhere, nor is writing without reading', async () => {
    await using db = await filled(['a', 'b', 'c'])
    let attempts = 0
    await db.transaction(async (tx) => {
      attempts++
      await tx.get('a')
      await tx.keys({ gte: 'b', lt: 'c' }).all()
      await db.put('c', 'theirs')
      await db.put('x', 'theirs')
      await db.compact()
      tx.put('x', 'mine')
    })
    expect([attempts, await db.get('x')]).toEqual([1, 'mine'])
  })

  test('one that only reads sees one state, however much others write, and never runs again', async () => {
    await using db = await opened()
    const accounts = Array.from({ length: 10 }, (_, i) => `account${i}`)
    await db.batch(accounts.map((key) => ({ type: 'put', key, value: '100' })))
    let isOver = false
    const transfer = async (from: string, to: string): Promise<void> => {
      while (!isOver) {
        await db.transaction(async (tx) => {
          const [a, b] = await tx.getMany([from, to])
          tx.put(from, String(Number(a) - 1))
          tx.put(to, String(Number(b) + 1))
        })
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const transfers = [
      transfer('account0', 'account5'),
      transfer('account3', 'account5'),
      transfer('account9', 'account0')
    ]
    let attempts = 0
    for (let i = 0; i < 50; i++) {
      await db.transaction(async (tx) => {
        attempts++
        let sum = 0
        for (const key of accounts) {
          sum += Number(await tx.get(key))
          await new Promise((resolve) => setImmediate(resolve))
        }
        expect(sum).toBe(1000)
        expect((await tx.values().all()).reduce((all, value) => all + Number(value), 0)).toBe(1000)
      })
    }
    isOver = true
    await Promise.all(transfers)
    expect(attempts).toBe(50)
    expect(Number(await db.get('account5'))).toBeGreaterThan(100)
  })

  test('VARVE_CONFLICT comes when the retries are used up, and only where they are given', async () => {
    await using db = await opened()
    for (const retries of [0, 1, 3, 5]) {
      let attempts = 0
      const failure = await failureOf(() =>
        db.transaction(
          async (tx) => {
            attempts++
            await tx.get('key')
            await db.put('key', String(attempts))
            tx.put('never', 'x')
          },
          { retries }
        )
      )
      expect([failure.code, attempts]).toEqual(['VARVE_CONFLICT', retries + 1])
    }
    expect(await db.get('never')).toBeUndefined()
    let attempts = 0
    await db.transaction(async (tx) => {
      await tx.get('key')
      if (++attempts < 20) await db.put('key', 'again')
      tx.put('at last', 'x')
    })
    expect([attempts, await db.get('at last')]).toEqual([20, 'x'])
    const { conflicts, committed, alone } = db.stats().transactions
    expect([conflicts, committed, alone]).toEqual([1 + 2 + 4 + 6 + 19, 1, 3])
  })
})
