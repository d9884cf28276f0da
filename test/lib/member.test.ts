// A member's storage: a log that is appended to and applied apart, and how a directory becomes a member's.
import { beforeAll, describe, expect, test } from 'vitest'
import native from '#native'
import { outcome } from '../../lib/disk/jobs.ts'
import { open } from '../../lib/index.ts'
import { batchesOf, becomeMember, type Member, openMember, ownerOf } from '../../lib/member.ts'
import { failureOf, scratch } from './support/databases.ts'
import { directory, Machine, useMachineTime } from './support/machine.ts'
import { at, become, contentOf, enter, memberOptions, newMember, noop, put, puts, ship } from './support/members.ts'

beforeAll(useMachineTime)

async function started(): Promise<Machine> {
  const machine = new Machine(1)
  await become(machine)
  return machine
}

describe('a log that is apart from what it brings', () => {
  test('what is appended is not visible before it is applied, nor after opening again', async () => {
    const machine = await started()
    const member = await enter(machine)
    member.log.append([
      at(1, 1, noop),
      at(2, 1, put('a', '1')),
      at(
        3,
        1,
        puts([
          ['b', '2'],
          ['c', '3']
        ])
      )
    ])
    await machine.run(member.log.sync())
    expect(member.log.lastIndex).toBe(3)
    expect(await contentOf(machine, member)).toEqual([])
    expect(member.applied).toMatchObject({ index: 0, sequence: 0 })
    await machine.run(member.apply([at(1, 1, noop), at(2, 1, put('a', '1'))]))
    expect(await contentOf(machine, member)).toEqual([['a', '1']])
    expect(member.applied).toMatchObject({ index: 2, term: 1, sequence: 1, timeMs: 1000 })
    await machine.run(member.close())

    const again = await enter(machine)
    expect(again.log.lastIndex).toBe(3)
    expect(again.applied.index).toBe(0)
    expect(await contentOf(machine, again)).toEqual([])
    const [, ...rest] = again.log.read(1, 1 << 20) ?? []
    await machine.run(again.apply([at(1, 1, noop), ...rest]))
    expect(await contentOf(machine, again)).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3']
    ])
    await machine.run(again.close())
    machine.release()
  })

  test('entries come back as they were appended, from a frame of their own or not', async () => {
    const machine = await started()
    const member = await enter(machine)
    const { frame: _, ...bare } = put('b', 'x'.repeat(1001), 1200)
    const large = put('l', 'y'.repeat(100_000), 1500)
    const entries = [at(1, 2, put('a', '1', 1100)), at(2, 2, bare), at(3, 4, noop), at(4, 4, large)]
    member.log.append(entries)
    const membership = { kind: 'membership', timeMs: 0, operations: 0, payload: Buffer.from('who') } as const
    member.log.append([at(5, 4, membership)])
    // Times never fall, so an entry without one has that of the entry before.
    const times = [1100, 1200, 1200, 1500, 1500]
    const read = member.log.read(1, 1 << 20) ?? []
    expect(read.map(({ index, term, kind, operations, timeMs }) => [index, term, kind, operations, timeMs])).toEqual([
      [1, 2, 'batches', 1, times[0]],
      [2, 2, 'batches', 1, times[1]],
      [3, 4, 'noop', 0, times[2]],
      [4, 4, 'batches', 1, times[3]],
      [5, 4, 'membership', 0, times[4]]
    ])
    const payloads = read.map(({ payload }) => Buffer.from(payload))
    expect(payloads).toEqual([...entries, membership].map(({ payload }) => Buffer.from(payload)))
    // One at least, whatever the limit.
    expect(member.log.read(4, 10)?.map(({ index }) => index)).toEqual([4])
    expect(member.log.read(6, 10)).toEqual([])
    expect([0, 1, 2, 3, 5, 6].map((index) => member.log.term(index))).toEqual([0, 2, 2, 4, 4, undefined])
    await machine.run(member.close())
    machine.release()
  })

  test('an entry takes the place of the one at its index and of all after it', async () => {
    const machine = await started()
    const member = await enter(machine)
    member.log.append([
      at(1, 1, put('a', '1')),
      at(
        2,
        1,
        puts([
          ['b', 'old'],
          ['c', 'old']
        ])
      ),
      at(3, 1, put('d', 'old'))
    ])
    await machine.run(member.log.sync())
    member.log.append([at(2, 3, put('b', 'new'))])
    expect([member.log.lastIndex, member.log.term(2), member.log.term(3)]).toEqual([2, 3, undefined])
    await machine.run(member.log.sync())
    await machine.run(member.close())
    const again = await enter(machine)
    expect(again.log.lastIndex).toBe(2)
    await machine.run(again.apply([at(1, 1, put('a', '1')), at(2, 3, put('b', 'new'))]))
    expect(await contentOf(machine, again)).toEqual([
      ['a', '1'],
      ['b', 'new']
    ])
    expect(again.applied).toMatchObject({ index: 2, term: 3, sequence: 2 })
    await machine.run(again.close())
    machine.release()
  })

  test('a log that was longer and on disk, but not committed, is no damage when it comes back shorter', async () => {
    const machine = await started()
    const member = await enter(machine)
    member.log.append([1, 2, 3, 4, 5].map((index) => at(index, 1, put(`k${index}`, 'old'))))
    await machine.run(member.log.sync())
    await machine.run(member.apply([at(1, 1, put('k1', 'old'))]))
    // An edit of the manifest, which tells what is on disk.
    await machine.run(member.flush())
    let open = member
    for (const term of [2, 3, 4]) {
      open.log.append([at(2, term, put('k2', `of ${term}`)), ...(term === 2 ? [at(3, term, noop)] : [])])
      await machine.run(open.log.sync())
      // Closed, it tells so too.
      if (term === 3) await machine.run(open.close())
      else native.memoryCrash(machine.fs, term)
      await machine.run(open.close().catch(() => undefined))
      open = await enter(machine)
      expect([open.log.lastIndex, open.log.term(2)]).toEqual([term === 2 ? 3 : 2, term])
    }
    await machine.run(open.close())
    machine.release()
  })

  test('hard state is there after a sync and a power cut, in a new segment as well', async () => {
    const machine = await started()
    let member = await enter(machine)
    member.log.append([at(1, 3, noop)])
    member.log.setHardState({ term: 3, vote: 2, commit: 1 })
    await machine.run(member.log.sync())
    for (const seed of [0, 3, 9]) {
      native.memoryCrash(machine.fs, seed)
      await machine.run(member.close().catch(() => undefined))
      member = await enter(machine)
      expect(member.log.hardState).toEqual({ term: 3, vote: 2, commit: 1 })
    }
    await machine.run(member.close())
    machine.release()
  })
})

describe('what is flushed', () => {
  test('ends with an entry, says who belonged to the group then, and is not applied again', async () => {
    const machine = await started()
    const member = await enter(machine)
    const entries = [at(1, 1, put('a', '1')), at(2, 1, noop), at(3, 2, put('a', '2', 1700))]
    member.log.append(entries)
    await machine.run(member.log.sync())
    await machine.run(member.apply(entries.slice(0, 2), { voters: [7, 8] }))
    await machine.run(member.flush())
    expect(member.flushed).toEqual({ index: 2, term: 1, sequence: 1, timeMs: 1000, membership: { voters: [7, 8] } })
    await machine.run(member.apply(entries.slice(2)))
    native.memoryCrash(machine.fs, 0)
    await machine.run(member.close().catch(() => undefined))
    const again = await enter(machine)
    expect(again.applied).toEqual(again.flushed)
    expect(again.applied).toMatchObject({ index: 2, membership: { voters: [7, 8] } })
    expect(await contentOf(machine, again)).toEqual([['a', '1']])
    await machine.run(again.apply(entries.slice(2)))
    expect(await contentOf(machine, again)).toEqual([['a', '2']])
    await expect(again.database.getEntry(Buffer.from('a'))).resolves.toMatchObject({ sequence: 2 })
    await machine.run(again.close())
    machine.release()
  })

  test('goes on to entries that bring nothing into tables', async () => {
    const machine = await started()
    const member = await enter(machine)
    member.log.append([at(1, 1, put('a', '1')), at(2, 1, noop), at(3, 1, noop)])
    await machine.run(member.apply([at(1, 1, put('a', '1'))]))
    await machine.run(member.flush())
    await machine.run(member.apply([at(2, 1, noop), at(3, 1, noop)], { voters: [9] }))
    await machine.run(member.flush())
    expect(member.flushed).toMatchObject({ index: 3, sequence: 1, membership: { voters: [9] } })
    await machine.run(member.close())
    machine.release()
  })

  test('leaves the log, and what others need stays in it', async () => {
    const machine = await started()
    const member = await enter(machine)
    let index = 0
    const round = async (): Promise<void> => {
      const entries = Array.from({ length: 60 }, () => at(++index, 1, put(`k${index}`, 'v'.repeat(3000))))
      member.log.append(entries)
      await machine.run(member.log.sync())
      await machine.run(member.apply(entries))
      await machine.run(member.flush())
    }
    member.keepFrom(1)
    await round()
    await round()
    expect(member.log.firstIndex).toBe(1)
    expect(member.flushed.index).toBe(120)
    member.keepFrom(100)
    await round()
    expect(member.log.firstIndex).toBeGreaterThan(1)
    expect(member.log.firstIndex).toBeLessThanOrEqual(100)
    expect(member.log.read(100, 1)?.map((entry) => entry.index)).toEqual([100])
    member.keepFrom(Number.POSITIVE_INFINITY)
    await round()
    expect(member.log.firstIndex).toBeGreaterThan(100)
    expect(member.log.firstIndex).toBeLessThanOrEqual(member.flushed.index + 1)
    expect(member.log.read(100, 1)).toBeUndefined()
    expect(member.log.term(100)).toBeUndefined()
    expect(member.log.term(member.log.firstIndex - 1)).toBe(1)
    await machine.run(member.close())
    machine.release()
  })

  test('memtables that are full are flushed on the way, and writers of entries wait for them', async () => {
    const machine = await started()
    const member = await enter(machine)
    const entries = Array.from({ length: 3000 }, (_, i) => at(i + 1, 1, put(`k${i % 50}`, `${i}`.padEnd(900, 'v'))))
    member.log.append(entries)
    await machine.run(member.log.sync())
    await machine.run(member.apply(entries))
    expect(member.flushed.index).toBeGreaterThan(100)
    const content = await contentOf(machine, member)
    expect(content.map(([, value]) => Number.parseInt(value, 10)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => 2950 + i)
    )
    await machine.run(member.close())
    machine.release()
  })
})

test('named spaces come and go with what is applied', async () => {
  const machine = await started()
  const member = await enter(machine)
  const { database } = member
  const early = database.space('lakes', { keyEncoding: 'utf8', valueEncoding: 'utf8' })
  expect(await machine.run(early.get('k'))).toBeUndefined()
  let index = 0
  const apply = async (each: Parameters<typeof batchesOf>[0]) => {
    const entry = { ...batchesOf(each, 0), index: ++index, term: 1 }
    member.log.append([entry])
    await machine.run(member.log.sync())
    await machine.run(member.apply([entry]))
  }
  const store = (id: number, value: string) =>
    apply((batch) => {
      batch.put(1, 'before', 'x', 0)
      batch.put(0, 'space:lakes', JSON.stringify({ id }), 0)
      batch.put(0, 'spaces', JSON.stringify({ formatVersion: 1, nextId: id + 1 }), 0)
      batch.put(id, 'k', value, 0)
    })
  await store(2, 'first')
  expect(database.spaces()).toEqual(['lakes'])
  expect(() => early.getSync('k')).toThrow("db.space('lakes')")
  const lakes = database.space('lakes', { keyEncoding: 'utf8', valueEncoding: 'utf8' })
  expect(await machine.run(lakes.get('k'))).toBe('first')
  expect(database.space('lakes').name).toBe('lakes')
  await apply((batch) => {
    batch.del(0, 'space:lakes')
    batch.deleteRange(2, Buffer.alloc(0), null)
  })
  expect(database.spaces()).toEqual([])
  expect(() => lakes.getSync('k')).toThrow('was dropped')
  await store(3, 'second')
  const again = database.space('lakes', { keyEncoding: 'utf8', valueEncoding: 'utf8' })
  expect(await machine.run(again.get('k'))).toBe('second')
  await machine.run(member.close())
  const reopened = await enter(machine)
  await machine.run(reopened.close())
  machine.release()
})

describe('a snapshot of another member', () => {
  const entriesOf = (term: number, from: number, to: number, value: string) =>
    Array.from({ length: to - from + 1 }, (_, i) => at(from + i, term, put(`k${from + i}`, value.padEnd(400, 'v'))))

  async function filled(term: number, to: number, value: string, flushes: boolean) {
    const machine = await started()
    const member = await enter(machine)
    const entries = entriesOf(term, 1, to, value)
    member.log.append(entries)
    member.log.setHardState({ term, vote: 1, commit: to })
    await machine.run(member.log.sync())
    await machine.run(member.apply(entries, { voters: [to] }))
    if (flushes) await machine.run(member.flush())
    return { machine, member }
  }

  test('leaves what was there to the snapshots and iterators that are open', async () => {
    const leader = await filled(4, 100, 'of the leader', true)
    const { machine, member } = await filled(2, 60, 'of another', true)
    const { database } = member
    const before = await contentOf(machine, member)
    const snapshot = database.snapshot()
    // Written after the snapshot, before the iterator; in memory only.
    const overwritten = at(61, 2, put('k60', 'late'))
    member.log.append([overwritten])
    await machine.run(member.log.sync())
    await machine.run(member.apply([overwritten]))
    const iterator = database.iterator()
    const first = await machine.run(iterator.next())
    const unread = database.iterator({ snapshot, reverse: true })
    const closed = database.snapshot()
    await machine.run(member.install(ship(leader.member, leader.machine, machine)))
    closed.close()
    const next = at(101, 4, put('k60', 'new'))
    member.log.append([next])
    await machine.run(member.log.sync())
    await machine.run(member.apply([next]))
    await machine.run(member.flush())
    await machine.run(database.compact())
    const texts = (entries: readonly (readonly [Buffer, Buffer])[]) =>
      entries.map(([key, value]) => [key.toString(), value.toString()])
    const late = before.map(([key, value]) => [key, key === 'k60' ? 'late' : value])
    expect(texts([first as [Buffer, Buffer], ...(await machine.run(iterator.all()))])).toEqual(late)
    expect(texts(await machine.run(database.iterator({ snapshot }).all()))).toEqual(before)
    expect(texts(await machine.run(unread.all())).reverse()).toEqual(before)
    const key = Buffer.from('k60')
    const value = Buffer.from('of another'.padEnd(400, 'v'))
    expect(await machine.run(database.get(key, { snapshot }))).toEqual(value)
    expect(database.getSync(key, { snapshot })).toEqual(value)
    expect(await machine.run(database.getMany([key, Buffer.from('k61')], { snapshot }))).toEqual([value, undefined])
    expect(await machine.run(database.has(key, { snapshot }))).toBe(true)
    expect(await machine.run(database.has(Buffer.from('k99'), { snapshot }))).toBe(false)
    expect(await machine.run(database.getEntry(key, { snapshot }))).toMatchObject({ value, sequence: 60 })
    expect(await machine.run(database.count({ snapshot }))).toBe(60)
    const present = database.snapshot()
    expect((await machine.run(database.get(key, { snapshot: present })))?.toString()).toBe('new')
    expect(await machine.run(database.count({ snapshot: present }))).toBe(100)
    const tables = async () => {
      const { executor, fs } = machine.environment()
      const names = await machine.run(outcome(native.list(executor, fs, directory)))
      native.release(executor)
      return names.filter((name) => name.endsWith('.sst')).length
    }
    const inForce = () => {
      const { version, unpin } = member.pin()
      unpin()
      return version.levels.flat().length
    }
    expect(await tables()).toBeGreaterThan(inForce())
    for (const pinned of [snapshot, present]) pinned.close()
    await machine.run(new Promise((resolve) => setImmediate(resolve)))
    await machine.run(member.flush())
    await machine.run(database.compact())
    expect(await tables()).toBe(inForce())
    expect(() => database.getSync(key, { snapshot })).toThrow('closed')
    await machine.run(member.close())
    machine.release()
    leader.machine.release()
  })

  test('takes the place of log and tables, and the log goes on after it', async () => {
    const leader = await filled(4, 100, 'of the leader', true)
    const { machine, member } = await filled(2, 60, 'of another', true)
    // What is in memory, and what is in the log and not applied, goes too.
    const more = entriesOf(2, 61, 90, 'not committed')
    member.log.append(more)
    await machine.run(member.log.sync())
    await machine.run(member.apply(more.slice(0, 5)))
    await machine.run(member.install(ship(leader.member, leader.machine, machine)))
    const expected = await contentOf(leader.machine, leader.member)
    expect(expected.length).toBe(100)
    const check = async (one: Member): Promise<void> => {
      expect(await contentOf(machine, one)).toEqual(expected)
      expect(one.applied).toEqual(leader.member.applied)
      expect([one.log.firstIndex, one.log.lastIndex, one.log.term(100), one.log.term(99)]).toEqual([
        101,
        100,
        4,
        undefined
      ])
      expect(one.log.hardState).toEqual({ term: 2, vote: 1, commit: 60 })
    }
    await check(member)
    native.memoryCrash(machine.fs, 0)
    await machine.run(member.close().catch(() => undefined))
    const again = await enter(machine)
    await check(again)
    const next = at(101, 4, put('next', '1'))
    again.log.append([next])
    await machine.run(again.log.sync())
    await machine.run(again.apply([next]))
    expect((await machine.run(again.database.getEntry(Buffer.from('next'))))?.sequence).toBe(101)
    await machine.run(again.flush())
    await machine.run(again.database.compact())
    expect((await contentOf(machine, again)).length).toBe(101)
    await machine.run(again.close())
    expect(await machine.run(machine.verify())).toMatchObject({ ok: true })
    await leader.machine.run(leader.member.close())
    for (const one of [machine, leader.machine]) one.release()
  })

  test('is there as a whole or not at all, whatever call fails', async () => {
    const leader = await filled(4, 40, 'of the leader', true)
    const expected = await contentOf(leader.machine, leader.member)
    const ends = { before: 0, after: 0 }
    for (let n = 1, isOver = false; !isOver; n += 2) {
      const { machine, member } = await filled(2, 30, 'of another', n % 3 === 0)
      const own = await contentOf(machine, member)
      const incoming = ship(leader.member, leader.machine, machine)
      native.memoryFaults(machine.fs, { atCall: n, forever: true })
      const installing = member.install(incoming)
      installing.catch(() => undefined)
      const failure = await machine.run(installing, 12).catch((error: unknown) => error)
      isOver = native.memoryCalls(machine.fs) < n
      native.memoryFaults(machine.fs, null)
      if (n % 4 === 1) native.memoryKill(machine.fs)
      else native.memoryCrash(machine.fs, n)
      await machine.run(member.close().catch(() => undefined))
      const again = await enter(machine)
      const isInstalled = again.applied.index === 40
      if (failure === undefined) expect(isInstalled).toBe(true)
      ends[isInstalled ? 'after' : 'before']++
      if (!isInstalled) {
        const rest = again.log.read(again.applied.index + 1, 1 << 20) ?? []
        await machine.run(again.apply(rest))
      }
      expect(await contentOf(machine, again)).toEqual(isInstalled ? expected : own)
      expect(again.log.lastIndex).toBe(isInstalled ? 40 : 30)
      expect(again.log.hardState).toEqual({ term: 2, vote: 1, commit: 30 })
      await machine.run(again.close())
      machine.release()
    }
    expect(ends.before).toBeGreaterThan(3)
    expect(ends.after).toBeGreaterThan(1)
    await leader.machine.run(leader.member.close())
    leader.machine.release()
  })
})

test('after a sync that failed nothing is acknowledged, written or applied any more', async () => {
  const machine = await started()
  const member = await enter(machine)
  member.log.append([at(1, 1, put('a', '1'))])
  await machine.run(member.log.sync())
  native.memoryFaults(machine.fs, { atCall: 1, operations: 8 })
  member.log.append([at(2, 1, put('b', '2'))])
  const syncs = [member.log.sync(), member.log.sync()]
  const outcomes = await machine.run(Promise.allSettled(syncs))
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(member.failure).toMatchObject({ code: 'VARVE_POISONED' })
  const late = [
    () => machine.run(member.log.sync()),
    () => member.log.append([at(3, 1, noop)]),
    () => member.log.setHardState({ term: 2, vote: 1, commit: 0 }),
    () => machine.run(member.apply([at(1, 1, put('a', '1'))]))
  ]
  for (const call of late) expect((await failureOf(call)).code).toBe('VARVE_POISONED')
  native.memoryFaults(machine.fs, null)
  await machine.run(member.close().catch(() => undefined))
  const again = await enter(machine)
  expect(again.log.lastIndex).toBeGreaterThanOrEqual(1)
  await machine.run(again.close())
  machine.release()
})

test('a full disk stops a member as an error does: what was not written is not known to be', async () => {
  const machine = await started()
  const member = await enter(machine)
  native.memoryCapacity(machine.fs, 1)
  const big = Array.from({ length: 40 }, (_, i) => at(i + 1, 1, put(`k${i}`, 'x'.repeat(30_000))))
  expect((await failureOf(() => member.log.append(big))).code).toBe('VARVE_POISONED')
  native.memoryCapacity(machine.fs, 0)
  expect((await failureOf(() => member.log.append([at(1, 1, noop)]))).code).toBe('VARVE_POISONED')
  await machine.run(member.close().catch(() => undefined))
  const again = await enter(machine)
  const { lastIndex } = again.log
  again.log.append([at(lastIndex + 1, 1, put('next', '1'))])
  const all = again.log.read(1, 8 << 20) ?? []
  expect(all.map(({ index }) => index)).toEqual(Array.from({ length: lastIndex + 1 }, (_, i) => i + 1))
  await machine.run(again.apply(all))
  // No sequence was left out: a follower gives the same entries the same ones.
  expect(again.applied.sequence).toBe(lastIndex + 1)
  await machine.run(again.close())
  machine.release()
})

describe('a directory becomes a member’s', () => {
  test('with what it holds, as a snapshot that ends where its log did', async () => {
    const path = scratch()
    await using db = await open(path)
    for (let i = 0; i < 50; i++) void db.put(`k${i}`, 'v'.repeat(100))
    await db.flush()
    await db.put('last', 'in the log')
    const { lastIndex, lastSequence } = db.stats().log
    await db.close()
    expect(await ownerOf(path)).toEqual({ member: undefined, holdsData: true })
    const made = await becomeMember(path, newMember)
    expect(made).toEqual({ clusterId: 'lakes', memberId: 7, sinceIndex: lastIndex })
    expect(await ownerOf(path)).toEqual({ member: made, holdsData: true })
    await using member = await openMember(path)
    expect(member.identity).toEqual(made)
    expect(member.applied).toMatchObject({
      index: lastIndex,
      term: 1,
      sequence: lastSequence,
      membership: { voters: [7] }
    })
    expect([member.log.firstIndex, member.log.lastIndex]).toEqual([lastIndex + 1, lastIndex])
    expect([member.log.term(lastIndex), member.log.term(lastIndex - 1)]).toEqual([1, undefined])
    const last = await member.database.get(Buffer.from('last'))
    expect(last?.toString()).toBe('in the log')
    const entry = at(lastIndex + 1, 2, put('first', 'of the group'))
    member.log.append([entry])
    await member.log.sync()
    await member.apply([entry])
    expect((await member.database.getEntry(Buffer.from('first')))?.sequence).toBe(lastSequence + 1)
  })

  test('that is empty or missing', async () => {
    const path = `${scratch()}/new`
    expect(await ownerOf(path)).toBeUndefined()
    expect(await becomeMember(path, newMember)).toMatchObject({ sinceIndex: 0 })
    expect(await ownerOf(path)).toMatchObject({ member: { memberId: 7 }, holdsData: false })
    await using member = await openMember(path)
    expect([member.log.firstIndex, member.log.lastIndex, member.log.term(0)]).toEqual([1, 0, 0])
    expect(member.log.hardState).toEqual({ term: 0, vote: 0, commit: 0 })
  })

  test('and is opened as nothing else, but to be read', async () => {
    const path = scratch()
    const alone = await failureOf(() => openMember(path))
    expect(alone).toMatchObject({ code: 'VARVE_MEMBER', file: path })
    await becomeMember(path, newMember)
    const refused = await failureOf(() => open(path))
    expect(refused).toMatchObject({ code: 'VARVE_MEMBER', file: path })
    expect(refused.message).toContain('varve serve')
    expect(refused.message).toContain('readOnly')
    expect((await failureOf(() => becomeMember(path, { ...newMember, memberId: 8 }))).code).toBe('VARVE_MEMBER')
    const member = await openMember(path)
    const entries = [at(1, 1, put('a', '1')), at(2, 1, put('b', '2')), at(3, 1, put('c', '3'))]
    member.log.append(entries)
    member.log.setHardState({ term: 1, vote: 7, commit: 2 })
    await member.log.sync()
    expect((await failureOf(() => member.database.put(Buffer.from('x'), Buffer.from('y')))).code).toBe(
      'VARVE_READ_ONLY'
    )
    expect((await failureOf(() => member.database.transaction(() => 1))).code).toBe('VARVE_READ_ONLY')
    await member.close()
    // What is known to be committed, and no more.
    await using reader = await open(path, { readOnly: true })
    expect(await reader.iterator().all()).toEqual([
      ['a', '1'],
      ['b', '2']
    ])
  })

  test('copies of it are databases alone', async () => {
    const path = scratch()
    await becomeMember(path, newMember)
    await using member = await openMember(path)
    const entry = at(1, 5, put('a', '1'))
    member.log.append([entry])
    await member.log.sync()
    await member.apply([entry])
    const copy = `${scratch()}/copy`
    await member.database.checkpoint(copy)
    await using db = await open(copy)
    expect(await db.get('a')).toBe('1')
    await db.put('b', '2')
    expect(await ownerOf(path).catch((error: { code: string }) => error.code)).toBe('VARVE_LOCKED')
  })

  test('with an id and a cluster that are some', async () => {
    for (const wrong of [{ clusterId: '' }, { memberId: 0 }, { memberId: 1.5 }, { membership: undefined }]) {
      const machine = new Machine(1)
      const call = () =>
        machine.run(becomeMember(directory, { ...newMember, ...wrong }, memberOptions, machine.environment))
      expect((await failureOf(call)).code).toBe('VARVE_INVALID_ARGUMENT')
      machine.release()
    }
  })
})
