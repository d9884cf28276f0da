// What every Store promises (server/store.ts), as a suite that runs over any of them.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type DecisionView,
  type Key,
  type Operation,
  type PageLimits,
  type Pinned,
  type Range,
  type Store,
  writtenNothing
} from '../../../server/store.ts'
import { seedOf } from '../../support/campaign.ts'
import { type Random, randomOf } from './random.ts'

export interface Contract {
  /** An empty store, and how to be rid of it. */
  readonly open: () => Promise<{ readonly store: Store; readonly close: () => Promise<void> }>
  /** Whether what `pin` gives stays as it is. */
  readonly pins: boolean
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const put = (key: string, value: string, expiresAt?: number): Operation => ({
  type: 'put',
  key: bytes(key),
  value: bytes(value),
  ...(expiresAt === undefined ? {} : { expiresAt })
})
const del = (key: string): Operation => ({ type: 'del', key: bytes(key) })
const deleteRange = (gte?: string, lt?: string): Operation => ({ type: 'deleteRange', range: rangeOf(gte, lt) })
const rangeOf = (gte?: string, lt?: string): Range => ({
  ...(gte === undefined ? {} : { gte: bytes(gte) }),
  ...(lt === undefined ? {} : { lt: bytes(lt) })
})
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString('latin1')
const all: PageLimits = { entriesMax: 10_000, bytesMax: 2 ** 24 }

export function storeContract(name: string, { open, pins }: Contract): void {
  describe(`${name} keeps what a store promises`, () => {
    let store: Store
    let close: () => Promise<void>

    beforeEach(async () => {
      ;({ store, close } = await open())
    })
    afterEach(() => close())

    const values = async (...keys: string[]): Promise<(string | undefined)[]> =>
      (await store.getMany(keys.map(bytes))).map(text)

    const pinned = async <T>(use: (view: Pinned) => Promise<T>): Promise<T> => {
      const view = store.pin()
      try {
        return await use(view)
      } finally {
        await view.close()
      }
    }

    const content = async (range: Range & { reverse?: boolean } = {}, limits = all): Promise<(string | undefined)[]> =>
      (await pinned((view) => view.page(range, limits))).map(([key, value]) => `${text(key)}=${text(value)}`)

    const add = (key: string) => ({
      keys: [bytes(key)],
      decide: (view: DecisionView): number => {
        const sum = Number(text(view.get(bytes(key))?.value) ?? 0) + 1
        view.put(bytes(key), bytes(String(sum)))
        return sum
      }
    })

    describe('reads', () => {
      test('values in the order of the keys, whatever bytes they are', async () => {
        await store.write([put('', 'empty key'), put('\0\r\n\xff', '\r\n\0\xff'), put('e', '')])
        expect(await values('e', 'none', '', '\0\r\n\xff', 'e')).toEqual(['', undefined, 'empty key', '\r\n\0\xff', ''])
        expect(await store.getMany([])).toEqual([])
      })

      test('what was written before is seen by every kind of read', async () => {
        for (let i = 0; i < 20; i++) {
          await store.write([put('k', String(i))])
          expect(await values('k')).toEqual([String(i)])
          expect((await store.getEntries([bytes('k')]))[0]?.value.toString()).toBe(String(i))
          expect(await content(rangeOf('k', 'l'))).toEqual([`k=${i}`])
          const seen = await store.decide({ keys: [bytes('k')], decide: (view) => text(view.get(bytes('k'))?.value) })
          expect(seen).toBe(String(i))
        }
      })

      test('an entry has a sequence, which another write of its key changes, and which stays without one', async () => {
        await store.write([put('a', '1'), put('b', '1')])
        const [a, b, none] = await store.getEntries([bytes('a'), bytes('b'), bytes('c')])
        expect(
          [a?.sequence, b?.sequence].every((sequence) => Number.isSafeInteger(sequence) && Number(sequence) > 0)
        ).toBe(true)
        expect(none).toBeUndefined()
        await store.write([put('a', '1')])
        const [later, same] = await store.getEntries([bytes('a'), bytes('b')])
        expect(later?.sequence).toBeGreaterThan(a?.sequence as number)
        expect(same?.sequence).toBe(b?.sequence)
      })

      test('it says who it is', async () => {
        await store.write([put('a', '1')])
        expect(store.status()).toEqual({
          role: 'LEADER',
          term: expect.any(Number),
          commitIndex: expect.any(Number)
        })
      })
    })

    describe('writes', () => {
      test('operations of a batch follow each other', async () => {
        await store.write([put('a', '1'), put('b', '1'), put('c', '1')])
        await store.write([
          put('a', '2'),
          del('a'),
          put('a', '3'),
          put('bb', '2'),
          deleteRange('b', 'c'),
          put('b', '4')
        ])
        expect(await content()).toEqual(['a=3', 'b=4', 'c=1'])
      })

      test('calls happen in their order, awaited or not, synced or not', async () => {
        const random = randomOf(seedOf('order of writes'))
        const calls: Promise<unknown>[] = []
        for (let i = 0; i < 200; i++) {
          const sync = random.below(10) === 0
          if (random.below(3) === 0) calls.push(store.decide(add('n'), { sync }))
          else calls.push(store.write([put('k', String(i)), put('n', String(i))], { sync }))
          if (random.below(20) === 0) await calls.at(-1)
        }
        calls.push(store.write([put('k', 'last'), del('n')]))
        await Promise.all(calls)
        expect(await values('k', 'n')).toEqual(['last', undefined])
      })

      test('a batch is there whole or not at all for who reads meanwhile', async () => {
        let isDone = false
        const writing = (async () => {
          for (let i = 0; i < 30; i++) await store.write([put('x', String(i)), put('y', String(i))])
          isDone = true
        })()
        while (!isDone) {
          const seen = await store.decide({
            keys: [bytes('x'), bytes('y')],
            decide: (view) => [text(view.get(bytes('x'))?.value), text(view.get(bytes('y'))?.value)]
          })
          expect(seen[0]).toBe(seen[1])
        }
        await writing
      })

      test('one that is refused writes nothing and takes nobody with it', async () => {
        const long = 'k'.repeat(70_000)
        const outcomes = await Promise.allSettled([
          store.write([put('a', '1')]),
          store.write([put('b', '1'), put(long, '')]),
          store.write([put('c', '1')]),
          store.decide(add('d')),
          store.decide({ keys: [], decide: () => 'nothing' })
        ])
        expect(outcomes.map(({ status }) => status)).toEqual([
          'fulfilled',
          'rejected',
          'fulfilled',
          'fulfilled',
          'fulfilled'
        ])
        expect(writtenNothing((outcomes[1] as PromiseRejectedResult).reason)).toBe(true)
        expect(await content()).toEqual(['a=1', 'c=1', 'd=1'])
      })

      test('nothing at all is fine', async () => {
        await store.write([])
        expect(await content()).toEqual([])
      })

      test('what was accepted is written before it closes', async () => {
        const writes = Promise.all([store.write([put('a', '1')]), store.decide(add('n'))])
        await store.close()
        expect(await writes).toEqual([undefined, 1])
      })
    })

    describe('ranges', () => {
      beforeEach(() =>
        store.write([
          ...['a', 'b', 'ba', 'c'].map((key) => put(key, key.toUpperCase())),
          put('\xff', 'high'),
          put('\xff\xff', 'last')
        ])
      )

      test.each([
        ['all', undefined, undefined, []],
        ['from one on', 'ba', undefined, ['a', 'b']],
        ['below one', undefined, 'b', ['b', 'ba', 'c', '\xff', '\xff\xff']],
        ['between', 'b', 'c', ['a', 'c', '\xff', '\xff\xff']],
        ['below the first', undefined, '', ['a', 'b', 'ba', 'c', '\xff', '\xff\xff']],
        ['none', 'bb', 'bc', ['a', 'b', 'ba', 'c', '\xff', '\xff\xff']]
      ])('removing %s', async (_, gte, lt, left) => {
        await store.write([deleteRange(gte, lt)])
        expect((await content()).map((entry) => entry?.split('=')[0])).toEqual(left)
      })

      test('pages in both directions, with and without values', async () => {
        expect(await content(rangeOf('b', '\xff'))).toEqual(['b=B', 'ba=BA', 'c=C'])
        expect(await content({ ...rangeOf('b', '\xff'), reverse: true })).toEqual(['c=C', 'ba=BA', 'b=B'])
        expect(await content(rangeOf(undefined, ''))).toEqual([])
        const keys = await pinned((view) => view.page({ ...rangeOf('b'), values: false }, { ...all, entriesMax: 2 }))
        expect(keys.map(([key, value]) => [text(key), value.length])).toEqual([
          ['b', 0],
          ['ba', 0]
        ])
      })

      test('pages end with the entry that reaches a limit', async () => {
        expect(await content({}, { entriesMax: 2, bytesMax: 2 ** 20 })).toEqual(['a=A', 'b=B'])
        expect(await content({}, { entriesMax: 10, bytesMax: 3 })).toEqual(['a=A', 'b=B'])
        expect(await content({ reverse: true }, { entriesMax: 1, bytesMax: 1 })).toEqual(['\xff\xff=last'])
      })

      test('page after page, everything once', async () => {
        const keys = Array.from({ length: 500 }, (_, i) => `p${String(i).padStart(4, '0')}`)
        await store.write(keys.map((key) => put(key, 'v'.repeat(20))))
        const found = await pinned(async (view) => {
          const seen: (string | undefined)[] = []
          for (let from: Buffer = bytes('p'); ; ) {
            const page = await view.page({ gte: from, lt: bytes('q') }, { entriesMax: 64, bytesMax: 1_000 })
            const last = page.at(-1)?.[0]
            if (last === undefined) return seen
            seen.push(...page.map(([key]) => text(key)))
            from = Buffer.concat([last, Buffer.alloc(1)])
          }
        })
        expect(found).toEqual(keys)
      })

      test(pins ? 'what is pinned does not change' : 'nothing is pinned, and it says so', async () => {
        const view = store.pin()
        await store.write([put('a', 'later'), del('b')])
        const page = await view.page(rangeOf('a', 'c'), all)
        await view.close()
        const before = ['a=A', 'b=B', 'ba=BA']
        expect(page.map(([key, value]) => `${text(key)}=${text(value)}`)).toEqual(pins ? before : ['a=later', 'ba=BA'])
      })
    })

    describe('decisions', () => {
      test('one after the other, in the order of their calls', async () => {
        const sums = await Promise.all(Array.from({ length: 100 }, () => store.decide(add('n'))))
        expect(sums).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
        expect(await values('n')).toEqual(['100'])
      })

      test('they see what calls before them wrote, and what they do themselves', async () => {
        await store.write([put('a', '1'), put('b', '1'), put('c', '1')])
        void store.write([put('a', '2')])
        const seen = await store.decide({
          keys: ['a', 'b', 'c', 'd'].map(bytes),
          decide: (view) => {
            const see = (key: string) => text(view.get(bytes(key))?.value)
            const before = [see('a'), see('d')]
            view.put(bytes('d'), bytes('new'))
            view.del(bytes('a'))
            view.deleteRange(rangeOf('b', 'c'))
            return [...before, see('a'), see('b'), see('c'), see('d')]
          }
        })
        expect(seen).toEqual(['2', undefined, undefined, undefined, '1', 'new'])
        expect(await content()).toEqual(['c=1', 'd=new'])
      })

      test('what one throws rejects it alone, and what it did is undone', async () => {
        const outcomes = await Promise.allSettled([
          store.decide(add('n')),
          store.decide({
            keys: [bytes('n')],
            decide: (view) => {
              view.put(bytes('n'), bytes('1000'))
              throw new RangeError('not today')
            }
          }),
          store.decide({ keys: [bytes('n')], decide: (view) => view.get(bytes('other')) }),
          store.decide(add('n'))
        ])
        const told = outcomes.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message))
        expect(told).toEqual([1, 'not today', expect.stringContaining('named'), 2])
        expect(await values('n')).toEqual(['2'])
      })

      test('one that writes nothing writes nothing', async () => {
        await store.write([put('a', '1'), put('b', '2')])
        const [before] = await store.getEntries([bytes('a')])
        const keys = [bytes('a'), bytes('b')]
        const seen = await store.decide({ keys, decide: (view) => keys.map((key: Key) => text(view.get(key)?.value)) })
        expect(seen).toEqual(['1', '2'])
        expect((await store.getEntries([bytes('a')]))[0]).toEqual(before)
      })
    })

    describe('expiry', () => {
      test('an entry that is due is not there, one that is not says when', async () => {
        const later = Date.now() + 3_600_000
        await store.write([put('due', '1'), put('late', '1', later), put('stays', '1')])
        await store.write([put('due', '2', Date.now() - 1)])
        expect(await values('due', 'late')).toEqual([undefined, '1'])
        const entries = await store.getEntries(['due', 'late', 'stays'].map(bytes))
        expect(entries.map((entry) => entry?.expiresAt)).toEqual([undefined, later, undefined])
        expect(entries[0]).toBeUndefined()
        expect(await content()).toEqual(['late=1', 'stays=1'])
        await store.write([put('late', '2')])
        expect((await store.getEntries([bytes('late')]))[0]?.expiresAt).toBeUndefined()
      })

      test('decisions know the time and entries that expire', async () => {
        const nowMs = await store.decide({
          keys: [bytes('k')],
          decide: (view) => {
            view.put(bytes('k'), bytes('1'), view.nowMs + 3_600_000)
            view.put(bytes('gone'), bytes('1'), view.nowMs)
            return view.nowMs
          }
        })
        expect(Math.abs(nowMs - Date.now())).toBeLessThan(60_000)
        const seen = await store.decide({ keys: [bytes('k')], decide: (view) => view.get(bytes('k'))?.expiresAt })
        expect(seen).toBe(nowMs + 3_600_000)
        expect(await content()).toEqual(['k=1'])
      })
    })

    test('it is what a map is, for random calls in their order', async () => {
      const random = randomOf(seedOf('store model'))
      const model = new Map<string, string>()
      for (let round = 0; round < 25; round++) {
        const calls = Array.from({ length: 1 + random.below(12) }, () => randomCall(store, model, random))
        await Promise.all(calls)
        expect(await content()).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`))
        expect(await values(...keys)).toEqual(keys.map((key) => model.get(key)))
      }
    })
  })
}

const keys = Array.from({ length: 12 }, (_, i) => `k${String.fromCharCode(97 + i)}`)

/** Makes a call of the store, and does the same to the model; checks what the call answers. */
function randomCall(store: Store, model: Map<string, string>, random: Random): Promise<unknown> {
  const key = random.pick(keys)
  const value = String(random.below(1_000_000))
  const sync = random.below(30) === 0
  switch (random.below(6)) {
    case 0: {
      const [from, to] = [key, random.pick(keys)].sort() as [string, string]
      for (const each of model.keys()) if (each >= from && each < to) model.delete(each)
      return store.write([deleteRange(from, to)], { sync })
    }
    case 1:
      model.delete(key)
      return store.write([del(key)], { sync })
    case 2: {
      const before = model.get(key)
      if (before === undefined) model.set(key, value)
      const decided = store.decide(
        {
          keys: [bytes(key)],
          decide: (view) => {
            const entry = view.get(bytes(key))
            if (entry === undefined) view.put(bytes(key), bytes(value))
            return text(entry?.value)
          }
        },
        { sync }
      )
      return decided.then((seen) => expect(seen).toBe(before))
    }
    default: {
      const other = random.pick(keys)
      model.set(key, value)
      model.delete(other)
      return store.write([put(key, value), del(other)], { sync })
    }
  }
}
