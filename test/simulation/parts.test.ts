// The parts that a run is made of: what a crash leaves on a disk, what a cut does to a link, whose reads an answer serves.
import { describe, expect, test } from 'vitest'
import type { Entry, PeerMessage } from '../../server/raft/core/types.ts'
import { MemoryDisk } from '../../server/simulation/disk.ts'
import { Machine } from '../../server/simulation/machine.ts'
import { bridge, Network, oneWay, split } from '../../server/simulation/network.ts'
import { Random } from '../../server/simulation/random.ts'
import { Reads } from '../../server/simulation/reads.ts'
import { Scheduler } from '../../server/simulation/scheduler.ts'

const members = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
const founding = Machine.founding(members)
const entry = (index: number, term: number): Entry => ({
  kind: 'normal',
  index,
  term,
  payload: { size: 0, ref: undefined }
})
const nothing = { entries: [], hardState: undefined, snapshot: undefined }

function foundedDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.sync(disk.append({ ...nothing, snapshot: founding, hardState: { term: 1, vote: 0, commit: 1 } }))
  return disk
}

describe('a disk', () => {
  test('has what was synced, and answers from that', () => {
    const disk = foundedDisk()
    const first = disk.append({ ...nothing, entries: [entry(2, 1), entry(3, 1)] })
    disk.append({ ...nothing, entries: [entry(3, 2)], hardState: { term: 2, vote: 1, commit: 2 } })
    expect(disk.lastIndex()).toBe(1)
    disk.sync(first)
    expect([disk.lastIndex(), disk.term(3), disk.term(4), disk.initialState().hardState?.term]).toEqual([
      3,
      1,
      undefined,
      1
    ])
    disk.sync(first + 1)
    expect([disk.lastIndex(), disk.term(3), disk.initialState().hardState?.vote]).toEqual([3, 2, 1])
    expect(disk.entries(2, 4, 0)?.map(({ index }) => index)).toEqual([2])
    expect(() => disk.sync(99)).toThrow('was never taken')
  })

  test('keeps a beginning of what was not synced when the power goes, at most a part of the last write', () => {
    const ends = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const disk = foundedDisk()
      disk.append({ ...nothing, entries: [entry(2, 1)] })
      disk.append({ ...nothing, entries: [entry(3, 2), entry(4, 2)], hardState: { term: 2, vote: 0, commit: 3 } })
      disk.crash(new Random(seed))
      const { hardState } = disk.initialState()
      ends.add(`${disk.lastIndex()} ${hardState?.term} ${hardState?.commit}`)
    }
    // Entries of a term that the hard state does not know yet raise its term.
    expect([...ends].sort()).toEqual(['1 1 1', '2 1 1', '3 2 1', '4 2 1', '4 2 3'])
  })

  test('lets go of its log behind a checkpoint, and of all of it for a snapshot', () => {
    const disk = foundedDisk()
    const entries = [2, 3, 4, 5].map((index) => entry(index, 1))
    disk.sync(disk.append({ ...nothing, entries }))
    disk.sync(disk.checkpoint({ ...founding, index: 4 }, 4))
    expect([disk.firstIndex(), disk.term(3), disk.term(2), disk.lastIndex(), disk.snapshot()?.index]).toEqual([
      4,
      1,
      undefined,
      5,
      4
    ])
    expect([disk.entries(3, 5, 100), disk.durableTerm(2), disk.durableTerm(6)]).toEqual([undefined, 0, undefined])
    disk.sync(disk.checkpoint({ ...founding, index: 2 }, 2))
    expect(disk.snapshot()?.index).toBe(4)
    disk.sync(disk.append({ ...nothing, snapshot: { ...founding, index: 9, term: 3 } }))
    expect([disk.firstIndex(), disk.lastIndex(), disk.term(9)]).toEqual([10, 9, 3])
  })
})

describe('a network', () => {
  const weather = { delayMsMin: 1, delayMsMax: 9, lossPercent: 0, duplicatePercent: 0, strayPercent: 0 }
  const message = (round: number): PeerMessage => ({ kind: 'heartbeat', from: 1, to: 2, term: 1, commit: 0, round })

  function net(change: Partial<typeof weather> = {}) {
    const scheduler = new Scheduler()
    const rounds: number[] = []
    let lost = 0
    const network = new Network(
      scheduler,
      new Random(1),
      { ...weather, ...change },
      {
        deliver: (delivered) => rounds.push('round' in delivered ? delivered.round : 0),
        lost: () => lost++
      }
    )
    return {
      network,
      scheduler,
      rounds,
      lost: () => lost,
      end: () => {
        while (scheduler.step());
      }
    }
  }

  test('delivers all, out of order', () => {
    const { network, rounds, end } = net()
    for (let round = 0; round < 50; round++) network.send(message(round))
    end()
    expect([...rounds].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, round) => round))
    expect(rounds).not.toEqual([...rounds].sort((a, b) => a - b))
  })

  test('loses and repeats as much as the weather says', () => {
    const { network, rounds, lost, end } = net({ lossPercent: 30, duplicatePercent: 50 })
    for (let round = 0; round < 1_000; round++) network.send(message(round))
    end()
    expect(lost()).toBeGreaterThan(200)
    expect(lost()).toBeLessThan(400)
    expect(new Set(rounds).size).toBe(1_000 - lost())
    expect(rounds.length).toBeGreaterThan(1.3 * new Set(rounds).size)
  })

  test('a cut takes what is sent and what is on its way; two cuts are mended one by one', () => {
    const { network, rounds, lost, end } = net()
    const links = [{ from: 1, to: 2 }]
    network.send(message(1))
    network.cut(links)
    network.cut(links)
    network.send(message(2))
    network.mend(links)
    end()
    expect([rounds, lost()]).toEqual([[], 2])
    network.mend(links)
    network.send(message(3))
    end()
    expect(rounds).toEqual([3])
  })

  test('partitions have their shapes', () => {
    const text = (links: readonly { from: number; to: number }[]) =>
      links.map(({ from, to }) => `${from}${to}`).join(' ')
    const ids = [1, 2, 3]
    expect(text(split(ids, new Set([1])))).toBe('12 13 21 31')
    expect(text(oneWay(ids, new Set([1]), true))).toBe('12 13')
    expect(text(oneWay(ids, new Set([1]), false))).toBe('21 31')
    expect(text(bridge(ids, new Set([1]), 3))).toBe('12 21')
  })
})

describe('reads', () => {
  function reading() {
    let id = 0
    let nowMs = 0
    let committed = 0
    const confirmed: (readonly [number, number])[] = []
    const reads = new Reads({
      ask: () => ++id,
      committedLast: () => committed,
      confirmed: (then, index) => confirmed.push([then, index]),
      nowMs: () => nowMs,
      retryMs: 10
    })
    const answers: string[] = []
    const add = (name: string) => reads.add({ isAnswered: false, answer: (may) => answers.push(`${name} ${may}`) })
    const go = (ms: number, commits: number) => {
      nowMs += ms
      committed += commits
      reads.retry()
    }
    return { reads, add, go, answers, confirmed, asked: () => id }
  }

  test('a late answer serves only the reads that were there when its question was asked', () => {
    const { reads, add, go, answers, confirmed, asked } = reading()
    add('a')
    add('b')
    expect(asked()).toBe(1)
    go(20, 5)
    expect(asked()).toBe(2)
    reads.confirm(1, 0)
    reads.serve(0)
    expect(answers).toEqual(['a true'])
    reads.confirm(2, 5)
    reads.serve(4)
    expect(answers).toEqual(['a true'])
    reads.serve(5)
    expect(answers).toEqual(['a true', 'b true'])
    expect(confirmed).toEqual([
      [0, 0],
      [5, 5]
    ])
  })

  test('with nobody to ask, a read is refused', () => {
    const answers: boolean[] = []
    const reads = new Reads({
      ask: () => undefined,
      committedLast: () => 0,
      confirmed: () => {},
      nowMs: () => 0,
      retryMs: 1
    })
    reads.add({ isAnswered: false, answer: (may) => answers.push(may) })
    expect(answers).toEqual([false])
  })
})

test('streams depend on the seed and their name, not on each other', () => {
  const draw = (random: Random) => Array.from({ length: 5 }, () => random.next())
  const random = new Random(7)
  const before = draw(random.stream('a'))
  draw(random)
  expect(draw(random.stream('a'))).toEqual(before)
  expect(draw(new Random(7).stream('b'))).not.toEqual(before)
  expect(draw(new Random(8).stream('a'))).not.toEqual(before)
  expect(draw(new Random(7 + 2 ** 32).stream('a'))).not.toEqual(before)
})

test('tasks run by time, and in the order of scheduling where times are equal', () => {
  const scheduler = new Scheduler()
  const ran: string[] = []
  const random = new Random(3)
  for (let i = 0; i < 200; i++) {
    const atMs = random.below(20)
    scheduler.after(atMs, () => ran.push(`${String(atMs).padStart(2, '0')} ${String(i).padStart(3, '0')}`))
  }
  while (scheduler.step());
  expect(ran).toEqual([...ran].sort())
  expect([ran.length, scheduler.events, scheduler.nowMs]).toEqual([200, 200, 19])
})
