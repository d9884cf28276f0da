// The parts of the core by themselves: quorums, flow, sizes, the configuration; and that the core is a function.
import { describe, expect, test } from 'vitest'
import { checkedConfig } from '../../server/raft/core/config.ts'
import { countWithin, entryBytes, limitEntries, payloadBytes, totalEntryBytes } from '../../server/raft/core/entry.ts'
import { Inflight } from '../../server/raft/core/inflight.ts'
import { RaftLog } from '../../server/raft/core/log.ts'
import { RawNode } from '../../server/raft/core/node.ts'
import { Progress } from '../../server/raft/core/progress.ts'
import { jointIndex, jointVote, majorityIndex, majorityVote } from '../../server/raft/core/quorum.ts'
import { Raft } from '../../server/raft/core/raft.ts'
import { becomeCandidate, becomeLeader, becomePreCandidate } from '../../server/raft/core/roles.ts'
import type { Entry, RaftConfig } from '../../server/raft/core/types.ts'
import { Unstable } from '../../server/raft/core/unstable.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { defaults, Group, voters } from './support/group.ts'
import { MemoryStorage } from './support/storage.ts'

const config: RaftConfig = { ...defaults, id: 1, electionSeed: 1 }
const noLimit = Number.POSITIVE_INFINITY

function entry(index: number, term = 1, size = 1): Entry {
  return { kind: 'normal', term, index, payload: { size, ref: `${term}/${index}` } }
}

describe('quorums', () => {
  const { below } = drawsOf(randomOf(seedOf('quorums')))
  const some = (max: number) => Array.from({ length: 9 }, (_, id) => id + 1).filter(() => below(9) < max)

  test('have committed what more than half of each half acknowledges', () => {
    for (let i = 0; i < 1500; i++) {
      const halves = { voters: some(4), votersOutgoing: some(3) }
      const acknowledged = new Map(some(6).map((id) => [id, below(5)]))
      const holds = (ids: readonly number[], index: number) =>
        ids.length === 0 || ids.filter((id) => (acknowledged.get(id) ?? 0) >= index).length * 2 > ids.length
      const highest = (all: readonly (readonly number[])[]) =>
        all.every((ids) => ids.length === 0)
          ? noLimit
          : [5, 4, 3, 2, 1, 0].find((n) => all.every((ids) => holds(ids, n)))
      expect(majorityIndex(halves.voters, (id) => acknowledged.get(id))).toBe(highest([halves.voters]))
      expect(jointIndex(halves, (id) => acknowledged.get(id))).toBe(highest([halves.voters, halves.votersOutgoing]))
    }
  })

  test('have voted when what is missing cannot change it', () => {
    for (let i = 0; i < 1500; i++) {
      const halves = { voters: some(4), votersOutgoing: some(3) }
      const votes = new Map(some(6).map((id) => [id, below(2) === 0]))
      const outcome = (ids: readonly number[], missing: boolean) =>
        ids.length === 0 || ids.filter((id) => votes.get(id) ?? missing).length * 2 > ids.length
      const expected = (all: readonly (readonly number[])[]) =>
        all.every((ids) => outcome(ids, false)) ? 'won' : all.every((ids) => outcome(ids, true)) ? 'pending' : 'lost'
      expect(majorityVote(halves.voters, votes)).toBe(expected([halves.voters]))
      expect(jointVote(halves, votes)).toBe(expected([halves.voters, halves.votersOutgoing]))
    }
  })
})

describe('appends in flight', () => {
  test('are the same as a list of them', () => {
    const { below } = drawsOf(randomOf(seedOf('in flight')))
    for (let run = 0; run < 25; run++) {
      const [messagesMax, bytesMax] = [below(20) + 1, below(100) + 1]
      const inflight = new Inflight(messagesMax, bytesMax)
      let model: { index: number; bytes: number }[] = []
      let index = 0
      for (let i = 0; i < 300; i++) {
        const isFull = model.length >= messagesMax || model.reduce((sum, { bytes }) => sum + bytes, 0) >= bytesMax
        expect([inflight.isFull, inflight.count]).toEqual([isFull, model.length])
        const choice = below(20)
        if (choice === 0) {
          inflight.clear()
          model = []
        } else if (choice < 8) {
          const freed = index - below(10)
          inflight.free(freed)
          model = model.filter((one) => one.index > freed)
        } else if (!isFull) {
          index += below(3) + 1
          const bytes = below(20)
          inflight.add(index, bytes)
          model.push({ index, bytes })
        } else {
          expect(() => inflight.add(index + 1, 1)).toThrow('as many in flight as it may')
        }
      }
    }
  })
})

describe('a progress', () => {
  test('takes no entries while its peer waits for a snapshot, and no rejection', () => {
    const progress = new Progress(2, 5, false, { inflightMessagesMax: 1, inflightBytesMax: noLimit })
    progress.becomeSnapshot(9)
    expect(() => progress.sentEntries(1, 1)).toThrow('peer 2, which waits for a snapshot')
    expect(progress.decrease(9, 3)).toBe(false)
    progress.becomeProbe()
    expect(progress.next).toBe(10)
    progress.sentEntries(0, 0)
    expect(progress.isPaused).toBe(false)
    expect(progress.decrease(8, 3)).toBe(false)
    expect(progress.decrease(9, 3)).toBe(true)
    expect(progress.next).toBe(4)
  })

  test('knows what commit its peer could still use', () => {
    const progress = new Progress(2, 5, false, { inflightMessagesMax: 9, inflightBytesMax: noLimit })
    progress.becomeReplicate()
    expect(progress.wantsCommit(1)).toBe(false)
    progress.sentEntries(4, 4)
    expect(progress.wantsCommit(1)).toBe(true)
    progress.sentCommit(4)
    expect(progress.wantsCommit(9)).toBe(false)
    progress.becomeProbe()
    expect([progress.next, progress.wantsCommit(9)]).toEqual([1, false])
  })
})

describe('sizes', () => {
  test('count what was proposed, and what an entry costs', () => {
    const member = (changes: number, size?: number): Entry => ({
      kind: 'membership',
      term: 1,
      index: 1,
      change: {
        version: 2,
        transition: 'auto',
        changes: Array.from({ length: changes }, () => ({ kind: 'voter', id: 1 })),
        ...(size === undefined ? {} : { payload: { size, ref: undefined } })
      }
    })
    expect([entry(1, 1, 7), member(0), member(2), member(1, 5)].map(payloadBytes)).toEqual([7, 0, 32, 21])
    expect(entryBytes(member(0))).toBe(32)
    expect(totalEntryBytes([entry(1), entry(2)])).toBe(66)
  })

  test('limit what goes together, to one at least', () => {
    const entries = [1, 2, 3].map((index) => entry(index))
    expect([0, 33, 65, 66, 99, noLimit].map((bytes) => countWithin(entries, bytes))).toEqual([1, 1, 1, 2, 3, 3])
    expect(countWithin([], 0)).toBe(0)
    expect(limitEntries(entries, 66)).toEqual(entries.slice(0, 2))
    expect(limitEntries(entries, 99)).toBe(entries)
  })
})

describe('the log', () => {
  const logOf = (stable: number, unstable: number) => {
    const storage = new MemoryStorage()
    const entries = Array.from({ length: stable + unstable }, (_, i) => entry(i + 1))
    storage.write({ entries: entries.slice(0, stable), hardState: undefined, snapshot: undefined })
    const log = new RaftLog(storage, noLimit)
    log.append(entries.slice(stable))
    return { log, storage, entries }
  }

  test('reads across what is stable and what is not, within a limit', () => {
    for (let first = 1; first <= 7; first++) {
      for (let end = first; end <= 7; end++) {
        for (const bytes of [0, 33, 66, 99, 130, noLimit]) {
          const { log, entries } = logOf(3, 3)
          const expected = limitEntries(entries.slice(first - 1, end - 1), bytes)
          if (end > first) expect(log.slice(first, end, bytes)).toEqual(expected)
        }
      }
    }
  })

  test('does not have what was cut, or never was', () => {
    const { log, storage } = logOf(3, 3)
    storage.compact(2)
    expect(log.slice(2, 5, noLimit)).toBeUndefined()
    expect([1, 2, 3, 6, 7].map((index) => log.term(index))).toEqual([undefined, 1, 1, 1, undefined])
    expect(log.entriesFrom(7, noLimit)).toEqual([])
    expect(log.meetingPoint(6, 0)).toEqual({ index: 1, term: 0 })
    expect(logOf(2, 0).log.meetingPoint(2, 0)).toEqual({ index: 0, term: 0 })
    expect(logOf(0, 0).log.meetingPoint(0, 9)).toEqual({ index: 0, term: 0 })
  })

  test('never replaces what is committed, nor commits what it does not have', () => {
    const { log } = logOf(3, 3)
    log.commitTo(4)
    log.commitTo(2)
    expect(log.committed).toBe(4)
    expect(() => log.append([entry(4, 2)])).toThrow('entry 4 would replace one that is committed (up to 4)')
    expect(() => log.commitTo(9)).toThrow('entry 9 is committed, but the log ends at 6')
    expect(() => log.appliedTo(5, 0)).toThrow('entry 5 was applied, which is not between 0 and the committed 4')
    log.append([])
    log.acceptApplying([], true)
    expect(log.lastIndex()).toBe(6)
  })

  test('holds on to what may still be replaced in the storage', () => {
    const unstable = new Unstable(4)
    unstable.truncateAndAppend([])
    unstable.truncateAndAppend([entry(4), entry(5)])
    expect(() => unstable.truncateAndAppend([entry(7)])).toThrow('entry 7 would leave a gap')
    expect(() => unstable.slice(3, 5)).toThrow('entries 3 to before 5 are not all in the unstable log from 4 on')
    unstable.acceptInProgress()
    expect(unstable.hasNextEntries).toBe(false)
    unstable.truncateAndAppend([entry(5, 2)])
    expect(unstable.nextEntries()).toEqual([entry(5, 2)])
    unstable.stableTo(5, 1)
    expect(unstable.count).toBe(2)
    unstable.truncateAndAppend([entry(2, 3)])
    expect([unstable.offset, unstable.count]).toEqual([2, 1])
    unstable.stableSnapshotTo(9)
    unstable.restore({ index: 9, term: 3, membership: voters(1), ref: undefined })
    unstable.stableTo(9, 3)
    expect([unstable.term(9), unstable.term(8), unstable.lastIndex()]).toEqual([3, undefined, 9])
    unstable.stableSnapshotTo(9)
    expect(unstable.lastIndex()).toBeUndefined()
  })

  test('needs a storage that keeps its last term and what is to be applied', () => {
    const { log, storage } = logOf(3, 0)
    log.commitTo(3)
    storage.entries = () => undefined
    expect(() => log.nextCommitted(true)).toThrow('entry 1 is to be applied, but was cut from the log')
    storage.term = () => undefined
    expect(() => log.lastTerm()).toThrow('the storage has no term for its last entry, 3')
  })
})

describe('roles', () => {
  test('are not taken from anywhere', () => {
    const storage = new MemoryStorage()
    const raft = new Raft(checkedConfig(config), storage)
    expect(() => becomeLeader(raft)).toThrow('a follower cannot become the leader')
    becomeCandidate(raft)
    expect(() => becomeLeader(raft)).toThrow('a node without a part in the membership was elected')
    raft.tracker.restore(voters(1), 0)
    becomeCandidate(raft)
    becomeLeader(raft)
    expect(() => becomeCandidate(raft)).toThrow('a leader cannot campaign')
    expect(() => becomePreCandidate(raft)).toThrow('a leader cannot campaign')
  })
})

describe('the configuration', () => {
  test.each([
    [{ id: 0 }, 'id must be a whole number from 1 on, not 0'],
    [{ id: 1.5 }, 'id must be a whole number from 1 on, not 1.5'],
    [{ heartbeatTicks: 0 }, 'heartbeatTicks must be a whole number from 1 on'],
    [{ electionTicks: 1 }, 'electionTicks must be a whole number from 2 on'],
    [{ electionTicks: 3, heartbeatTicks: 3 }, 'electionTicks must be more than heartbeatTicks'],
    [{ inflightMessagesMax: 0 }, 'inflightMessagesMax must be'],
    [{ inflightBytesMax: 5 }, 'inflightBytesMax must not be less than messageBytesMax'],
    [{ reads: 'lease', checkQuorum: false }, 'reads from the lease need checkQuorum'],
    [{ electionSeed: -1 }, 'electionSeed must be']
  ] as const)('%o is refused', (part, sentence) => {
    expect(() => new RawNode({ ...config, ...part }, new MemoryStorage())).toThrow(sentence)
  })

  test('has defaults', () => {
    expect(checkedConfig({ ...config, messageBytesMax: 0 })).toMatchObject({
      applied: 0,
      readIdStart: 1,
      applyingBytesMax: 1,
      uncommittedBytesMax: noLimit,
      inflightBytesMax: noLimit
    })
    expect(checkedConfig(config).applyingBytesMax).toBe(config.messageBytesMax)
  })
})

describe('the core', () => {
  // A group does things at random; everything it says is written down.
  const transcript = (seed: number): string => {
    const group = new Group(3, { config: { preVote: seed % 2 === 0 } })
    const { below, oneOf } = drawsOf(randomOf(seed))
    for (let i = 0; i < 400; i++) {
      const { node } = oneOf(group.members)
      const choice = below(10)
      if (choice < 5) node.tick()
      else if (choice === 5) node.propose([{ size: below(100), ref: i }])
      else if (choice === 6) node.readIndex()
      else if (choice === 7) node.transferLeader(below(3) + 1)
      else group.settle()
    }
    group.settle()
    return JSON.stringify([
      group.sent,
      group.members.map(({ node, applied, reads }) => [node.status(), applied, reads])
    ])
  }

  test('does the same for the same', () => {
    const seed = seedOf('the core is a function') % 2 ** 20
    for (let i = 0; i < 6; i++) expect(transcript(seed + i)).toBe(transcript(seed + i))
    expect(transcript(seed)).not.toBe(transcript(seed + 1))
  })

  test('has nothing to do when nothing happened', () => {
    const { node } = new Group(3).member(1)
    expect(node.hasReady()).toBe(false)
    const nothing = { softState: undefined, reads: [], messages: [], append: undefined, apply: undefined }
    expect(node.ready()).toEqual(nothing)
  })

  test('has something to do exactly when its Ready has something in it', () => {
    const group = new Group(3)
    const { below, oneOf } = drawsOf(randomOf(7))
    for (let i = 0; i < 2000; i++) {
      const { id, node } = oneOf(group.members)
      const choice = below(8)
      if (choice < 3) node.tick()
      else if (choice === 3) node.propose([{ size: 1, ref: i }])
      else if (choice === 4) node.readIndex()
      else group.deliver(id)
      if (!node.hasReady()) {
        const { softState, reads, messages, append, apply } = node.ready()
        expect([softState, reads.length, messages.length, append, apply]).toEqual([
          undefined,
          0,
          0,
          undefined,
          undefined
        ])
      } else if (below(2) === 0) group.process(id)
    }
    expect(group.node(1).status().commit).toBeGreaterThan(10)
  })

  test('takes an election timeout for the next time', () => {
    const group = new Group(3)
    group.node(1).setElectionTimeout(3)
    for (let i = 0; i < 3; i++) group.node(1).tick()
    expect(group.node(1).status().role).toBe('preCandidate')
  })
})
