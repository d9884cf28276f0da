// Iterators: bounds, order, limits, seeks, pages, ends.
import { afterAll, describe, expect, test } from 'vitest'
import { type IteratorOptions, open } from '../../lib/index.ts'
import { byBytes, failureOf, scratch } from './support/databases.ts'

const db = await open(scratch())
afterAll(() => db.close())
const keys = ['', 'a', 'a\u0000', 'ab', 'b', 'ba', 'bb', 'bb\u007f', 'c', 'é', 'éa', 'ü', '日', '日本', '🦊'].sort(
  byBytes
)
for (const [i, key] of keys.entries()) {
  await db.put(key, `v${key}`)
  // Part in tables, part in memory.
  if (i % 5 === 4) await db.flush()
}
for (const key of ['a!', 'x']) {
  await db.put(key, 'gone')
  await db.del(key)
}

function expected(options: IteratorOptions<string>): string[] {
  const { gt, gte, lt, lte, prefix, reverse, limit = -1 } = options
  const found = keys.filter(
    (key) =>
      (gte === undefined ? gt === undefined || byBytes(key, gt) > 0 : byBytes(key, gte) >= 0) &&
      (lt === undefined ? lte === undefined || byBytes(key, lte) <= 0 : byBytes(key, lt) < 0) &&
      (prefix === undefined || key.startsWith(prefix))
  )
  if (reverse === true) found.reverse()
  return limit < 0 ? found : found.slice(0, limit)
}

describe('bounds', () => {
  const points = [undefined, '', 'a', 'aa', 'b', 'bb', 'é', 'zz', '日', '🦊', '\u{10ffff}']
  test('every pair of bounds, both ways, agrees with a filter', async () => {
    for (const low of points) {
      for (const high of points) {
        for (const [from, to] of [
          ['gt', 'lt'],
          ['gte', 'lte'],
          ['gt', 'lte'],
          ['gte', 'lt']
        ] as const) {
          const range = { ...(low === undefined ? {} : { [from]: low }), ...(high === undefined ? {} : { [to]: high }) }
          for (const reverse of [false, true]) {
            const options = { ...range, reverse, limit: reverse ? 3 : -1 }
            expect(await db.keys(options).all(), JSON.stringify(options)).toEqual(expected(options))
          }
        }
      }
    }
  })

  test('prefixes, alone and with bounds', async () => {
    for (const prefix of ['', 'a', 'b', 'bb', 'é', '日', '🦊', 'none']) {
      for (const options of [{ prefix }, { prefix, reverse: true }, { prefix, gt: 'b' }, { prefix, lt: 'bb' }]) {
        expect(await db.keys(options).all(), JSON.stringify(options)).toEqual(expected(options))
      }
    }
  })

  test('a prefix of 255s has no end', async () => {
    await using bytes = await open(scratch(), { keyEncoding: 'buffer' })
    for (const key of [[1], [255], [255, 255], [255, 255, 3]]) await bytes.put(Uint8Array.from(key), 'v')
    expect((await bytes.keys({ prefix: Uint8Array.of(255, 255) }).all()).map((key) => [...key])).toEqual([
      [255, 255],
      [255, 255, 3]
    ])
    expect((await bytes.keys({ prefix: Uint8Array.of(254, 255) }).all()).length).toBe(0)
  })

  test('limits', async () => {
    for (const limit of [0, 1, 5, 1000]) expect(await db.keys({ limit }).all()).toEqual(expected({ limit }))
    for (const limit of [-1, Number.POSITIVE_INFINITY]) expect(await db.keys({ limit }).all()).toEqual(keys)
    for (const limit of [-2, 1.5, Number.NaN, 'ten'])
      expect((await failureOf(() => db.keys({ limit: limit as number }))).message).toContain('limit must be')
  })
})

describe('ways through', () => {
  const entries = keys.map((key) => [key, `v${key}`])

  test('next and nextv', async () => {
    await using iterator = db.iterator()
    expect(await iterator.next()).toEqual(entries[0])
    expect(await iterator.nextv(3)).toEqual(entries.slice(1, 4))
    expect(await iterator.nextv(1000)).toEqual(entries.slice(4))
    expect(await iterator.nextv(2)).toEqual([])
    expect(await iterator.next()).toBeUndefined()
    for (const count of [0, -1, 1.5])
      expect((await failureOf(() => iterator.nextv(count))).code).toBe('VARVE_INVALID_ARGUMENT')
  })

  test('for await, for, keys, values', async () => {
    const slow = []
    for await (const entry of db.iterator()) slow.push(entry)
    expect(slow).toEqual(entries)
    expect([...db.iterator()]).toEqual(entries)
    expect([...db.keys({ reverse: true })]).toEqual([...keys].reverse())
    expect([...db.values({ gte: 'b' })]).toEqual(expected({ gte: 'b' }).map((key) => `v${key}`))
    expect(await db.values({ limit: 2 }).all()).toEqual(entries.slice(0, 2).map(([, value]) => value))
    expect([...db.iterator({ keys: false, limit: 1 })]).toEqual([[undefined, entries[0]?.[1]]])
    expect([...db.iterator({ values: false, limit: 1, fillCache: false })]).toEqual([[keys[0], undefined]])
    expect([...db.iterator({ limit: 0 })]).toEqual([])
    await using some = db.keys()
    expect(await some.nextv(2)).toEqual(keys.slice(0, 2))
  })

  test('leaving a loop closes', async () => {
    const before = db.stats().iterators.count
    for await (const key of db.keys()) if (key === 'b') break
    for (const key of db.keys()) if (key === 'b') break
    expect(db.stats().iterators.count).toBe(before)
  })

  test('seek, forward and in reverse', async () => {
    await using iterator = db.keys()
    await iterator.next()
    iterator.seek('bb')
    expect(await iterator.nextv(2)).toEqual(['bb', 'bb\u007f'])
    iterator.seek('aa')
    expect(await iterator.next()).toBe('ab')
    iterator.seek('\u{10ffff}')
    expect(await iterator.next()).toBeUndefined()
    iterator.seek('')
    expect(await iterator.next()).toBe('')
    await using back = db.keys({ reverse: true, limit: 4 })
    back.seek('bz')
    expect(await back.nextv(2)).toEqual(['bb\u007f', 'bb'])
    back.seek('a')
    expect(await back.nextv(10)).toEqual(['a', ''])
    await using bounded = db.keys({ gte: 'b', lt: 'c' })
    bounded.seek('a')
    expect(await bounded.next()).toBe('b')
    bounded.seek('é')
    expect(await bounded.next()).toBeUndefined()
  })

  test('two calls at once take turns', async () => {
    await using iterator = db.keys()
    const [first, second] = await Promise.all([iterator.nextv(2), iterator.nextv(2)])
    expect([...first, ...second]).toEqual(keys.slice(0, 4))
  })
})

describe('ends', () => {
  test('a closed iterator refuses', async () => {
    const iterator = db.iterator()
    await iterator.next()
    await iterator.close()
    await iterator.close()
    expect((await failureOf(() => iterator.next())).code).toBe('VARVE_CLOSED')
    expect((await failureOf(() => iterator.seek('a'))).code).toBe('VARVE_CLOSED')
    expect((await failureOf(() => [...iterator])).code).toBe('VARVE_CLOSED')
  })

  test('a signal aborts', async () => {
    const controller = new AbortController()
    const iterator = db.iterator({ signal: controller.signal })
    await iterator.next()
    controller.abort(new Error('enough'))
    const error = await failureOf(() => iterator.next())
    expect(error.code).toBe('VARVE_ABORTED')
    expect((error.cause as Error).message).toBe('enough')
    await iterator.close()
    expect((await failureOf(() => [...db.keys({ signal: AbortSignal.abort() })])).code).toBe('VARVE_ABORTED')
  })
})

test.each(['memtable', 'table'])('pages of large values and many entries from a %s', async (where) => {
  await using large = await open(scratch())
  const all: [string, string][] = []
  for (let i = 0; i < 3000; i++) {
    const size = i % 500 === 0 ? 20_000 : i % 50 === 0 ? 9000 : i % 10
    const entry: [string, string] = [`key${String(i).padStart(5, '0')}`, (i % 3 === 0 ? 'é' : 'e').repeat(size)]
    all.push(entry)
    void large.put(...entry)
  }
  if (where === 'table') await large.flush()
  const same = (got: unknown): void => expect(Buffer.from(JSON.stringify(got)).equals(wanted)).toBe(true)
  const wanted = Buffer.from(JSON.stringify(all))
  same(await large.iterator().all())
  same([...large.iterator()])
  same((await large.iterator({ reverse: true }).all()).reverse())
  const slowly = []
  for await (const entry of large.iterator()) slowly.push(entry)
  same(slowly)
})
