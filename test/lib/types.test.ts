// What TypeScript infers of keys and values: from options, spaces and calls. The compiler is the judge (npm run lint); run,
// these tests show that the calls are ones that work.
import { expect, expectTypeOf, test } from 'vitest'
import type { EncodingsFor } from '../../lib/bytes/encodings.ts'
import type { BatchOperation, Codec, IteratorOptions, OpenOptions, OrderedKey, ReadOptions } from '../../lib/index.ts'
import { open } from '../../lib/index.ts'
import type { Space } from '../../lib/space.ts'
import type { CheckedOperations } from '../../lib/write/operations.ts'
import { scratch } from './support/databases.ts'

interface User {
  readonly name: string
  readonly tags: string[]
}
const ada: User = { name: 'Ada', tags: ['first'] }
const date: Codec<Date> = {
  name: 'date',
  encode: (value) => value.toISOString(),
  decode: (bytes) => new Date(String(bytes))
}

test('of a database, by its options', async () => {
  await using plain = await open(scratch())
  expectTypeOf(plain.get('a')).resolves.toEqualTypeOf<string | undefined>()
  expectTypeOf(plain.put<never, never>)
    .parameter(0)
    .toEqualTypeOf<string>()
  expectTypeOf(plain.put<never, never>)
    .parameter(1)
    .toEqualTypeOf<string>()
  await using rich = await open(scratch(), { keyEncoding: 'ordered', valueEncoding: 'json', createIfMissing: true })
  expectTypeOf(rich.getSync(['a', 1])).toEqualTypeOf<unknown>()
  expectTypeOf(rich.put<never, never>)
    .parameter(0)
    .toEqualTypeOf<OrderedKey>()
  expectTypeOf(rich.keys().all()).resolves.toEqualTypeOf<OrderedKey[]>()
  await using bytes = await open(scratch(), { keyEncoding: 'view', valueEncoding: 'buffer' })
  expectTypeOf(bytes.iterator().next()).resolves.toEqualTypeOf<[Uint8Array, Buffer] | undefined>()
  expectTypeOf(bytes.put<never, never>)
    .parameter(1)
    .toEqualTypeOf<Uint8Array>()
  await using days = await open(scratch(), { keyEncoding: date })
  expectTypeOf(days.keys().next()).resolves.toEqualTypeOf<Date | undefined>()
  await using known = await open<`user:${number}`, User>(scratch(), { valueEncoding: 'json' })
  await known.put('user:1', ada)
  expectTypeOf(known.get('user:1')).resolves.toEqualTypeOf<User | undefined>()
  expectTypeOf(known.keys().all()).resolves.toEqualTypeOf<`user:${number}`[]>()
  // Options that are not known before they come are taken for the defaults.
  const later: OpenOptions = { durability: 'os' }
  await using unknown = await open(scratch(), later)
  expectTypeOf(unknown.get('a')).resolves.toEqualTypeOf<string | undefined>()
  expect(await known.values().all()).toEqual([ada])
})

test('of a call, by its own encodings', async () => {
  await using db = await open(scratch())
  await db.put('a', ada, { valueEncoding: 'json' })
  await db.put([1, 'a'], '1', { keyEncoding: 'ordered', sync: false })
  expectTypeOf(db.get('a', { valueEncoding: 'buffer' })).resolves.toEqualTypeOf<Buffer | undefined>()
  expectTypeOf(db.get([1], { keyEncoding: 'ordered' })).resolves.toEqualTypeOf<string | undefined>()
  expectTypeOf(db.getSync('a', { valueEncoding: 'json' })).toEqualTypeOf<unknown>()
  expectTypeOf(db.get('none', { valueEncoding: date })).resolves.toEqualTypeOf<Date | undefined>()
  expectTypeOf(db.getMany(['a'], { valueEncoding: 'view' })).resolves.toEqualTypeOf<(Uint8Array | undefined)[]>()
  expectTypeOf(db.has(Buffer.of(1), { keyEncoding: 'buffer' })).resolves.toEqualTypeOf<boolean>()
  const entries = db.iterator({ keyEncoding: 'buffer', valueEncoding: 'view', limit: 1, gt: Buffer.of(0) })
  expectTypeOf(entries.all()).resolves.toEqualTypeOf<[Buffer, Uint8Array][]>()
  expectTypeOf(entries.seek).parameter(0).toEqualTypeOf<Uint8Array>()
  expectTypeOf(db.values({ valueEncoding: 'json' }).all()).resolves.toEqualTypeOf<unknown[]>()
  expectTypeOf(db.keys({ keyEncoding: 'buffer' }).all()).resolves.toEqualTypeOf<Buffer[]>()
  expectTypeOf(db.get<'ordered', never>)
    .parameter(0)
    .toEqualTypeOf<OrderedKey>()
  expectTypeOf(db.put<never, 'buffer'>)
    .parameter(1)
    .toEqualTypeOf<Uint8Array>()
  const reading: ReadOptions = {}
  const ranging: IteratorOptions<string> = { prefix: 'a' }
  expectTypeOf(db.get('a', reading)).resolves.toEqualTypeOf<string | undefined>()
  expectTypeOf(db.iterator(ranging).all()).resolves.toEqualTypeOf<[string, string][]>()
  expect(await db.get('a', { valueEncoding: 'json' })).toEqual(ada)
})

test('of a space, by its options, else by those of the database', async () => {
  await using db = await open(scratch(), { valueEncoding: 'json' })
  const plain = db.space('plain')
  expectTypeOf(plain).toEqualTypeOf<Space<string, unknown>>()
  const ordered = db.space('ordered', { keyEncoding: 'ordered' })
  expectTypeOf(ordered).toEqualTypeOf<Space<OrderedKey, unknown>>()
  expectTypeOf(db.space('both', { keyEncoding: 'buffer', valueEncoding: date })).toEqualTypeOf<Space<Buffer, Date>>()
  const users = db.space<string, User>('users')
  expectTypeOf(users).toEqualTypeOf<Space<string, User>>()
  const visits = db.space<[string, number], User>('visits', { keyEncoding: 'ordered' })
  expectTypeOf(visits.keys().next()).resolves.toEqualTypeOf<[string, number] | undefined>()
  // Without an encoding that holds them there are no such keys or values.
  type For<Key, Value> = EncodingsFor<Key, Value, string, unknown>
  expectTypeOf<Record<never, never>>().toExtend<For<string, User>>()
  expectTypeOf<Record<never, never>>().not.toExtend<For<Buffer, User>>()
  expectTypeOf<{ keyEncoding: 'buffer' }>().toExtend<For<Buffer, User>>()
  expectTypeOf<{ keyEncoding: 'utf8' }>().not.toExtend<For<Buffer, User>>()
  expectTypeOf<{ keyEncoding: 'view' }>().not.toExtend<For<Buffer, User>>()
  expectTypeOf<{ keyEncoding: 'view' }>().toExtend<For<Uint8Array, User>>()
  expectTypeOf<{ keyEncoding: typeof date }>().toExtend<For<Date, User>>()
  expectTypeOf<{ valueEncoding: 'utf8' }>().not.toExtend<For<string, User>>()
  await visits.put(['ada', 1], ada)
  expect(await visits.keys({ prefix: ['ada', 1] }).all()).toEqual([['ada', 1]])
})

test('of a batch, operation by operation', async () => {
  await using db = await open(scratch())
  const users = db.space<string, User>('users', { valueEncoding: 'json' })
  const days = db.space('days', { keyEncoding: date })
  const mine: BatchOperation<string, string>[] = [{ type: 'del', key: 'a' }]
  await db.batch(mine)
  await db.batch([...mine, { type: 'put', key: 'b', value: 'v' }])
  await db.batch(['a', 'b'].map((key) => ({ type: 'put' as const, space: users, key, value: ada })))
  await db.batch([
    { type: 'put', key: 'a', value: 'v' },
    { type: 'put', space: users, key: 'ada', value: { name: 'Ada', tags: ['x'] } },
    { type: 'put', space: days, key: new Date(0), value: 'epoch' },
    { type: 'put', space: days, key: 'text', keyEncoding: 'utf8', value: 5, valueEncoding: 'json' },
    { type: 'del', space: db, key: ['o'], keyEncoding: 'ordered' }
  ])
  type Fits<Operation> = CheckedOperations<
    Operation[] & readonly { type: 'put'; key: unknown; value: unknown }[],
    string,
    string
  >
  type Put<More> = { type: 'put'; key: string; value: string } & More
  expectTypeOf<Put<unknown>[]>().toExtend<Fits<Put<unknown>>>()
  type WrongValue = { type: 'put'; key: string; value: number }
  expectTypeOf<WrongValue[]>().not.toExtend<Fits<WrongValue>>()
  type WrongSpace = Put<{ space: Space<string, User> }>
  expectTypeOf<WrongSpace[]>().not.toExtend<Fits<WrongSpace>>()
  type WrongKey = Put<{ space: Space<Date, string> }>
  expectTypeOf<WrongKey[]>().not.toExtend<Fits<WrongKey>>()
  type WrongEncoding = Put<{ valueEncoding: 'buffer' }>
  expectTypeOf<WrongEncoding[]>().not.toExtend<Fits<WrongEncoding>>()
  expect(await users.get('ada')).toEqual({ name: 'Ada', tags: ['x'] })
  expect(await days.keys({ limit: 1 }).all()).toEqual([new Date(0)])
})
