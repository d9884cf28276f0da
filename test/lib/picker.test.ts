// The picker of compactions, pure: versions drawn at random, and the rules that every choice must keep.
import { expect, test } from 'vitest'
import { LeveledPicker, pickManual } from '../../lib/tree/compaction/leveled.ts'
import { type Compaction, outputBytesOf } from '../../lib/tree/compaction/picker.ts'
import { emptyVersion, overlaps, type TableFile, type Version } from '../../lib/tree/version.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'

const keyOf = (n: number): Buffer => Buffer.from(`\x01${String(n).padStart(3, '0')}`, 'latin1')

function table(number: number, first: number, last: number, facts: Partial<TableFile> = {}): TableFile {
  return {
    number,
    id: new Uint8Array(16),
    fileBytes: 1000,
    keyFirst: keyOf(first),
    keyLast: keyOf(last),
    boundIsRangeEnd: false,
    entries: 1,
    tombstones: 0,
    rangeTombstones: 0,
    expiring: 0,
    expiresFirstMs: 0,
    expiresLastMs: 0,
    sequenceFirst: 1,
    sequenceLast: number,
    snapshotSequenceLast: 0,
    ...facts
  }
}

const versionOf = (levels: readonly (readonly TableFile[])[]): Version => ({
  ...emptyVersion,
  levels: emptyVersion.levels.map((_, level) => levels[level] ?? [])
})

/** Tables that stay although something that goes below them, or beside them, shares keys with them. */
function leftBehind(version: Version, { inputs, outputLevel }: Compaction): string[] {
  const taken = new Set(inputs.flatMap(({ tables }) => tables))
  const left: string[] = []
  for (const { level, tables } of inputs)
    for (let below = level; below <= outputLevel; below++)
      for (const other of version.levels[below] ?? [])
        for (const one of tables)
          if (!taken.has(other) && overlaps(other, one.keyFirst, one.keyLast))
            left.push(`${other.number} on level ${below} beside ${one.number} from level ${level}`)
  return left
}

test('a compaction by hand takes what lies below the tables that it takes', () => {
  const levels = [[], [], [], [], [], [table(1, 0, 300)], [table(2, 0, 99), table(3, 100, 199), table(4, 200, 400)]]
  const version = versionOf(levels)
  const picked = pickManual(version, keyOf(0), keyOf(10))
  expect(picked?.inputs.map(({ tables }) => tables.map(({ number }) => number))).toEqual([[1], [2, 3, 4]])
  expect(picked?.outputLevel).toBe(6)
  expect(pickManual(version, keyOf(500), keyOf(600))).toBeUndefined()
})

test('a compaction by hand leaves no table behind that shares keys with it', () => {
  const random = randomOf(seedOf('manual compactions'))
  const { below } = drawsOf(random)
  for (let round = 0; round < 500; round++) {
    let number = 0
    const disjoint = (most: number): TableFile[] => {
      const tables: TableFile[] = []
      for (let at = below(100); at < 900; at += 1 + below(100)) {
        const last = at + below(most)
        tables.push(table(++number, at, last))
        at = last
      }
      return tables
    }
    const anywhere = (): TableFile => {
      const first = below(900)
      return table(++number, first, first + below(100))
    }
    const levels = [Array.from({ length: below(4) }, anywhere), [], [], [], disjoint(300), disjoint(200), disjoint(80)]
    const version = versionOf(levels)
    const first = below(900)
    const picked = pickManual(version, keyOf(first), keyOf(first + below(200)))
    if (picked !== undefined) expect(leftBehind(version, picked)).toEqual([])
  }
})

const picker = new LeveledPicker({ memtableBytes: 16 << 20, tableBytes: 32 << 20 })
const none: ReadonlySet<number> = new Set()
const noSnapshot = Number.MAX_SAFE_INTEGER
const at = (level: number, ...tables: TableFile[]): Version =>
  versionOf(Array.from({ length: 7 }, (_, i) => (i === level ? tables : [])))
const summary = (picked: Compaction | undefined) =>
  picked && {
    reason: picked.reason,
    inputs: picked.inputs.map(({ level, tables }) => [level, tables.map(({ number }) => number)]),
    outputLevel: picked.outputLevel,
    isMove: picked.isMove
  }

test('a table with entries for closed snapshots is rewritten where it is, once all of it is older than every snapshot', () => {
  const kept = table(8, 0, 9, { entries: 100, sequenceLast: 80, snapshotSequenceLast: 40 })
  const rewrite = { reason: 'kept', inputs: [[6, [8]]], outputLevel: 6, isMove: false }
  expect(summary(picker.reclaim(at(6, kept), none, 0, noSnapshot))).toEqual(rewrite)
  expect(summary(picker.reclaim(at(6, kept), none, 0, 80))).toEqual(rewrite)
  // A snapshot between the old and the new entry may still need the old one.
  expect(picker.reclaim(at(6, kept), none, 0, 79)).toBeUndefined()
  expect(picker.reclaim(at(6, kept), none, 0, 40)).toBeUndefined()
  expect(picker.reclaim(at(6, kept), new Set([8]), 0, noSnapshot)).toBeUndefined()
  // Under load it is left alone.
  expect(picker.pick(at(6, kept), none, 0, noSnapshot)).toBeUndefined()
  const above = versionOf([[], [], [], [], [], [kept], [table(1, 0, 99)]])
  expect(summary(picker.reclaim(above, none, 0, noSnapshot))).toMatchObject({ inputs: [[5, [8]]], outputLevel: 5 })
  expect(summary(picker.reclaim(at(0, kept), none, 0, noSnapshot))).toMatchObject({ reason: 'garbage', outputLevel: 6 })
})

test('tables whose entries have expired are picked, more of them the quieter it is', () => {
  const facts = { entries: 100, expiring: 100, expiresFirstMs: 1000, expiresLastMs: 2000 }
  const expiring = at(6, table(8, 0, 9, facts))
  const due = (timeMs: number): (string | undefined)[] => [
    picker.pick(expiring, none, timeMs, noSnapshot)?.reason,
    picker.reclaim(expiring, none, timeMs, noSnapshot)?.reason
  ]
  expect(due(999)).toEqual([undefined, undefined])
  expect(due(1100)).toEqual([undefined, undefined])
  expect(due(1200)).toEqual([undefined, 'expired'])
  expect(due(1600)).toEqual(['expired', 'expired'])
  expect(due(9999)).toEqual(['expired', 'expired'])
  expect(picker.pick(expiring, none, 9999, 7)).toBeUndefined()
  expect(picker.nextReclaimMs(expiring, 0)).toBe(1125)
  expect(picker.nextReclaimMs(expiring, 1125)).toBe(2000)
  expect(picker.nextReclaimMs(expiring, 2000)).toBe(Number.POSITIVE_INFINITY)
  const few = at(6, table(8, 0, 9, { ...facts, expiring: 10 }))
  expect(picker.reclaim(few, none, 9999, noSnapshot)).toBeUndefined()
  expect(picker.nextReclaimMs(few, 0)).toBe(Number.POSITIVE_INFINITY)
})

test('what deletes goes down with what it deletes, and where nothing lies below it is dropped', () => {
  const tombstones = { entries: 100, tombstones: 50 }
  const below = [table(1, 0, 49, { entries: 300 }), table(2, 50, 99, { entries: 300 }), table(3, 200, 300)]
  const above = (facts: Partial<TableFile>): Version =>
    versionOf([[], [], [], [], [], [table(8, 20, 80, facts)], below])
  expect(summary(picker.reclaim(above(tombstones), none, 0, noSnapshot))).toEqual({
    reason: 'tombstones',
    inputs: [
      [5, [8]],
      [6, [1, 2]]
    ],
    outputLevel: 6,
    isMove: false
  })
  expect(picker.reclaim(above({ entries: 100, tombstones: 10 }), none, 0, noSnapshot)).toBeUndefined()
  expect(picker.reclaim(above({ entries: 1, rangeTombstones: 1 }), none, 0, noSnapshot)?.outputLevel).toBe(6)
  expect(picker.reclaim(above(tombstones), new Set([2]), 0, noSnapshot)).toBeUndefined()
  expect(summary(picker.reclaim(at(5, table(8, 20, 80, tombstones)), none, 0, noSnapshot))).toMatchObject({
    inputs: [[5, [8]]],
    outputLevel: 5
  })
  expect(picker.reclaim(at(6, table(8, 20, 80, { entries: 100 })), none, 0, noSnapshot)).toBeUndefined()
})

test('without room level 0 goes down in pieces', () => {
  const level0 = [1, 2, 3, 4].map((number) => table(number, 0, 900, { fileBytes: 100 }))
  const last = Array.from({ length: 50 }, (_, i) => table(10 + i, i * 10, i * 10 + 9, { fileBytes: 1000 }))
  const version = versionOf([level0, [], [], [], [], [], last])
  const whole = picker.pick(version, none, 0, noSnapshot) as Compaction
  expect(whole).toMatchObject({ outputLevel: 6 })
  expect(outputBytesOf(whole)).toBe(50_400)
  const pieces = picker.pick(version, none, 0, noSnapshot, 10_000)
  expect(pieces).toMatchObject({ outputLevel: 5, outputBytesMax: 8, inputs: [{ level: 0, tables: level0 }] })
  expect(picker.pick(version, none, 0, noSnapshot, 300)).toBeUndefined()
  // From there on piece by piece.
  const cut = Array.from({ length: 50 }, (_, i) => table(100 + i, i * 10, i * 10 + 9, { fileBytes: 8 }))
  const next = picker.pick(versionOf([[], [], [], [], [], cut, last]), none, 0, noSnapshot, 10_000) as Compaction
  expect(next).toMatchObject({ outputLevel: 6, reason: 'size' })
  expect(outputBytesOf(next)).toBe(1008)
  // Tombstones make room.
  const deleted = level0.map((one) => ({ ...one, entries: 100, tombstones: 100 }))
  expect(outputBytesOf(picker.pick(versionOf([deleted]), none, 0, noSnapshot, 0) as Compaction)).toBe(0)
})

test('a reclaim never repeats itself: what it leaves is no garbage any more, or lies deeper', () => {
  const { below, oneOf } = drawsOf(randomOf(seedOf('reclaims')))
  let picks = 0
  for (let round = 0; round < 300; round++) {
    let number = 0
    const anyTable = (first: number, last: number): TableFile => {
      const entries = 1 + below(100)
      const expiring = oneOf([0, 0, below(entries + 1)])
      const expiresFirstMs = expiring === 0 ? 0 : 1 + below(100)
      return table(++number, first, last, {
        entries,
        tombstones: oneOf([0, below(entries - expiring + 1)]),
        rangeTombstones: below(10) === 0 ? 1 : 0,
        expiring,
        expiresFirstMs,
        expiresLastMs: expiring === 0 ? 0 : expiresFirstMs + below(100),
        snapshotSequenceLast: below(5) === 0 ? 1 : 0
      })
    }
    const level = (most: number): TableFile[] => {
      const tables: TableFile[] = []
      for (let key = below(100); key < 900; key += 1 + below(100)) {
        const last = key + below(most)
        tables.push(anyTable(key, last))
        key = last
      }
      return tables
    }
    let version = versionOf([[], [], [], [], level(100), level(200), level(300)])
    const timeMs = below(250)
    for (let steps = 0; ; steps++) {
      const picked = picker.reclaim(version, none, timeMs, noSnapshot)
      if (picked === undefined) break
      picks++
      expect(steps).toBeLessThan(200)
      expect(leftBehind(version, picked)).toEqual([])
      version = afterMerge(version, picked, timeMs, () => ++number)
    }
  }
  expect(picks).toBeGreaterThan(1000)
})

// A merge that drops as little as it may.
function afterMerge(version: Version, picked: Compaction, timeMs: number, next: () => number): Version {
  const { inputs, outputLevel, isMove } = picked
  const taken = new Set(inputs.flatMap(({ tables }) => tables))
  const levels = version.levels.map((tables) => tables.filter((one) => !taken.has(one)))
  const isLast = levels
    .slice(outputLevel)
    .every((tables) => tables.every((other) => [...taken].every((one) => !overlaps(other, one.keyFirst, one.keyLast))))
  for (const one of taken) {
    const kept = isMove ? one : { ...one, number: next(), snapshotSequenceLast: 0 }
    const without = { tombstones: 0, rangeTombstones: 0, ...afterExpiry(one, timeMs) }
    const left = isMove || !isLast ? kept : { ...kept, ...without }
    // Inputs of two levels overlap; their outputs do not.
    const clashes = levels[outputLevel]?.some((other) => overlaps(other, one.keyFirst, one.keyLast))
    if (clashes !== true) levels[outputLevel]?.push(left)
  }
  return { ...version, levels }
}

function afterExpiry({ expiresFirstMs, expiresLastMs, expiring }: TableFile, timeMs: number): Partial<TableFile> {
  if (expiring === 0 || timeMs >= expiresLastMs) return { expiring: 0, expiresFirstMs: 0, expiresLastMs: 0 }
  return { expiresFirstMs: Math.max(expiresFirstMs, timeMs + 1) }
}
