// The invariants see what they are there for: each promise is kept once and broken once, by hand.
import { describe, expect, test } from 'vitest'
import type { Entry, Membership, StorageAppend } from '../../server/raft/core/types.ts'
import { MemoryDisk } from '../../server/simulation/disk.ts'
import { Invariants } from '../../server/simulation/invariants.ts'
import { Machine } from '../../server/simulation/machine.ts'
import { changedMembership, isQuorum } from '../../server/simulation/quorums.ts'
import { Violation } from '../../server/simulation/violation.ts'

const members: Membership = { voters: [1, 2, 3], votersOutgoing: [], learners: [4], learnersNext: [], autoLeave: false }

const entry = (index: number, term: number, serial = 0): Entry => ({
  kind: 'normal',
  index,
  term,
  payload: { size: 0, ref: serial === 0 ? undefined : { client: 1, serial, key: 'k', call: { kind: 'get' } } }
})

// Four nodes that were founded at (1, 1), with disks; `write` hands something to a node's disk, and syncs it if it should.
function group() {
  const founding = Machine.founding(members)
  const hash = Machine.restore(founding).hash
  const invariants = new Invariants({ ...founding, hash })
  const disks = new Map([1, 2, 3, 4].map((id) => [id, new MemoryDisk()]))
  for (const [id, disk] of disks) {
    disk.sync(disk.append({ snapshot: founding, entries: [], hardState: { term: 1, vote: 0, commit: 1 } }))
    invariants.started(id, disk)
  }
  const write = (id: number, part: Partial<StorageAppend>, isSynced = true) => {
    const all = {
      kind: 'storageAppend',
      from: id,
      entries: [],
      hardState: undefined,
      snapshot: undefined,
      responses: [],
      ...part
    } as const
    invariants.appended(id, all)
    const disk = disks.get(id)
    const number = disk?.append(all) ?? 0
    if (isSynced) disk?.sync(number)
  }
  return { invariants, write, hash }
}

// What is broken; undefined if nothing is.
function broken(act: () => void): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof Violation) return error.promised
    throw error
  }
}

describe('elections', () => {
  test('a term has one leader', () => {
    const { invariants } = group()
    invariants.leads(1, 2)
    invariants.leads(2, 3)
    expect(broken(() => invariants.leads(1, 2))).toBeUndefined()
    expect(broken(() => invariants.leads(3, 2))).toBe('one leader a term')
  })

  test('whoever leads has what was committed in terms before', () => {
    const { invariants, write } = group()
    for (const id of [1, 2]) write(id, { entries: [entry(2, 2)] })
    invariants.commits(1, 2, { term: 2, membership: members })
    expect(broken(() => invariants.leads(2, 4))).toBeUndefined()
    expect(broken(() => invariants.leads(3, 5))).toBe('leader completeness')
    // Of an earlier term: it may lead, and learn better.
    expect(broken(() => invariants.leads(3, 2))).toBeUndefined()
  })
})

describe('logs', () => {
  test('an entry is the same everywhere, and so is the one before it', () => {
    const { invariants, write } = group()
    write(1, { entries: [entry(2, 2, 7), entry(3, 2, 8)] })
    expect(broken(() => write(2, { entries: [entry(2, 2, 7)] }))).toBeUndefined()
    expect(broken(() => write(2, { entries: [entry(3, 2, 9)] }))).toBe('log matching')
    write(3, { entries: [entry(2, 1, 1)] })
    expect(broken(() => write(3, { entries: [entry(3, 2, 8)] }))).toBe('log matching')
    expect(broken(() => write(4, { entries: [entry(3, 2, 8)] }))).toBe('log matching')
    expect(invariants.truncations).toBe(0)
  })

  test('what is not committed may be replaced, and nothing else', () => {
    const { invariants, write } = group()
    for (const id of [1, 2]) write(id, { entries: [entry(2, 2), entry(3, 2)] })
    invariants.commits(1, 2, { term: 2, membership: members })
    invariants.commits(2, 2, undefined)
    expect(broken(() => write(2, { entries: [entry(3, 3)] }))).toBeUndefined()
    expect(invariants.truncations).toBe(1)
    expect(broken(() => write(2, { entries: [entry(2, 3)] }))).toBe('no commit undone')
  })

  test('nobody takes as committed what no leader committed', () => {
    const { invariants, write } = group()
    for (const id of [1, 2]) write(id, { entries: [entry(2, 2)] })
    write(3, { entries: [entry(2, 3)] })
    expect(broken(() => invariants.commits(2, 2, undefined))).toBe('no commit undone')
    invariants.commits(1, 2, { term: 2, membership: members })
    expect(broken(() => invariants.commits(2, 2, undefined))).toBeUndefined()
    expect(broken(() => invariants.commits(3, 2, undefined))).toBe('no commit undone')
    const snapshot = { index: 2, term: 3, membership: members, ref: undefined }
    expect(broken(() => write(3, { snapshot }))).toBe('no commit undone')
  })
})

describe('quorums', () => {
  test('a commit is on the disks of a majority of the voters', () => {
    const { invariants, write } = group()
    const leading = { term: 2, membership: members }
    for (const id of [1, 4]) write(id, { entries: [entry(2, 2)] })
    write(2, { entries: [entry(2, 2)] }, false)
    expect(broken(() => invariants.commits(1, 2, leading))).toBe('commit on a quorum')
    write(3, { entries: [entry(2, 2)] })
    expect(broken(() => invariants.commits(1, 2, leading))).toBeUndefined()
  })

  test('a joint membership needs both halves', () => {
    const joint = { ...members, voters: [1, 2, 4], votersOutgoing: [1, 2, 3], learners: [] }
    const has = (...ids: number[]) => isQuorum(joint, (id) => ids.includes(id))
    expect([has(1, 2), has(1, 3, 4), has(1, 4), has(1, 3), has(2, 3, 4)]).toEqual([true, true, false, false, true])
  })

  test('memberships are what changes make of them', () => {
    const change = (
      transition: 'auto' | 'implicit' | 'explicit',
      ...changes: ['voter' | 'learner' | 'remove', number][]
    ) => ({
      version: 2 as const,
      transition,
      changes: changes.map(([kind, id]) => ({ kind, id }))
    })
    const joint = changedMembership(members, change('explicit', ['voter', 4], ['learner', 1], ['remove', 2]))
    expect(joint).toEqual({
      voters: [3, 4],
      votersOutgoing: [1, 2, 3],
      learners: [],
      learnersNext: [1],
      autoLeave: false
    })
    const left = changedMembership(joint, change('auto'))
    expect(left).toEqual({ voters: [3, 4], votersOutgoing: [], learners: [1], learnersNext: [], autoLeave: false })
    expect(changedMembership(left, change('auto', ['remove', 1])).learners).toEqual([])
    expect(changedMembership(left, change('implicit', ['voter', 1]))).toMatchObject({
      votersOutgoing: [3, 4],
      autoLeave: true
    })
  })

  test('every node has the membership that the log makes, and the same state', () => {
    const { invariants, hash } = group()
    const change = { version: 2, transition: 'auto', changes: [{ kind: 'voter', id: 4 }] } as const
    const after = { ...members, voters: [1, 2, 3, 4], learners: [] }
    expect(broken(() => invariants.applied(1, 2, hash + 1, after, change))).toBeUndefined()
    expect(invariants.membershipChanges).toBe(1)
    expect(broken(() => invariants.applied(2, 2, hash + 1, members, change))).toBe('membership as logged')
    expect(broken(() => invariants.applied(3, 2, hash + 2, after, change))).toBe('state-machine safety')
  })
})

describe('promises', () => {
  const vote = { kind: 'voteResponse', from: 1, to: 2, term: 2, reject: false } as const
  const request = { kind: 'vote', from: 1, to: 2, term: 2, index: 1, logTerm: 1, transfer: false } as const
  const accepted = {
    kind: 'appendResponse',
    from: 1,
    to: 2,
    term: 2,
    index: 2,
    reject: false,
    hint: 0,
    hintTerm: 0
  } as const

  test('a vote is on disk before it leaves, and the term that one is asked for in', () => {
    const { invariants, write } = group()
    write(1, { hardState: { term: 2, vote: 2, commit: 1 } }, false)
    expect(broken(() => invariants.sends(vote))).toBe('promises are durable')
    expect(broken(() => invariants.sends(request))).toBe('promises are durable')
    write(1, { hardState: { term: 2, vote: 3, commit: 1 } })
    expect(broken(() => invariants.sends(vote))).toBe('promises are durable')
    expect(broken(() => invariants.sends({ ...vote, to: 3 }))).toBeUndefined()
    expect(broken(() => invariants.sends(request))).toBeUndefined()
    expect(broken(() => invariants.sends({ ...vote, reject: true }))).toBeUndefined()
  })

  test('an acknowledgement is on disk before it leaves', () => {
    const { invariants, write } = group()
    write(1, { entries: [entry(2, 2)], hardState: { term: 2, vote: 0, commit: 1 } }, false)
    expect(broken(() => invariants.sends(accepted))).toBe('promises are durable')
    write(1, {})
    expect(broken(() => invariants.sends(accepted))).toBeUndefined()
    expect(broken(() => invariants.sends({ ...accepted, index: 3 }))).toBe('promises are durable')
  })

  test('a read covers what was committed when it was asked for', () => {
    const { invariants } = group()
    expect(broken(() => invariants.confirms(1, 5, 5))).toBeUndefined()
    expect(broken(() => invariants.confirms(1, 5, 4))).toBe('reads are fresh')
  })
})
