// The log of production under the core: a Ready's writes and applies, what is read back, and groups of nodes that lose power.
import { beforeAll, describe, expect, test } from 'vitest'
import native from '#native'
import { batchesOf, becomeMember, type Member, openMember } from '../../lib/member.ts'
import { emptyMembership } from '../../server/raft/core/membership.ts'
import type { Entry, Membership, StorageAppend } from '../../server/raft/core/types.ts'
import { changePayloadOf, decodeChange, encodeChange, payloadOf, toLogEntry } from '../../server/raft/entries.ts'
import { type KeptMembership, MemberLog } from '../../server/raft/log.ts'
import { directory, Machine, useMachineTime } from '../lib/support/machine.ts'
import { memberOptions, ship } from '../lib/support/members.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { voters } from './support/group.ts'
import { LogGroup, type LogNode } from './support/log-group.ts'

beforeAll(useMachineTime)

const kept = (membership: Membership): KeptMembership => ({ membership, details: { names: ['a'] } })
const started = { clusterId: 'lakes', memberId: 1, membership: kept(voters(1)) }

async function enter(machine: Machine): Promise<{ member: Member; log: MemberLog }> {
  const member = await machine.run(openMember(directory, memberOptions, machine.environment))
  return { member, log: new MemberLog(member) }
}

async function fresh(): Promise<{ machine: Machine; member: Member; log: MemberLog }> {
  const machine = new Machine(1)
  await machine.run(becomeMember(directory, started, memberOptions, machine.environment))
  return { machine, ...(await enter(machine)) }
}

const word = (index: number, term: number, text: string): Entry => {
  const body = batchesOf((batch) => batch.put(1, text, text), 1000 + index)
  return { kind: 'normal', index, term, payload: payloadOf(body) }
}

const write = (parts: Partial<StorageAppend>): StorageAppend => ({
  kind: 'storageAppend',
  from: 1,
  entries: [],
  hardState: undefined,
  snapshot: undefined,
  responses: [],
  ...parts
})
const done: StorageAppend['responses'] = [
  { kind: 'storageAppendDone', to: 1, term: 1, index: 0, logTerm: 0, snapshot: undefined }
]
const keyOf = (entry: Entry): unknown => {
  const { payload, frame: _, ...rest } = toLogEntry(entry)
  return { ...rest, payload: Buffer.from(payload).toString('latin1') }
}

describe('what the core reads', () => {
  test('a fresh member knows its membership and nothing else', async () => {
    const { machine, member, log } = await fresh()
    expect(log.initialState()).toEqual({ hardState: undefined, membership: voters(1) })
    expect([log.firstIndex(), log.lastIndex(), log.term(0), log.term(1), log.applied]).toEqual([1, 0, 0, undefined, 0])
    expect(log.snapshot()).toBeUndefined()
    expect(log.kept).toEqual(started.membership)
    await machine.run(member.close())
    machine.release()
  })

  test('entries are the same from memory and from the log', async () => {
    const { machine, member, log } = await fresh()
    const change = { kind: 'membership', index: 3, term: 2, change: encodedChange } as const
    const empty: Entry = { kind: 'normal', index: 4, term: 2, payload: { size: 0, ref: undefined } }
    const entries: Entry[] = [word(1, 1, 'one'), word(2, 1, 'two'), change, empty, word(5, 2, 'five')]
    await machine.run(log.append(write({ entries, responses: done })))
    const other = new MemberLog(member)
    const fromDisk = other.entries(1, 6, 1 << 20)?.map(keyOf)
    // Its time is that of the entries before it.
    const asWritten = entries.map((entry, i) => ({ ...(keyOf(entry) as object), ...(i === 3 ? { timeMs: 1002 } : {}) }))
    expect(fromDisk).toEqual(asWritten)
    expect(log.entries(1, 6, 1 << 20)?.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5])
    for (const one of [log, other]) {
      expect(one.entries(2, 4, 1)?.map(({ index }) => index)).toEqual([2])
      expect(one.entries(2, 4, Number.POSITIVE_INFINITY)?.map(({ index }) => index)).toEqual([2, 3])
      expect(one.entries(0, 4, 1)).toBeUndefined()
    }
    const read = other.entries(3, 4, 1)?.[0]
    expect(read?.kind === 'membership' && read.change).toEqual(encodedChange)
    await machine.run(member.close())
    machine.release()
  })

  test('a later leader’s entries take the place of others, in memory as in the log', async () => {
    const { machine, member, log } = await fresh()
    await machine.run(log.append(write({ entries: [1, 2, 3, 4].map((i) => word(i, 1, `old${i}`)), responses: done })))
    await machine.run(log.append(write({ entries: [word(3, 5, 'new')], responses: done })))
    for (const one of [log, new MemberLog(member)]) {
      expect([one.lastIndex(), one.term(3), one.term(4)]).toEqual([3, 5, undefined])
      expect(one.entries(1, 4, 1 << 20)?.map(({ term }) => term)).toEqual([1, 1, 5])
    }
    await machine.run(member.close())
    machine.release()
  })

  test('without the hard state of its last write, the term is that of the last entry', async () => {
    const { machine, member, log } = await fresh()
    const entries = [word(1, 1, 'a'), word(2, 4, 'b')]
    await machine.run(log.append(write({ hardState: { term: 3, vote: 2, commit: 0 }, responses: done })))
    await machine.run(log.append(write({ entries, responses: done })))
    expect(log.initialState().hardState).toEqual({ term: 4, vote: 0, commit: 0 })
    await machine.run(log.append(write({ hardState: { term: 4, vote: 1, commit: 1 }, responses: done })))
    expect(log.initialState().hardState).toEqual({ term: 4, vote: 1, commit: 1 })
    await machine.run(member.close())
    const again = await enter(machine)
    expect(again.log.initialState().hardState).toEqual({ term: 4, vote: 1, commit: 1 })
    await machine.run(again.member.close())
    machine.release()
  })

  test('of a write that was kept in part, the hard state is not there without the entries', async () => {
    const { machine, member, log } = await fresh()
    const first = write({ entries: [word(1, 1, 'a')], hardState: { term: 1, vote: 1, commit: 0 }, responses: done })
    await machine.run(log.append(first))
    native.memoryFaults(machine.fs, { atCall: 1, forever: true, operations: 4 })
    const hardState = { term: 2, vote: 1, commit: 2 }
    const second = write({ entries: [word(2, 2, 'b')], hardState, responses: done })
    await expect(machine.run(log.append(second))).rejects.toMatchObject({ code: 'VARVE_POISONED' })
    native.memoryFaults(machine.fs, { atCall: 2, forever: true, operations: 4 })
    await expect(log.append(write({ hardState }))).rejects.toMatchObject({ code: 'VARVE_POISONED' })
    native.memoryFaults(machine.fs, null)
    await machine.run(member.close().catch(() => undefined))
    const again = await enter(machine)
    expect(again.log.lastIndex()).toBe(1)
    expect(again.log.initialState().hardState).toEqual({ term: 1, vote: 1, commit: 0 })
    // Now the entry is written and the hard state is not.
    native.memoryFaults(machine.fs, { atCall: 2, forever: true, operations: 4 })
    await expect(machine.run(again.log.append(second))).rejects.toMatchObject({ code: 'VARVE_POISONED' })
    native.memoryFaults(machine.fs, null)
    native.memoryKill(machine.fs)
    await machine.run(again.member.close().catch(() => undefined))
    const third = await enter(machine)
    expect(third.log.lastIndex()).toBe(2)
    expect(third.log.initialState().hardState).toEqual({ term: 2, vote: 0, commit: 0 })
    await machine.run(third.member.close())
    machine.release()
  })

  test('a commit alone is not synced: its answer waits for what was written before it, and for no sync of its own', async () => {
    const { machine, log } = await fresh()
    const order: string[] = []
    const told = (name: string, parts: Partial<StorageAppend>) =>
      log.append(write({ ...parts, responses: done })).then(() => order.push(name))
    const entries = told('entries', { entries: [word(1, 1, 'a')], hardState: { term: 1, vote: 1, commit: 0 } })
    const commit = told('commit', { hardState: { term: 1, vote: 1, commit: 1 } })
    await Promise.resolve()
    expect(order).toEqual([])
    await machine.run(Promise.all([entries, commit]))
    expect(order).toEqual(['entries', 'commit'])
    // No job of the disk is stepped here.
    await told('again', { hardState: { term: 1, vote: 1, commit: 1 } })
    expect(order).toEqual(['entries', 'commit', 'again'])
    const vote = told('vote', { hardState: { term: 2, vote: 1, commit: 1 } })
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    expect(order).toHaveLength(3)
    await machine.run(vote)
    expect(order).toHaveLength(4)
  })

  test('a write that comes while a snapshot is being installed follows it', async () => {
    const sender = await fresh()
    const entries = [1, 2, 3, 4, 5].map((index) => word(index, 2, `w${index}`))
    await sender.machine.run(sender.log.append(write({ entries, responses: done })))
    await sender.machine.run(sender.log.apply(entries, () => expect.fail('no membership')))
    await sender.machine.run(sender.member.flush())
    const { machine, member, log } = await fresh()
    const incoming = ship(sender.member, sender.machine, machine)
    const snapshot = { index: 5, term: 2, membership: voters(1), ref: incoming }
    const hardState = { term: 3, vote: 1, commit: 5 }
    const order: string[] = []
    expect(log.isInstalling).toBe(false)
    const writes = [
      log.append(write({ snapshot, responses: done })).then(() => order.push('snapshot')),
      log.append(write({ entries: [word(6, 3, 'w6')], responses: done })).then(() => order.push('entry')),
      log.append(write({ hardState, responses: done })).then(() => order.push('hard state'))
    ]
    // Its tables are still where they came to.
    expect(log.isInstalling).toBe(true)
    await machine.run(Promise.all(writes))
    expect(log.isInstalling).toBe(false)
    expect(order).toEqual(['snapshot', 'entry', 'hard state'])
    await machine.run(member.close())
    const again = await enter(machine)
    expect([again.log.firstIndex(), again.log.lastIndex(), again.log.applied]).toEqual([6, 6, 5])
    expect(again.log.initialState()).toEqual({ hardState, membership: voters(1) })
    await machine.run(again.member.close())
    await sender.machine.run(sender.member.close())
    for (const one of [machine, sender.machine]) one.release()
  })

  test('what was flushed is a snapshot, and where applying goes on', async () => {
    const { machine, member, log } = await fresh()
    const membership = { ...emptyMembership, voters: [1], learners: [2] }
    const change: Entry = { kind: 'membership', index: 2, term: 1, change: encodedChange }
    const entries = [word(1, 1, 'a'), change, word(3, 1, 'b')]
    const hardState = { term: 1, vote: 1, commit: 3 }
    await machine.run(log.append(write({ entries, hardState, responses: done })))
    const asked: unknown[] = []
    const applying = log.apply(entries.slice(0, 2), (entry) => {
      asked.push(entry.change)
      return kept(membership)
    })
    // Called at once after the other, it waits for it.
    await machine.run(log.apply(entries.slice(2), () => expect.fail('no other membership')))
    await machine.run(applying)
    expect(asked).toEqual([encodedChange])
    await machine.run(member.flush())
    expect(log.snapshot()).toEqual({ index: 3, term: 1, membership, ref: undefined })
    await machine.run(member.close())
    const again = await enter(machine)
    expect(again.log.applied).toBe(3)
    expect(again.log.kept).toEqual(kept(membership))
    expect(again.log.initialState()).toEqual({ hardState, membership })
    await machine.run(again.member.close())
    machine.release()
  })
})

const encodedChange = {
  version: 2,
  transition: 'auto',
  changes: [{ kind: 'learner', id: 2 }],
  payload: changePayloadOf(Buffer.from('at 10.0.0.2'))
} as const

test('a membership change is the same after the log', () => {
  expect(decodeChange(encodeChange(encodedChange))).toEqual(encodedChange)
  const { payload: _, ...bare } = encodedChange
  expect(decodeChange(encodeChange(bare))).toEqual(bare)
})

const groups = campaign('groups over the wal', { short: 8, long: 600, instrumented: 2 })
const seedOfGroups = seedOf('groups over the wal')

class Play {
  readonly group: LogGroup
  readonly #draws: ReturnType<typeof drawsOf>
  readonly #keepsLogs: boolean
  readonly #proposed: {
    readonly key: string
    readonly value: string
    readonly term: number
    readonly index: number
  }[] = []
  #count = 0

  constructor(seed: number, keepsLogs: boolean) {
    this.#draws = drawsOf(randomOf(seed))
    this.#keepsLogs = keepsLogs
    this.group = new LogGroup(3, seed, keepsLogs)
  }

  async step(): Promise<void> {
    const { below, oneOf } = this.#draws
    const { group } = this
    const node = oneOf(group.nodes)
    const choice = below(1000)
    // Where logs are cut, some stay away for long enough to be behind.
    if (node.life === undefined && below(this.#keepsLogs ? 20 : 300) === 0) await group.start(node)
    else if (choice < 60) node.life?.node.tick()
    else if (choice < 400) for (let i = below(5); i >= 0 && group.wire.length > 0; i--) this.#deliver()
    else if (choice < 620) group.process(node)
    else if (choice < 820) await node.machine.advance()
    else if (choice < (this.#keepsLogs ? 970 : 940)) this.#propose()
    else if (choice < 985) void node.life?.member.flush().catch(() => undefined)
    else if (choice < 993) this.#change()
    else if (below(4) === 0) await this.#cut(choice < 998 ? [node] : group.nodes)
  }

  #deliver(): void {
    const { below } = this.#draws
    const at = below(3) === 0 ? below(this.group.wire.length) : 0
    const message = this.group.wire[at]
    if (below(12) === 0 && message !== undefined) this.group.lose(message)
    else this.group.deliver(at)
  }

  #propose(): void {
    const { leader } = this.group
    if (leader === undefined) return
    const key = `k${this.#draws.below(40)}`
    const value = `${++this.#count}`.padEnd(this.#draws.below(this.#keepsLogs ? 12 : 2) === 0 ? 8000 : 20, 'v')
    const result = this.group.propose(leader, key, value)
    if (result?.status === 'appended') this.#proposed.push({ key, value, term: result.term, index: result.firstIndex })
  }

  #change(): void {
    const { leader } = this.group
    const { below } = this.#draws
    if (leader === undefined) return
    const changes = [{ kind: below(2) === 0 ? ('learner' as const) : ('voter' as const), id: 1 + below(3) }]
    this.group.proposeMembership(leader, { version: 1, transition: 'auto', changes })
  }

  async #cut(nodes: readonly LogNode[]): Promise<void> {
    for (const node of nodes) {
      if (node.life !== undefined) await this.group.cut(node, this.#draws.below(2 ** 31))
    }
  }

  /** Somebody who is not needed is away while the others write so much that their logs are cut. */
  async leaveBehind(): Promise<void> {
    const { group } = this
    const leader = await group.heal()
    const { voters } = leader.life?.log.kept.membership ?? emptyMembership
    const away = group.nodes.find(({ id }) => id !== leader.id && (voters.length > 2 || !voters.includes(id)))
    if (away === undefined) throw new Error('everybody is needed')
    await this.#cut([away])
    for (let i = 0; i < 20; i++) {
      this.#propose()
      this.#propose()
      await group.settle()
    }
    for (const { life, machine } of group.nodes) await machine.run(life?.member.flush() ?? Promise.resolve())
  }

  /** After faults: everybody has the same, and what was decided is what is there. */
  async check(): Promise<number> {
    const { group } = this
    const leader = await group.heal()
    const expected = await group.contentOf(leader)
    for (const node of group.nodes) {
      expect(await group.contentOf(node)).toEqual(expected)
      expect(node.life?.log.kept).toEqual(leader.life?.log.kept)
      expect(node.life?.node.status().membership).toEqual(leader.life?.log.kept.membership)
      group.checkDecided(node)
    }
    const last = new Map<string, string>()
    let decided = 0
    for (const { key, value, term, index } of [...this.#proposed].sort((a, b) => a.index - b.index)) {
      if (!group.isDecided(index, term)) continue
      last.set(key, value)
      decided++
    }
    expect(new Map([...expected].map(([key, [value]]) => [key, value]))).toEqual(last)
    return decided
  }
}

test.each([true, false])(
  'groups that lose power, one by one and all at once, come back equal; logs are kept: %s',
  async (keepsLogs) => {
    const totals = { applied: 0, appliedAgain: 0, powerCuts: 0, memberships: 0, snapshots: 0, decided: 0 }
    for (let run = 0; run < groups; run++) {
      const seed = seedOfGroups + run
      try {
        const play = new Play(seed, keepsLogs)
        await play.group.begin()
        for (let life = 0; life < 2; life++) {
          for (let i = 0; i < 1500; i++) await play.step()
          if (!keepsLogs) await play.leaveBehind()
          totals.decided += await play.check()
        }
        const { counts } = play.group
        if (keepsLogs) expect(counts.snapshots).toBe(0)
        for (const name of ['applied', 'appliedAgain', 'powerCuts', 'memberships', 'snapshots'] as const)
          totals[name] += counts[name]
        await play.group.end()
      } catch (error) {
        throw new Error(`The group of seed ${seed}: ${String(error)}`, { cause: error })
      }
    }
    const name = `groups over the wal${keepsLogs ? '' : ', with snapshots'}`
    console.log(`${name}: ${JSON.stringify(totals)}`)
    report(name, totals)
    expect(totals.powerCuts).toBeGreaterThan(groups * 2)
    expect(totals.decided).toBeGreaterThan(groups * 20)
    expect(totals.memberships).toBeGreaterThan(groups)
    if (!keepsLogs) expect(totals.snapshots).toBeGreaterThan(groups)
  }
)

test('what one had alone comes to the others as a snapshot', async () => {
  const group = new LogGroup(3, seedOfGroups, true)
  const entries = Array.from({ length: 200 }, (_, i): [string, string] => [`alone${i}`, `${i}`.padEnd(300, 'v')])
  await group.beginWith(entries)
  const [first] = group.nodes
  first?.life?.node.campaign()
  const leader = await group.heal()
  expect(leader.id).toBe(1)
  expect(group.counts.snapshots).toBe(2)
  group.propose(leader, 'together', '1')
  await group.heal()
  const expected = await group.contentOf(leader)
  expect(expected.size).toBe(201)
  for (const node of group.nodes) {
    expect(await group.contentOf(node)).toEqual(expected)
    expect(node.life?.log.kept.membership).toEqual(voters(1, 2, 3))
    expect(node.life?.node.status().membership).toEqual(voters(1, 2, 3))
  }
  await group.end()
})
