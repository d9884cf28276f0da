// What walks over many keys, on a database: SCAN, KEYS, DBSIZE, RANDOMKEY, RANGE, and the line protocol's SCAN.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CursorTable } from '../../server/commands/cursors.ts'
import { lineCommands } from '../../server/commands/line.ts'
import { commands } from '../../server/commands/table.ts'
import type { Reply } from '../../server/protocol/reply.ts'
import { encodeReplies } from '../../server/protocol/text.ts'
import { DatabaseStore } from '../../server/store/database.ts'
import type { Pinned } from '../../server/store.ts'
import { callerOver, type TestCaller } from './support/caller.ts'

const many = 2_500
let directory: string
let store: DatabaseStore
let caller: TestCaller
/** Entries that pages brought since the last look. */
let entriesRead = 0
let pinnedNow = 0

const keyOf = (i: number): string => `key:${String(i).padStart(5, '0')}`

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'varve-scan-'))
  store = await DatabaseStore.open(directory)
  const put = (key: string) =>
    ({ type: 'put', key: Buffer.from(key, 'latin1'), value: Buffer.from(`of ${key}`) }) as const
  await store.write(Array.from({ length: many }, (_, i) => put(keyOf(i))))
  await store.write(['user:1', 'user:2', 'a b', '\xff\xff', ''].map(put))
  await store.write([{ ...put('gone'), expiresAt: 1 }])
  caller = callerOver(watched(store))
})

afterAll(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

/** The store, with its pages counted. */
function watched(of: DatabaseStore): DatabaseStore {
  const pin = (): Pinned => {
    const pinned = of.pin()
    pinnedNow++
    return {
      async page(range, limits) {
        const page = await pinned.page(range, limits)
        entriesRead += page.length
        expect(page.length).toBeLessThanOrEqual(1_000)
        return page
      },
      close() {
        pinnedNow--
        return pinned.close()
      }
    }
  }
  return Object.create(of, { pin: { value: pin } }) as DatabaseStore
}

async function ask(name: string, ...words: string[]): Promise<Reply> {
  entriesRead = 0
  const plan = commands.get(name)?.plan(words.map((word) => Buffer.from(word, 'latin1')))
  if (plan?.kind === 'reply') return plan.reply
  if (plan?.kind !== 'slow') throw new Error(`${name} walks`)
  const reply = await plan.run(caller)
  expect(pinnedNow).toBe(0)
  return reply
}

const textOf = (reply: Reply | undefined): string =>
  reply?.kind === 'value' ? Buffer.from(reply.value).toString('latin1') : `${reply?.kind}`

const itemsOf = (reply: Reply | undefined): readonly Reply[] => (reply?.kind === 'array' ? reply.items : [])
const textsOf = (reply: Reply | undefined): string[] => itemsOf(reply).map(textOf)

async function scanAll(...options: string[]): Promise<{ keys: string[]; steps: number }> {
  const keys: string[] = []
  let cursor = '0'
  let steps = 0
  do {
    const [next, found] = itemsOf(await ask('SCAN', cursor, ...options))
    keys.push(...textsOf(found))
    cursor = textOf(next)
    steps++
  } while (cursor !== '0')
  return { keys, steps }
}

test('SCAN brings each key once, in order, COUNT at a time', async () => {
  const { keys, steps } = await scanAll('COUNT', '100')
  expect(keys).toEqual([...new Set(keys)].sort())
  expect(keys).toHaveLength(many + 5)
  expect(steps).toBe(Math.floor((many + 5) / 100) + 1)
})

test('SCAN with a pattern that begins plainly reads keys that begin so, and no others', async () => {
  const { keys } = await scanAll('MATCH', 'user:*')
  expect(keys).toEqual(['user:1', 'user:2'])
  expect(entriesRead).toBe(2)
  expect((await scanAll('MATCH', '*99', 'COUNT', '5000')).keys).toHaveLength(25)
  expect((await scanAll('TYPE', 'list')).keys).toEqual([])
})

test('a cursor can be used again, and one that is not known is told from a wrong one', async () => {
  const [cursor] = textsOf(await ask('SCAN', '0', 'MATCH', 'key:*'))
  const again = [await ask('SCAN', cursor as string), await ask('SCAN', cursor as string)]
  expect(textsOf(itemsOf(again[0])[1])).toEqual(textsOf(itemsOf(again[1])[1]))
  expect(await ask('SCAN', '12345678901234567')).toMatchObject({ message: 'unknown cursor, start again from 0' })
  expect(await ask('SCAN', '18446744073709551615')).toMatchObject({ message: 'unknown cursor, start again from 0' })
  expect(await ask('SCAN', '18446744073709551616')).toMatchObject({ message: 'invalid cursor' })
  expect(await ask('SCAN', 'x')).toMatchObject({ message: 'invalid cursor' })
})

test('a scan goes on where it was when keys before and behind it come and go', async () => {
  const [cursor] = itemsOf(await ask('SCAN', '0', 'COUNT', '3'))
  const put = (key: string) => ({ type: 'put', key: Buffer.from(key), value: Buffer.from('') }) as const
  const del = (key: string) => ({ type: 'del', key: Buffer.from(key) }) as const
  await store.write([put('a'), put('key:00000x'), del(keyOf(1))])
  const [, found] = itemsOf(await ask('SCAN', textOf(cursor), 'COUNT', '3'))
  expect(textsOf(found)).toEqual(['key:00000x', keyOf(2), keyOf(3)])
  await store.write([del('a'), del('key:00000x'), { ...put(keyOf(1)), value: Buffer.from(`of ${keyOf(1)}`) }])
})

test('the table of cursors is bounded, and a scan of many steps holds two of them', () => {
  const table = new CursorTable(() => 0.5)
  const key = Buffer.from('key')
  let cursor = table.add(key, undefined)
  for (let step = 0; step < 100; step++) cursor = table.add(key, cursor)
  expect(table.size).toBe(2)
  const used = table.add(Buffer.from('used'), undefined)
  const idle = table.add(Buffer.from('idle'), undefined)
  for (let other = 0; other < 9_997; other++) table.add(key, undefined)
  expect(table.find(used)?.toString()).toBe('used')
  for (let other = 0; other < 100; other++) table.add(key, undefined)
  expect(table.size).toBe(10_000)
  expect(table.find(used)?.toString()).toBe('used')
  expect(table.find(idle)).toBe(undefined)
  expect(Number(used)).toBeLessThan(Number.MAX_SAFE_INTEGER)
})

test('KEYS, DBSIZE', async () => {
  expect(textsOf(await ask('KEYS', 'user:?'))).toEqual(['user:1', 'user:2'])
  expect(entriesRead).toBe(2)
  expect(textsOf(await ask('KEYS', keyOf(7)))).toEqual([keyOf(7)])
  expect(entriesRead).toBe(1)
  expect(textsOf(await ask('KEYS', '\xff*'))).toEqual(['\xff\xff'])
  expect(textsOf(await ask('KEYS', '*'))).toHaveLength(many + 5)
  expect(textsOf(await ask('KEYS', 'gone'))).toEqual([])
  expect(await ask('DBSIZE')).toEqual({ kind: 'integer', value: many + 5 })
})

test('others are served while keys are counted', async () => {
  let turns = 0
  let isCounting = true
  const turn = () => {
    turns++
    if (isCounting) setImmediate(turn)
  }
  setImmediate(turn)
  await ask('DBSIZE')
  isCounting = false
  expect(turns).toBeGreaterThanOrEqual(3)
})

test('RANDOMKEY draws from all of them without reading all of them', async () => {
  const drawn = new Set<string>()
  for (let i = 0; i < 50; i++) {
    caller.server.random = () => i / 50
    drawn.add(textOf(await ask('RANDOMKEY')))
    expect(entriesRead).toBeLessThan(1_100)
  }
  expect(drawn.size).toBeGreaterThan(5)
  for (const key of drawn) expect(textsOf(await ask('KEYS', key === '' ? '*' : key))).toContain(key)
})

const entriesOf = (reply: Reply): string[] =>
  reply.kind === 'entries' ? reply.entries.map(([key, value]) => `${key.toString()}=${value.toString()}`) : [reply.kind]

test('RANGE goes from a key on, below another, either way', async () => {
  const three = [1_000, 1_001, 1_002].map((i) => `${keyOf(i)}=of ${keyOf(i)}`)
  expect(entriesOf(await ask('RANGE', keyOf(1_000), keyOf(1_003)))).toEqual(three)
  expect(entriesOf(await ask('RANGE', keyOf(1_000), keyOf(1_003), 'REV'))).toEqual([...three].reverse())
  expect(entriesOf(await ask('RANGE', keyOf(1_000), '', 'LIMIT', '3'))).toEqual(three)
  expect(entriesRead).toBe(3)
  expect(entriesOf(await ask('RANGE', '', keyOf(1_003), 'limit', '3', 'rev'))).toEqual([...three].reverse())
  expect(entriesOf(await ask('RANGE', keyOf(1_003), keyOf(1_000)))).toEqual([])
  expect(entriesOf(await ask('RANGE', '', ''))).toHaveLength(many + 5)
  expect(entriesOf(await ask('RANGE', '', '', 'LIMIT', '0'))).toEqual([])
  expect(entriesOf(await ask('RANGE', '', '', 'REV', 'LIMIT', '1500'))).toHaveLength(1_500)
  expect(await ask('RANGE', '', '', 'LIMIT', '-1')).toMatchObject({ kind: 'error' })
  expect(await ask('RANGE', '', '', 'LIMIT')).toMatchObject({ message: 'syntax error' })
})

test('the SCAN of the line protocol counts what a line cannot carry', async () => {
  const scan = lineCommands.get('SCAN')
  const run = async (...words: string[]): Promise<string> => {
    const plan = scan?.plan(words.map((word) => Buffer.from(word)))
    if (plan?.kind !== 'slow') throw new Error('SCAN walks')
    return encodeReplies([await plan.run(caller)]).toString()
  }
  expect(await run('user:', 'v')).toBe('user:1 of user:1\nuser:2 of user:2\n+END 2 skipped 0\n')
  expect(await run('', keyOf(1))).toBe(`${keyOf(0)} of ${keyOf(0)}\n+END 1 skipped 2\n`)
  expect(await run('user:', '', '1')).toBe('user:1 of user:1\n+END 1 skipped 0\n')
  expect(scan?.fault?.(['a', 'b', 'x'].map((word) => Buffer.from(word)))).toBe(
    'the limit of SCAN is a whole number from 0 on'
  )
})
