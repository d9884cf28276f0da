// Names of spaces on disk: their form, damage, crashes, and random operations over spaces against a model.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import native from '#native'
import { closeParts } from '../../lib/closing.ts'
import { open, repair, type Space } from '../../lib/index.ts'
import { realEnvironment, settingsOf } from '../../lib/options.ts'
import { Parts } from '../../lib/parts.ts'
import { recover } from '../../lib/recovery.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { byBytes, failureOf, idsOf, openMemory, scratch } from './support/databases.ts'

/** Writes into the system's space of a closed database. */
async function writeSystem(path: string, entries: Readonly<Record<string, string>>): Promise<void> {
  const settings = settingsOf({})
  const environment = realEnvironment()
  const parts = new Parts(path, settings, environment, await recover(path, settings, environment))
  await parts.writer.batch((batch) => {
    for (const [key, value] of Object.entries(entries)) batch.put(0, key, value)
  }, false)
  await closeParts(parts)
}

describe('the system space', () => {
  test('has this form, for ever', async () => {
    const path = scratch()
    await (await open(path)).close()
    await writeSystem(path, { spaces: '{"formatVersion":1,"nextId":300}', 'space:users': '{"id":200,"later":"news"}' })
    await using db = await open(path)
    expect(db.spaces()).toEqual(['users'])
    await db.space('users').put('k', 'v')
    await db.space('next').put('k', 'v')
    expect(idsOf(db)).toEqual(
      new Map([
        ['users', 200],
        ['next', 300]
      ])
    )
  })

  test('keeps the next id above all ids there are, in whatever order they are stored', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      const [first, second] = [db.space('first'), db.space('second')]
      await second.put('k', 'v')
      await first.put('k', 'v')
    }
    await using db = await open(path)
    await db.space('third').put('k', 'v')
    expect(idsOf(db)).toEqual(
      new Map([
        ['first', 2],
        ['second', 3],
        ['third', 4]
      ])
    )
  })

  test('of a later format is refused', async () => {
    const path = scratch()
    await (await open(path)).close()
    await writeSystem(path, { spaces: '{"formatVersion":2,"nextId":3}' })
    expect((await failureOf(() => open(path))).code).toBe('VARVE_UNSUPPORTED')
    expect((await failureOf(() => open(path))).message).toContain('format 2')
  })

  test.each([
    { spaces: 'null' },
    { spaces: '{"formatVersion":1}' },
    { spaces: '{"formatVersion":1,"nextId":1}' },
    { spaces: 'no json' },
    { spaces: '{"formatVersion":1,"nextId":3}', 'space:users': '{"id":3}' },
    { spaces: '{"formatVersion":1,"nextId":3}', 'space:users': '{"id":1}' },
    { spaces: '{"formatVersion":1,"nextId":3}', 'space:users': 'null' }
  ])('with %j is told by what needs it, and the default space works', async (entries) => {
    const path = scratch()
    await (await open(path)).close()
    await writeSystem(path, entries as Record<string, string>)
    await using db = await open(path)
    await db.put('k', 'v')
    expect(await db.get('k')).toBe('v')
    for (const call of [() => db.space('users'), () => db.spaces(), () => db.dropSpace('users')])
      expect((await failureOf(call)).code).toMatch(/^VARVE_(CORRUPTION|ENCODING_MISMATCH)$/)
  })

  test('in a damaged block likewise', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      for (let i = 0; i < 500; i++) void db.put(`k${i}`, 'v'.repeat(100))
      await db.space('users').put('k', 'v')
      await db.flush()
    }
    const file = join(path, readdirSync(path).find((name) => name.endsWith('.sst')) as string)
    const bytes = readFileSync(file)
    bytes[100] = (bytes[100] as number) ^ 1
    writeFileSync(file, bytes)
    await using db = await open(path)
    expect(await db.get('k499')).toBe('v'.repeat(100))
    expect(await failureOf(() => db.space('users'))).toMatchObject({ code: 'VARVE_CORRUPTION', file })
  })
})

describe('names that no repair could save', () => {
  test('fail those who ask for a space, so that no id is given again', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      const space = db.space('s')
      await space.put('k', 'v')
      for (let i = 0; i < 500; i++) void db.put(`k${i}`, 'v'.repeat(100))
      await db.flush()
      await space.put('l', 'v')
      await db.flush()
    }
    const [first] = readdirSync(path).filter((name) => name.endsWith('.sst'))
    const file = join(path, first as string)
    const bytes = readFileSync(file)
    bytes[100] = (bytes[100] as number) ^ 1
    writeFileSync(file, bytes)
    // The log would have it all.
    for (const name of readdirSync(path)) if (name.endsWith('.wal')) rmSync(join(path, name))
    expect((await repair(path)).isLossy).toBe(true)
    await using db = await open(path)
    expect(await db.get('k499')).toBe('v'.repeat(100))
    const error = await failureOf(() => db.space('new'))
    expect(error.code).toBe('VARVE_CORRUPTION')
    expect(error.message).toContain('names and the next id are lost')
  })

  test('are not missed where the whole default space was deleted', async () => {
    const path = scratch()
    {
      await using db = await open(path)
      await db.put('k', 'v')
      await db.clear()
      await db.flush()
    }
    await using db = await open(path)
    await db.space('s').put('k', 'v')
    expect(idsOf(db)).toEqual(new Map([['s', 2]]))
  })
})

test('a crash leaves a space with its first write, or neither', async () => {
  const seed = seedOf('spaces and crashes')
  const { below } = drawsOf(randomOf(seed))
  const rounds = campaign('spaces and crashes', { short: 12, long: 200 })
  let found = 0
  let lost = 0
  for (let round = 0; round < rounds; round++) {
    const fs = native.memoryFileSystem()
    const db = await openMemory(fs, { durability: 'os' })
    const names = Array.from({ length: 5 }, (_, i) => `s${i}`)
    const synced = below(names.length)
    for (const [i, name] of names.entries()) await db.space(name).put('k', name, { sync: i === synced })
    if (round % 2 === 0) await db.dropSpace('s0')
    native.memoryCrash(fs, seed + round)
    await db.close().catch(() => undefined)
    await using again = await openMemory(fs)
    const there = again.spaces()
    const isDropped = !there.includes('s0') && there.includes('s1')
    expect(there).toEqual(names.slice(isDropped ? 1 : 0, (isDropped ? 1 : 0) + there.length))
    for (const name of there) expect(await again.space(name).iterator().all()).toEqual([['k', name]])
    expect(there.length).toBeGreaterThanOrEqual(synced + 1 - (isDropped ? 1 : 0))
    found += there.length
    lost += names.length - there.length
    for (const name of names) await again.space(name).put('k2', name)
    expect(new Set(idsOf(again).values()).size).toBe(again.spaces().length)
  }
  expect(found).toBeGreaterThan(0)
  expect(lost).toBeGreaterThan(0)
})

test('random operations over spaces agree with a model', async () => {
  const steps = campaign('spaces model', { short: 4000, long: 400_000 })
  const seed = seedOf('spaces model')
  const { below, oneOf } = drawsOf(randomOf(seed))
  const path = scratch()
  const options = { memtableBytes: 32 << 10, durability: 'os' } as const
  const names = ['', ...Array.from({ length: 6 }, (_, i) => `space ${i}`)]
  const model = new Map<string, Map<string, string>>(names.map((name) => [name, new Map()]))
  const there = new Set<string>()
  let db = await open(path, options)
  const spaceOf = (name: string): Space => (name === '' ? db : db.space(name))
  const counts = { put: 0, batch: 0, drop: 0, reopen: 0, flush: 0, scan: 0 }
  for (let step = 0; step < steps; step++) {
    const name = oneOf(names)
    const key = `k${below(40)}`
    const choice = below(100)
    if (choice < 60) {
      counts.put++
      if (name !== '') there.add(name)
      const value = `${step}${'x'.repeat(below(100))}`
      model.get(name)?.set(key, value)
      void spaceOf(name).put(key, value)
    } else if (choice < 75) {
      counts.batch++
      const operations = Array.from({ length: 1 + below(5) }, () => ({
        name: oneOf(names),
        key: `k${below(40)}`,
        isPut: below(3) > 0
      }))
      for (const one of operations) {
        if (one.name !== '') there.add(one.name)
        if (one.isPut) model.get(one.name)?.set(one.key, `${step}`)
        else model.get(one.name)?.delete(one.key)
      }
      await db.batch(
        operations.map((one) => ({
          type: one.isPut ? ('put' as const) : ('del' as const),
          space: spaceOf(one.name),
          key: one.key,
          value: `${step}`
        }))
      )
    } else if (choice < 77 && name !== '') {
      counts.drop++
      there.delete(name)
      model.get(name)?.clear()
      await db.dropSpace(name)
    } else if (choice < 78) {
      counts.flush++
      await (below(3) === 0 ? spaceOf(name).compact() : db.flush())
    } else if (choice === 78 && below(4) === 0) {
      counts.reopen++
      await db.close()
      db = await open(path, options)
    } else {
      counts.scan++
      const wanted = [...(model.get(name) ?? [])].sort(([a], [b]) => byBytes(a, b))
      const reverse = below(2) === 0
      const got = await spaceOf(name).iterator({ reverse }).all()
      expect(reverse ? got.reverse() : got).toEqual(wanted)
      expect(await spaceOf(name).get(key)).toBe(model.get(name)?.get(key))
      expect(db.spaces()).toEqual([...there].sort(byBytes))
    }
  }
  await db.close()
  console.log('spaces model', counts)
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0)
})
